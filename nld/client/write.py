"""A write of any size, as calls of bounded size. No I/O.

The daemon validates a call as a whole before it does anything else for anybody, so one call of a
million routes would make everybody wait.  ``Write`` cuts the list into calls of about
``CALL_BYTES`` each, cuts a record with a very long list of destinations into several, and puts the
answers together again as if it had been one call: the sum of what was done, positions counted from
the beginning of the caller's list.

What is different from one call: a record that is invalid stops the calls after it, and those before
it are done by then (``done`` says how many routes).  Routes that the kernel refuses stop nothing, in
one call as in many.

Does not belong here: sending (``blocking.py``, ``asynchronous.py``).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from nld.client.protocol import Reply, RouteLike, dump, encode_json
from nld.errors import NldError, ProtocolBroken

CALL_BYTES: Final = 256 * 1024
"""Size at which a write is cut, in bytes of JSON: what the daemon validates in about 10 ms."""
WINDOW: Final = 2
"""Calls that are sent before the first is answered: the client encodes while the daemon writes."""
FAILURES: Final = 100
"""Failures that are kept in the error of a write (as the daemon does in one call)."""

_SLICE: Final = 512
_RECORD_FIELD = re.compile(r"routes\[(\d+)\](?:\.dst\[(\d+)\])?")


class _Part(NamedTuple):
    """Records as JSON without brackets; where they begin in the caller's list and in a record's ``dst``."""

    text: bytes
    first: int
    first_destination: int = 0
    whole: bool = True


class Write:
    """One write method with its routes.

    ``method``      full name, such as ``io.nld.Add``.
    ``parameters``  the others than ``routes``; those that are None are left out.
    ``call_bytes``  size at which to cut; the longest single record may exceed it.
    """

    def __init__(
        self,
        method: str,
        routes: Sequence[RouteLike],
        parameters: Mapping[str, Any],
        call_bytes: int = CALL_BYTES,
    ) -> None:
        self._method = method
        self._routes = routes
        self._rest = {name: value for name, value in parameters.items() if value is not None}
        self._call_bytes = call_bytes
        self._sent: deque[_Part] = deque()
        self._done = 0
        self._failed = 0
        self._failures: list[dict[str, Any]] = []
        self._error: NldError | None = None
        self._stopped = False

    def frames(self) -> Iterator[bytes]:
        """The calls, NUL included. Ends early once an answer says that there is no point in more."""
        before = b'{"method":"%b","parameters":{"routes":[' % self._method.encode("ascii")
        rest = encode_json(self._rest)
        after = b"],%b}\0" % rest[1:] if self._rest else b"]}}\0"
        for part in self._parts():
            if self._stopped:
                return
            self._sent.append(part)
            yield b"".join((before, part.text, after))

    @property
    def in_flight(self) -> int:
        """Calls that were taken from ``frames`` and not answered yet."""
        return len(self._sent)

    def absorb(self, answer: Reply | NldError) -> None:
        """Take the answer to the oldest call in flight."""
        part = self._sent.popleft()
        if isinstance(answer, Reply):
            done = answer.values().get("done")
            if not isinstance(done, int):
                raise ProtocolBroken(f"the reply to {self._method} does not say what was done")
            self._done += done
            return
        self._done += answer.done or 0
        _shift(answer, part)
        if self._error is None:
            self._error = answer
        if answer.failed is None:
            self._stopped = True
        else:
            self._failed += answer.failed
            room = FAILURES - len(self._failures)
            self._failures += [_shifted(failure, part) for failure in answer.failures[:room]]

    def result(self) -> int:
        """Routes done. Raises the first error, with the sums of the whole write."""
        if self._error is None:
            return self._done
        self._error.done = self._done
        if self._failed:
            self._error.failed = self._failed
            self._error.failures = tuple(self._failures)
        raise self._error

    # -- cutting

    def _parts(self) -> Iterator[_Part]:
        """Parts of about ``call_bytes``, in order."""
        texts: list[bytes] = []
        size = 0
        first = 0
        for start in range(0, len(self._routes), _SLICE):
            for part in self._cut(self._routes[start : start + _SLICE], start):
                if texts and (not part.whole or size + len(part.text) > self._call_bytes):
                    yield _Part(b",".join(texts), first)
                    texts, size = [], 0
                if not part.whole:
                    yield part
                    continue
                if not texts:
                    first = part.first
                texts.append(part.text)
                size += len(part.text) + 1
        if texts or not self._routes:
            yield _Part(b",".join(texts), first)

    def _cut(self, records: Sequence[RouteLike], first: int) -> Iterator[_Part]:
        text = encode_json(records)[1:-1]
        if len(text) <= self._call_bytes:
            yield _Part(text, first)
        elif len(records) > 1:
            middle = len(records) // 2
            yield from self._cut(records[:middle], first)
            yield from self._cut(records[middle:], first + middle)
        else:
            yield from self._cut_destinations(records[0], text, first)

    def _cut_destinations(self, record: RouteLike, text: bytes, first: int) -> Iterator[_Part]:
        values = dump(record)
        destinations = values.get("dst")
        if not isinstance(destinations, list) or len(destinations) < 2:
            yield _Part(text, first)
            return
        parts = min(len(destinations), len(text) // self._call_bytes + 1)
        step = -(-len(destinations) // parts)
        for start in range(0, len(destinations), step):
            values["dst"] = destinations[start : start + step]
            yield _Part(encode_json(values), first, start, whole=False)


def _shift(error: NldError, part: _Part) -> None:
    """Count an error's positions from the beginning of the caller's list."""
    if error.index is not None:
        error.index += part.first
    if error.destination_index is not None:
        error.destination_index += part.first_destination
    if error.field is not None:
        error.field = _shifted_field(error.field, part)


def _shifted(failure: Mapping[str, Any], part: _Part) -> dict[str, Any]:
    """As ``_shift``, for one of the failures of an error."""
    shifted = dict(failure)
    if "index" in shifted:
        shifted["index"] += part.first
    if "destination_index" in shifted:
        shifted["destination_index"] += part.first_destination
    if "field" in shifted:
        shifted["field"] = _shifted_field(shifted["field"], part)
    return shifted


def _shifted_field(field: str, part: _Part) -> str:
    def shift(match: re.Match[str]) -> str:
        record = f"routes[{int(match[1]) + part.first}]"
        return record if match[2] is None else f"{record}.dst[{int(match[2]) + part.first_destination}]"

    return _RECORD_FIELD.sub(shift, field, count=1)
