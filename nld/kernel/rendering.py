"""From the wire to words: a decoded route as the fields that ``ip -j route`` prints, in its order.

Three forms (``nld.records.route.Form``): ``ip`` and ``ip_details`` equal iproute2 6.1's
``ip -j route`` and ``ip -j -d route`` field by field (``ip/iproute.c``, ``print_route``); ``full`` is
nld's own, the same fields without loss: the encapsulation as an object, locks and fractions of the
metrics, and nothing about other objects (``nh_info``).

A route is first a list of pairs, because ``ip`` repeats names: the tunnel's ``dst`` follows the
route's in the same object.  As a dictionary the last of them wins, as with every reader of ``ip -j``.

For many routes of one shape the text is made once: :class:`Pieces` holds what stands before and behind
the destination.  It is as old as the names of devices and databases it was made with.
"""

from __future__ import annotations

import json
import os
import socket
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple, Protocol

from nld.kernel import tunnels
from nld.kernel.tunnels import LinkNames, Pairs
from nld.names import TYPES, Names
from nld.netlink.nexthop import Nexthop
from nld.netlink.registry import AF, RTAX, MetricFeature, RouteFlag, TableId
from nld.netlink.route import CacheInfo, Metrics, NextHop, Route, Via

USER_HZ = os.sysconf("SC_CLK_TCK")
"""Unit of times in ``struct rta_cacheinfo``, as a frequency: 100 on every Linux that ip runs on."""

_INET: dict[int, int] = {
    AF.INET: socket.AF_INET, AF.INET6: socket.AF_INET6, AF.IPMR: socket.AF_INET, AF.IP6MR: socket.AF_INET6,
}  # fmt: skip
_HOST_LENGTH: dict[int, int] = {AF.INET: 32, AF.INET6: 128, AF.IPMR: 32, AF.IP6MR: 128, AF.MPLS: 20}
_FAMILY_NAMES = {2: "inet", 10: "inet6", 17: "link", 28: "mpls", 7: "bridge"}

FLAGS = (
    (RouteFlag.DEAD, "dead"), (RouteFlag.ONLINK, "onlink"), (RouteFlag.PERVASIVE, "pervasive"),
    (RouteFlag.NH_OFFLOAD, "offload"), (RouteFlag.NH_TRAP, "trap"), (RouteFlag.NOTIFY, "notify"),
    (RouteFlag.LINKDOWN, "linkdown"), (RouteFlag.UNRESOLVED, "unresolved"),
    (RouteFlag.OFFLOAD, "rt_offload"), (RouteFlag.TRAP, "rt_trap"),
    (RouteFlag.OFFLOAD_FAILED, "rt_offload_failed"),
)  # fmt: skip
"""Flags in the order in which ``ip`` prints them."""

_CACHE_FLAGS = (
    (0x80000000, "local"), (0x40000000, "reject"), (0x20000000, "mc"), (0x10000000, "brd"),
    (0x08000000, "dst-nat"), (0x00800000, "src-nat"), (0x00400000, "masq"), (0x00020000, "dst-direct"),
    (0x04000000, "src-direct"), (0x00040000, "redirected"), (0x01000000, "redirect"),
    (0x00200000, "fastroute"), (0x00010000, "notify"), (0x00100000, "proxy"),
)  # fmt: skip
"""RTCF_* of linux/in_route.h, likewise."""

PREFERENCES = {0: "medium", 1: "high", 3: "low"}
"""ICMPV6_ROUTER_PREF_* (RFC 4191)."""

_METRICS = (
    (RTAX.MTU, "mtu"), (RTAX.WINDOW, "window"), (RTAX.RTT, "rtt"), (RTAX.RTTVAR, "rttvar"),
    (RTAX.SSTHRESH, "ssthresh"), (RTAX.CWND, "cwnd"), (RTAX.ADVMSS, "advmss"),
    (RTAX.REORDERING, "reordering"), (RTAX.HOPLIMIT, "hoplimit"), (RTAX.INITCWND, "initcwnd"),
    (RTAX.FEATURES, "features"), (RTAX.RTO_MIN, "rto_min"), (RTAX.INITRWND, "initrwnd"),
    (RTAX.QUICKACK, "quickack"), (RTAX.CC_ALGO, "cc_algo"), (RTAX.FASTOPEN_NO_COOKIE, "fastopen_no_cookie"),
)  # fmt: skip
METRIC_BITS = {("congestion" if name == "cc_algo" else name): 1 << number for number, name in _METRICS}
"""The bit of each metric in the lock mask, by the record's name."""
UNITS = {"rtt": 8, "rttvar": 4}
"""Kernel units in one millisecond."""
_NO_HOPLIMIT = 0xFFFFFFFF


