"""Busy polling: after an answer, the event loop looks for the next call for a while before it sleeps.

For a processor to fall asleep and wake up takes some ten to two hundred microseconds, in a virtual machine
above all, and a program that makes one call after the other comes back sooner than that.  So an administrator
may trade processor time for latency, as with the kernel's own ``net.core.busy_poll``: for so many
microseconds after each answer the loop goes round without sleeping, and serves everybody as always meanwhile.
"""

from __future__ import annotations

import asyncio
import time


class BusyPoll:
    """What an event loop does between an answer and sleep.

    ``microseconds``  how long it does not sleep after an answer; 0 sleeps at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, microseconds: int) -> None:
        self._loop = loop
        self._seconds = microseconds / 1e6
        self._until = 0.0
        self._goes_round = False

    def answered(self) -> None:
        """An answer went out."""
        if self._seconds:
            self._until = time.monotonic() + self._seconds
            if not self._goes_round:
                self._goes_round = True
                self._loop.call_soon(self._go_round)

    def _go_round(self) -> None:
        if time.monotonic() < self._until:
            self._loop.call_soon(self._go_round)
        else:
            self._goes_round = False
