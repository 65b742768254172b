"""Pacing: what a reading use case says when it has nothing to give yet.

The event loop is everybody's, so whatever may take long is a generator whose every step is short: a
datagram of a dump, ``STEP`` keys of the mirror, a few look-ups.  Where a step has nothing to give
it yields a pause.  Who drives it decides when the next step is due, and who else comes before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

STEP: Final = 1024
"""Keys of the mirror that are looked at in one step: some tenths of a millisecond where few are wanted.
Where all are, it gives 100 KB of rows and as much text, which are held while the peer does not read."""

SLICE: Final = 0.003
"""Seconds of such steps in one turn of the loop."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing to give yet.

    ``until``  what to await before the next step, for however long; until then nothing is held for this
               one. None: there is more to do, and others may come first.
    """

    until: Callable[[], Awaitable[object]] | None = None


class Pace:
    """Has many short steps taken, by one after the other, and others come in between."""

    def __init__(self) -> None:
        self._taken = asyncio.Lock()

    async def go(self, steps: Iterator[None]) -> None:
        """Take all steps; what takes no longer than SLICE waits for nobody, and nobody for it."""
        began = time.monotonic()
        if _some(steps):
            async with self._taken:
                await asyncio.sleep(0)
                while _some(steps):  # noqa: ASYNC110 - nothing is waited for, others get their turn
                    await asyncio.sleep(0)
        elif time.monotonic() - began > SLICE:  # the last step was long
            await asyncio.sleep(0)


def _some(steps: Iterator[None]) -> bool:
    """Take steps for SLICE; whether there are more."""
    end = time.monotonic() + SLICE
    return any(time.monotonic() >= end for _ in steps)


BREATH: Final = Pause()
"""The pause between two pieces of work."""
