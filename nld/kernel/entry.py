"""Between routes and the records of nld.ko: the only place that knows both.

Above this page a route is a routing message, whatever its table (``nld.netlink.route``); so the mirror,
filters, comparison and texts are the same for both.  Here it becomes the module's entry, and back.
"""

from __future__ import annotations

from dataclasses import replace

from nld.errors import MalformedMessage
from nld.kernel.shape import Shape, Shapes
from nld.netlink import module as message
from nld.netlink.module import NLD_TYPE, Cut, Entry
from nld.netlink.registry import AF
from nld.netlink.route import CacheInfo, NextHop, Route, Via, encode
from nld.prefix import WIDTH

LATENCY = 1.5
"""As that of the routing messages (``shape.py``), and a second, for the module says whole seconds."""
USER_HZ = 100
"""Ticks a second in which the routing message says lifetimes."""

_KEPT = 65536
"""Spellings remembered before the memory of them is thrown away and built anew."""


def to_entry(route: Route) -> Entry:
    """The entry to be written for a route."""
    hops = None
    if route.multipath is not None:
        hops = tuple(
            message.NextHop(gateway=_gateway(hop), oif=hop.ifindex or None, weight=hop.hops + 1)
            for hop in route.multipath
        )
    return Entry(
        route.family,
        route.dst_len,
        dst=route.dst,
        gateway=_gateway(route),
        oif=route.oif,
        nexthops=hops,
        metric=route.priority,
        table=route.table,
        protocol=route.protocol,
        type=route.type,
        prefsrc=route.prefsrc,
        expires=route.expires,
    )


def to_condition(route: Route) -> Entry:
    """The entry that deletes this route, and nothing that has come in its place meanwhile."""
    return replace(to_entry(route), nexthops=None, prefsrc=None, expires=None)


def to_route(entry: Entry) -> Route:
    """The route of an entry, its remaining lifetime included."""
    via = _via(entry.family, entry.gateway)
    legs = None
    if entry.nexthops is not None:
        legs = tuple(_leg(entry.family, hop) for hop in entry.nexthops)
    return Route(
        entry.family,
        entry.dst_len,
        dst=entry.dst,
        table=message.TABLE_MAIN if entry.table is None else entry.table,
        protocol=entry.protocol or 0,
        type=NLD_TYPE.UNICAST if entry.type is None else entry.type,
        priority=entry.metric or None,
        gateway=None if via else entry.gateway,
        via=via,
        oif=entry.oif,
        prefsrc=entry.prefsrc,
        multipath=legs,
        cacheinfo=CacheInfo(0, 0, entry.expires * USER_HZ, 0, 0, 0, 0, 0) if entry.expires else None,
    )


def _gateway(hop: Route | NextHop) -> bytes | None:
    return hop.gateway if hop.via is None else hop.via.address


def _via(family: int, gateway: bytes | None) -> Via | None:
    """The gateway, if it is of the other family."""
    if gateway is None or 8 * len(gateway) == WIDTH[family]:
        return None
    return Via(AF.INET if family == AF.INET6 else AF.INET6, gateway)


def _leg(family: int, hop: message.NextHop) -> NextHop:
    via = _via(family, hop.gateway)
    return NextHop(
        hops=(hop.weight or 1) - 1, ifindex=hop.oif or 0, gateway=None if via else hop.gateway, via=via
    )


class EntryShapes:
    """Turns the module's messages, cut, into the one :class:`Shape` that they stand for."""

    def __init__(self) -> None:
        self._shapes = Shapes(latency=LATENCY)
        self._recent: dict[bytes, Shape] = {}

    def intern(self, cut: Cut) -> Shape:
        """The shape. Raises :class:`~nld.errors.MalformedMessage`."""
        shape = None if cut.expires else self._recent.get(cut.shape)
        if shape is None:
            entry = message.decode(cut.shape)
            entry.expires = cut.expires or None
            try:
                payload = encode(to_route(entry))
            except ValueError as error:  # a weight, a device or a time that no routing message can hold
                raise MalformedMessage(f"a record that is not a route: {error}", 0) from error
            found = self._shapes.intern(payload)
            assert found is not None  # it is a route of IPv4 or IPv6, no cached clone
            # One record to a key: nothing ever joins it as a leg.
            found.merges = False
            if cut.expires:
                return found
            if len(self._recent) >= _KEPT:
                self._recent.clear()
            shape = self._recent[cut.shape] = found
        return shape
