"""The words of a route: ``ip route add|append|prepend|replace|change|delete ROUTE``, to a record.

A :class:`RouteWords` walks the line once.  Each row of ``WORDS`` names a keyword and the method that
takes its value; a word that is not a keyword is ``[to] [TYPE] PREFIX``; ``nexthop`` ends the route's own
words and opens the list of next hops.  What the words leave open is filled in as ``ip`` does it: the
address family from the first address, the local table for local types, the scope from the gateway.

The record keeps only what was said or follows from it, so that for a delete nothing that was not named
has to match.  ``spots`` remembers which word each field came from; an error of the daemon about a field
is then shown under that word.

Source: iproute2 6.1, ``ip/iproute.c``; the meaning of each word is in ip-route(8).
"""

from __future__ import annotations

from typing import Any

from nld.cli import metric_words, names, values
from nld.cli.encap_words import encap
from nld.cli.line import REFUSED, Line, abbreviates
from nld.cli.metric_words import MetricWords
from nld.cli.values import INET, INET6, U8
from nld.cli.vocabulary import TYPES, Word, choice, find, route_type
from nld.device_name import LONGEST, name_of, size, spelled

LOCAL_TABLE_TYPES = ("local", "broadcast", "nat", "anycast")
PREFERENCES = ("low", "medium", "high")
_HOP_FIELDS = frozenset(("gateway", "via", "dev", "encap", "nexthops"))
_PREFERENCE_NUMBERS = {0: "medium", 1: "high", 3: "low"}


_GATEWAY = 'a gateway is given with "via", as in "via 192.0.2.1"'
"""For who writes ``gw``, as route(8) has it, or the field's name."""


