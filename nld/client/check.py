"""All complaints about many records, whatever the daemon says of them in one answer. No I/O.

The daemon tells at most 100 complaints about a call, and those of one kind before it looks for the next
(fields, then destinations, then what the kernel table lacks).  So what it complained of is taken out, and
the rest is asked about again, until nothing is left or all of it is right.  Records go as the caller has
them, in small calls, so that the answer does not depend on how a write would be cut.  A record that is too
long to be asked about is one complaint more; one that has more than 100 ends with the word that there are.

Does not belong here: writing (``write.py``), sending.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nld.client.protocol import Reply, RouteLike, dump, encode_json, too_long
from nld.errors import InvalidRecord, LimitExceeded, NldError, from_parameters
from nld.traced import RecordPosition, traced

CALL_BYTES: Final = 14 * 1024
"""Size of one call's records, in bytes of JSON, unless one of them is longer: read in some milliseconds."""


@dataclass(slots=True)
class _Asked:
    """A record that is asked about.

    ``index``   its place in the caller's list.
    ``places``  for a list of destinations that is not whole any more: their places in the caller's.
    """

    index: int
    record: RouteLike
    places: list[int] | None = None

    def without(self, positions: set[int]) -> _Asked | None:
        """The record without these of its destinations; None when none is left."""
        values = dump(self.record)
        listed = list(enumerate(values["dst"]))
        left = [(place, text) for place, text in listed if place not in positions]
        before = self.places or range(len(listed))
        values["dst"] = [text for _, text in left]
        return _Asked(self.index, values, [before[place] for place, _ in left]) if left else None


class Check:
    """Asks about records; ``found`` has the complaints, in the order of the caller's list at the end.

    ``operation``, ``kernel``  as the daemon's Validate takes them.
    """

    def __init__(self, routes: Sequence[RouteLike], operation: str, kernel: str | None) -> None:
        self.found: list[NldError] = []
        self._routes = routes
        self._rest = {"operation": operation, "kernel": kernel}
        self._asked: list[_Asked] = []
        self._later: list[_Asked] = []

    def questions(self) -> Iterator[Mapping[str, Any]]:
        """The parameters of each call. Give its answer to ``absorb`` before the next is taken."""
        part: list[_Asked] = []
        size = 0
        for asked, length in self._small():
            if part and size + length > CALL_BYTES:
                yield from self._until_right(part)
                part, size = [], 0
            part.append(asked)
            size += length + 1
        if part:
            yield from self._until_right(part)
        self._once()
        self.found.sort(key=lambda error: (error.index or 0, error.destination_index or 0))

    def _small(self) -> Iterator[tuple[_Asked, int]]:
        """The records, a long list of destinations in parts, and the bytes of each."""
        for index, record in enumerate(self._routes):
            length = len(encode_json(record))
            if length > CALL_BYTES:
                values = dump(record)
                destinations = values.get("dst")
                if isinstance(destinations, list) and len(destinations) > 1:
                    step = max(1, len(destinations) * CALL_BYTES // (2 * length))
                    for start in range(0, len(destinations), step):
                        part = {**values, "dst": destinations[start : start + step]}
                        places = list(range(start, start + len(part["dst"])))
                        yield _Asked(index, part, places), len(encode_json(part))
                    continue
            yield _Asked(index, record), length

    def _until_right(self, part: list[_Asked]) -> Iterator[Mapping[str, Any]]:
        self._asked = part
        while self._asked or self._later:
            if not self._asked:
                self._asked, self._later = self._later, []
            yield {"routes": [asked.record for asked in self._asked], **self._rest}

    def absorb(self, answer: Reply | NldError) -> None:
        """Take the answer to the call. Raises it when it is not about the records."""
        if isinstance(answer, Reply):
            self._asked = []
            return
        if isinstance(answer, LimitExceeded) and answer.field == "message_bytes":
            self._too_long(answer)
            return
        bad: dict[int, set[int]] = {}
        for failure in answer.failures or (answer.parameters(),):
            index, place = failure.get("index"), failure.get("destination_index")
            if not isinstance(index, int) or not 0 <= index < len(self._asked):
                continue
            error = from_parameters(str(failure.get("error", answer.name)), failure)
            error.failures = ()
            error.failed = None
            self.found.append(traced(error, self._position))
            bad.setdefault(index, set()).add(-1 if place is None else place)
        if not bad:
            raise answer
        untold = (answer.failed or 0) - len(answer.failures)
        if untold > 0 and len(bad) > 1:
            bad.popitem()  # the last one may have more, so it is asked about again
        elif untold > 0 and len(self._asked) > 1:
            [index] = bad
            self._later = self._asked[:index] + self._asked[index + 1 :] + self._later
            self._asked = [self._asked[index]]
            return
        elif untold > 0 and {-1} in bad.values():
            path = f"routes[{self._asked[0].index}]"
            words = f"{path}: {untold} or more further fields of this record are wrong"
            self.found.append(InvalidRecord(words, field=path, index=self._asked[0].index))
        left = [
            asked if positions is None else None if -1 in positions else asked.without(positions)
            for asked, positions in ((asked, bad.get(at)) for at, asked in enumerate(self._asked))
        ]
        self._asked = [asked for asked in left if asked is not None]

    def _too_long(self, answer: LimitExceeded) -> None:
        """A call was: ask about half of its records, or complain of the only one."""
        half = len(self._asked) // 2
        if half:
            self._asked, self._later = self._asked[:half], self._asked[half:] + self._later
            return
        [asked] = self._asked
        self.found.append(too_long(answer, asked.index))
        self._asked = []

    def _once(self) -> None:
        """A record that was asked about in parts is complained of once, but for its destinations."""
        told = {(e.index, e.destination_index, e.field, e.message): e for e in reversed(self.found)}
        self.found = list(told.values())[::-1]

    def _position(self, index: int, destination: int | None) -> RecordPosition:
        asked = self._asked[index]
        if destination is None or asked.places is None:
            return asked.index, destination
        return asked.index, asked.places[destination]
