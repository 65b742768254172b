"""``ip route``'s grammar: the words after ``nld route`` in, one request out.

The verbs stand in ``ip``'s order, because any beginning of a verb is that verb and the first match wins:
``a`` is add, ``ap`` append, ``s`` show.  What a request means to the daemon is in
:mod:`nld.cli.session`; nothing here does I/O, except that names are looked up in iproute2's databases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nld.cli.line import REFUSED, Line, abbreviates
from nld.cli.lookup_words import LookupWords
from nld.cli.route_words import HelpWanted, RouteWords
from nld.cli.selector_words import SelectorWords

WRITES = ("add", "change", "replace", "prepend", "append", "delete")

VERBS: tuple[tuple[str, str, bool], ...] = (
    ("add", "add", False), ("change", "change", False), ("chg", "change", True),
    ("replace", "replace", False), ("prepend", "prepend", False), ("append", "append", False),
    ("test", "test", False), ("delete", "delete", False), ("list", "list", False), ("show", "list", False),
    ("lst", "list", False), ("get", "get", False), ("flush", "flush", False), ("save", "save", False),
    ("restore", "restore", False), ("showdump", "showdump", False), ("help", "help", False),
    ("monitor", "monitor", False),
)  # fmt: skip
"""Word, the verb it stands for, and whether it must be written in full."""


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Add, append, prepend, replace, change or delete one route.

    ``spots`` is the index in ``words`` of the word that each field of the record came from.
    """

    operation: str
    record: dict[str, Any]
    family: str
    words: tuple[str, ...]
    spots: dict[str, int]


@dataclass(frozen=True, slots=True)
class SelectorRequest:
    """List, flush, save or monitor the routes that a filter passes.

    ``filter`` is the daemon's; ``rest`` is compared on this side; ``pinned`` are the fields that the
    text form leaves out because the words fixed their value.
    """

    verb: str
    filter: dict[str, Any]
    rest: dict[str, Any]
    pinned: frozenset[str]
    words: tuple[str, ...]
    spots: dict[str, int]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask which route an address takes. ``fibmatch``: show the table's route, not the packet's."""

    question: dict[str, Any]
    family: str | None
    fibmatch: bool
    words: tuple[str, ...]
    spots: dict[str, int]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restore:
    """Put routes back from JSON on standard input, as ``save`` or ``ip -j route`` wrote it."""

    words: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class FlushCache:
    """Have the kernel forget what it learnt of single destinations."""

    family: str | None
    words: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Help:
    """Show the help of a topic: ``route``, ``list``, ``get`` or a verb."""

    topic: str


Request = WriteRequest | SelectorRequest | Lookup | Restore | FlushCache | Help


def verb_of(word: str) -> str | None:
    """The verb that a word is or abbreviates, or None."""
    for spelling, verb, exact in VERBS:
        if word == spelling or (not exact and abbreviates(word, spelling)):
            return verb
    return None


def parse(words: Sequence[str], at: int = 0, family: str | None = None) -> Request:
    """The request that ``words[at:]`` make; ``words[:at]`` are only shown in refusals.

    ``family`` is ``inet``, ``inet6`` or None for what the words say. No word at all lists the main table.
    Raises :class:`~nld.cli.line.LineError`.
    """
    line = Line(words, at)
    word = line.word
    verb = "list" if word is None else verb_of(word)
    if verb is None:
        raise line.refusal(
            f'"{word}" is not a route command',
            expected="add, append, prepend, replace, change, delete, list, get, flush or monitor",
            candidates=[spelling for spelling, _, _ in VERBS],
        )
    if word is not None:
        line.step()
    try:
        return _request(verb, line, family)
    except HelpWanted as wanted:
        return Help(wanted.topic)


def _request(verb: str, line: Line, family: str | None) -> Request:
    words = line.words
    if verb in WRITES:
        if line.word is not None and line.at == len(words) - 1 and line.word in ("help", "-h", "--help"):
            return Help(verb)
        route = RouteWords(line, family, deleting=verb == "delete")
        record = route.read()
        return WriteRequest(verb, record, route.family or "inet", words, route.spots)
    if verb in ("list", "flush", "save", "monitor"):
        if verb == "flush" and line.word is None:
            raise line.refusal(
                "flush without a selector would mean every route of the main table",
                at=len(words),
                expected="a selector, such as: table 100, dev eth0, proto static, root 10.0.0.0/8",
                advice="to mean it, write: nld route flush table main",
            )
        if verb == "flush" and words[line.at :] in (("cache",), ("table", "cache")):
            return FlushCache(family, words)
        selector = SelectorWords(line, family, everywhere=verb == "monitor")
        selector.read()
        return SelectorRequest(
            verb, selector.filter, selector.rest, frozenset(selector.pinned), words, selector.spots
        )
    if verb == "get":
        lookup = LookupWords(line, family)
        lookup.read()
        return Lookup(
            lookup.question, lookup.family, lookup.fibmatch, words, lookup.spots, tuple(lookup.warnings)
        )
    if verb == "restore":
        if line.word is not None:
            raise line.refusal(
                "restore reads standard input and takes no arguments", expected="nld route restore < FILE"
            )
        return Restore(words)
    if verb == "help":
        return Help("route" if line.word is None else verb_of(line.word) or "route")
    advice = {
        "test": 'ask instead: "nld route list exact PREFIX"',
        "showdump": 'nld saves JSON, which any tool can show: "nld route save"',
    }
    raise line.refusal(
        f'"{verb}" is not supported by nld', at=line.at - 1, advice=advice[verb], status=REFUSED
    )