class NexthopTable(Protocol):
    """The kernel's nexthop objects, as far as they are known."""

    def get(self, nexthop_id: int, /) -> Nexthop | None:
        """The object with this id, or None."""


class NoNexthops:
    """No nexthop object is known."""

    def get(self, nexthop_id: int, /) -> Nexthop | None:
        """Always None."""


class Pieces(NamedTuple):
    """The JSON text of all routes of one shape: ``before + address + suffix + after``.

    ``before``  up to and with the quote that opens the destination.
    ``after``   from the quote that closes it.
    ``suffix``  ``/8``, or nothing for host routes; for the default route ``address`` is ``default``.
    """

    before: str
    after: str
    suffix: str


class Rendering:
    """Knows the names that routes are printed with."""

    def __init__(self, names: Names, links: LinkNames, nexthops: NexthopTable) -> None:
        self._names = names
        self._links = links
        self._nexthops = nexthops

    def pairs(self, route: Route, form: str, with_table: bool | None = None) -> Pairs:
        """The route's fields in ``ip``'s order; names may repeat. See ``Translation.render``."""
        details = form != "ip"
        full = form == "full"
        cloned = bool(route.flags & RouteFlag.CLONED)
        pairs: Pairs = []
        put = pairs.append
        if details or route.type != 1:
            put(("type", TYPES.get(route.type) or str(route.type)))
        put(("dst", _prefix(route.family, route.dst, route.dst_len)))
        if route.src is not None:
            put(("from", _prefix(route.family, route.src, route.src_len)))
        elif route.src_len:
            put(("src", f"0/{route.src_len}"))
        if route.nh_id is not None:
            put(("nhid", route.nh_id))
        if route.newdst is not None:
            put(("to", _address(route.family, route.newdst)))
        self._encap(pairs, route, full)
        if route.tos:
            put(("tos", self._names.tos(route.tos)))
        if route.gateway is not None:
            put(("gateway", _address(route.family, route.gateway)))
        if route.via is not None:
            put(("via", _via(route.via)))
        if route.oif is not None:
            put(("dev", self._links.name(route.oif)))
        if with_table is not False and route.table and (details or with_table or route.table != TableId.MAIN):
            put(("table", self._names.tables.name(route.table)))
        if not cloned:
            if details or route.protocol != 3:
                put(("protocol", self._names.protocols.name(route.protocol)))
            if details or route.scope != 0:
                put(("scope", self._names.scopes.name(route.scope)))
        if route.prefsrc is not None:
            put(("prefsrc", _address(route.family, route.prefsrc)))
        if route.priority is not None:
            put(("metric", route.priority))
        put(("flags", _flags(route.flags)))
        self._tail(pairs, route, form)
        return pairs

    def _tail(self, pairs: Pairs, route: Route, form: str) -> None:
        """What ``ip`` prints behind the flags."""
        put = pairs.append
        if route.mark:
            put(("mark", route.mark))
        if route.flow is not None:
            put(("flow", self._flow(route.flow)))
        if route.uid is not None:
            put(("uid", route.uid))
        if route.family == AF.INET and route.flags & RouteFlag.CLONED:
            put(("cache", [name for bit, name in _CACHE_FLAGS if route.flags & bit]))
        if route.cacheinfo is not None and route.family in {AF.INET, AF.INET6}:
            pairs += _cache(route.cacheinfo)
        if route.metrics is not None:
            metrics = _metrics_in_full(route.metrics) if form == "full" else _metrics(route.metrics)
            put(("metrics", [metrics]))
        if route.iif is not None:
            put(("iif", self._links.name(route.iif)))
        if route.pref is not None:
            put(("pref", PREFERENCES.get(route.pref, route.pref)))
        if route.ttl_propagate is not None:
            put(("ttl-propogate", bool(route.ttl_propagate)))
        if route.nh_id is not None and form == "ip_details":
            nexthop = self._nexthops.get(route.nh_id)
            if nexthop is not None:
                put(("nh_info", dict(self._nexthop_object(nexthop))))
        if route.multipath is not None:
            put(("nexthops", [self._leg(route, hop, form == "full") for hop in route.multipath]))

    def pieces(self, route: Route, form: str, with_table: bool | None = None) -> Pieces:
        """The text around the destination, for all routes that differ from this one in it only."""
        parts = [f'"{name}":{_dumps(value)}' for name, value in self.pairs(route, form, with_table)]
        first = next(index for index, part in enumerate(parts) if part.startswith('"dst":'))
        host = route.dst_len == _HOST_LENGTH.get(route.family) or not route.dst_len
        before = "{" + "".join(f"{part}," for part in parts[:first]) + '"dst":"'
        after = '"' + "".join(f",{part}" for part in parts[first + 1 :]) + "}"
        return Pieces(before, after, "" if host else f"/{route.dst_len}")

    def text(self, route: Route, form: str, with_table: bool | None = None) -> str:
        """The route as a JSON object, with repeated names where ``ip`` repeats them."""
        pairs = self.pairs(route, form, with_table)
        return "{" + ",".join([f'"{name}":{_dumps(value)}' for name, value in pairs]) + "}"

    def _encap(self, pairs: Pairs, holder: Route | NextHop | Nexthop, full: bool) -> None:
        if holder.encap is None:
            return
        fields = tunnels.fields(holder.encap, holder.encap_type, self._names, self._links, full=full)
        if full and fields:
            pairs.append(("encap", {"type": fields[0][1]} | dict(fields[1:])))
        else:
            pairs += fields

    def _flow(self, flow: int) -> dict[str, str]:
        realms = self._names.realms
        source = {"from": realms.name(flow >> 16)} if flow >> 16 else {}
        return source | {"to": realms.name(flow & 0xFFFF)}

    def _leg(self, route: Route, hop: NextHop, full: bool) -> dict[str, Any]:
        pairs: Pairs = []
        self._encap(pairs, hop, full)
        if hop.newdst is not None:
            pairs.append(("to", _address(route.family, hop.newdst)))
        if hop.gateway is not None:
            pairs.append(("gateway", _address(route.family, hop.gateway)))
        if hop.via is not None:
            pairs.append(("via", _via(hop.via)))
        if hop.flow is not None:
            pairs.append(("flow", self._flow(hop.flow)))
        if hop.ifindex:  # the module takes legs without a device
            pairs.append(("dev", self._links.name(hop.ifindex)))
        if route.flags & RouteFlag.CLONED and route.type == 5:
            pairs += [("ttl", hop.hops)] if hop.hops != 1 else []
        elif route.family != AF.MPLS:
            pairs.append(("weight", hop.hops + 1))
        pairs.append(("flags", _flags(hop.flags)))
        return dict(pairs)

    def _nexthop_object(self, nexthop: Nexthop) -> Pairs:
        pairs: Pairs = [("id", nexthop.id or 0)]
        put = pairs.append
        if nexthop.group is not None:
            put(("group", [
                {"id": member.id} | ({"weight": member.weight + 1} if member.weight else {})
                for member in nexthop.group
            ]))  # fmt: skip
        if nexthop.group_type:
            put(("type", "resilient" if nexthop.group_type == 1 else "<unknown type>"))
        if (resilient := nexthop.res_group) is not None:
            timers = (resilient.idle_timer, resilient.unbalanced_timer, resilient.unbalanced_time)
            names = ("idle_timer", "unbalanced_timer", "unbalanced_time")
            seconds = {name: _seconds(value or 0) for name, value in zip(names, timers, strict=True)}
            put(("resilient_args", {"buckets": resilient.buckets or 0} | seconds))
        self._encap(pairs, nexthop, full=False)
        if nexthop.gateway is not None:
            put(("gateway", _address(nexthop.family, nexthop.gateway)))
        if nexthop.oif:
            put(("dev", self._links.name(nexthop.oif)))
        put(("scope", self._names.scopes.name(nexthop.scope)))
        if nexthop.blackhole:
            put(("blackhole", None))
        put(("protocol", self._names.protocols.name(nexthop.protocol)))
        put(("flags", _flags(nexthop.flags)))
        if nexthop.fdb:
            put(("fdb", None))
        return pairs


