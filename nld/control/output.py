"""The output of one connection: frames for the peer, kept as long as it does not read.

A frame is handed to the kernel at once.  What the kernel does not take is kept, in order, until the socket
has room again, which the intake tells (``intake.py``).

Does not belong here: what is done about a peer that does not read (``connection.py``).
"""

from __future__ import annotations

import socket
from collections import deque
from itertools import islice

VECTOR = 64
"""Frames that are handed over in one system call, at most."""


class Output:
    """Owns the connected socket, which must be non-blocking.

    ``held``  bytes that the kernel has not taken yet.
    """

    __slots__ = ("_frames", "_socket", "held")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._frames: deque[memoryview] = deque()
        self.held = 0

    def write(self, frame: bytes) -> None:
        """Send a frame behind those that are held. Raises OSError when the peer has hung up."""
        if self.held:
            self._keep(frame, 0)
            return
        try:
            sent = self._socket.send(frame)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent < len(frame):
            self._keep(frame, sent)

    def flush(self) -> None:
        """Send of what is held as much as the kernel takes. Raises OSError when the peer has hung up."""
        frames = self._frames
        while frames:
            try:
                sent = self._socket.sendmsg(islice(frames, VECTOR))
            except (BlockingIOError, InterruptedError):
                return
            self.held -= sent
            while sent:
                first = frames[0]
                if sent < len(first):
                    frames[0] = first[sent:]
                    break
                sent -= len(first)
                frames.popleft()

    def discard(self) -> None:
        """Forget what is held."""
        self._frames.clear()
        self.held = 0

    def close(self) -> None:
        """Close the socket; what is held is lost."""
        self.discard()
        self._socket.close()

    def _keep(self, frame: bytes, sent: int) -> None:
        rest = memoryview(frame)[sent:]
        self._frames.append(rest)
        self.held += len(rest)
