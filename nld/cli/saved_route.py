"""A saved route: its place, and what it says besides, whatever the spelling.

Two routes say the same if ``ip -j route`` prints them alike, except for what the kernel adds (dead next hops,
statistics) and for the passing of time: of a lifetime only its presence is compared.

Does not belong here: what to do about a route that is missing (``restoration.py``).
"""

from __future__ import annotations

import json
from copy import copy
from typing import Any, NamedTuple

from nld.cli.saved import Record
from nld.cli.values import INET, INET6, parse_address, parse_prefix
from nld.names import NLD_PROTOCOL, Database, Names

_SAID_BY_KERNEL = frozenset((
    "nh_info", "error", "users", "used", "age", "ipid", "ts", "tsage", "uid", "mark", "iif", "cache",
))  # fmt: skip
_IN_PLACE = frozenset(("family", "table", "dst", "from", "tos", "metric"))
_OF_NEXTHOP_OBJECT = frozenset(("gateway", "via", "dev", "nexthops", "encap", "flags"))
"""What is printed beside ``nhid``, and said by the object."""
_SETTABLE_FLAGS = ("onlink", "pervasive")
_REJECTS = frozenset(("blackhole", "unreachable", "prohibit", "throw"))
_BOOT = 3
_GLOBAL, _LINK, _HOST = 0, 253, 254


class SavedKey(NamedTuple):
    """What several routes may share. ``merging``: those of IPv6 by gateways, which are one with legs."""

    family: str
    table: int
    prefix: str
    source: str
    tos: int
    metric: int
    merging: bool


class SavedRoute:
    """A record, and what it says whatever its words: ``place``, and ``fields`` for the rest.

    ``scope``  a number; 0 for IPv6.

    Raises ValueError, TypeError or AttributeError for what is not a record.
    """

    def __init__(self, record: Record, names: Names) -> None:
        self.record = record
        self.family = family_of(record)
        self.gateways = [
            hop["gateway"] for hop in (record, *record.get("nexthops", ())) if hop.get("gateway") is not None
        ]
        inet6 = self.family == INET6
        metric = record.get("metric") or 0
        self.place = SavedKey(
            self.family,
            _number(names.tables, record.get("table", _implied_table(record))),
            _prefix(record["dst"], self.family),
            _prefix(record.get("from", "default"), self.family),
            _number(names.dsfields, record.get("tos", 0)),
            metric or (1024 if inet6 else 0),
            inet6 and bool(self.gateways) and record.get("nhid") is None,
        )
        self.scope = 0 if inet6 else _number(names.scopes, record.get("scope", _implied_scope(record)))
        self.fields = json.dumps(_fields(record, self, names), sort_keys=True)

    def elsewhere(self, record: Record) -> SavedRoute:
        """The route of a record that says the same but for a destination of the same family."""
        route = copy(self)
        route.record = record
        route.place = self.place._replace(prefix=_prefix(record["dst"], self.family))
        return route

    @property
    def written(self) -> Record:
        """The record to send. ``ip -j`` leaves out the protocol boot, and nld's default is another."""
        if "protocol" in self.record or "flags" not in self.record:
            return self.record
        return {**self.record, "protocol": "boot"}


