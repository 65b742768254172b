"""Dated values: what something was called, or was, at a time that is counted in changes.

What was told of a route is taken back in the same words, even when a device has another name by then, or a
nexthop object is gone.  So the last values of each are kept with the time since when they held.
"""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")

KEPT = 8
"""Values of one key that are remembered, the present one among them."""

FORMER = 4096
"""Keys that are gone and whose last value is remembered."""


class Dated(Generic[V]):
    """Values by number, each with the time since when it held."""

    def __init__(self) -> None:
        self._values: dict[int, list[tuple[int, V | None]]] = {}
        self._gone: dict[int, None] = {}

    def last(self, key: int) -> V | None:
        """The value now, or the last one of what is gone."""
        values = self._values.get(key)
        return None if values is None else values[-1][1]

    def at(self, key: int, time: int) -> V | None:
        """The value at a time; the oldest that is remembered for what is longer ago."""
        values = self._values.get(key)
        if values is None:
            return None
        return next((value for since, value in reversed(values) if since <= time), values[0][1])

    def put(self, key: int, value: V, time: int) -> None:
        """From this time on it is this value."""
        self._gone.pop(key, None)
        self._values[key] = [*self._values.get(key, ()), (time, value)][-KEPT:]

    def unknown(self, key: int, time: int) -> None:
        """Up to now nobody knew what it is, and some were told so."""
        self._values[key] = [(time, None)]

    def lose(self, key: int) -> None:
        """It is gone; what it was last is remembered."""
        if key in self._values:
            self._gone[key] = None
        if len(self._gone) > FORMER:
            oldest = next(iter(self._gone))
            del self._gone[oldest], self._values[oldest]

    def regain(self, key: int) -> None:
        """It is there again, as it was."""
        self._gone.pop(key, None)
