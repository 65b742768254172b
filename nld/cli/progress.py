"""How far a long batch is: one line on the terminal, only when it takes longer than a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

PATIENCE = 1.0
"""Seconds before anything is shown."""

_ERASE = "\r\x1b[K"
"""To the beginning of the line, and erase to its end (ECMA-48, EL)."""


class Progress:
    """Shows the number of routes done so far, and the speed, if ``stream`` is a terminal.

    ``clock`` is for tests.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._wanted = stream.isatty()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def show(self, done: int) -> None:
        """Show that ``done`` routes are done."""
        seconds = self._clock() - self._start
        if self._wanted and seconds >= PATIENCE:
            self._write(f"{_ERASE}{done:,} routes, {done / seconds:,.0f} a second")
            self._shown = True

    def pause(self) -> None:
        """Erase the line, so that something else can be printed."""
        if self._shown:
            self._write(_ERASE)
            self._shown = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
