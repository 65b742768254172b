"""Intermediate changes: what happens on the way of one operation that takes several steps.

Some operations need several steps in the kernel, and only their sum is what happened: a route replaced by way
of a stand-in was replaced.  While such an operation is under way the changes at its keys are kept back here;
then their sum is told.  Everything else is told at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeAlias

from nld.rib.mirror import S

Row: TypeAlias = tuple[bytes, S | None, S | None, int | None, str | None, int]
"""A change that nobody has read yet: destination, old, new, port id, cause, naming."""


class Intermediate(Generic[S]):
    """The changes at some keys of the mirror that are kept back."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = frozenset(keys)
        self._rows: list[Row[S]] = []

    def keep(self, rows: Iterable[Row[S]]) -> list[Row[S]]:
        """Keep back those that are about the keys, and return the others."""
        others: list[Row[S]] = []
        for row in rows:
            shape = row[2] or row[1]
            renamed = row[1] is row[2]  # which is told at once: the route stays what it was
            kept = shape is not None and not renamed and shape.place + row[0] in self._keys
            (self._rows if kept else others).append(row)
        return others

    def __bool__(self) -> bool:
        """Whether anything is kept."""
        return bool(self._rows)

    def about(self, keys: Iterable[bytes]) -> bool:
        """Whether something is kept that may have happened at one of these keys."""
        return bool(self._rows) and not self._keys.isdisjoint(keys)

    def sum(self) -> list[Row[S]]:
        """What the changes kept so far come to; they are kept no longer."""
        rows, self._rows = self._rows, []
        by_key: dict[bytes, list[Row[S]]] = {}
        for row in rows:
            shape = row[2] or row[1]
            assert shape is not None
            by_key.setdefault(shape.place + row[0], []).append(row)
        return [row for some in by_key.values() for row in _sum(some)]


def _sum(rows: list[Row[S]]) -> list[Row[S]]:
    """Of one key."""
    gone: list[Row[S]] = []
    come: list[Row[S]] = []
    for row in rows:
        old, new = row[1], row[2]
        if old is not None:
            _cancel(come, old, 2, gone, row)
        if new is not None:
            _cancel(gone, new, 1, come, row)
    told: list[Row[S]] = []
    for destination, _, new, port_id, cause, naming in come:
        assert new is not None
        before = next((row for row in gone if row[1] is not None and row[1].rank == new.rank), None)
        if before is not None:
            gone.remove(before)
        told.append((destination, None if before is None else before[1], new, port_id, cause, naming))
    deleted: list[Row[S]] = [(row[0], row[1], None, *row[3:]) for row in gone]
    return deleted + told


def _cancel(rows: list[Row[S]], shape: S, column: int, others: list[Row[S]], row: Row[S]) -> None:
    """Take out the row that has this route in its old (1) or new (2) column; without one, note this row."""
    for place, earlier in enumerate(rows):
        if earlier[column] is shape:
            del rows[place]
            return
    others.append(row)
