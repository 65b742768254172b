"""Lingering: after an answer to a busy peer, the event loop looks for the next call before it sleeps.

A program that does one thing after the other comes back some ten to two hundred microseconds after an answer.
For a processor to fall asleep and wake up takes as long, in a virtual machine above all, and what it had in
its caches is gone.  So when a call came a moment after the answer before it, the loop goes
round without sleeping for one moment after its answer too, and serves everybody as always meanwhile.

Who calls now and then is never waited for, and whoever stops has the loop go round in vain for one moment.
With one processor there is no lingering: it is the peer that needs it.
"""

from __future__ import annotations

import asyncio
import os
import time

MOMENT = 0.0002
"""Seconds within which a peer that does one thing after the other comes back."""


class Linger:
    """What an event loop does between an answer and sleep."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until = 0.0
        self._goes_round = False
        self._alone = len(os.sched_getaffinity(0)) < 2

    def answered(self, before: float, came: float) -> float:
        """An answer went out: linger, if its call came a moment after the answer before it.

        ``before``, ``came``  time.monotonic() of that answer and of the call.

        Returns the time of this answer.
        """
        now = time.monotonic()
        if came - before < MOMENT and not self._alone:
            self._until = now + MOMENT
            if not self._goes_round:
                self._goes_round = True
                self._loop.call_soon(self._go_round)
        return now

    def _go_round(self) -> None:
        if time.monotonic() < self._until:
            self._loop.call_soon(self._go_round)
        else:
            self._goes_round = False