def _seconds(ticks: int) -> int | float:
    """Ticks of USER_HZ in seconds; whole ones without a fraction, as ip prints them."""
    return ticks / USER_HZ if ticks % USER_HZ else ticks // USER_HZ


def _dumps(value: Any) -> str:
    if type(value) is str:
        return encode_basestring_ascii(value)
    return str(value) if type(value) is int else _encode(value)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _address(family: int, packed: bytes) -> str:
    inet = _INET.get(family)
    if inet is not None:
        return socket.inet_ntop(inet, packed)
    if family == AF.MPLS:
        labels = (int.from_bytes(packed[at : at + 4], "big") >> 12 for at in range(0, len(packed), 4))
        return "/".join(map(str, labels))
    return "???"


def _prefix(family: int, packed: bytes | None, length: int) -> str:
    if packed is None:
        # Without an address ip prints the bare length, with a blank behind it.
        return f"0/{length} " if length else "default"
    text = _address(family, packed)
    return text if length == _HOST_LENGTH.get(family) else f"{text}/{length}"


def _via(via: Via) -> dict[str, str]:
    return {"family": _FAMILY_NAMES.get(via.family, "???"), "host": _address(via.family, via.address)}


def _flags(flags: int) -> list[str]:
    return [name for flag, name in FLAGS if flags & flag] if flags else []