class HelpWanted(Exception):
    """The word ``help`` stood where a prefix is read. ``topic`` names the grammar to show."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic


class RouteWords(MetricWords):
    """Reads one route from a line whose position stands on the first word after the verb.

    After :meth:`read`: ``record`` is the route record, ``family`` ``inet`` or ``inet6``, ``spots`` the
    word index of each field by its path (``gateway``, ``nexthops[1].dev``, ``metrics[0].mtu``).
    """

    def __init__(self, line: Line, family: str | None, *, deleting: bool) -> None:
        super().__init__(line)
        self.family = family
        self.deleting = deleting
        self.record: dict[str, Any] = {}
        self.destination: values.Prefix | None = None
        self.place = ""
        self.target: dict[str, Any] = self.record

    def read(self) -> dict[str, Any]:
        """Read the whole line; returns the record."""
        line = self.line
        while (word := line.word) is not None:
            if word == "nexthop":
                self._nexthops()
                break
            row = find(WORDS, word)
            if row is None:
                self._prefix(word)
            else:
                row.read(self)
            line.step()
        self._complete()
        return self.record

    # -- what the words leave open

    def _complete(self) -> None:
        if self.destination is None:
            raise self.line.refusal(
                "the route has no destination",
                at=len(self.line.words),
                expected="a prefix such as 10.0.0.0/8 or 2001:db8::/32, or default",
            )
        family = self.family = self.family or INET
        self.record["dst"] = self._spell(self.destination, family)
        if "nhid" in self.record and (other := self.record.keys() & _HOP_FIELDS):
            raise self.line.refusal(
                "a nexthop object defines the whole next hop",
                at=self.spots.get(min(other), self.spots["nhid"]),
                expected="nhid ID without via, dev, encap and nexthop",
                status=REFUSED,
            )
        if self.metrics:
            if self.locked:
                self.metrics["lock"] = self.locked
            self.record["metrics"] = [self.metrics]
        kind = self.record.get("type", "unicast")
        if not self.record.keys() & {"table", "vrf"} and kind in LOCAL_TABLE_TYPES:
            self.record["table"] = "local"
        if "scope" not in self.record and family == INET:
            self._scope(kind)

    def _scope(self, kind: str) -> None:
        record = self.record
        if kind in ("local", "nat"):
            record["scope"] = "host"
        elif kind in ("broadcast", "multicast", "anycast"):
            record["scope"] = "link"
        elif not self.deleting:
            direct = kind == "unicast" and not record.keys() & {"gateway", "via", "nexthops", "nhid"}
            record["scope"] = "link" if direct else "global"

    def _spell(self, prefix: values.Prefix, family: str) -> str:
        if prefix.length == 0 and (prefix.wildcard or prefix.network in ("0.0.0.0", "::")):
            return "::/0" if family == INET6 else "0.0.0.0/0"
        if not prefix.host_bits:
            return prefix.text
        if family == INET6:
            # The kernel masks an IPv6 destination silently, so ip accepts it; nld asks for what it gets.
            return f"{prefix.network}/{prefix.length}"
        raise self.line.refusal(
            f"{prefix.text} has bits set to the right of /{prefix.length}",
            at=self.spots["dst"],
            expected=f"{prefix.network}/{prefix.length} for the network, or {prefix.text.partition('/')[0]}",
            status=REFUSED,
        )

    # -- one word each

    def _put(self, field: str, value: Any) -> None:
        self.target[field] = value
        self.spots[self.place + field] = self.line.at

    def _prefix(self, word: str) -> None:
        line = self.line
        if word == "to":
            word = line.argument("[TYPE] PREFIX")
        if not word[:1].isdigit() and (kind := route_type(word)) is not None:
            self._put("type", kind)
            word = line.argument(f"the prefix of the {kind} route")
        if abbreviates(word, "help"):
            raise HelpWanted("route")
        if self.destination is not None:
            candidates = [row.name for row in WORDS]
            found = values.parse_prefix(word, None)
            message = f'"{word}" is not a keyword of a route'
            if not isinstance(found, str):
                message = f'"{word}" is a second destination'
            raise line.refusal(
                message,
                expected="a keyword such as via, dev, metric or table; "
                f"the destination {self.destination.text} is already there",
                candidates=candidates,
                advice=_GATEWAY if word in {"gw", "gateway"} else "",
            )
        found = values.parse_prefix(word, self.family)
        if isinstance(found, str):
            wants_word = word[:1].isalpha() and not {":", "/"} & set(word)
            raise line.refusal(
                f'"{word}" is neither a keyword of a route nor a prefix'
                if wants_word
                else f"destination {found}",
                expected="a destination such as 10.0.0.0/8, 2001:db8::/32 or default",
                candidates=[row.name for row in WORDS] + [name for name, _ in TYPES] + ["default", "to"]
                if wants_word
                else (),
            )
        self.destination = found
        self.spots["dst"] = line.at
        self.family = self.family or found.family

    def _address(self, what: str, family: str | None) -> values.Address:
        found = values.address(self.line, what, family)
        self.family = self.family or found.family
        return found

    def _gateway(self) -> None:
        line = self.line
        if self.target.keys() & {"gateway", "via"}:
            raise line.refusal(
                'a second "via"',
                expected="one gateway per next hop",
                advice="for several gateways write: nexthop via A weight 1 nexthop via B weight 1",
            )
        word = line.argument("a gateway's address, or inet, inet6 and its address")
        family = values.FAMILIES.get(word)
        if family is not None:
            line.argument("the gateway's address")
            if family not in (INET, INET6):
                raise line.refusal(f"a gateway of the family {word} is not supported", at=line.at - 1,
                            expected="inet or inet6", status=REFUSED)  # fmt: skip
        found = self._address("gateway", family or self.family)
        if found.family == self.family:
            self._put("gateway", found.text)
        else:
            self._put("via", {"family": found.family, "host": found.text})

    def _device(self) -> None:
        self.line.argument("a device's name")
        self._put("dev", device(self.line))

    def _source(self) -> None:
        self.line.argument("a local address")
        self._put("prefsrc", self._address("src", self.family).text)

    def _from(self) -> None:
        self.line.argument("a source prefix")
        found = values.prefix(self.line, "source", self.family)
        self.family = self.family or found.family
        if not found.wildcard or found.given:
            if found.host_bits:
                raise self.line.refusal(
                    f"{found.text} has bits set to the right of /{found.length}", status=REFUSED
                )
            self._put("from", found.text)

    def _new_destination(self) -> None:
        if self.line.argument("an address") == "to":
            self.line.argument("an address")
        self._put("to", self._address("new destination", self.family).text)

    def _tos(self) -> None:
        self.line.argument("a tos value")
        self._put("tos", names.tos(self.line))

    def _expires(self) -> None:
        self.line.argument("seconds")
        self._put("expires", values.number(self.line, "expires"))

    def _metric(self) -> None:
        self.line.argument("a metric")
        self._put("metric", values.number(self.line, "metric"))

    def _scope_word(self) -> None:
        self.line.argument("a scope")
        self._put("scope", names.scope(self.line))

    def _protocol(self) -> None:
        self.line.argument("a protocol's name or number")
        self._put("protocol", names.protocol(self.line))

    def _table(self) -> None:
        self.line.argument("a table's name or number")
        self._put("table", names.table(self.line))

    def _vrf(self) -> None:
        self.line.argument("a VRF device")
        self._put("vrf", device(self.line))

    def _realms(self) -> None:
        self.line.argument("REALM or FROM/TO")
        self._put("flow", names.realms(self.line))

    def _nexthop_id(self) -> None:
        self.line.argument("the id of a nexthop object")
        self._put("nhid", values.number(self.line, "nhid"))

    def _preference(self) -> None:
        number = values.parse_number(self.line.argument("low, medium or high"))
        named = _PREFERENCE_NUMBERS.get(-1 if number is None else number)
        self._put("pref", named or choice(self.line, "pref", PREFERENCES))

    def _onlink(self) -> None:
        flags: list[str] = self.target.setdefault("flags", [])
        if "onlink" not in flags:
            flags.append("onlink")
        self.spots[self.place + "flags"] = self.line.at

    def _encap(self) -> None:
        self._put("encap", encap(self.line))

    def _ttl_propagate(self) -> None:
        word = self.line.argument("enabled or disabled")
        for full, value in (("enabled", True), ("disabled", False)):
            if abbreviates(word, full):
                self._put("ttl-propogate", value)
                return
        raise self.line.refusal(f'ttl-propagate "{word}" is not known', expected="enabled or disabled",
                         candidates=("enabled", "disabled"))  # fmt: skip

    # -- next hops

    def _nexthops(self) -> None:
        line = self.line
        hops: list[dict[str, Any]] = []
        self.record["nexthops"] = hops
        while (word := line.word) is not None:
            if word != "nexthop":
                raise line.refusal(
                    f'"{word}" is not a keyword of a next hop',
                    expected="via, dev, weight, onlink, realms, encap, or the next nexthop; "
                    "keywords of the route itself come before the first nexthop",
                    candidates=[row.name for row in HOP_WORDS] + ["nexthop"],
                    advice=_GATEWAY if word in {"gw", "gateway"} else "",
                )
            self.target = {}
            self.place = f"nexthops[{len(hops)}]."
            self.spots[self.place.rstrip(".")] = line.at
            hops.append(self.target)
            line.argument("via GATEWAY or dev DEVICE")
            while (word := line.word) is not None and (row := find(HOP_WORDS, word)) is not None:
                row.read(self)
                line.step()
        self.target, self.place = self.record, ""

    def _weight(self) -> None:
        self.line.argument("a weight")
        self._put("weight", values.number(self.line, "weight", 256, 1))


def device(line: Line) -> str:
    """The name of a device as a record has it (``nld.device_name``); the position stands on it.

    Refuses what cannot be a name or alternative name: empty, over 127 bytes, ``/`` or white space in it.
    """
    word = line.word or ""
    name = name_of(word)
    if not name or size(name) > LONGEST or "/" in name or any(letter.isspace() for letter in name):
        raise line.refusal(
            f'"{spelled(word)}" is not a valid device name',
            expected=f"1 to {LONGEST} bytes without / or white space",
        )
    return spelled(name)


R = RouteWords
HOP_WORDS: tuple[Word[RouteWords], ...] = (
    Word("via", R._gateway, "[FAMILY] ADDRESS", True, "the gateway"),
    Word("dev", R._device, "DEVICE", True, "the output device"),
    Word("weight", R._weight, "NUMBER", True, "the share of this next hop, 1 to 256"),
    Word("onlink", R._onlink, "", True, "the gateway is on this link whatever the addresses say"),
    Word("realms", R._realms, "REALM", False, "realm of the route"),
    Word("encap", R._encap, "ENCAP", True, "tunnel encapsulation"),
    Word("as", R._new_destination, "[to] ADDRESS", True, "new destination (MPLS)"),
)

WORDS: tuple[Word[RouteWords], ...] = (
    Word("src", R._source, "ADDRESS", True, "preferred source address"),
    Word("as", R._new_destination, "[to] ADDRESS", True, "new destination (MPLS)"),
    Word("via", R._gateway, "[FAMILY] ADDRESS", True, "the gateway"),
    Word("from", R._from, "PREFIX", True, "source prefix (IPv6)"),
    Word("tos", R._tos, "TOS", True, "type of service"),
    Word("dsfield", R._tos, "TOS", False, "type of service"),
    Word("expires", R._expires, "SECONDS", True, "lifetime (IPv6)"),
    Word("metric", R._metric, "NUMBER", False, "the lower one wins"),
    Word("priority", R._metric, "NUMBER", False, "same as metric"),
    Word("preference", R._metric, "NUMBER", True, "same as metric"),
    Word("scope", R._scope_word, "SCOPE", True, "global, link or host"),
    metric_words.lockable("mtu"),
    metric_words.lockable("hoplimit", U8),
    metric_words.lockable("advmss"),
    metric_words.lockable("reordering"),
    metric_words.milliseconds("rtt", 8, exact=True),
    metric_words.milliseconds("rto_min", 1, exact=True, always_locked=True),
    metric_words.lockable("window"),
    metric_words.lockable("cwnd"),
    metric_words.lockable("initcwnd"),
    metric_words.lockable("initrwnd"),
    Word("features", metric_words.features, "FEATURE", False, "ecn, tcp_usec_ts"),
    metric_words.switch("quickack"),
    Word("congctl", metric_words.congestion, "[lock] NAME", False, "congestion control algorithm"),
    metric_words.milliseconds("rttvar", 4, exact=False),
    metric_words.lockable("ssthresh"),
    Word("realms", R._realms, "REALM", False, "realm of the route"),
    Word("onlink", R._onlink, "", True, "the gateway is on this link whatever the addresses say"),
    Word("nhid", R._nexthop_id, "ID", True, "a nexthop object"),
    Word("protocol", R._protocol, "PROTOCOL", False, "the program that made the route"),
    Word("table", R._table, "TABLE", False, "routing table"),
    Word("vrf", R._vrf, "DEVICE", False, "table of a VRF"),
    Word("dev", R._device, "DEVICE", True, "the output device"),
    Word("oif", R._device, "DEVICE", True, "same as dev"),
    Word("pref", R._preference, "PREF", False, "router preference (IPv6)"),
    Word("encap", R._encap, "ENCAP", True, "tunnel encapsulation"),
    Word("ttl-propagate", R._ttl_propagate, "enabled|disabled", True, "copy the TTL (MPLS)"),
    metric_words.switch("fastopen_no_cookie"),
)
"""The words of a route, in ``ip``'s order; ``nexthop`` and ``[to] [TYPE] PREFIX`` are handled apart."""
