"""Failures: what went wrong in one call, route by route, and the one error that tells it."""

from __future__ import annotations

from collections.abc import Callable

from nld.errors import NldError
from nld.kernel.table import Operation

REPORTED = 100
"""Failures of one call that are told in full; the rest is counted."""


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

    def add(self, error: NldError, nth: int) -> None:
        """Note the failure of the n-th route of the call."""
        self.count += 1
        if len(self._told) < REPORTED:
            error.operation = self._operation.value
            error.index, error.destination_index = self._where(nth)
            if error.field:
                error.field = f"routes[{error.index}].{error.field}"
            self._told.append(error)

    def error(self, done: int) -> NldError:
        """The call's error: the first failure, and what became of the rest."""
        first = self.first
        first.done = done
        first.failed = self.count
        if self.count > 1:
            first.failures = tuple(
                {"error": error.name, **error.parameters()} | {"done": None} for error in self._told[1:]
            )
        return first
