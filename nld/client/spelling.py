"""The same route in one spelling, so that routes can be compared and kept by key. Pure.

``172.16.0.1/32`` and ``172.16.0.1``, ``0.0.0.0/0`` and ``default``, metric 1024 of IPv6 and none, a leg with
its weight of 1 filled in and one without are the same. What only the host's files know (``static`` is
protocol 4, say) is not known here: who writes a number and reads a name compares these himself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from socket import inet_ntop
from typing import Any, NamedTuple

from nld.errors import InvalidRecord
from nld.names import type_of
from nld.prefix import DEFAULT, INET6, parse_address, parse_prefix, prefix_text

_TABLES = {"253": "default", "254": "main", "255": "local", "0": "main"}
_LOCAL = ("local", "broadcast", "anycast", "nat")
_FLAGS = ("onlink", "pervasive")
_TOLD = frozenset({
    "family", "nh_info", "error", "users", "used", "age", "ipid", "ts", "tsage", "uid", "mark", "iif",
    "cache", "expires", "deleted",
})  # fmt: skip
"""What the daemon tells and nobody sets, and what changes by itself."""


class Key(NamedTuple):
    """What tells a route from all others of one kernel table, but for those that were appended to it.

    ``dst`` and ``source`` are in canonical spelling, ``default`` for all destinations; ``source`` is ""
    unless the route is for some sources only (IPv6).
    """

    family: int
    table: str
    dst: str
    metric: int
    tos: str
    source: str


def key(route: str | Mapping[str, Any] | Any) -> Key:
    """The key of a route, of a mapping of the key's parts, or of a destination.

    Raises InvalidRecord when ``dst`` is not a prefix, or is a list of them.
    """
    values = route if isinstance(route, Mapping) else {"dst": str(route)}
    family, dst = _prefix(values.get("dst"), "dst", values)
    source = values.get("from")
    metric = values.get("metric")
    return Key(
        family,
        _table(values),
        dst,
        int(metric) if metric else (1024 if family == 6 else 0),
        _tos(values.get("tos")),
        _prefix(source, "from", values)[1] if source not in (None, "default", "::/0") else "",
    )


def canonical(route: Mapping[str, Any]) -> dict[str, Any]:
    """The route in one spelling, with what the kernel fills in where nothing is said.

    Left out is what nobody sets (``users``, flags such as ``linkdown`` ...) and what changes by itself
    (``expires``). A ``protocol`` that is not given stays so. Raises InvalidRecord as ``key`` does.
    """
    own = key(route)
    made = {name: value for name, value in route.items() if name not in _TOLD and value is not None}
    legs = made.pop("nexthops", None)
    if legs is not None and len(legs) == 1 and "nhid" not in made:
        made |= {name: value for name, value in legs[0].items() if name not in ("weight", "flags")}
        made["flags"] = [*made.get("flags", ()), *legs[0].get("flags", ())]
        legs = None
    made = _hop(made)
    made["type"] = kind = type_of(made.get("type", "unicast"))
    made |= {
        "dst": own.dst,
        "table": own.table,
        "metric": own.metric,
        "family": "inet6" if own.family == 6 else "inet",
    }
    if own.source:
        made["from"] = own.source
    if own.family == 4:
        made["tos"] = own.tos
    else:
        made.setdefault("pref", "medium")
    made.setdefault("scope", _scope(made, kind, legs))
    if "prefsrc" in made:
        made["prefsrc"] = _address(made["prefsrc"])
    if "protocol" in made:
        made["protocol"] = str(made["protocol"])
    if legs is not None:
        made["nexthops"] = [{"weight": 1, **_hop(leg)} for leg in legs]
    return made


def fulfils(route: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a route is what was asked for: all that ``wanted`` says holds, and the keys are the same.

    What ``wanted`` leaves out may be anything (the kernel fills in ``dev``, say); so in each leg, and legs
    may be in any order.
    """
    if key(route) != key(wanted):
        return False
    there, asked = canonical(route), canonical(wanted)
    said = [name for name in asked if name in wanted or name == "type"]
    if "nexthops" in asked:
        legs = list(there.get("nexthops", ()))
        for leg in asked["nexthops"]:
            fits = [other for other in legs if all(other.get(name) == leg[name] for name in leg)]
            if not fits:
                return False
            legs.remove(fits[0])
        if legs:
            return False
    if len(wanted.get("nexthops") or ()) == 1:
        said += [name for name in wanted["nexthops"][0] if name not in ("weight", "flags")]
    return all(there.get(name) == asked[name] for name in said if name != "nexthops")


def _hop(hop: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a next hop, in a route or in one of its legs."""
    made = dict(hop)
    if "gateway" in made:
        made["gateway"] = _address(made["gateway"])
    if "via" in made:
        made["via"] = dict(made["via"], host=_address(made["via"].get("host")))
    made["flags"] = sorted(flag for flag in set(made.get("flags", ())) if flag in _FLAGS)
    return made


def _table(values: Mapping[str, Any]) -> str:
    table = values.get("table")
    if table is None:
        return "local" if values.get("type") in _LOCAL and "flags" not in values else "main"
    return _TABLES.get(str(table), str(table))


def _tos(value: Any) -> str:
    if value is None or value == "default":
        return "0x00"
    try:
        return f"{value if isinstance(value, int) else int(str(value), 16):#04x}"
    except ValueError:
        return str(value)


def _scope(made: Mapping[str, Any], kind: str, legs: Sequence[Mapping[str, Any]] | None) -> str:
    if made["family"] == "inet6":
        return "global"
    if kind in ("local", "nat"):
        return "host"
    if kind in ("broadcast", "multicast", "anycast"):
        return "link"
    gateways = "gateway" in made or "via" in made or "nhid" in made or legs is not None
    return "global" if gateways or kind != "unicast" else "link"


def _address(value: Any) -> str:
    try:
        return inet_ntop(*parse_address(str(value)))
    except ValueError:
        return str(value)


def _prefix(value: Any, field: str, values: Mapping[str, Any]) -> tuple[int, str]:
    """Family and canonical spelling."""
    if value == DEFAULT:
        return _family(values), DEFAULT
    try:
        family, length, packed = parse_prefix(str(value))
    except ValueError as error:
        raise InvalidRecord(f"{field}: {error}", field=field) from None
    return 6 if family == INET6 else 4, prefix_text(family, length, packed)


def _family(values: Mapping[str, Any]) -> int:
    """Of a default route: what the record says, else what its addresses do; IPv4 as ``ip`` has it."""
    if "family" in values:
        return 6 if values["family"] == "inet6" else 4
    legs = [leg.get("gateway") for leg in values.get("nexthops") or ()]
    for address in (values.get("gateway"), values.get("prefsrc"), values.get("from"), *legs):
        if address is not None and str(address) != "default":
            return 6 if ":" in str(address) else 4
    return 6 if values.get("pref") is not None else 4