def _cache(info: CacheInfo) -> Pairs:
    pairs: Pairs = []
    if info.expires:
        # Remaining time, negative when it has run out; C divides towards zero.
        pairs.append(("expires", int(info.expires / USER_HZ)))
    if info.error:
        pairs.append(("error", info.error & 0xFFFFFFFF))
    if info.id:
        pairs.append(("ipid", f"{info.id:#x}"))
    if info.ts or info.tsage:
        pairs += [("ts", f"{info.ts:#x}" if info.ts else "0"), ("tsage", info.tsage)]
    return pairs


def _metrics(metrics: Metrics) -> dict[str, Any]:
    """As ``ip``: a locked metric without a value is 0; whole milliseconds; no locks."""
    fields: dict[str, Any] = {}
    lock = metrics.lock or 0
    for number, name in _METRICS:
        value = getattr(metrics, name)
        if value is None and not lock & 1 << number:
            continue
        if name == "cc_algo":
            fields |= {} if value is None else {"congestion": value}
        elif name == "features":
            fields |= {"ecn": None} if (value or 0) & MetricFeature.ECN else {}
            fields |= {"features": f"{value:#x}"} if (value or 0) & ~MetricFeature.ECN else {}
        elif name != "hoplimit" or value != _NO_HOPLIMIT:
            fields[name] = (value or 0) // UNITS.get(name, 1)
    return fields


def _metrics_in_full(metrics: Metrics) -> dict[str, Any]:
    """All of the metrics: the values that are there, and which of them are locked."""
    fields: dict[str, Any] = {}
    for _, name in _METRICS:
        value = getattr(metrics, name)
        if value is None or (name == "hoplimit" and value == _NO_HOPLIMIT):
            continue
        if name == "cc_algo":
            fields["congestion"] = value
        elif name == "features":
            fields |= {"ecn": True} if value & MetricFeature.ECN else {}
            fields |= {"features": f"{value:#x}"} if value & ~MetricFeature.ECN else {}
        elif (unit := UNITS.get(name)) and value % unit:
            fields[name] = value / unit
        else:
            fields[name] = value // UNITS.get(name, 1)
    locked = [name for name, bit in METRIC_BITS.items() if (metrics.lock or 0) & bit]
    return fields | ({"lock": locked} if locked else {})
