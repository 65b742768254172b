"""An outlet: text for a stream whose reader may stand still, as a pipe's that nobody reads.

Such a stream takes a few kilobytes and then holds up whoever writes.  It cannot be made non-blocking either:
the terminal, or the pipe, is another program's too.  So a thread writes, from a bounded backlog; what does
not fit there is dropped and counted, and the count is written at the place where the text is missing.

Invariant: :meth:`Outlet.write` returns at once and never raises.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from typing import TextIO

BACKLOG_BYTES = 1 << 20
"""Bytes of text that wait for the reader: some thousand lines."""

AT_ONCE = 1 << 16
"""Most bytes of one write: what a pipe holds."""


def may_stand_still(stream: TextIO) -> bool:
    """Whether writing to it may wait for somebody who reads: not to a file, nor to memory."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode)


class Outlet:
    """The way to one stream.

    ``descriptor``  of the stream; stays the caller's.
    ``missing``     the text that tells how many writes were dropped.
    """

    def __init__(self, descriptor: int, missing: Callable[[int], str]) -> None:
        self._descriptor = descriptor
        self._missing = missing
        self._changed = threading.Condition()
        self._waiting = bytearray()
        self._under_way = 0
        self.lost = 0
        """Writes dropped since the stream last took something."""
        self._thread = threading.Thread(target=self._run, name="nld-log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have it written after what waits; or drop it, when too much does."""
        data = text.encode(errors="backslashreplace")
        with self._changed:
            if self.lost or len(self._waiting) + self._under_way + len(data) > BACKLOG_BYTES:
                self.lost += 1
                return
            self._waiting += data
            self._changed.notify_all()

    def flush(self, patience: float) -> None:
        """Return when all is written, or after ``patience`` seconds."""
        with self._changed:
            self._changed.wait_for(self._is_idle, patience)

    def _is_idle(self) -> bool:
        return not (self._waiting or self._under_way or self.lost) or not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self.lost)
                if not self._waiting:
                    self._waiting += self._missing(self.lost).encode()
                    self.lost = 0
                data = bytes(self._waiting[:AT_ONCE])
                del self._waiting[:AT_ONCE]
                self._under_way = len(data)
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                # Nobody will read it (EPIPE, or the descriptor is closed). Routes matter more.
                data = b""
            with self._changed:
                self._under_way = 0
                self._changed.notify_all()
