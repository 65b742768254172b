"""The words that choose routes: ``list``, ``flush``, ``save`` and ``monitor``, to a filter.

``ip`` filters mostly on its own side; nld asks the daemon, and keeps on this side only what no filter of
the daemon says (``rest``).  As in ``ip``, a field that a word has pinned to one value is not printed
again in the text form (``pinned``).

One difference is meant: ``ip route show 2001:db8::/32`` without ``-6`` prints nothing, because ``ip``
has already settled on IPv4; here the prefix settles the family.
"""

from __future__ import annotations

from typing import Any

from nld.cli import names, values
from nld.cli.line import REFUSED, Line, abbreviates
from nld.cli.route_words import HelpWanted, device
from nld.cli.values import INET, INET6
from nld.cli.vocabulary import TYPES, Word, find, route_type


class SelectorWords:
    """Reads a selector from a line whose position stands on the first word after the verb.

    ``everywhere`` is the default of ``monitor``: all tables of both families; the default of the other
    verbs is table main of IPv4 (or of the family asked for), as in ``ip``.

    After :meth:`read`: ``filter`` for the daemon, ``rest`` field to value to compare on this side,
    ``pinned`` the fields that the text form leaves out, ``spots`` the word index of each filter field.
    """

    def __init__(self, line: Line, family: str | None, *, everywhere: bool = False) -> None:
        self.line = line
        self.family = family
        self.filter: dict[str, Any] = {} if everywhere else {"table": "main"}
        self.rest: dict[str, Any] = {}
        self.pinned: set[str] = set() if everywhere else {"table"}
        self.spots: dict[str, int] = {}

    def read(self) -> None:
        """Read the whole line."""
        line = self.line
        while (word := line.word) is not None:
            row = find(SELECTOR_WORDS, word)
            if row is None:
                self._destination(word)
            else:
                row.read(self)
            line.step()
        if self.family is None and self.filter.keys() & {"table", "vrf"}:
            self.family = INET
        if self.family is not None:
            self.filter["family"] = self.family
        for field in ("dst", "root", "match"):
            if self.filter.get(field) == "default":
                self.filter[field] = "::/0" if self.family == INET6 else "0.0.0.0/0"
            if field in ("root", "match") and self.filter.get(field) in ("0.0.0.0/0", "::/0"):
                self._whole_family(field)

    def _whole_family(self, field: str) -> None:
        # "root 0/0" is every route, "match 0/0" only the default route.
        if field == "root":
            del self.filter["root"]
        else:
            self.filter["dst"] = self.filter.pop("match")

    def _put(self, field: str, value: Any, *, pin: bool = False) -> None:
        self.filter[field] = value
        self.spots[field] = self.line.at
        if pin:
            self.pinned.add(field)

    def _destination(self, word: str) -> None:
        line = self.line
        if abbreviates(word, "to"):
            word = line.argument("[root|match|exact] PREFIX")
        field = "dst"
        for keyword, its_field in (("root", "root"), ("match", "match"), ("exact", "dst")):
            if abbreviates(word, keyword):
                field = its_field
                word = line.argument("a prefix")
                break
        if word == "help":
            raise HelpWanted("list")
        found = values.parse_prefix(word, self.family)
        if isinstance(found, str):
            wants_word = word[:1].isalpha() and not {":", "/"} & set(word)
            raise line.refusal(
                f'"{word}" is neither a selector nor a prefix' if wants_word else f"destination {found}",
                expected="a selector such as table, dev or proto, or a prefix such as 10.0.0.0/8",
                candidates=[row.name for row in SELECTOR_WORDS] + ["root", "match", "exact", "default"]
                if wants_word
                else (),
            )
        if found.wildcard and not found.given:
            return  # "any" and "all" select everything
        self.family = self.family or found.family
        text = found.text
        if found.host_bits:
            text = f"{found.network}/{found.length}"
        self._put(field, text)

    def _table(self) -> None:
        word = self.line.argument("a table's name or number, or all")
        if word in names.database("table").words or values.parse_number(word) is not None:
            table = names.table(self.line)
            self._put("table", table, pin=True)
            if table in ("0", "unspec"):
                self._all_tables()
        elif word == "all":
            self._all_tables()
        elif word == "cache":
            self._cached()
        else:
            names.table(self.line)  # refuses, with the known names

    def _all_tables(self) -> None:
        self.filter.pop("table", None)
        if "vrf" not in self.filter:
            self.pinned.discard("table")

    def _cached(self) -> None:
        raise self.line.refusal(
            "the kernel has kept no route cache since Linux 3.6",
            advice='"nld route get ADDRESS" shows what one address takes now',
            status=REFUSED,
        )

    def _vrf(self) -> None:
        self.line.argument("a VRF device")
        if "table" not in self.spots:
            self.filter.pop("table", None)
        self._put("vrf", device(self.line))
        self.pinned.add("table")

    def _tos(self) -> None:
        self.line.argument("a tos value")
        self._put("tos", names.tos(self.line), pin=True)

    def _protocol(self) -> None:
        if self.line.argument("a protocol's name or number, or all") == "all":
            self.filter.pop("protocol", None)
        else:
            self._put("protocol", names.protocol(self.line), pin=True)

    def _scope(self) -> None:
        if self.line.argument("a scope, or all") == "all":
            self.filter.pop("scope", None)
        else:
            self._put("scope", names.scope(self.line), pin=True)

    def _type(self) -> None:
        word = self.line.argument("a route type")
        number = values.parse_number(word)
        found = route_type(word) if number is None else names.type_name(number)
        if found is None:
            raise self.line.refusal(
                f'"{word}" is not a route type',
                expected="unicast, local, blackhole, ...",
                candidates=[name for name, _ in TYPES],
            )
        self._put("type", found)

    def _device(self) -> None:
        self.line.argument("a device's name")
        self._put("dev", device(self.line), pin=True)

    def _unheld(self) -> None:
        keyword = self.line.word
        self.line.argument("a value")
        raise self.line.refusal(f"listed routes have no {keyword}", at=self.line.at - 1,
                         expected="a selector that a listed route has", status=REFUSED)  # fmt: skip

    def _metric(self) -> None:
        self.line.argument("a metric")
        self._put("metric", values.number(self.line, "metric"), pin=True)

    def _via(self) -> None:
        word = self.line.argument("a gateway's address, or a prefix that it is in")
        family = values.FAMILIES.get(word)
        if family is not None:
            self.line.argument("the gateway's address, or a prefix that it is in")
        else:
            family = self.family
        self._within("via", "gateway", family)

    def _source(self) -> None:
        self.line.argument("an address, or a prefix that it is in")
        self._within("prefsrc", "src", self.family)

    def _within(self, field: str, what: str, family: str | None) -> None:
        """An address, which every printed route then has, or a prefix; one of length 0 leaves out nothing."""
        found = values.prefix(self.line, what, family)
        if found.wildcard or not found.length:
            return
        host = found.length == (128 if found.family == INET6 else 32)
        text = found.text if host else f"{found.network}/{found.length}"
        self._put(field, text, pin=host)

    def _realms(self) -> None:
        self.line.argument("REALM or FROM/TO")
        self.rest["flow"] = names.realms(self.line)
        self.pinned.add("flow")

    def _from(self) -> None:
        word = self.line.argument("a source prefix")
        if abbreviates(word, "exact"):
            self.line.argument("a source prefix")
        elif abbreviates(word, "root") or abbreviates(word, "match"):
            raise self.line.refusal(f'"from {word}" is not supported', expected="from PREFIX", status=REFUSED)
        found = values.prefix(self.line, "source", self.family)
        self.family = self.family or found.family
        self._put("from", found.text)


