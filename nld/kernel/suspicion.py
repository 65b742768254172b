"""A suspicion: which routes may have changed without a word, and why.

The kernel takes routes away, or marks their next hops, when devices, addresses and nexthop objects change.
What it does so, by family (net/ipv4/fib_semantics.c, net/ipv6/route.c, net/ipv4/nexthop.c):

* A device that goes down or loses its carrier, and comes back: flags of next hops of both families, in
  silence.  IPv4 routes whose last next hop went are dropped in silence; IPv6 routes are told, unless the
  host asked for silence (``skip_notify_on_dev_down``).  Nexthop objects of the device go in silence, out of
  their groups too, which changes every route by them.
* The last IPv4 address of a device: as if it went down.  A new one: dead next hops live again.
* An IPv4 address: older kernels drop routes that prefer it as source in silence.  An IPv6 address: such
  routes lose the preference, in silence.
* A nexthop object that is replaced or deleted changes the routes by it, and by its groups.
* A router advertisement: metrics and lifetimes of the routes that it renews, and the metrics of those that it
  makes after these are told.
* ``ignore_routes_with_linkdown``: next hops by a device without carrier are dead, or live again, in silence.
* A device's MTU: IPv6 routes with that MTU take the new one.
* A device's name is part of the record of each of its routes.

The message about the cause is sent *before* the kernel changes the routes, so that whoever reads them again
first waits for the kernel to have done so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from nld.kernel.shape import Shape

_KERNEL_PROTOCOLS = frozenset({2, 9})
"""Routes that the kernel makes of addresses, and of router advertisements."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Which routes to read again, and what happened.

    ``cause``    in words, for watchers: ``device nld0 went down``.
    ``device``   those that go out by this interface index, as long as no other field narrows it; 0 for none.
    ``objects``  those by these nexthop objects; with ``device``, these as well.
    ``source``   those that prefer this source address; with ``device``, these as well.
    ``family``   of the routes of the device; 0 for both.
    ``dead``     of the device's, only those with a dead next hop.
    ``made``     of the device's, only those that the kernel itself made.
    ``renamed``  the routes are as they were, but their records name something that changed: the device, or
                 the objects.
    ``vague``    nobody knows what happened; whatever else is known explains better what is found.
    """

    cause: str
    device: int = 0
    objects: frozenset[int] = field(default=frozenset())
    source: bytes | None = None
    family: int = 0
    dead: bool = False
    made: bool = False
    renamed: bool = False
    vague: bool = False

    def concerns(self, shape: Shape) -> bool:
        """Whether routes of this shape may have changed."""
        if self.objects and shape.nhid in self.objects:
            return True
        if self.source is not None and shape.prefsrc == self.source:
            return True
        return (
            self.device in shape.devices
            and (not self.family or shape.family == self.family)
            and (not self.dead or shape.dead)
            and (not self.made or shape.protocol in _KERNEL_PROTOCOLS)
        )

    def stays_on_its_device(self, shape: Shape) -> bool:
        """Whether a route of this shape is still one of the device's, or gone, after this."""
        return self.device in shape.devices and shape.nhid is None and not (shape.merges and shape.legs > 1)


class Suspicions:
    """Suspicions, each once and in order.  Which of them are about a route is found without asking each one.

    A host may have thousands of devices that go down at the same time, and a route by each of them.
    """

    def __init__(self, suspicions: Iterable[Suspicion] = ()) -> None:
        self._numbers: dict[Suspicion, int] = {}
        self._by: dict[object, list[Suspicion]] = {}
        for one in suspicions:
            self.add(one)

    def __iter__(self) -> Iterator[Suspicion]:
        return iter(self._numbers)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def add(self, suspicion: Suspicion) -> None:
        """One more, behind the others."""
        if suspicion in self._numbers:
            return
        self._numbers[suspicion] = len(self._numbers)
        for what in (suspicion.device, suspicion.source, *(("object", nhid) for nhid in suspicion.objects)):
            if what is not None:
                self._by.setdefault(what, []).append(suspicion)

    def about(self, shape: Shape) -> list[Suspicion]:
        """Those that concern routes of a shape, in order."""
        keys = (*shape.devices, shape.prefsrc, ("object", shape.nhid))
        found = {one for key in keys for one in self._by.get(key, ()) if one.concerns(shape)}
        return sorted(found, key=self._numbers.__getitem__)


def concerning(suspicions: Iterable[Suspicion], family: int) -> Callable[[Shape], bool]:
    """Whether any of the suspicions is about a shape; each shape is asked about once."""
    known: dict[Shape, bool] = {}
    every = Suspicions(suspicions)

    def concerns(shape: Shape) -> bool:
        answer = known.get(shape)
        if answer is None:
            answer = known[shape] = shape.family == family and bool(every.about(shape))
        return answer

    return concerns