class SavedRoutes:
    """Makes routes of records. What many say alike but for the destination is worked out once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._kept: dict[str, SavedRoute] = {}

    def of(self, record: Record) -> SavedRoute:
        """The route of one record. Raises as :class:`SavedRoute` does."""
        destination = record.get("dst")
        if not isinstance(destination, str) or destination == "default":
            return SavedRoute(record, self._names)
        alike = f"{':' in destination}{ {name: record[name] for name in record if name != 'dst'} }"
        found = self._kept.get(alike)
        if found is not None:
            return found.elsewhere(record)
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        route = self._kept[alike] = SavedRoute(record, self._names)
        return route


_KEPT = 4096


def _implied_table(record: Record) -> str:
    """The table of a record that names none, as the daemon has it: a printed one (with flags) means main."""
    written = "flags" not in record
    return "local" if written and record.get("type") in ("local", "broadcast", "anycast") else "main"


def _implied_scope(record: Record) -> int:
    """The scope of an IPv4 record that names none, as the daemon has it: a printed one means global."""
    if "flags" in record:
        return _GLOBAL
    kind = record.get("type") or "unicast"
    if kind == "unicast":
        return _GLOBAL if record.keys() & {"gateway", "via", "nexthops", "nhid"} else _LINK
    return {"local": _HOST, "broadcast": _LINK, "multicast": _LINK, "anycast": _LINK}.get(kind, _GLOBAL)


def family_of(record: Record) -> str:
    """``inet`` or ``inet6``, as the daemon tells it (``RouteRecord.address_family``)."""
    if record.get("family") is not None:
        return str(record["family"])
    legs = [hop.get("gateway") for hop in record.get("nexthops", ())]
    for text in (record.get("dst"), record.get("gateway"), record.get("prefsrc"), record.get("from"), *legs):
        if text is not None and text != "default":
            return INET6 if ":" in text else INET
    return INET if record.get("pref") is None else INET6


def _fields(record: Record, route: SavedRoute, names: Names) -> dict[str, Any]:
    """What the record says besides its place, defaults filled in."""
    inet6 = route.family == INET6
    leave = _SAID_BY_KERNEL | _IN_PLACE
    if record.get("nhid") is not None:
        leave |= _OF_NEXTHOP_OBJECT
    said = {name: value for name, value in record.items() if name not in leave and value is not None}
    kind = said.setdefault("type", "unicast")
    default = _BOOT if "flags" in record else NLD_PROTOCOL
    said["protocol"] = _number(names.protocols, said.get("protocol", default))
    said["scope"] = route.scope
    if inet6:
        said.setdefault("pref", "medium")
        if kind in _REJECTS:
            said.pop("dev", None)  # the kernel puts it on lo, whatever was said
    if "expires" in said:
        said["expires"] = True
    if "flow" in said:
        said["flow"] = _flow(said["flow"], names)
    if "metrics" in said:
        said["metrics"] = [_metrics(metrics) for metrics in said["metrics"]]
    legs = [_leg(hop, names) for hop in said.pop("nexthops", ())]
    if len(legs) == 1 and legs[0]["weight"] == 1:
        said |= legs[0]
    elif legs:
        said["nexthops"] = sorted(legs, key=lambda leg: json.dumps(leg, sort_keys=True))
    said.pop("weight", None)
    return _spelled(said)


def _leg(hop: Record, names: Names) -> Record:
    said = _spelled({name: value for name, value in hop.items() if value is not None})
    if "flow" in said:
        said["flow"] = _flow(said["flow"], names)
    return {"weight": 1} | said


def _spelled(said: Record) -> Record:
    """With the addresses in their canonical spelling, and only those flags that can be set."""
    for name in ("gateway", "prefsrc"):
        if name in said:
            found = parse_address(said[name], None)
            said[name] = said[name] if found is None else found.text
    flags = [flag for flag in _SETTABLE_FLAGS if flag in said.pop("flags", ())]
    return said | ({"flags": flags} if flags else {})


def _flow(flow: Record, names: Names) -> list[int]:
    return [_number(names.realms, flow.get(side, 0)) for side in ("from", "to")]


def _metrics(metrics: Record) -> Record:
    said = {name: value for name, value in metrics.items() if name != "lock"}
    if "ecn" in said:
        said["ecn"] = True
    # rto_min is locked by being set.
    locked = sorted(set(metrics.get("lock") or ()) - {"rto_min"})
    return said | ({"lock": locked} if locked else {})


def _number(database: Database, word: object) -> int:
    return word if isinstance(word, int) else database.number(str(word))


def _prefix(text: str, family: str) -> str:
    found = parse_prefix(text, family)
    if isinstance(found, str):
        raise ValueError(found)
    return f"{found.network}/{found.length}"
