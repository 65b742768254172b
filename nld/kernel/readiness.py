"""Readiness: a descriptor registered with the event loop, as something a task can wait for.

``loop.add_reader`` is level-triggered; it would call again and again while a slow task has not read
yet.  So the watch is taken off when the descriptor becomes readable and put back only when the task
has found it empty.  Works on asyncio's own loop and on uvloop (which has no ``sock_recvfrom``).
"""

from __future__ import annotations

import asyncio


class Readiness:
    """Whether ``descriptor`` has something to read. Starts as ready, so that the first look is free."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._event = asyncio.Event()
        self._event.set()
        self._watching = False

    async def wait(self) -> None:
        """Return when there is something to read, or nobody has looked yet."""
        await self._event.wait()

    def clear(self) -> None:
        """The reader found nothing: watch again."""
        self._event.clear()
        if not self._watching:
            self._watching = True
            self._loop.add_reader(self._descriptor, self._readable)

    def close(self) -> None:
        """Stop watching. Must come before the descriptor is closed."""
        if self._watching:
            self._watching = False
            self._loop.remove_reader(self._descriptor)

    def _readable(self) -> None:
        self.close()
        self._event.set()
