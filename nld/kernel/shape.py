"""Shapes, interned: everything of a route but its destination, once for all routes that share it.

The wire gives a shape as bytes (``nld.netlink.shape``).  Here the same bytes always give the same
``Shape`` object, so that comparing two is comparing identities, and what is worth knowing of a shape
is decoded once.  A shape lives as long as somebody holds it (the mirror, a change in the history).

A route with a lifetime (IPv6, and any of nld.ko) carries the remaining time in every dump and notification.
That would make a new shape each time; so the shape has the moment at which the time ends, which stays the
same, and whoever asks it for its route gets what remains by then.  Two moments closer than the time that a
message may take to get here are one.  The kernel moves some ends without a word (a router advertisement
renews its route), so what is told must be read from it; the shape tells what was last heard.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, reduce
from operator import or_
from weakref import WeakSet, WeakValueDictionary

from nld.kernel.dump import LARGEST
from nld.netlink.attribute import HEADER_SIZE as ATTRIBUTE_SIZE
from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.registry import AF, RTA, NextHopFlag, RouteFlag
from nld.netlink.route import HEADER_SIZE, NextHop, Route, copied, decode, encode

_PLACE = struct.Struct("=IBB")
_ATTRIBUTE = struct.Struct("=HH")
_LENGTH = struct.Struct("=H")
_TRANSIENT = int(
    NextHopFlag.DEAD | NextHopFlag.LINKDOWN | NextHopFlag.OFFLOAD | NextHopFlag.TRAP | NextHopFlag.UNRESOLVED
)
_LARGE = LARGEST - 64
"""Bytes of a payload that might not be shown: a header and a destination come with it."""
_DEAD = int(NextHopFlag.DEAD | NextHopFlag.LINKDOWN)
_RECENT = 65536
"""Raw spellings remembered before the memory of them is thrown away and built anew."""

_DECODED = 4096
"""Routes that are kept decoded: those of a piece that is written, and of the one before; some megabytes."""

_SHARED = 4096
"""Of each kind of value that shapes share: where no two routes share a shape, that is half of its memory."""

TICKS = 100
"""USER_HZ, in which the kernel says times: a second's hundredths, on every Linux that nld runs on."""
_EXPIRES = 8
"""Where ``struct rta_cacheinfo`` has the time that remains, an int."""
LATENCY = 0.5
"""Seconds by which a message may be late, and two ends of a lifetime apart and yet the same."""

Rank = tuple[int, int, bytes]
"""Tos, metric, and the source prefix of an IPv6 route as bytes (``b""`` for none)."""


