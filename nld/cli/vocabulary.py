"""How keywords are found: tables of words in ``ip``'s own order, first match wins.

``ip`` compares each word with its keywords one by one, some in full and some by any beginning.  The
order therefore is part of the grammar: ``r`` is ``reordering`` and not ``rttvar`` because it stands
first.  Each table here is such a list, and completion and "did you mean" read the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from nld.cli.line import Line, abbreviates

Reader = TypeVar("Reader")
Reader_contra = TypeVar("Reader_contra", contravariant=True)


class Word(NamedTuple, Generic[Reader_contra]):
    """A keyword: its name, what reads it, the kind of value behind it, and what it is for.

    ``value``  the kind of value, a key of :mod:`nld.cli.completion`, or "" for a bare keyword.
    ``exact``  True when no abbreviation is accepted.
    ``about``  a few words for help and completion.
    """

    name: str
    read: Callable[[Reader_contra], None]
    value: str = ""
    exact: bool = False
    about: str = ""


def find(table: Sequence[Word[Reader]], word: str) -> Word[Reader] | None:
    """The first keyword that ``word`` is, or abbreviates where that is allowed."""
    for row in table:
        if word == row.name or (not row.exact and abbreviates(word, row.name)):
            return row
    return None


TYPES: tuple[tuple[str, bool], ...] = (
    ("local", True), ("nat", True), ("broadcast", False), ("brd", True), ("anycast", False),
    ("multicast", False), ("prohibit", False), ("unreachable", False), ("blackhole", False),
    ("xresolve", False), ("unicast", False), ("throw", True),
)  # fmt: skip
"""Route types in ``ip``'s order, with whether they must be written in full."""


def route_type(word: str) -> str | None:
    """The route type that ``word`` names, or None."""
    for name, exact in TYPES:
        if word == name or (not exact and abbreviates(word, name)):
            return "broadcast" if name == "brd" else name
    return None


def choice(line: Line, what: str, choices: Sequence[str]) -> str:
    """One of a few words, in full."""
    word = line.word or ""
    if word not in choices:
        raise line.refusal(f'{what} "{word}" is not known', expected=" or ".join(choices), candidates=choices)
    return word
