"""How far a long batch is: one line on the terminal, only when it takes longer than a second.

rich draws it, and is imported at that moment only.  Nothing is shown when standard error is no terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.status import Status

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Progress:
    """Told the number of routes done so far; shows it with the speed.

    ``clock`` is for tests.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._wanted = stream.isatty()
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def show(self, done: int) -> None:
        """Show that ``done`` routes are done."""
        seconds = self._clock() - self._start
        if not self._wanted or seconds < PATIENCE:
            return
        text = f"{done:,} routes, {done / seconds:,.0f} a second"
        if self._status is None:
            from rich.console import Console  # noqa: PLC0415 (imported when it is first shown)

            self._status = Console(file=self._stream).status(text)
            self._status.start()
        self._status.update(text)

    def pause(self) -> None:
        """Take the line off the terminal, so that something else can be printed."""
        if self._status is not None:
            self._status.stop()
            self._status = None
