"""The courier: a thread that hands a channel's messages to the kernel, in order.

The kernel does its work within sendmsg, and any request may have to wait there for a lock that another
program holds: deleting a thousand links takes it for seconds (rtnl_mutex, net/core/rtnetlink.c).  So what
may need it is not sent from the event loop.  Only what came to nothing is told by a callback; that a message
went is told by its answer, which makes the socket readable: one wake-up for each way.

Does not belong here: what a message is, and what its answer means (``channel.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

Parcel = TypeVar("Parcel")


class Courier(Generic[Parcel]):
    """One long-lived thread.

    ``carry``  called in the thread with each parcel, in the order in which they were given; must not raise.
    ``last``   called in the thread when it ends.
    """

    def __init__(self, carry: Callable[[Parcel], None], last: Callable[[], None]) -> None:
        self._parcels: deque[Parcel | None] = deque()
        # One for each parcel.  Who writes lets go of Python's lock meanwhile, so that the thread finds it
        # free: half of the time of queue.SimpleQueue, which wakes the thread while it holds the lock.
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_SEMAPHORE)
        self._carry = carry
        self._last = last
        self._closing = False
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # A thread that waits in the kernel must not keep the process: it can be neither woken nor joined.
        Thread(target=self._run, name="nld-send", daemon=True).start()

    def give(self, parcel: Parcel) -> None:
        """Have a parcel carried; returns at once."""
        if not self._closing:
            self._put(parcel)

    def _put(self, parcel: Parcel | None) -> None:
        self._parcels.append(parcel)
        os.eventfd_write(self._bell, 1)

    async def close(self, patience: float) -> None:
        """Carry nothing any more.  Returns when the thread has ended, or after ``patience`` seconds: one
        that waits for the kernel's lock ends by itself when it has it."""
        self._closing = True
        self._put(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._ended.wait()

    def _run(self) -> None:
        while os.read(self._bell, 8) and (parcel := self._parcels.popleft()) is not None:
            if not self._closing:
                self._carry(parcel)
            del parcel  # what it holds need not live until the next one
        os.close(self._bell)
        self._last()
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits
            self._loop.call_soon_threadsafe(self._ended.set)
