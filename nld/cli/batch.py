"""Many commands from a file: ``nld -batch FILE``, in the form of ``ip -batch``.

Consecutive lines with the same operation go to the daemon in one call, and consecutive lines that
differ in their destination only become one record with a list of destinations.  The order of the lines
is kept: nothing overtakes a line before it, and the same destination twice never shares a call.

Two readers of a line: the grammar, and a short cut for a line whose words equal an earlier line's but
for the destination, so that a hundred thousand routes by a few gateways parse a few lines only.

A call is done in a thread of its own, while the lines behind it are read and grouped, which takes half as
long.  The next call is not sent before the answer has come: only reading runs ahead.

What differs from ``ip`` and is said in the help: without ``-force`` the run stops at the first call
with a failed line, so lines behind it in the same call (up to ``CALL_ROUTES``) may have been done.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from socket import AF_INET6, inet_ntop, inet_pton
from threading import Thread
from typing import Any, NamedTuple

from nld.cli import values
from nld.cli.grammar import Request, WriteRequest, parse
from nld.cli.line import LineError, abbreviates, closest
from nld.cli.values import INET
from nld.errors import NldError

CALL_ROUTES = 5000
"""Most routes in one call: about 100 KB of JSON, and a stop that comes soon after a failure."""
SWITCH = 0.0005
"""Seconds after which reading lets the thread of a call go on; by default it would wait ten times as long."""
_TEMPLATES = 4096

_PLAIN_V4 = re.compile(r"(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})(?:/(?:[1-9]|[12]\d|3[01]))?")
_PLAIN_V6 = re.compile(r"([0-9a-f:]+)/([1-9]\d?|1[01]\d|12[0-7])")
_SPECIAL = re.compile(r"""[#'"\\\ufeff]""")
"""What makes a line more than its words."""
_BLANKS = " \t\r\n"


class BatchLine(NamedTuple):
    """A line with its number (of its last physical line, as ``ip`` counts) and its words."""

    number: int
    words: list[str]


def read_lines(stream: Iterable[str]) -> Iterator[BatchLine]:
    """Lines of words: ``#`` starts a comment, ``\\`` at the end continues, quotes hold blanks.

    Raises :class:`~nld.cli.line.LineError` for an open quote.
    """
    held = ""
    number = 0
    for physical in stream:
        number += 1
        if not (held or _SPECIAL.search(physical)):
            if words := physical.split():
                yield BatchLine(number, words)
            continue
        if number == 1:
            physical = physical.removeprefix("\ufeff")  # noqa: PLW2901 - a byte order mark
        text = held + physical.partition("#")[0] if "#" in physical else held + physical
        if text.endswith("\\\n"):
            held = text[:-2]
            continue
        held = ""
        quoted = "'" in text or '"' in text
        words = _quoted_words(text, number) if quoted else text.split()
        if words:
            yield BatchLine(number, words)
    if held.split():
        yield BatchLine(number, held.split())


def _quoted_words(text: str, number: int) -> list[str]:
    words = []
    at = 0
    while at < len(text):
        if text[at] in _BLANKS:
            at += 1
        elif text[at] in "'\"":
            end = text.find(text[at], at + 1)
            if end < 0:
                raise LineError(f"line {number}: unterminated quote", text.split(), len(text.split()))
            words.append(text[at + 1 : end])
            at = end + 1
        else:
            start = at
            while at < len(text) and text[at] not in _BLANKS:
                at += 1
            words.append(text[start:at])
    return words


@dataclass(slots=True)
class BatchCall:
    """Routes for one call of the daemon, and the batch line of each.

    ``records``  route records; ``dst`` is a list where several lines shared all else.
    ``lines``    for each record the numbers of its lines, in the order of its destinations.
    """

    operation: str
    records: list[dict[str, Any]] = field(default_factory=list)
    lines: list[list[int]] = field(default_factory=list)
    routes: int = 0

    def line_of(self, failure: NldError | dict[str, Any]) -> int | None:
        """The batch line that a failure of this call is about, or None when it names no route."""
        said = failure.parameters() if isinstance(failure, NldError) else failure
        index: int | None = said.get("index")
        if index is None or not 0 <= index < len(self.lines):
            return None
        numbers = self.lines[index]
        position: int = said.get("destination_index") or 0
        return numbers[position if 0 <= position < len(numbers) else 0]


class Grouping:
    """Turns requests into calls. Feed it writes; it hands back a call when one is complete."""

    def __init__(self) -> None:
        self._call: BatchCall | None = None
        self._template: dict[str, Any] | None = None
        self._destinations: set[str] = set()

    def add(self, write: WriteRequest, destination: str, number: int) -> BatchCall | None:
        """Take one route of batch line ``number``; returns the call before it when that is complete.

        ``write.record`` is taken as the same as another's when it is the same object or equal but for
        ``dst``; ``destination`` is this line's own.
        """
        done = None
        call = self._call
        if (
            call is None
            or call.operation != write.operation
            or call.routes >= CALL_ROUTES
            or destination in self._destinations
        ):
            done = self.take()
            call = self._call = BatchCall(write.operation)
        if write.record is not self._template:
            self._template = write.record
            call.records.append({**write.record, "dst": destination})
            call.lines.append([number])
        else:
            record = call.records[-1]
            if len(call.lines[-1]) == 1:
                record["dst"] = [record["dst"]]
            record["dst"].append(destination)
            call.lines[-1].append(number)
        self._destinations.add(destination)
        call.routes += 1
        return done

    def take(self) -> BatchCall | None:
        """The call under way, or None; a new one starts."""
        call, self._call, self._template = self._call, None, None
        self._destinations.clear()
        return call


def _plain6(text: str) -> bool:
    """Whether it is an IPv6 prefix as the grammar would write it."""
    match = _PLAIN_V6.fullmatch(text)
    if match is None:
        return False
    try:
        packed = inet_pton(AF_INET6, match[1])
    except OSError:
        return False
    host_bits = (1 << 128 - int(match[2])) - 1
    return inet_ntop(AF_INET6, packed) == match[1] and not int.from_bytes(packed, "big") & host_bits


class LineReader:
    """Parses batch lines, remembering lines that differ in their destination only."""

    def __init__(self, family: str | None) -> None:
        self._family = family
        self._templates: dict[tuple[str, ...], WriteRequest] = {}

    def parse(self, words: list[str]) -> tuple[Request, str]:
        """The request of one line, and the destination when it is a write.

        Two lines that differ in their destination only give the identical ``WriteRequest``, with the
        destination of the first in it.
        """
        if len(words) < 3:
            return self._parse(words)
        key = (*words[:2], *words[3:])
        template = self._templates.get(key)
        if template is not None:
            if (_PLAIN_V4.fullmatch if template.family == INET else _plain6)(words[2]):
                return template, words[2]
            prefix = values.parse_prefix(words[2], template.family)
            if isinstance(prefix, values.Prefix) and prefix.length and not prefix.host_bits:
                return template, prefix.text
        request, destination = self._parse(words)
        # Only where the destination is the first word does nothing before it settle the family.
        plain = words[2][:1].isdigit() or ":" in words[2]
        if plain and isinstance(request, WriteRequest) and request.spots.get("dst") == 3:
            if len(self._templates) >= _TEMPLATES:
                self._templates.clear()
            self._templates[key] = request
        return request, destination

    def _parse(self, words: list[str]) -> tuple[Request, str]:
        line = ("nld", *words)
        if not abbreviates(words[0], "route"):
            raise LineError(
                f'"{words[0]}" is not a batch command', line, 1, expected="route",
                near=closest(words[0], ("route",)),
            )  # fmt: skip
        request = parse(line, 2, self._family)
        return request, str(request.record["dst"]) if isinstance(request, WriteRequest) else ""


Send = Callable[[BatchCall], None]
"""Does one call; raises NldError."""
RunOne = Callable[[Request], int]
"""Does one request that does not write; returns its exit status."""
Report = Callable[[str, int], None]
"""Told of each failed line: the text of what went wrong, and the line's number."""


class Batch:
    """Runs a batch. ``send``, ``run`` and ``report`` do the work and the talking.

    ``explain``  turns an error (or one of its ``failures``) into text.
    ``progress`` gets the number of routes done, from time to time.
    """

    def __init__(
        self,
        *,
        family: str | None,
        force: bool,
        send: Send,
        run: RunOne,
        report: Report,
        explain: Callable[[NldError | dict[str, Any]], str],
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self._reader = LineReader(family)
        self._grouping = Grouping()
        self._force = force
        self._send = send
        self._run = run
        self._report = report
        self._explain = explain
        self._progress = progress
        self._done = 0
        self._under_way: Thread | None = None
        self._broken: BaseException | None = None
        self._stopped = False
        self.failed = False

    def feed(self, lines: Iterable[BatchLine]) -> int:
        """Do all lines; exit status 0, or 1 when a line failed (as ``ip -batch``)."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        try:
            for number, words in lines:
                if not self._line(number, words):
                    return 1
            self._flush()
        finally:
            self._answered()
            sys.setswitchinterval(before)
        return 1 if self.failed else 0

    def _line(self, number: int, words: list[str]) -> bool:
        """Do one line; False means stop."""
        try:
            request, destination = self._reader.parse(words)
        except LineError as error:
            if not self._flush():
                return False
            return self._fail(error.text(), number)
        if isinstance(request, WriteRequest):
            call = self._grouping.add(request, destination, number)
            return call is None or self._do(call)
        if not self._flush():
            return False
        try:
            status = self._run(request)
        except NldError as error:
            return self._fail(self._explain(error), number)
        return status == 0 or self._fail("", number)

    def _flush(self) -> bool:
        """Do what is grouped, and wait for its answer; False means stop."""
        call = self._grouping.take()
        return (call is None or self._do(call)) and self._answered()

    def _do(self, call: BatchCall) -> bool:
        """Begin with a call when the one before is answered; False means stop."""
        if not self._answered():
            return False
        self._under_way = Thread(target=self._carry, args=(call,), daemon=True)
        self._under_way.start()
        return True

    def _answered(self) -> bool:
        """Wait for the call that is under way; False means stop."""
        if self._under_way is not None:
            self._under_way.join()
            self._under_way = None
        if self._broken is not None:
            broken, self._broken = self._broken, None
            raise broken
        return not self._stopped

    def _carry(self, call: BatchCall) -> None:
        try:
            self._stopped = not self._carried(call)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for the call
            self._broken = error

    def _carried(self, call: BatchCall) -> bool:
        """Do a call and tell what failed, in its thread; False means stop."""
        try:
            self._send(call)
        except NldError as error:
            failures = [dict(failure) for failure in error.failures] or [error.parameters()]
            numbered = sorted(
                ((call.line_of(failure) or call.lines[0][0], failure) for failure in failures),
                key=lambda pair: pair[0],
            )
            for number, failure in numbered:
                self._fail(self._explain(failure), number)
            hidden = (error.failed or 0) - len(failures)
            if hidden > 0:
                self._report(f"nld: {hidden} more lines of this group failed", numbered[-1][0])
            if error.index is None and not error.failures:
                return False
        self._done += call.routes
        self._progress(self._done)
        return self._force or not self.failed

    def _fail(self, text: str, number: int) -> bool:
        self.failed = True
        self._report(text, number)
        return self._force