S = SelectorWords
SELECTOR_WORDS: tuple[Word[SelectorWords], ...] = (
    Word("table", S._table, "TABLE|all", False, "routes of this table"),
    Word("vrf", S._vrf, "DEVICE", False, "routes of a VRF's table"),
    Word("cached", S._cached, "", False, "the route cache"),
    Word("cloned", S._cached, "", False, "the route cache"),
    Word("tos", S._tos, "TOS", True, "routes with this tos"),
    Word("dsfield", S._tos, "TOS", False, "routes with this tos"),
    Word("protocol", S._protocol, "PROTOCOL", False, "routes made by this protocol"),
    Word("scope", S._scope, "SCOPE", False, "routes of this scope"),
    Word("type", S._type, "TYPE", False, "routes of this type"),
    Word("dev", S._device, "DEVICE", True, "routes out of this device"),
    Word("oif", S._device, "DEVICE", True, "same as dev"),
    Word("iif", S._unheld, "DEVICE", True, "input device"),
    Word("mark", S._unheld, "NUMBER", True, "firewall mark"),
    Word("metric", S._metric, "NUMBER", False, "routes with this metric"),
    Word("priority", S._metric, "NUMBER", False, "same as metric"),
    Word("preference", S._metric, "NUMBER", True, "same as metric"),
    Word("via", S._via, "[FAMILY] PREFIX", True, "routes via this gateway"),
    Word("src", S._source, "PREFIX", True, "routes with this preferred source"),
    Word("realms", S._realms, "REALM", False, "routes of this realm"),
    Word("from", S._from, "PREFIX", False, "routes with this source prefix"),
)
"""The selectors, in ``ip``'s order; ``[to] [root|match|exact] PREFIX`` is handled apart."""
