"""Wishes: the routes that one call asks to write, as two columns, cut into pieces.

A route is a pattern (all that a record says but the destination) and a destination.  Both columns run
through all records of the call in order, so that a piece is as large as the kernel takes at once,
however few routes a record has.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nld.errors import InvalidRecord, NldError
from nld.kernel.table import KernelTable, Operation, Pattern
from nld.records.destination import DestinationError, parse_prefix
from nld.records.many import Records
from nld.records.route import RouteRecord

COMPLAINTS = 100
"""Bad destinations of one call that are told in full; the rest is counted."""


class Piece(NamedTuple):
    """Routes to be written at once, as columns.

    ``start``         the place of the first one in the call.
    ``patterns``, ``destinations``  as those of :class:`Wishes`; of one operation.
    ``keys``          the mirror's, none twice.
    """

    start: int
    patterns: Sequence[Pattern]
    destinations: Sequence[bytes]
    keys: Sequence[bytes]


class Wishes:
    """The routes of one call.

    ``patterns``, ``destinations``  the columns.

    Raises what is wrong with the records: InvalidRecord, DeviceNotFound, Unsupported.
    """

    def __init__(self, table: KernelTable, operation: Operation, records: Records) -> None:
        self._table = table
        self._operation = operation
        self._records = records
        try:
            self._starts, rests, lengths, self.destinations = records.columns
        except DestinationError:
            raise self._complaint() from None
        self.patterns: list[Pattern] = []
        if len(rests) == 1:
            self.patterns.append(self._pattern(0, rests[0], lengths[0]))
            return
        made: dict[tuple[int, int], Pattern] = {}
        for nth, kind in enumerate(zip(map(id, rests), lengths, strict=True)):
            pattern = made.get(kind)
            if pattern is None:
                pattern = made[kind] = self._pattern(nth, rests[nth], lengths[nth])
            self.patterns.append(pattern)

    def _pattern(self, nth: int, rest: RouteRecord, length: int) -> Pattern:
        try:
            return self._table.wish(self._operation, rest, length)
        except NldError:
            index, _ = self.where(nth)
        try:  # once more, for the words: with the record's own destination
            return self._table.wish(self._operation, self._records[index], length)
        except NldError as error:
            error.operation = self._operation.value
            error.index = index
            error.field = f"routes[{index}].{error.field}" if error.field else f"routes[{index}]"
            raise

    def _complaint(self) -> InvalidRecord:
        """The error for destinations that are none: the first, and what is wrong with the others."""
        complaints: list[InvalidRecord] = []
        count = 0
        for index, record in enumerate(self._records):
            family = record.address_family
            for position, text in enumerate(record.destinations):
                try:
                    parse_prefix(text, family)
                except DestinationError as error:
                    count += 1
                    if len(complaints) < COMPLAINTS:
                        complaints.append(self._bad_destination(index, position, error))
        first = complaints[0]
        if count > 1:
            first.failed = count
            first.failures = tuple(complaint.parameters() for complaint in complaints)
        return first

    def _bad_destination(self, index: int, position: int, error: DestinationError) -> InvalidRecord:
        record = self._records[index]
        listed = isinstance(record.dst, list)
        field = f"routes[{index}].dst[{position}]" if listed else f"routes[{index}].dst"
        return InvalidRecord(
            f"{field}: {error}",
            operation=self._operation.value,
            field=field,
            index=index,
            destination_index=position if listed else None,
            key=record.key_text(record.destinations[position]),
            done=0,
        )

    def pieces(self, most: int) -> Iterator[Piece]:
        """The routes to be written at once, at most so many; none has a key twice.

        What stands at a key is looked at before a piece is written and after it, so what comes between
        two routes of one key must not be in one piece with them.
        """
        start = 0
        while start < len(self.patterns):
            patterns = self.patterns[start : start + most]
            destinations = self.destinations[start : start + most]
            keys = keys_of(patterns, destinations)
            if len(set(keys)) < len(keys):
                unlike = _first_again(keys)
                patterns, destinations, keys = patterns[:unlike], destinations[:unlike], keys[:unlike]
            yield Piece(start, patterns, destinations, keys)
            start += len(keys)

    def where(self, nth: int) -> tuple[int, int | None]:
        """The n-th route's record in the call, and its place in that record's list, None without a list."""
        index = bisect_right(self._starts, nth) - 1
        listed = not isinstance(self._records.destinations[index], str)
        return index, nth - self._starts[index] if listed else None


def keys_of(patterns: Sequence[Pattern], destinations: Sequence[bytes]) -> list[bytes]:
    """The mirror's key of each route."""
    return [pattern.place + destination for pattern, destination in zip(patterns, destinations, strict=True)]


def _first_again(keys: Sequence[bytes]) -> int:
    """The place of the first key that was there before; how many there are where all are unlike."""
    seen: set[bytes] = set()
    for key in keys:
        if key in seen:
            break
        seen.add(key)
    return len(seen)
