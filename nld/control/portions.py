"""Portions: a long call cut into short ones, so that none of them takes long to read.

What makes a call long is its routes, or the destinations of one of them.  So it is cut between these: what
stands before them, some of them, and what stands behind them is a call by itself, which the ordinary reader
reads in a millisecond.  Whatever else is long, and no call of a route is, is refused.

Why that is sound: what a JSON text is at a comma between two elements depends on what stands before it alone.
So if each portion is a call, with no list empty that was cut, the whole is one; and it says the same, for
of the members on the way to the list none is given twice.

Does not belong here: what a call means (``call.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, NoReturn, TypeAlias

LONG = 16 * 1024
"""Bytes from which on a call is read in portions."""
PORTION = 16 * 1024
"""Bytes of a portion's routes, about; they are read in a millisecond, and in six with everything wrong."""
LONGEST = 256 * 1024
"""Bytes of a route without its destinations, and of a call without its routes."""
OBJECTS = 4096
"""Objects in a long route: more than the legs have that the kernel can list, of which the smallest, 8 bytes
in a message, have none in them."""
MEMBERS = 4 * OBJECTS
"""Members of these, and elements of lists, but for destinations."""
_DEEPEST = 64
"""Lists and objects within each other; a route has six."""
_TOKENS = 1024
"""Tokens that are passed over in one step."""

_TOKEN = re.compile(rb'[^"\[\]{}]*+("(?:[^"\\]++|\\.)*+"|[\[\]{}])', re.DOTALL)
_LIST = re.compile(rb"\s*+\[(?!\s*+\])")
"""A list with something in it."""
_BEHIND = re.compile(rb"\s*+([,\]}])")
_KEY = re.compile(rb'\s*+("(?:[^"\\]++|\\.)*+")\s*+:\s*+', re.DOTALL)
_FLAT = rb'\{[^{}\[\]"]*+(?:"[^"\\]*+"[^{}\[\]"]*+)*+\}'
_RECORDS = re.compile(rb"(?:\s*+" + _FLAT + rb"\s*+,)++")
_TEXTS = re.compile(rb'(?:\s*+"[^"\\]*+"\s*+,)++')
"""Elements of the common kinds, each with the comma behind it."""

Steps: TypeAlias = Generator[None, None, int]
"""Short steps to the place behind something."""


class Portion(NamedTuple):
    """``frame`` is a call by itself. ``goes_on``: it has one route, the last one of the portion before, with
    that one's first destination, which tells the family, and further ones."""

    frame: bytes
    goes_on: bool


class NoCallError(Exception):
    """What is wrong with a long frame, in words."""


class TooLongError(NoCallError):
    """A part that cannot be cut is too long."""


