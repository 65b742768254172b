"""A write of any size, as calls of bounded size. No I/O.

The daemon validates a call as a whole before it does anything else for anybody, so one call of a
million routes would make everybody wait.  ``Write`` therefore

- sends neighbours that differ in ``dst`` only as one record with a list of destinations, which costs
  the daemon a hundredth of as many records,
- cuts what is long, lists of destinations too, into calls of about ``CALL_BYTES`` each,
- puts the answers together as if the caller's list had been one call: the sum of what was done, and
  positions counted in the caller's list.

What is different from one call: a record that is invalid stops the calls after it, and those before
it are done by then (``done`` and the error's words say how many routes).  Then all of the list is checked
once more (``check.py``), so that the error tells what is wrong with every record, however it was cut.
Routes that the kernel refuses stop nothing, in one call as in many.

Does not belong here: sending (``blocking.py``, ``asynchronous.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias, cast

from nld.client.protocol import Reply, RouteLike, dump, encode_json, too_long
from nld.errors import (
    ConnectionFailed,
    DeviceNotFound,
    InvalidRecord,
    LimitExceeded,
    NldError,
    NoAnswer,
    ProtocolBroken,
    Unsupported,
)
from nld.traced import RecordPosition, traced

CALL_BYTES: Final = 256 * 1024
"""Size at which a write is cut, in bytes of JSON: what the daemon validates in about 10 ms."""
WINDOW: Final = 2
"""Calls that are sent before the first is answered: the client encodes while the daemon writes."""
COMPLAINTS: Final = (InvalidRecord, Unsupported, DeviceNotFound)
"""Errors that may be about more records than were told."""
FAILURES: Final = 100
"""Failures that are kept in the error of a write (as the daemon does in one call)."""

_SLICE: Final = 512
_GATHERED: Final = 8192

_Origin: TypeAlias = tuple[int, int, bool]
"""Where a record that is sent comes from in the caller's list (a bare tuple, for each record has one):

the record, or the first of those that were gathered into it; the position of its first destination in the
caller's record; whether its destinations are records of their own in the caller's list.
"""

_Item: TypeAlias = tuple[RouteLike, _Origin]
"""A record to send."""


class _Part(NamedTuple):
    """Records as JSON without brackets, where each comes from, and how many routes they are."""

    text: bytes
    origins: tuple[_Origin, ...]
    routes: int


def alone(
    method: str, routes: Sequence[RouteLike], parameters: Mapping[str, Any], call_bytes: int = CALL_BYTES
) -> bytes | None:
    """The call for a write of one record, NUL included; None for many, and for one that must be cut.

    What the daemon answers to it is the answer to the write.  The arguments are those of ``Write``.
    """
    if len(routes) != 1:
        return None
    text = encode_json(routes[0])
    return _frame(method, text, parameters) if len(text) <= call_bytes else None


def done_of(method: str, answer: Reply | NldError) -> int:
    """How many routes were done, by the daemon's answer. Raises it if it is an error."""
    if isinstance(answer, NldError):
        answer.done = answer.done or 0
        raise answer
    done = answer.values().get("done")
    if type(done) is not int or done < 0:
        raise ProtocolBroken(f"the reply to {method} does not say what was done")
    return done


