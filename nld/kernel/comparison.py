"""Comparison: is this route of the kernel the one that was asked for?

Two questions are the same question.  A delete names some fields and means the route that has them.
And a success is told only when the route read back has every field that was asked for.  So one table
says, for each field of a record, where it is on the wire, and only fields that were set are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from nld.netlink.registry import AF, NextHopFlag
from nld.netlink.route import METRICS, Metrics, NextHop, Route
from nld.records import RouteRecord

LEG_FIELDS = frozenset({"gateway", "via", "dev"})
"""The fields that name a next hop, which may be one leg of several."""

SHOWN_OF_A_LEG = LEG_FIELDS | {"nexthops", "encap", "metric", "src", "tos"}
"""What the kernel shows of each leg of an IPv6 route. All else (protocol, metrics, preferred source,
lifetime) it shows of the first leg alone, though every leg has its own."""

DEFAULT_METRIC: dict[int, int] = {AF.INET.value: 0, AF.INET6.value: 1024}
"""What the kernel makes of a metric that was not given (IPv6: of 0 too)."""

_ASKED_FLAGS = int(NextHopFlag.ONLINK | NextHopFlag.PERVASIVE)


def asked_fields(record: RouteRecord) -> frozenset[str]:
    """The fields of a record that say something."""
    return frozenset(
        name for name in record.model_fields_set if name in _SAME and getattr(record, name) is not None
    )


def difference(asked: Route, names: Iterable[str], got: Route) -> str | None:
    """The first of the named record fields in which ``got`` is not as ``asked``; None when all agree.

    A multipath route that has the asked next hop as one of its legs agrees: an appended leg is there
    when it is among the legs.
    """
    for name in names:
        if not _SAME[name](asked, got):
            return name
    return None


def leg(asked: Route, names: Iterable[str], got: Route) -> NextHop | None:
    """The leg of a multipath route that the asked single next hop names, or None."""
    wanted = LEG_FIELDS.intersection(names)
    if not wanted or got.multipath is None or asked.multipath is not None:
        return None
    return next((hop for hop in got.multipath if _leg_is(asked, wanted, hop)), None)


def _leg_is(asked: Route, wanted: frozenset[str], hop: NextHop) -> bool:
    return (
        ("gateway" not in wanted or asked.gateway == hop.gateway)
        and ("via" not in wanted or asked.via == hop.via)
        and ("dev" not in wanted or asked.oif == hop.ifindex)
    )


def _attribute(name: str) -> Callable[[Route, Route], bool]:
    def same(asked: Route, got: Route) -> bool:
        return bool(getattr(asked, name) == getattr(got, name))

    return same


def _next_hop(name: str) -> Callable[[Route, Route], bool]:
    leg_name = {"oif": "ifindex"}.get(name, name)

    def same(asked: Route, got: Route) -> bool:
        wanted = getattr(asked, name)
        if wanted is None or getattr(got, name) == wanted:
            return True
        return any(getattr(hop, leg_name) == wanted for hop in got.multipath or ())

    return same


def _metric(asked: Route, got: Route) -> bool:
    default = DEFAULT_METRIC[got.family]
    return (asked.priority or default) == (got.priority or 0)


def _source(asked: Route, got: Route) -> bool:
    return (asked.src_len, asked.src) == (got.src_len, got.src)


def _scope(asked: Route, got: Route) -> bool:
    # IPv6 has no scopes: whatever was asked, the kernel says global.
    return got.family == AF.INET6 or asked.scope == got.scope


def _flags(asked: Route, got: Route) -> bool:
    wanted = asked.flags & _ASKED_FLAGS
    return got.flags & wanted == wanted or any(hop.flags & wanted == wanted for hop in got.multipath or ())


def _metrics(asked: Route, got: Route) -> bool:
    if asked.metrics is None:
        return True
    have = got.metrics or Metrics()
    wanted = METRICS.values(asked.metrics)
    return all(value == (getattr(have, name) or 0) for name, value in wanted.items())


def _multipath(asked: Route, got: Route) -> bool:
    if asked.multipath is None:
        return True
    have = list(got.multipath or ())
    if not have and len(asked.multipath) == 1:
        have = [NextHop(ifindex=got.oif or 0, gateway=got.gateway, via=got.via)]
        have[0].encap_type, have[0].encap = got.encap_type, got.encap
        return _hop_is(replace(asked.multipath[0], hops=0), have[0])
    left = list(have)
    for wanted in asked.multipath:
        found = next((hop for hop in left if _hop_is(wanted, hop)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _hop_is(wanted: NextHop, hop: NextHop) -> bool:
    return (
        wanted.gateway == hop.gateway
        and wanted.via == hop.via
        and wanted.ifindex in (0, hop.ifindex)
        and wanted.hops == hop.hops
        and wanted.encap_type == hop.encap_type
    )


def _encap(asked: Route, got: Route) -> bool:
    if asked.encap_type is None:
        return True
    return asked.encap_type == got.encap_type or any(
        hop.encap_type == asked.encap_type for hop in got.multipath or ()
    )


def _device(asked: Route, got: Route) -> bool:
    # A reject route of IPv6 goes out by lo, whatever was said.
    return (got.family == AF.INET6 and got.type in _REJECTS) or _next_hop("oif")(asked, got)


def _preference(asked: Route, got: Route) -> bool:
    return (asked.pref or 0) == (got.pref or 0)


def _expires(asked: Route, got: Route) -> bool:
    return asked.expires is None or (got.cacheinfo is not None and got.cacheinfo.expires != 0)


_REJECTS: Any = frozenset({6, 7, 8, 9})

_SAME: dict[str, Callable[[Route, Route], bool]] = {
    "type": _attribute("type"),
    "src": _source,
    "nhid": _attribute("nh_id"),
    "encap": _encap,
    "tos": _attribute("tos"),
    "gateway": _next_hop("gateway"),
    "via": _next_hop("via"),
    "dev": _device,
    "table": _attribute("table"),
    "protocol": _attribute("protocol"),
    "scope": _scope,
    "prefsrc": _attribute("prefsrc"),
    "metric": _metric,
    "flags": _flags,
    "flow": _attribute("flow"),
    "expires": _expires,
    "metrics": _metrics,
    "pref": _preference,
    "nexthops": _multipath,
}
"""For each field of a record, whether the kernel's route is as asked in it."""
