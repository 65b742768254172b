"""The mirror: what the kernel's table holds, kept by its notifications and mended by its dumps.

A route is a *shape* (all but the destination address, shared by every route that differs in nothing
else) and a *destination* (0, 4 or 16 bytes).  The mirror maps place + destination to the shapes that
stand there, in the kernel's own order; nearly always there is one, and then no tuple is spent on it.
At 1,000,000 routes this is about 130 bytes a route.  The map is in parts, because a dict that grows moves all
that it has at once, and everybody waits: 20 ms at 350,000 keys, 50 at 700,000.

Notifications are applied strictly in order.  Three things they cannot tell:

* IPv6 reports the removal of one leg of a multipath route as a route of its own.  Then the mirror
  says *doubt* and names the key, and the owner reads that part of the table again.
* The kernel drops IPv4 routes without a word when a device goes down.  The owner of the mirror knows
  the causes, dumps what may be concerned, and reconciles (``reconciliation.py``).
* After an overrun anything may have changed: the same, over the whole table.

Does not belong here: netlink (a shape is opaque but for the few attributes below), and I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeAlias, TypeVar

PARTS = 64
"""Into how many parts the map is divided, by bits of a key's hash that a dict of this size does not use."""
_SHIFT, _MASK = 40, PARTS - 1


def part_of(key: bytes) -> int:
    """The number of the part that a key is in."""
    return hash(key) >> _SHIFT & _MASK


Rank: TypeAlias = tuple[int, int, bytes]
"""Tos, metric, and the source prefix of an IPv6 route as bytes (``b""`` for none)."""


Identity: TypeAlias = tuple[Rank, bytes | None]
"""See :func:`identity`; None stands for all that merge."""


class Shape(Protocol):
    """What the mirror must know of a route's shape. Equal shapes are the same object.

    ``place``    table, family and prefix length as bytes: with the destination, the mirror's key.
    ``rank``     (tos, metric, source prefix): routes of one key with another rank are independent of
                 each other.
    ``merges``   IPv6 with a gateway: a second one of the same rank joins it as a leg.
    ``devices``  interface indexes that it goes out by.
    ``stable``   the shape without what the kernel changes by itself (dead and link-down flags).
    """

    @property
    def place(self) -> bytes:
        """Table, family and prefix length."""

    @property
    def rank(self) -> Rank:
        """Tos, metric and source prefix."""

    @property
    def merges(self) -> bool:
        """Whether another one joins it as a leg."""

    @property
    def devices(self) -> frozenset[int]:
        """Interface indexes."""

    @property
    def stable(self) -> bytes:
        """Without what the kernel changes by itself."""


S = TypeVar("S", bound=Shape)

Entry: TypeAlias = S | tuple[S, ...] | None
"""What stands at a key, as the mirror keeps it: one route, several, or none; see :func:`several`."""


def several(entry: Entry[S]) -> tuple[S, ...]:
    """The routes of an entry, first the one that the kernel would use."""
    if entry is None:
        return ()
    return entry if isinstance(entry, tuple) else (entry,)


class Event(StrEnum):
    """What happened to one route."""

    NEW = "new"
    REPLACE = "replace"
    DELETE = "delete"


class Position(StrEnum):
    """Where a new route goes among those of the same key and rank."""

    FIRST = "first"
    LAST = "last"
    INSTEAD = "instead"


@dataclass(slots=True)
class Difference(Generic[S]):
    """One route's change: ``old`` is None for a new route, ``new`` is None for a deleted one."""

    destination: bytes
    old: S | None
    new: S | None

    @property
    def event(self) -> Event:
        """What happened."""
        if self.old is None:
            return Event.NEW
        return Event.DELETE if self.new is None else Event.REPLACE


