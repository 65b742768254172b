"""Covered routes: what stands between the legs of an IPv6 multipath route, and no dump shows.

The kernel keeps each leg as a route of its own, a new one behind all that have the metric, and a dump goes
on from the first leg to behind the last (``fib6_dump_node``, net/ipv6/ip6_fib.c).  So a blackhole between two
legs is gone for everybody who lists, without a word, and is there again, without a word, when legs go.
Watchers are told what a list shows: at such a key news does not say what that is, and it is read again.

Does not belong here: reading it (``repairer.py``).
"""

from __future__ import annotations

from nld.kernel.shape import Shape

CAUSE = "the kernel lists no route that stands between the next hops of another one"


class Covered:
    """Keys at which a route may be covered, as far as news told."""

    def __init__(self) -> None:
        self._keys: set[bytes] = set()

    def __contains__(self, key: bytes) -> bool:
        return key in self._keys

    def __bool__(self) -> bool:
        return bool(self._keys)

    def told(self, key: bytes, routes: tuple[Shape, ...]) -> bool:
        """Whether one of these may be covered, which news has brought together."""
        if len(routes) < 2:
            return False
        legs = {route.rank for route in routes if route.merges and route.legs}
        if not any(route.rank in legs for route in routes if not route.merges):
            return False
        self._keys.add(key)
        return True

    def shown(self, key: bytes, routes: tuple[Shape, ...]) -> None:
        """A dump has shown these: without legs they cover none."""
        if not any(route.merges and route.legs for route in routes):
            self._keys.discard(key)

    def empty(self) -> None:
        """The table is gone."""
        self._keys.clear()
