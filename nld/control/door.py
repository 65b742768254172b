"""The door: takes connections from the listening socket, many in a turn of the event loop.

A new peer waits in the kernel behind everybody who came before it.  So they are all taken at once, which
costs a few microseconds each; what is done with them waits for its turn, where users do not wait for
each other.

Out of descriptors, the door is shut for a moment instead of going round in vain: whoever waits is taken
when somebody has left.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Callable

import structlog

ACCEPTED = 512
"""Connections that are taken in one turn of the loop, at most."""
SECONDS = 0.006
"""Time for them, in one turn of the loop: some three hundred, at 20 us each."""
COLLECTED = 256
"""Connections after which the garbage collector looks at what is new: a millisecond.  By itself it begins
when more objects were made than freed: where as many connections go as come, seldom, and for 30 ms."""
SHUT_SECONDS = 0.1
"""For how long the door is shut when there is no descriptor left."""

_log = structlog.get_logger("nld.control")


class Door:
    """Takes connections and hands them on.

    ``listener``  the listening socket, which belongs to the door from here on.
    ``admit``     takes a connected socket, non-blocking.
    """

    def __init__(
        self,
        listener: socket.socket,
        loop: asyncio.AbstractEventLoop,
        admit: Callable[[socket.socket], None],
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._loop = loop
        self._admit = admit
        self._told = False
        self._taken = 0
        self._shut: asyncio.TimerHandle | None = None
        self._open()

    def close(self) -> None:
        """Take nobody any more; who waits is refused by the kernel."""
        if self._shut is not None:
            self._shut.cancel()
        else:
            self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def _open(self) -> None:
        self._shut = None
        self._loop.add_reader(self._listener.fileno(), self._take)

    def _take(self) -> None:
        end = time.monotonic() + SECONDS
        for _ in range(ACCEPTED):
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor, no memory
                if not self._told:
                    _log.warning("no connection can be taken", error=error.strerror)
                self._told = True
                self._loop.remove_reader(self._listener.fileno())
                self._shut = self._loop.call_later(SHUT_SECONDS, self._open)
                return
            self._told = False
            accepted.setblocking(False)
            self._admit(accepted)
            self._taken += 1
            if self._taken % COLLECTED == 0:
                gc.collect(1)
            if time.monotonic() >= end:
                return
