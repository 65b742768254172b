"""A route record as ``ip route`` prints it: the order, the words and the spaces of iproute2 6.1.

Takes records in the ``full`` form (and in the two forms of ``ip -j``, which have the same fields) and
leaves out what ``ip`` leaves out: type unicast, table main, protocol boot and scope global unless
details are wanted, and the fields that the selector pinned to one value.  Odd spaces are meant: scripts
compare this text (``encap`` has two spaces before it, ``pref`` none behind it).

Pure: records in, text out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Record = Mapping[str, Any]

METRICS = (
    "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit", "initcwnd",
    "features", "rto_min", "initrwnd", "quickack", "congestion", "fastopen_no_cookie",
)  # fmt: skip
"""In the order of their RTAX numbers, which is the order of printing."""
_MILLISECONDS = frozenset(("rtt", "rttvar", "rto_min"))

_LIGHT = {"dev": "\033[36m", "inet": "\033[35m", "inet6": "\033[34m"}
_DARK = {"dev": "\033[1;36m", "inet": "\033[1;35m", "inet6": "\033[1;34m"}
_PLAIN = "\033[0m"


class TextForm:
    """How routes are printed. Call it with a record for the text of one route, newline included.

    ``details``    all fields, as ``ip -d``.
    ``statistics`` users, use count and age of cached routes, as ``ip -s``.
    ``oneline``    a backslash instead of each line break inside a route, as ``ip -o``.
    ``pinned``     fields to leave out because every printed route has the same value there.
    ``numeric``    turns a name into its number, as ``ip -N``: called with field and value.
    ``color``      "light", "dark" or "" for none.
    """

    def __init__(
        self,
        *,
        details: bool = False,
        statistics: bool = False,
        oneline: bool = False,
        pinned: frozenset[str] = frozenset(),
        numeric: Callable[[str, str], str] | None = None,
        color: str = "",
    ) -> None:
        self.details = details
        self.statistics = statistics
        self.newline = "\\" if oneline else "\n"
        self.pinned = pinned
        self.numeric = numeric
        self.palette = {"light": _LIGHT, "dark": _DARK}.get(color)

    def __call__(self, record: Record, deleted: bool = False) -> str:
        """The text of one route. ``deleted`` puts ``Deleted`` in front, for monitor."""
        get = record.get
        details, pinned = self.details, self.pinned
        parts: list[str] = ["Deleted "] if deleted or get("deleted") else []
        put = parts.append
        kind = get("type")
        if kind is not None and (details or kind != "unicast"):
            put(f"{self._name('type', kind)} ")
        put(self._address(get("dst", "default")))
        if (source := get("from") or get("src")) is not None:
            put("from " + self._address(source))
        if (nexthop_id := get("nhid")) is not None:
            put(f"nhid {nexthop_id} ")
        self._hop(record, parts, pinned)
        if (device := get("dev")) is not None and "dev" not in pinned:
            put("dev " + self._paint("dev", f"{device} "))
        if (table := get("table")) is not None and (details or table != "main") and "table" not in pinned:
            put(f"table {self._name('table', table)} ")
        protocol = get("protocol")
        if protocol is not None and (details or protocol != "boot") and "protocol" not in pinned:
            put(f"proto {self._name('protocol', protocol)} ")
        scope = get("scope")
        if scope is not None and (details or scope != "global") and "scope" not in pinned:
            put(f"scope {self._name('scope', scope)} ")
        if (prefsrc := get("prefsrc")) is not None and "prefsrc" not in pinned:
            put("src " + self._address(prefsrc))
        if (metric := get("metric")) is not None and "metric" not in pinned:
            put(f"metric {metric} ")
        if flags := get("flags"):
            put("".join([f"{flag} " for flag in flags]))
        self._rest(record, parts)
        put("\n")
        return "".join(parts)

    def _rest(self, record: Record, parts: list[str]) -> None:
        get = record.get
        put = parts.append
        if mark := get("mark"):
            put(f"mark 0x{mark:x} " if mark >= 16 else f"mark {mark} ")
        if (flow := get("flow")) is not None and "flow" not in self.pinned:
            put(self._realms(flow))
        if (uid := get("uid")) is not None:
            put(f"uid {uid} ")
        if (cache := get("cache")) is not None:
            put(f"{self.newline}    cache ")
            if cache:
                put(f"<{','.join(cache)}> ")
        self._cache_information(get, put)
        if metrics := get("metrics"):
            put(_metrics(metrics[0]))
        if (device := get("iif")) is not None:
            put("iif " + self._paint("dev", f"{device} "))
        if (preference := get("pref")) is not None:
            put(f"pref {preference}" if isinstance(preference, str) else str(preference))
        propagate = get("ttl-propogate", get("ttl_propagate"))
        if propagate is not None:
            put(f"ttl-propogate {'enabled' if propagate else 'disabled'}")
        if self.details and (info := get("nh_info")) is not None:
            put("\n\tnh_info " + self._nexthop_object(info))
        for hop in get("nexthops") or ():
            put(f"{self.newline}\tnexthop ")
            self._hop(hop, parts, frozenset())
            if (flow := hop.get("flow")) is not None:
                put(self._realms(flow))
            put(f"dev {hop.get('dev')} ")
            if (weight := hop.get("weight")) is not None:
                put(f"weight {weight} ")
            put("".join([f"{flag} " for flag in hop.get("flags", ())]))

    def _hop(self, record: Record, parts: list[str], pinned: frozenset[str]) -> None:
        get = record.get
        put = parts.append
        if (new := get("to")) is not None:
            put("as to " + self._address(new))
        if (encap := get("encap")) is not None:
            put(self._encap(encap if isinstance(encap, Mapping) else record))
        if (tos := get("tos")) is not None and "tos" not in pinned and not isinstance(encap, str):
            put(f"tos {self._name('tos', tos)} ")
        if (gateway := get("gateway")) is not None and "via" not in pinned:
            put("via " + self._address(gateway))
        if (via := get("via")) is not None:
            put(f"via {via['family']} " + self._address(via["host"]))

    def _cache_information(self, get: Callable[[str], Any], put: Callable[[str], None]) -> None:
        if expires := get("expires"):
            put(f"expires {int(expires)}sec ")
        if error := get("error"):
            put(f"error {error} ")
        if self.statistics:
            for field, unit in (("users", ""), ("used", ""), ("age", "sec")):
                if value := get(field):
                    put(f"{field} {value}{unit} ")
        if ipid := get("ipid"):
            put(f"ipid {ipid} ")
        if (stamp := get("ts")) is not None:
            put(f"ts {stamp}")
        if (age := get("tsage")) is not None:
            put(f"tsage {age}sec ")

    def _nexthop_object(self, info: Record) -> str:
        get = info.get
        parts = [f"id {get('id')} "]
        if group := get("group"):
            hops = [f"{hop['id']},{hop['weight']}" if "weight" in hop else f"{hop['id']}" for hop in group]
            parts.append(f"group {'/'.join(hops)} ")
        if kind := get("type"):
            parts.append(f"type {kind} ")
        for name, value in get("resilient_args", {}).items():
            parts.append(f"{name} {value:g} ")
        self._hop(info, parts, frozenset())
        if (device := get("dev")) is not None:
            parts.append("dev " + self._paint("dev", f"{device} "))
        for field, word in (("scope", "scope"), ("protocol", "proto")):
            if (value := get(field)) is not None:
                if field == "protocol" and "blackhole" in info:
                    parts.append("blackhole ")
                parts.append(f"{word} {self._name(field, value)} ")
        parts.append("".join([f"{flag} " for flag in get("flags", ())]))
        return "".join(parts)

    def _encap(self, encap: Record) -> str:
        # Flat as in ip's JSON, an object as in nld's, or one as in newer versions of ip.
        kind = encap.get("encap") or encap.get("type") or encap.get("encap_type")
        parts = [f" encap {kind} "]
        for field, words in ENCAP_WORDS.get(str(kind), {}).items():
            if (value := encap.get(field)) is not None:
                parts.append(words(value))
        return "".join(parts)

    def _realms(self, flow: Record) -> str:
        source, target = flow.get("from"), self._name("realm", flow["to"])
        return f"realms {self._name('realm', source)}/{target} " if source else f"realm {target} "

    def _name(self, field: str, value: Any) -> str:
        return self.numeric(field, str(value)) if self.numeric else str(value)

    def _address(self, text: str) -> str:
        if self.palette is None or text == "default":
            return f"{text} "
        return self._paint("inet6" if ":" in text else "inet", f"{text} ")

    def _paint(self, kind: str, text: str) -> str:
        return text if self.palette is None else f"{self.palette[kind]}{text}{_PLAIN}"


def _metrics(metrics: Record) -> str:
    locked = metrics.get("lock", ())
    parts = []
    for name in METRICS:
        value = metrics.get(name)
        if name == "features" and "ecn" in metrics:
            value = f"ecn {value}" if value else "ecn"
        if value is None and name not in locked:
            continue
        word = "congctl" if name == "congestion" else name
        lock = "lock " if name in locked or word in locked else ""
        parts.append(f"{word} {lock}{_metric(name, value)} ")
    return "".join(parts)


def _metric(name: str, value: Any) -> str:
    if name in _MILLISECONDS and value is not None:
        milliseconds = int(value)
        return f"{milliseconds / 1000:g}s" if milliseconds >= 1000 else f"{milliseconds}ms"
    return "0" if value is None else str(value)


def _said(word: str) -> Callable[[Any], str]:
    return lambda value: f"{word} {value} "


def _flag(word: str) -> Callable[[Any], str]:
    return lambda value: f"{word} " if value else ""


def _segments(segments: Any) -> str:
    return f"segs {len(segments)} [ {''.join([f'{segment} ' for segment in segments])}] "


def _key_id(value: Any) -> str:
    return f"hmac {value:X} " if isinstance(value, int) else f"hmac {str(value).removeprefix('0x').upper()} "


def _header(srh: Any) -> str:
    return _segments(srh["segs"]) + (_key_id(srh["hmac"]) if srh.get("hmac") else "")


def _tos(value: Any) -> str:
    return f"tos {int(value, 16) if isinstance(value, str) else value} "


_TUNNEL = {word: _flag(word) for word in ("key", "csum", "seq")}
ENCAP_WORDS: dict[str, dict[str, Callable[[Any], str]]] = {
    "mpls": {"dst": lambda value: f" {value} ", "ttl": _said("ttl")},
    "ip": {
        "id": _said("id"), "src": _said("src"), "dst": _said("dst"), "ttl": _said("ttl"), "tos": _tos,
    } | _TUNNEL,
    "ip6": {
        "id": _said("id"), "src": _said("src"), "dst": _said("dst"), "hoplimit": _said("hoplimit"),
        "tc": _said("tc"),
    } | _TUNNEL,
    "seg6": {"mode": _said("mode"), "segs": _segments, "hmac": _key_id},
    "seg6local": {
        "action": _said("action"), "srh": _header, "table": _said("table"), "vrftable": _said("vrftable"),
        "nh4": _said("nh4"), "nh6": _said("nh6"), "iif": _said("iif"), "oif": _said("oif"),
        "flavors": lambda value: f"flavors {','.join(value)} ", "lblen": _said("lblen"),
        "nflen": _said("nflen"),
    },
    "rpl": {"segs": _segments},
    "ioam6": {
        "freqk": lambda value: f"freq {value}", "freqn": lambda value: f"/{value} ", "mode": _said("mode"),
        "tundst": _said("tundst"), "trace_type": lambda value: f"trace prealloc type {value:#08x} ",
        "ns": _said("ns"), "size": _said("size"),
    },
    "xfrm": {"if_id": _said("if_id"), "link_dev": _said("link_dev")},
}  # fmt: skip
"""For each kind of encap, how its fields are printed, in ``ip``'s order."""
