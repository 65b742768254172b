"""Failures: what went wrong in one call, route by route, and the one error that tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from nld.errors import NldError
from nld.kernel.table import Operation

REPORTED = 100
"""Failures of one call that are told in full; the rest is counted."""

Why: TypeAlias = NldError | Callable[[], NldError]
"""What is wrong with a route, or what puts it into words: of a hundred thousand few are told."""


class Failures:
    """The routes of one call that were not written.

    ``where``  for the n-th route of the call, its record's place in the call, and its own place in the
               record's list of destinations, or None when there is no list.
    """

    def __init__(self, operation: Operation, where: Callable[[int], tuple[int, int | None]]) -> None:
        self.count = 0
        self._told: list[NldError] = []
        self._operation = operation
        self._where = where

    @property
    def first(self) -> NldError:
        """The first failure; there must be one."""
        return self._told[0]

    def add(self, why: Why, nth: int) -> None:
        """Note the failure of the n-th route of the call."""
        self.count += 1
        if len(self._told) < REPORTED:
            error = why if isinstance(why, NldError) else why()
            error.operation = self._operation.value
            error.index, error.destination_index = self._where(nth)
            if error.field:
                error.field = f"routes[{error.index}].{error.field}"
            self._told.append(error)

    def error(self, done: int) -> NldError:
        """The call's error: the first failure, and what became of the rest."""
        first = self.first
        first.failures = tuple({"error": error.name, **error.parameters()} for error in self._told)
        first.done = done
        first.failed = self.count
        return first
