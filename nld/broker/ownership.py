"""Ownership: which routes of a kernel table are nld's, and which are foreign.

The protocol says it: what stands under nld's own is nld's.  A program may also have nld write routes
under another protocol (``protocol static``); the kernel keeps no better mark of those, so nld remembers
them, one by one, by what tells a route from its neighbours at the same destination: its shape, rank and
protocol included.  The memory follows the route through the kernel's news:

* it goes when the route goes;
* it stays when nld or the kernel changed the route (a leg went with its device);
* it goes when another program wrote over the route, even with the same words: then it is that one's.

A daemon that starts remembers nothing.  A route under another protocol than nld's is foreign unless this
daemon wrote it; who wants it changed all the same says ``takeover``.
"""

from __future__ import annotations

from nld.kernel.shape import Shape
from nld.netlink.route import Route

_TABLE = 5
"""Bytes of a place that say the table and the family; see :func:`nld.kernel.shape.place`."""


class Ownership:
    """What nld has written under other protocols than its own.

    ``protocol``  nld's own.
    """

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol
        self._written: dict[bytes, tuple[Shape, ...]] = {}
        self._single: tuple[Shape, ...] = ()
        self._shared: set[bytes] = set()

    def __bool__(self) -> bool:
        """Whether anything is remembered, so that :meth:`changed` needs to be told."""
        return bool(self._written)

    def foreign(self, key: bytes, shape: Shape) -> bool:
        """Whether the route of this shape at a key of the mirror is somebody else's."""
        return shape.protocol != self.protocol and shape not in self._written.get(key, ())

    def other(self, shape: Shape) -> None:
        """Another program wrote or deleted a route of this shape."""
        self._shared.add(shape.place[:_TABLE])

    def shared(self, place: bytes) -> bool:
        """Whether other programs write to this table and family, as far as was seen."""
        return place[:_TABLE] in self._shared

    def written(self, key: bytes, shape: Shape) -> None:
        """nld has written this route."""
        if shape.protocol == self.protocol:
            return
        before = self._written.get(key)
        if before is None:
            if self._single != (shape,):
                self._single = (shape,)  # one tuple for all routes alike
            self._written[key] = self._single
        elif shape not in before:
            self._written[key] = (*before, shape)

    def changed(
        self, key: bytes, old: Shape | None, new: Shape | None, port_id: int | None, own: int
    ) -> None:
        """The mirror has another route at a key now.

        ``old``, ``new``  before and after; the same when a notification told nothing new.
        ``port_id``       who did it: 0 the kernel, None unknown, for it was found by reading the table.
        ``own``           nld's own port id.
        """
        before = self._written.get(key)
        if before is None or old is None or old not in before:
            return
        left = tuple(shape for shape in before if shape is not old)
        if new is not None and _lives_on(old, new, port_id, own) and new not in left:
            left = (*left, new)
        if left:
            self._written[key] = left
        else:
            del self._written[key]

    def forget(self) -> None:
        """The table went with all its routes."""
        self._written.clear()


def _lives_on(old: Shape, new: Shape, port_id: int | None, own: int) -> bool:
    """Whether a changed route is still the one that nld wrote."""
    if port_id is not None:
        return port_id in (0, own)
    # Nobody knows who did it.  The kernel takes legs away and sets flags; it adds nothing.
    return (old.protocol, old.type, old.rank) == (new.protocol, new.type, new.rank) and _next_hops(
        new.route()
    ) <= _next_hops(old.route())


def _next_hops(route: Route) -> set[tuple[object, ...]]:
    if route.multipath:
        return {(hop.gateway, hop.via, hop.ifindex) for hop in route.multipath}
    return {(route.gateway, route.via, route.oif)}
