"""Shapes, interned: everything of a route but its destination, once for all routes that share it.

The wire gives a shape as bytes (``nld.netlink.shape``).  Here the same bytes always give the same
``Shape`` object, so that comparing two is comparing identities, and what is worth knowing of a shape
is decoded once.  A shape lives as long as somebody holds it (the mirror, a change in the history).

An IPv6 route with a lifetime carries the remaining time in every dump and notification.  That would
make a new shape each time, so the time is left out of the comparison and the shape is ``volatile``:
whoever must show the time reads the route from the kernel.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from weakref import WeakValueDictionary

from nld.netlink.registry import AF, NextHopFlag, RouteFlag
from nld.netlink.route import NextHop, Route, decode, encode

_PLACE = struct.Struct("=IBB")
_TRANSIENT = int(
    NextHopFlag.DEAD | NextHopFlag.LINKDOWN | NextHopFlag.OFFLOAD | NextHopFlag.TRAP | NextHopFlag.UNRESOLVED
)
_RECENT = 65536
"""Raw spellings remembered before the memory of them is thrown away and built anew."""

Rank = tuple[int, int, bytes]
"""Tos, metric, and the source prefix of an IPv6 route as bytes (``b""`` for none)."""


class Shape:
    """One shape; made by :class:`Shapes` only, never changed.

    ``payload``   rtmsg and attributes without RTA_DST, as the kernel wrote them.
    ``place``     table, family, prefix length as bytes; with a destination, the mirror's key.
    ``rank``      (tos, metric, source prefix).
    ``merges``    IPv6 with a gateway: another of the same rank joins it as a leg.
    ``devices``   interface indexes it goes out by.
    ``volatile``  it has a lifetime, whose remaining time is not part of the shape.
    """

    __slots__ = (
        "__weakref__", "devices", "family", "length", "merges", "nhid", "payload", "place", "protocol",
        "rank", "scope", "table", "type", "volatile",
    )  # fmt: skip

    def __init__(self, payload: bytes, route: Route) -> None:
        self.payload = payload
        self.family = route.family
        self.length = route.dst_len
        self.table = route.table
        self.protocol = route.protocol
        self.type = route.type
        self.scope = route.scope
        self.nhid = route.nh_id
        self.place = place(route.table, route.family, route.dst_len)
        self.rank = rank(route)
        legs = route.multipath or ()
        self.merges = (
            route.family == AF.INET6
            and route.nh_id is None
            and (route.gateway is not None or any(leg.gateway is not None for leg in legs))
        )
        devices = {leg.ifindex for leg in legs}
        if route.oif is not None:
            devices.add(route.oif)
        self.devices = frozenset(devices)
        self.volatile = route.cacheinfo is not None and route.cacheinfo.expires != 0

    @property
    def stable(self) -> bytes:
        """The payload without the flags that the kernel sets and clears by itself."""
        route = decode(self.payload)
        legs = route.multipath
        return encode(
            replace(
                route,
                flags=route.flags & ~_TRANSIENT,
                multipath=None if legs is None else tuple(map(_settled, legs)),
                cacheinfo=None,
            )
        )

    def route(self, destination: bytes = b"") -> Route:
        """The whole route: this shape at a destination (``b""`` for the default route)."""
        route = decode(self.payload)
        route.dst = destination or None
        return route


def place(table: int, family: int, length: int) -> bytes:
    """Where routes of this table, family and prefix length stand in the mirror."""
    return _PLACE.pack(table, family, length)


def rank(route: Route) -> Rank:
    """What tells routes of one place and destination apart; see :class:`~nld.rib.mirror.Shape`."""
    source = bytes([route.src_len]) + (route.src or b"") if route.src_len else b""
    return route.tos, route.priority or 0, source


def _settled(leg: NextHop) -> NextHop:
    return replace(leg, flags=leg.flags & ~_TRANSIENT)


class Shapes:
    """Turns shape bytes into the one :class:`Shape` they stand for."""

    def __init__(self) -> None:
        self._recent: dict[bytes, Shape | None] = {}
        self._living: WeakValueDictionary[bytes, Shape] = WeakValueDictionary()

    def intern(self, payload: bytes) -> Shape | None:
        """The shape, or None for what is no route of a table (a cached clone, another family).

        Raises :class:`~nld.errors.MalformedMessage`.
        """
        try:
            return self._recent[payload]
        except KeyError:
            pass
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        shape = self._recent[payload] = self._make(payload)
        return shape

    def _make(self, payload: bytes) -> Shape | None:
        route = decode(payload)
        if route.family not in (AF.INET, AF.INET6) or route.flags & RouteFlag.CLONED:
            return None
        identity = payload
        if route.cacheinfo is not None and route.cacheinfo.expires:
            identity = encode(replace(route, cacheinfo=route.cacheinfo._replace(expires=1)))
        shape = self._living.get(identity)
        if shape is None:
            shape = self._living[identity] = Shape(payload, route)
        return shape