class Portions:
    """The portions of a frame. To find them and to take each is a short step of the same iterator, which
    yields None where there is nothing yet. Raises NoCallError.

    ``frame``  a message without its NUL.
    """

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._passed = 0
        self._cuts: list[tuple[bytes, int, int, bytes, bool]] = []
        """Of each portion what stands in front of its elements, their place, and what stands behind."""

    def __iter__(self) -> Iterator[Portion | None]:
        frame = self._frame
        lists: list[tuple[int, int]] = []
        yield from self._members(0, {b'"parameters"': lambda at: self._parameters(at, lists)})
        start, end = lists[0] if lists else (0, 0)
        if len(frame) - (end - start) > LONGEST:
            raise TooLongError(f"a call is at most {LONGEST} bytes long without its routes")
        if not lists:
            yield Portion(frame, False)
        head, tail = frame[:start], frame[end:]
        for before, first, last, behind, goes_on in self._cuts:
            yield Portion(b"".join((head, before, frame[first:last], behind, tail)), goes_on)

    def _parameters(self, at: int, lists: list[tuple[int, int]]) -> Steps:
        return self._members(at, {b'"routes"': lambda at: self._routes(at, lists)})

    def _routes(self, at: int, lists: list[tuple[int, int]]) -> Steps:
        """A list of records, if it is one; its inner place is in ``lists`` then."""
        begun = _LIST.match(self._frame, at, at + LONGEST)
        if begun is None:
            return (yield from self._value(at))
        first = begun.end()
        end = yield from self._elements(first, _RECORDS, self._records)
        lists.append((first, end - 1))
        return end

    def _records(self, first: int, last: int) -> Generator[None, None, None]:
        """Some records, or one: a long one is cut in its destinations."""
        frame = self._frame
        if last - first <= 2 * PORTION:
            self._cuts.append((b"", first, last, b"", False))
            return
        lists: list[tuple[int, int]] = []
        parts: list[tuple[int, int]] = []

        def destinations(at: int) -> Steps:
            begun = _LIST.match(frame, at, at + LONGEST)
            if begun is None:
                return (yield from self._value(at))
            end = yield from self._elements(begun.end(), _TEXTS, texts)
            lists.append((begun.end(), end - 1))
            return end

        def texts(first: int, last: int) -> Generator[None, None, None]:
            parts.append((first, last))
            yield

        yield from self._members(first, {b'"dst"': destinations})
        start, end = lists[0] if lists else (first, first)
        if last - first - (end - start) > LONGEST:
            raise TooLongError(f"a route is at most {LONGEST} bytes long without its destinations")
        for mark, most, what in ((b"{", OBJECTS, "objects"), (b",", MEMBERS, "members")):
            if frame.count(mark, first, start) + frame.count(mark, end, last) > most:
                raise TooLongError(f"a route has at most {most} {what} in it, besides its destinations")
        if last - first <= LONGEST:
            self._cuts.append((b"", first, last, b"", False))
            return
        text = _SIMPLE.match(frame, start, start + LONGEST)
        if text is None or max(last - first for first, last in parts) > LONGEST:
            raise NoCallError("a destination is a text, and not a long one")
        before, behind = frame[first:start], frame[end:last]
        for start, stop in parts:
            self._cuts.append((before, start, stop, behind, before.endswith(b",")))
            if not before.endswith(b","):
                before += text[0] + b","

    def _elements(
        self, at: int, common: re.Pattern[bytes], take: Callable[[int, int], Generator[None, None, None]]
    ) -> Steps:
        """Go through a list from its first element on; ``take`` gets some of them at a time, as places."""
        frame = self._frame
        first = at
        while True:
            some = common.match(frame, at, first + PORTION)
            if some is not None:
                at = some.end()
                yield
            begun = at
            at = yield from self._value(at)
            behind = _BEHIND.match(frame, at, at + LONGEST)
            if behind is None or behind[1] == b"}":
                raise NoCallError("a list is not well-formed")
            if at - begun > PORTION and first < begun:
                yield from take(first, begun - 1)
                first = begun
            if behind[1] == b"]":
                yield from take(first, at)
                return behind.end()
            if at - first >= PORTION:
                yield from take(first, at)
                first = behind.end()
            at = behind.end()

    def _members(self, at: int, wanted: dict[bytes, Callable[[int], Steps]]) -> Steps:
        """Go through an object; of the wanted members, each of which may be there once, as they say."""
        frame = self._frame
        opened = _TOKEN.match(frame, at, at + LONGEST)
        if opened is None or opened[1] != b"{":
            return (yield from self._value(at))
        at = opened.end()
        while (key := _KEY.match(frame, at, at + LONGEST)) is not None:
            if b"\\" in key[1]:
                raise NoCallError("the names of its members are to be written without escapes")
            special = wanted.get(key[1])
            if special is None:
                at = yield from self._value(key.end())
            else:
                wanted = {**wanted, key[1]: _twice(key[1])}
                at = yield from special(key.end())
            behind = _BEHIND.match(frame, at, at + LONGEST)
            if behind is None:
                break
            at = behind.end()
            if behind[1] == b"}":
                return at
        raise NoCallError("an object is not well-formed")

    def _value(self, at: int) -> Steps:
        """Pass over a value, whatever is in it; what it is will be seen by whoever reads it."""
        frame = self._frame
        depth = 0
        simple = _SIMPLE.match(frame, at, at + LONGEST)
        while True:
            self._passed += 1
            if self._passed % _TOKENS == 0:
                yield
            if simple is not None:
                return simple.end()
            token = _TOKEN.match(frame, at, at + LONGEST)
            if token is None:
                raise NoCallError("it ends too early, or a text in it is too long")
            at = token.end()
            depth += _DEEPER.get(token[1], 0)
            if not 0 <= depth <= _DEEPEST:
                raise NoCallError("a value is missing" if depth < 0 else "it is nested too deep")
            if depth == 0:
                return at


_SIMPLE = re.compile(rb'\s*+(?:"(?:[^"\\]++|\\.)*+"|[^\s"\[\]{},:]++)', re.DOTALL)
_DEEPER = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def _twice(key: bytes) -> Callable[[int], Steps]:
    def refuse(at: int) -> NoReturn:
        raise NoCallError(f"{key.decode()} is given twice")

    return refuse
