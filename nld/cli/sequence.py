"""The sequence in which routes can be written: what others need goes first.

The kernel takes a gateway only when a route leads to it, and a preferred source only when it is a local
address.  Therefore, over all tables (as ``ip route restore`` does it in three rounds, ``ip/iproute.c``):

* IPv6 before IPv4, since an IPv4 route may go by an IPv6 gateway, and not the other way round.
* IPv4: local addresses first, then by scope, the narrower first.  The kernel looks a gateway up among routes
  of narrower scope than its own (``fib_check_nh``), so that this serves chains of any length.
* IPv6: what goes by no gateway, then the rest; last what stands behind a route by a gateway at the same place
  and leads to no gateway, for packets go by the first.  A gateway must be reachable without another gateway
  (``ip6_route_check_nh``); a route by a gateway that covers the gateway of others, closer than the route that
  leads there, comes behind them.

Where these leave it open, the order is kept.  Pure.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nld.cli.saved_route import SavedKey, SavedRoute
from nld.cli.values import INET6

_LINK_LOCAL = 0xFE80 << 112, 0xFFC0 << 112


def in_order(routes: Sequence[SavedRoute], direct: Iterable[SavedRoute]) -> list[SavedRoute]:
    """The routes in the order to write them; ``direct`` are there, and go by no gateway."""
    inet6 = [route for route in routes if route.family == INET6]
    inet = [route for route in routes if route.family != INET6]
    by_gateway = [route for route in inet6 if route.gateways]
    behind = _behind(inet6, by_gateway)
    without = [route for route in inet6 if not route.gateways and route not in behind]
    links = [route for route in (*direct, *without) if route.family == INET6]
    return [*without, *_by_gateway(by_gateway, links), *behind, *sorted(inet, key=_inet_rank)]


def _behind(routes: Sequence[SavedRoute], by_gateway: Sequence[SavedRoute]) -> dict[SavedRoute, None]:
    """Those by no gateway that stand behind one by a gateway at their place, and lead to no gateway."""
    places: set[SavedKey] = set()
    behind: dict[SavedRoute, None] = {}
    for route in routes:
        place = route.place._replace(merging=False)
        if route.gateways:
            places.add(place)
        elif place in places:
            behind[route] = None
    prefixes = _Prefixes(behind)
    for gateway in {_bits(text) for route in by_gateway for text in route.gateways}:
        if gateway & _LINK_LOCAL[1] != _LINK_LOCAL[0]:
            for _, route in prefixes.over(gateway):
                behind.pop(route, None)
    return behind


def _inet_rank(route: SavedRoute) -> tuple[bool, int]:
    record = route.record
    own = record.get("type") == "local" and record.get("prefsrc") in (None, record.get("dst"))
    return not own, -route.scope


def _by_gateway(routes: Sequence[SavedRoute], links: Sequence[SavedRoute]) -> Iterator[SavedRoute]:
    """Those by gateways, each behind those whose gateway it covers."""
    gateways = {route: set(map(_bits, route.gateways)) for route in routes}
    waiting: Counter[int] = Counter()  # routes by each gateway that are still to come
    for found in gateways.values():
        waiting.update(found)
    covering: dict[SavedRoute, set[int]] = {}
    lead = _Prefixes(links)
    among = _Prefixes(routes)
    for gateway in waiting:
        if gateway & _LINK_LOCAL[1] == _LINK_LOCAL[0]:
            continue  # it is on the device's own link, whatever the routes
        closest = max((length for length, _ in lead.over(gateway)), default=-1)
        for length, route in among.over(gateway):
            if length > closest:
                covering.setdefault(route, set()).add(gateway)
    left = list(routes)
    while left:
        ready = [
            route
            for route in left
            if all(waiting[gateway] == (gateway in gateways[route]) for gateway in covering.get(route, ()))
        ]
        ready = ready or left  # each covers another's gateway: no order is better
        for route in ready:
            waiting.subtract(gateways[route])
        yield from ready
        left = [] if len(ready) == len(left) else _without(left, ready)


def _without(routes: Sequence[SavedRoute], gone: Sequence[SavedRoute]) -> list[SavedRoute]:
    out = set(gone)
    return [route for route in routes if route not in out]


class _Prefixes:
    """IPv6 routes by their prefix, to find those that cover an address."""

    def __init__(self, routes: Iterable[SavedRoute]) -> None:
        self._routes: dict[int, dict[int, list[SavedRoute]]] = {}
        for route in routes:
            network, _, length = route.place.prefix.partition("/")
            shift = 128 - int(length)
            self._routes.setdefault(int(length), {}).setdefault(_bits(network) >> shift, []).append(route)

    def over(self, address: int) -> Iterator[tuple[int, SavedRoute]]:
        """Prefix length and route of each that covers the address."""
        for length, routes in self._routes.items():
            for route in routes.get(address >> (128 - length), ()):
                yield length, route


def _bits(address: str) -> int:
    return int.from_bytes(socket.inet_pton(socket.AF_INET6, address), "big")
