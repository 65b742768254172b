"""Turns: no turn of the event loop is long, and between users they go round.

A call takes some tens of microseconds, a piece of a listing a millisecond.  That is nothing, until four
thousand connections want it in the same turn of the loop, and everybody waits for the sum.  So what is
done for peers within one turn is bounded in time.  Who comes while there is time is served at once.  Who
comes later waits: each user in a queue, and the queues take turns, so that a user with a thousand
connections waits for himself, and another for one piece of work of each user before him.

Two things wait here: jobs (a message to be looked at), which run here, and tasks (:meth:`Turns.turn`), which
are woken, and run in the next turn.  How long each will take is not known, so few are woken at a time, and
where the first has used up the turn, the others are the first to be woken again.

Does not belong here: what may be held meanwhile (``room.py``).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TypeAlias

SLICE = 0.003
"""Seconds of work for peers in one turn of the loop; what began within them is finished."""
WOKEN = 3
"""Tasks that are woken in one turn of the loop."""

_Waiting: TypeAlias = "Callable[[], None] | asyncio.Future[None]"


class Turns:
    """Gives out turns in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queues: OrderedDict[int, deque[_Waiting]] = OrderedDict()
        self._ran = False
        """Whether one of those that were woken for this turn has run."""
        self._began = 0.0
        self._worked = 0.0

    def free(self, uid: int) -> bool:
        """Whether there is time for something of this user now, and nothing of his waits.

        The loop does not say when a turn begins.  Where nothing was done for so long there is a new one;
        where something was there may be one, and to wait for it costs a few microseconds.
        """
        if uid in self._queues:
            return False
        now = time.monotonic()
        if now - self._worked >= SLICE:
            self._began = now
        return now - self._began < SLICE

    def worked(self) -> None:
        """Something was done because :meth:`free` said so."""
        self._worked = time.monotonic()

    def soon(self, uid: int, job: Callable[[], None]) -> None:
        """Run a job in a turn to come."""
        self._queue(uid).append(job)

    async def turn(self, uid: int) -> None:
        """Return when a task of this user may do a piece of work: at once while there is time."""
        now = self._worked = time.monotonic()
        if uid not in self._queues and now - self._began < SLICE:
            return
        future = self._loop.create_future()
        self._queue(uid).append(future)
        await future
        while self._ran and time.monotonic() - self._began >= SLICE:
            future = self._loop.create_future()
            self._queue(uid).appendleft(future)
            self._queues.move_to_end(uid, last=False)
            await future
        self._ran = True

    def _queue(self, uid: int) -> deque[_Waiting]:
        """Where what a user has to wait for waits; its turn comes."""
        if not self._queues:
            self._loop.call_soon(self._go_round)
        queue = self._queues.get(uid)
        if queue is None:
            self._queues[uid] = queue = deque()
        return queue

    def _go_round(self) -> None:
        """One turn: something of each user, again and again, until the time is over."""
        queues = self._queues
        end = time.monotonic() + SLICE
        woken = 0
        while queues and woken < WOKEN:
            uid = next(iter(queues))
            queue = queues[uid]
            waiting = queue.popleft()
            if isinstance(waiting, asyncio.Future):
                if not waiting.done():
                    waiting.set_result(None)
                    woken += 1
            else:
                self._do(waiting)
            del queues[uid]
            if queue:
                queues[uid] = queue  # behind the others
            if time.monotonic() >= end:
                break
        self._began = self._worked = time.monotonic()
        self._ran = False
        if queues:
            self._loop.call_soon(self._go_round)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - a bug in one job must not keep the others waiting
            self._loop.call_exception_handler({"message": "a job failed in its turn", "exception": error})