class Shape:
    """One shape; made by :class:`Shapes` only, never changed.

    ``payload``   rtmsg and attributes without RTA_DST, as the kernel wrote them.
    ``place``     table, family, prefix length as bytes; with a destination, the mirror's key.
    ``rank``      (tos, metric, source prefix).
    ``merges``    IPv6 with a gateway: another of the same rank joins it as a leg.
    ``devices``   interface indexes it goes out by.
    ``legs``      how many next hops a multipath route has; 0 for any other.
    ``prefsrc``   preferred source address, or None.
    ``dead``      a next hop of it is dead or has no link.
    ``end``       when the kernel removes it, by the clock of its :class:`Shapes`; None is never.
    """

    __slots__ = (
        "__weakref__", "_clock", "_stable", "dead", "devices", "end", "family", "legs", "length", "merges",
        "nhid", "payload", "place", "prefsrc", "protocol", "rank", "scope", "table", "type",
    )  # fmt: skip

    def __init__(
        self,
        payload: bytes,
        route: Route,
        end: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.payload = payload
        self._stable: bytes | None = None
        self.end = end
        self._clock = clock
        self.family = route.family
        self.length = route.dst_len
        self.table = route.table
        self.protocol = route.protocol
        self.type = route.type
        self.scope = route.scope
        self.nhid = route.nh_id
        self.place = place(route.table, route.family, route.dst_len)
        self.rank = _one_rank(rank(route))
        legs = route.multipath or ()
        self.merges = (
            route.family == AF.INET6
            and route.nh_id is None
            and (route.gateway is not None or any(leg.gateway is not None for leg in legs))
        )
        devices = {leg.ifindex for leg in legs}
        if route.oif is not None:
            devices.add(route.oif)
        self.devices = _one_set(frozenset(devices))
        self.legs = len(legs)
        self.prefsrc = route.prefsrc
        self.dead = bool(_DEAD & (route.flags | reduce(or_, (leg.flags for leg in legs), 0)))

    @property
    def volatile(self) -> bool:
        """Whether it has a lifetime."""
        return self.end is not None

    @property
    def stable(self) -> bytes:
        """The payload without the flags that the kernel sets and clears by itself."""
        if self._stable is None:  # each device has a ff00::/8, and each of them is compared with all others
            route = _decoded(self.payload)
            legs = route.multipath
            self._stable = encode(
                copied(
                    route,
                    flags=route.flags & ~_TRANSIENT,
                    multipath=None if legs is None else tuple(map(_settled, legs)),
                    cacheinfo=None,
                )
            )
        return self._stable

    def route(self, destination: bytes = b"") -> Route:
        """The whole route: this shape at a destination (``b""`` for the default route), as of now."""
        route = copied(_decoded(self.payload), dst=destination or None)
        if self.end is not None and route.cacheinfo is not None:
            # 0 would mean that it has no lifetime.
            left = int((self.end - self._clock()) * TICKS) or -1
            route.cacheinfo = route.cacheinfo._replace(expires=left)
        return route


_decoded = lru_cache(_DECODED)(decode)
"""A payload's route, which is not to be changed: whoever meets a shape mostly asks for its route soon."""


@lru_cache(_SHARED)
def place(table: int, family: int, length: int) -> bytes:
    """Where routes of this table, family and prefix length stand in the mirror."""
    return _PLACE.pack(table, family, length)


@lru_cache(_SHARED)
def _one_rank(value: Rank) -> Rank:
    """The same object for equal ones."""
    return value


@lru_cache(_SHARED)
def _one_set(value: frozenset[int]) -> frozenset[int]:
    """The same object for equal ones."""
    return value


def rank(route: Route, metric: int = 0) -> Rank:
    """What tells routes of one place and destination apart; see :class:`~nld.rib.mirror.Shape`.

    ``metric``  that of a route without one.
    """
    source = bytes([route.src_len]) + (route.src or b"") if route.src_len else b""
    return route.tos, route.priority or metric, source


def _settled(leg: NextHop) -> NextHop:
    return replace(leg, flags=leg.flags & ~_TRANSIENT)


class Shapes:
    """Turns shape bytes into the one :class:`Shape` they stand for.

    ``latency``  seconds by which two ends of a lifetime may differ and yet be the same.
    ``clock``    in seconds.
    """

    def __init__(self, latency: float = LATENCY, clock: Callable[[], float] = time.monotonic) -> None:
        self._latency = latency
        self._clock = clock
        self._recent: dict[bytes, Shape | None] = {}
        self._living: WeakValueDictionary[bytes | tuple[bytes, int], Shape] = WeakValueDictionary()
        self.large: WeakSet[Shape] = WeakSet()
        """Those living that take more than a message of a dump has, and so end dumps."""

    def intern(self, payload: bytes) -> Shape | None:
        """The shape, or None for what is no route of a table (a cached clone, another family).

        Raises :class:`~nld.errors.MalformedMessage`.
        """
        try:
            return self._recent[payload]
        except KeyError:
            pass
        at = _lifetime(payload)
        if at is not None:
            (left,) = _INT.unpack_from(payload, at)
            return self._ending(payload, at, self._clock() + left / TICKS)
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        shape = self._recent[payload] = self._make(payload)
        return shape

    def living(self) -> Iterator[Shape]:
        """Every shape that somebody holds: those of all routes in the table are among them."""
        return iter(list(self._living.values()))

    def aligned(self, shape: Shape, before: Shape) -> Shape | None:
        """The shape with its next hops in the order that a dump gives; None when only a dump can tell.

        A notification of IPv6 begins with the leg that is new, and goes round from there.  Metrics, lifetime
        and preferred source are those of the first leg, so that a dump may show others.

        ``before``  what stood there, in the order of a dump.
        """
        old, new = before.route().multipath, shape.route().multipath
        first = (old or (before.route(),))[0]
        if not new or len(new) < 2:
            return shape
        start = next((at for at, leg in enumerate(new) if _same_way(leg, first)), 0)
        if not start:
            return shape
        if _without_legs(shape.route()) != _without_legs(before.route()) or shape.end != before.end:
            return None
        rotated = _rotated(shape.payload, start)
        at = _lifetime(rotated)
        return (
            self.intern(rotated) if at is None or shape.end is None else self._ending(rotated, at, shape.end)
        )

    def _make(self, payload: bytes) -> Shape | None:
        route = _decoded(payload)
        if not _of_table(route):
            return None
        shape = self._living.get(payload)
        if shape is None:
            shape = self._living[payload] = self._noted(Shape(payload, route))
        return shape

    def _noted(self, shape: Shape) -> Shape:
        if len(shape.payload) > _LARGE:
            self.large.add(shape)
        return shape

    def _ending(self, payload: bytes, at: int, end: float) -> Shape | None:
        """The shape of a route with a lifetime, which the payload says at this offset."""
        alike = payload[:at] + _ONE + payload[at + _INT.size :]
        # Ends of what is alike are further apart than a slot is wide, so that none has two.
        slot = int(end // self._latency)
        for near in (slot, slot - 1, slot + 1):
            shape = self._living.get((alike, near))
            if shape is not None and shape.end is not None and abs(shape.end - end) <= self._latency:
                return shape
        route = decode(payload)
        if not _of_table(route):
            return None
        shape = self._living[alike, slot] = self._noted(Shape(payload, route, end, self._clock))
        return shape


_INT = struct.Struct("=i")
_ONE = _INT.pack(1)


def _lifetime(payload: bytes) -> int | None:
    """Where the remaining time stands; None for a route that has no lifetime."""
    for kind, start, end in walk(payload, HEADER_SIZE, len(payload)):
        if kind & TYPE_MASK == RTA.CACHEINFO and end - start >= _EXPIRES + _INT.size:
            at = start + _EXPIRES
            return at if any(payload[at : at + _INT.size]) else None
    return None


def _of_table(route: Route) -> bool:
    return route.family in (AF.INET, AF.INET6) and not route.flags & RouteFlag.CLONED


def _without_legs(route: Route) -> Route:
    return copied(
        route, multipath=None, gateway=None, oif=None, encap=None, encap_type=None, flags=0, cacheinfo=None
    )


def _same_way(leg: NextHop, other: NextHop | Route) -> bool:
    index = other.ifindex if isinstance(other, NextHop) else other.oif
    return (leg.gateway, leg.ifindex, leg.encap) == (other.gateway, index, other.encap)


def _rotated(payload: bytes, start: int) -> bytes:
    """The message with the next hop number ``start`` first, all others behind it in their order."""
    at = HEADER_SIZE
    while at < len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, at)
        if kind & TYPE_MASK == RTA.MULTIPATH:
            break
        at += (length + 3) & ~3
    cuts = [at + ATTRIBUTE_SIZE]
    while cuts[-1] < at + length:
        cuts.append(cuts[-1] + ((_LENGTH.unpack_from(payload, cuts[-1])[0] + 3) & ~3))
    first, middle, last = cuts[0], cuts[start], cuts[-1]
    return payload[:first] + payload[middle:last] + payload[first:middle] + payload[last:]