class Doubt(Exception):
    """A notification that the mirror cannot apply; the routes at ``key`` must be read again."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.key = key


class Mirror(Generic[S]):
    """The routes of one kernel table, by key. Not thread-safe; no method does I/O."""

    def __init__(self) -> None:
        self._parts: tuple[dict[bytes, S | tuple[S, ...]], ...] = tuple({} for _ in range(PARTS))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def at(self, key: bytes) -> tuple[S, ...]:
        """The routes at place + destination, first the one that the kernel would use; maybe none."""
        return several(self._parts[hash(key) >> _SHIFT & _MASK].get(key))

    def entries(self, keys: Iterable[bytes]) -> list[Entry[S]]:
        """What stands at each of many keys, in a form that is cheap and can be compared and hashed."""
        parts = self._parts
        return [parts[hash(key) >> _SHIFT & _MASK].get(key) for key in keys]

    def routes(self) -> Iterator[tuple[S, bytes]]:
        """Every (shape, destination) as of now, even if the mirror changes while this is iterated."""
        return self._walk(list(self.keys()), [entry for part in self._parts for entry in part.values()])

    @staticmethod
    def _walk(keys: list[bytes], entries: list[S | tuple[S, ...]]) -> Iterator[tuple[S, bytes]]:
        for key, entry in zip(keys, entries, strict=True):
            for shape in entry if isinstance(entry, tuple) else (entry,):
                yield shape, key[len(shape.place) :]

    def fill(self, key: bytes, shape: S) -> bool:
        """The kernel says that this route is there now; whether that is all, for nothing stood at the key."""
        entries = self._parts[hash(key) >> _SHIFT & _MASK]
        before = len(entries)
        entries.setdefault(
            key, shape
        )  # one look-up; in a large table each is a miss of the processor's cache
        if len(entries) == before:
            return False
        self._size += 1
        return True

    def clear(self, key: bytes, shape: S) -> bool:
        """The kernel says that this route is gone; whether that is all, for it stood there alone."""
        entries = self._parts[hash(key) >> _SHIFT & _MASK]
        if entries.get(key) is not shape:
            return False
        del entries[key]
        self._size -= 1
        return True

    def empty(self) -> None:
        """The table is gone, with everything in it."""
        for part in self._parts:
            part.clear()
        self._size = 0

    def new(self, shape: S, destination: bytes, position: Position) -> Difference[S] | None:
        """The kernel says that this route is there now. None: the mirror had it already."""
        key = shape.place + destination
        entries = self._parts[hash(key) >> _SHIFT & _MASK]
        entry = entries.get(key)
        if entry is None:
            entries[key] = shape
            self._size += 1
            return Difference(destination, None, shape)
        routes = list(entry) if isinstance(entry, tuple) else [entry]
        peers = [index for index, route in enumerate(routes) if route.rank == shape.rank]
        instead = self._replaced(routes, peers, shape, position)
        if instead is not None:
            old = routes[instead]
            if old == shape:
                return None
            routes[instead] = shape
            self._put(key, routes)
            return Difference(destination, old, shape)
        if any(routes[index] == shape for index in peers):
            return None
        if peers:
            where = peers[0] if position is Position.FIRST else peers[-1] + 1
        else:
            where = sum(_order(route) < _order(shape) for route in routes)
        routes.insert(where, shape)
        self._put(key, routes)
        self._size += 1
        return Difference(destination, None, shape)

    def delete(self, shape: S, destination: bytes) -> Difference[S] | None:
        """The kernel says that this route is gone. None: the mirror had none there.

        Raises :class:`Doubt` when something else stands there.
        """
        key = shape.place + destination
        routes = list(self.at(key))
        if not routes:
            return None
        found = [index for index, route in enumerate(routes) if route == shape] or [
            index for index, route in enumerate(routes) if route.stable == shape.stable
        ]
        if not found:
            raise Doubt(key)
        old = routes.pop(found[0])
        self._put(key, routes)
        self._size -= 1
        return Difference(destination, old, None)

    def settle(self, key: bytes, wanted: tuple[S, ...], scope: Callable[[S], bool]) -> list[Difference[S]]:
        """Make the routes in scope at ``key`` the wanted ones; what changed, removals first."""
        current = self.at(key)
        within = [route for route in current if scope(route)]
        if tuple(within) == wanted:
            return []
        left = Counter(within)
        come = []
        for route in wanted:
            if left[route]:
                left[route] -= 1
            else:
                come.append(route)
        gone = []
        for route in within:
            if left[route]:
                left[route] -= 1
                gone.append(route)
        rest = [route for route in current if not scope(route)]
        self._put(key, sorted((*rest, *wanted), key=_order))
        self._size += len(wanted) - len(within)
        place = (wanted or current)[0].place
        destination = key[len(place) :]
        heirs = _Heirs(come, alone=len(gone) == 1)
        differences: list[Difference[S]] = [Difference(destination, old, heirs.take(old)) for old in gone]
        differences.extend(Difference(destination, None, new) for new in heirs.left())
        return differences

    def keys(self) -> Iterator[bytes]:
        """All keys, each part as of when it is come to."""
        for number in range(PARTS):
            yield from self.part(number)

    def part(self, number: int) -> list[bytes]:
        """The keys of one of the parts now."""
        return list(self._parts[number])

    def _put(self, key: bytes, routes: list[S]) -> None:
        entries = self._parts[hash(key) >> _SHIFT & _MASK]
        if not routes:
            entries.pop(key, None)
        else:
            entries[key] = routes[0] if len(routes) == 1 else tuple(routes)

    @staticmethod
    def _replaced(routes: list[S], peers: list[int], shape: S, position: Position) -> int | None:
        """Index of the route that the new one takes the place of, or None."""
        if shape.merges:
            joined = [index for index in peers if routes[index].merges]
            if joined:
                return joined[0]
        if position is not Position.INSTEAD or not peers:
            return None
        # IPv6 looks for one of the new one's own kind first (fib6_add_rt2node, net/ipv6/ip6_fib.c).
        alike = (index for index in peers if routes[index].merges == shape.merges)
        return next(alike, peers[0])


def identity(shape: Shape) -> Identity:
    """What is equal of two shapes of a key that are the same route at different moments."""
    return shape.rank, None if shape.merges else shape.stable


class _Heirs(Generic[S]):
    """Which of the routes that have come has taken the place of one that is gone.

    ``alone``  no other is gone.  Then the only one that has come with its rank is its heir, whatever it is;
               else the first that is the same but for what the kernel changes, or merges with others.
    """

    def __init__(self, come: list[S], alone: bool) -> None:
        self._come: dict[int, S] = dict(enumerate(come))
        self._alone = alone
        self._by_rank: dict[Rank, dict[int, None]] = {}
        self._candidates: dict[Identity, dict[int, None]] = {}
        for number, route in self._come.items():
            self._by_rank.setdefault(route.rank, {})[number] = None
            self._candidates.setdefault(identity(route), {})[number] = None

    def take(self, old: S) -> S | None:
        """The heir of a route, which is nobody else's then."""
        numbers = self._by_rank.get(old.rank)
        if not numbers:
            return None
        if self._alone and len(numbers) == 1:
            number = next(iter(numbers))
        else:
            some = map(self._candidates.get, {(old.rank, None), identity(old)})
            firsts = [next(iter(one)) for one in some if one]
            if not firsts:
                return None
            number = min(firsts)
        heir = self._come.pop(number)
        del numbers[number]
        del self._candidates[identity(heir)][number]
        return heir

    def left(self) -> Iterable[S]:
        """Those that are nobody's heir."""
        return self._come.values()


def in_order(shapes: Iterable[S]) -> list[S]:
    """Routes of one key as the kernel keeps them."""
    return sorted(shapes, key=_order)


def _order(shape: Shape) -> tuple[int, int]:
    """The kernel keeps the routes of a prefix by tos, the higher first, then by metric, the lower first."""
    tos, metric, _ = shape.rank
    return (-tos, metric)
