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
from nld.prefix import DestinationError, parse_prefix
from nld.records.many import Records
from nld.records.route import RouteRecord

STEP = 256
"""Routes that are looked at in one step, which takes a tenth of a millisecond."""
MADE = 16
"""Patterns that are made in one step: a millisecond, but where one has thousands of next hops."""
COMPLAINTS = 100
"""What is wrong with the records of one call is looked for until so much of it is found, and told."""


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

    They are there when the steps of :meth:`resolve` have been taken.
    """

    def __init__(self, table: KernelTable, operation: Operation, records: Records) -> None:
        self._table = table
        self._operation = operation
        self._records = records
        self._starts: Sequence[int] = ()
        self.patterns: list[Pattern] = []
        self.destinations: list[bytes] = []

    def resolve(self) -> Iterator[None]:
        """Short steps. Raises what is wrong with the records: InvalidRecord, DeviceNotFound, Unsupported; of
        several the first, with all of them in its ``failures``."""
        try:
            self._starts, rests, lengths, self.destinations = self._records.columns
        except DestinationError:
            yield from self._complain()
            raise
        complaints = _Complaints()
        made: dict[tuple[int, int], Pattern] = {}
        complained = -1
        tried = 0
        for nth, kind in enumerate(zip(map(id, rests), lengths, strict=True)):
            pattern = made.get(kind)
            if pattern is None:
                index = self.where(nth)[0]
                if index == complained:
                    continue  # of a list of destinations, all of which have it
                tried += 1
                if tried % MADE == 0:
                    yield
                try:
                    pattern = made[kind] = self._pattern(nth, rests[nth], lengths[nth])
                except NldError as error:
                    complained = index
                    complaints.add(error)
                    if complaints.full:
                        break
                    continue
            self.patterns.append(pattern)
            if nth % STEP == STEP - 1:
                yield
        complaints.raise_first()

    def _pattern(self, nth: int, rest: RouteRecord, length: int) -> Pattern:
        try:
            return self._table.wish(self._operation, rest, length)
        except NldError as error:
            index, _ = self.where(nth)
            if self._records.destinations[index] == rest.dst:
                self._place(error, index)
                raise
        try:  # once more, for the words: with the record's own destination
            return self._table.wish(self._operation, self._records[index], length)
        except NldError as error:
            self._place(error, index)
            raise

    def _place(self, error: NldError, index: int) -> None:
        """Tell which record an error is about."""
        error.operation = self._operation.value
        error.index = index
        error.field = f"routes[{index}].{error.field}" if error.field else f"routes[{index}]"

    def _complain(self) -> Iterator[None]:
        """Raise the error for destinations that are none: the first, and what is wrong with the others."""
        complaints = _Complaints()
        for index, record in enumerate(self._records):
            family = record.address_family
            for position, text in enumerate(record.destinations):
                if (index + position) % STEP == STEP - 1:
                    yield
                try:
                    parse_prefix(text, family)
                except DestinationError as error:
                    complaints.add(self._bad_destination(index, position, error))
                    if complaints.full:
                        complaints.raise_first()
        complaints.raise_first()

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
        start, wanted = 0, most
        while start < len(self.patterns):
            patterns = self.patterns[start : start + wanted]
            destinations = self.destinations[start : start + wanted]
            keys = keys_of(patterns, destinations)
            unlike = _first_again(keys)
            if unlike == len(keys) == wanted < most:
                wanted = min(most, 8 * wanted)
                continue
            if unlike < len(keys):
                patterns, destinations, keys = patterns[:unlike], destinations[:unlike], keys[:unlike]
            yield Piece(start, patterns, destinations, keys)
            start += len(keys)
            wanted = min(most, 2 * unlike)  # where pieces are short, no more is looked at than is written

    def where(self, nth: int) -> tuple[int, int | None]:
        """The n-th route's record in the call, and its place in that record's list, None without a list."""
        index = bisect_right(self._starts, nth) - 1
        listed = not isinstance(self._records.destinations[index], str)
        return index, nth - self._starts[index] if listed else None


class _Complaints:
    """What is wrong with the records of a call."""

    def __init__(self) -> None:
        self._told: list[NldError] = []

    @property
    def full(self) -> bool:
        """Whether so many are told that there is no point in looking for more."""
        return len(self._told) >= COMPLAINTS

    def add(self, error: NldError) -> None:
        self._told.append(error)

    def raise_first(self) -> None:
        """Raise the first, if there is one."""
        if self._told:
            first = self._told[0]
            first.done, first.failed = 0, len(self._told)
            first.failures = tuple({"error": error.name, **error.parameters()} for error in self._told)
            raise first


def keys_of(patterns: Sequence[Pattern], destinations: Sequence[bytes]) -> list[bytes]:
    """The mirror's key of each route."""
    return [pattern.place + destination for pattern, destination in zip(patterns, destinations, strict=True)]


def _first_again(keys: Sequence[bytes]) -> int:
    """The place of the first key that was there before; how many there are where all are unlike."""
    if len(set(keys)) == len(keys):
        return len(keys)
    seen: set[bytes] = set()
    for key in keys:
        if key in seen:
            break
        seen.add(key)
    return len(seen)