def all_told(complaints: Sequence[NldError]) -> NldError:
    """The first of the complaints about a call that was refused, with all of them."""
    error = complaints[0]
    error.failures = tuple({"error": found.name, **found.parameters()} for found in complaints)
    error.failed = len(complaints)
    return error


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
        self._parameters = parameters
        self._call_bytes = call_bytes
        self._sent: deque[_Part] = deque()
        self._done = 0
        self._failed = 0
        self._failures: list[Mapping[str, Any]] = []
        self._error: NldError | None = None
        self._stopped = False
        self.complained = False
        """Whether the daemon refused a call for what is wrong with its records."""

    def frames(self) -> Iterator[bytes]:
        """The calls, NUL included. Ends early once an answer says that there is no point in more."""
        for part in self._parts():
            if self._stopped:
                return
            self._sent.append(part._replace(text=b""))
            yield _frame(self._method, part.text, self._parameters)

    @property
    def in_flight(self) -> int:
        """Calls that were taken from ``frames`` and not answered yet."""
        return len(self._sent)

    def absorb(self, answer: Reply | NldError) -> None:
        """Take the answer to the oldest call in flight."""
        part = self._sent.popleft()
        if isinstance(answer, Reply):
            self._done += done_of(self._method, answer)
            return
        done, failed = answer.done or 0, answer.failed
        self._done += done
        traced(answer, partial(_origin, part.origins))
        if self._error is None:
            self._error = answer
        if isinstance(answer, InvalidRecord) or failed is None or done + failed != part.routes:
            self._stopped = True  # the call was refused as a whole
            self.complained |= isinstance(answer, COMPLAINTS)
        else:
            self._failed += failed
            self._failures += answer.failures[: FAILURES - len(self._failures)]

    def complain(self, complaints: Sequence[NldError]) -> None:
        """Take all that is wrong with the records; what became of the write is told by it."""
        if complaints:
            told = tuple({"error": error.name, **error.parameters()} for error in complaints)
            self._failures = [*self._failures, *told]
            self._failed += len(complaints)
            if self._error is None or isinstance(self._error, COMPLAINTS):
                self._error = complaints[0]

    def broken_off(self, error: NldError) -> NldError:
        """What to raise when the connection failed in the middle of the calls: what was done is told."""
        if isinstance(error, ConnectionFailed):
            error = NoAnswer(
                f"{error.message.partition('; ')[0]}; {self._known()}", operation=error.operation
            )
        elif isinstance(error, LimitExceeded) and error.field == "message_bytes" and self._sent:
            first, *others = self._sent[0].origins
            if not others:
                too_long(error, first[0])
        error.done = self._done
        return error

    def _known(self) -> str:
        return f"{self._done} routes were done before; whether others were is not known"

    def result(self) -> int:
        """Routes done. Raises the first error, with the sums of the whole write."""
        error = self._error
        if error is None:
            return self._done
        error.done = self._done
        if self._failed:
            error.failed = self._failed
            error.failures = tuple(self._failures)
        if self.complained and self._done:
            error.message += f" ({self._done} routes of the list had been written)"
            error.args = (error.message,)
        raise error

    # -- cutting

    def _parts(self) -> Iterator[_Part]:
        """Parts of about ``call_bytes``, in order; one without records when there are none."""
        texts: list[bytes] = []
        origins: tuple[_Origin, ...] = ()
        size = routes = 0
        items = self._gathered()
        while slice_ := list(islice(items, _SLICE)):
            for part in self._cut(slice_):
                if texts and size + len(part.text) > self._call_bytes:
                    yield _Part(b",".join(texts), origins, routes)
                    texts, origins, size, routes = [], (), 0, 0
                texts.append(part.text)
                origins += part.origins
                size += len(part.text) + 1
                routes += part.routes
        if texts or not self._routes:
            yield _Part(b",".join(texts), origins, routes)

    def _gathered(self) -> Iterator[_Item]:
        """The caller's records, neighbours that differ in ``dst`` only as one."""
        first = 0
        head: dict[str, Any] = {}
        destinations: list[str] = []
        for index, record in enumerate(cast("Sequence[Any]", self._routes)):
            destination = record.get("dst") if isinstance(record, dict) else None
            if not isinstance(record, dict) or not isinstance(destination, str):
                yield from _gathering(destinations, head, first)
                destinations = []
                yield record, (index, 0, False)
            elif destinations and record | {"dst": destinations[0]} == head and len(destinations) < _GATHERED:
                destinations.append(destination)
            else:
                yield from _gathering(destinations, head, first)
                first, head, destinations = index, record, [destination]
        yield from _gathering(destinations, head, first)

    def _cut(self, items: Sequence[_Item]) -> Iterator[_Part]:
        text = encode_json([record for record, _ in items])[1:-1]
        if len(text) <= self._call_bytes:
            routes = sum([_routes_of(record) for record, _ in items])
            yield _Part(text, tuple([origin for _, origin in items]), routes)
        elif len(items) > 1:
            middle = len(items) // 2
            yield from self._cut(items[:middle])
            yield from self._cut(items[middle:])
        else:
            yield from self._cut_destinations(items[0], text)

    def _cut_destinations(self, item: _Item, text: bytes) -> Iterator[_Part]:
        whole, origin = item
        values = dump(whole)
        destinations = values.get("dst")
        if not isinstance(destinations, list) or len(destinations) < 2:
            yield _Part(text, (origin,), _routes_of(values))
            return
        parts = min(len(destinations), len(text) // self._call_bytes + 1)
        step = -(-len(destinations) // parts)
        record, _, gathered = origin
        for start in range(0, len(destinations), step):
            values["dst"] = destinations[start : start + step]
            origin = (record + start, 0, True) if gathered else (record, start, False)
            yield _Part(encode_json(values), (origin,), _routes_of(values))


def _frame(method: str, text: bytes, parameters: Mapping[str, Any]) -> bytes:
    """A call with these records and the parameters that are not None."""
    rest = encode_json({name: value for name, value in parameters.items() if value is not None})
    end = b"]}}\0" if rest == b"{}" else b"],%b}\0" % rest[1:]
    return b'{"method":"%b","parameters":{"routes":[%b%b' % (method.encode("ascii"), text, end)


def _gathering(destinations: list[str], head: dict[str, Any], first: int) -> Iterator[_Item]:
    if len(destinations) == 1:
        yield head, (first, 0, False)
    elif destinations:
        yield head | {"dst": destinations}, (first, 0, True)


def _routes_of(record: RouteLike) -> int:
    """How many routes a record stands for."""
    destination = record.get("dst") if isinstance(record, dict) else getattr(record, "dst", None)
    return len(destination) if isinstance(destination, list) else 1


def _origin(origins: Sequence[_Origin], index: int, destination: int | None) -> RecordPosition:
    """Where a record of a call stands in the caller's list."""
    if not 0 <= index < len(origins):
        return index, destination
    record, first, gathered = origins[index]
    if gathered:
        return record + (destination or 0), None
    return record, None if destination is None else destination + first
