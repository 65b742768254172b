"""Connections of the blocking client: plain sockets, no event loop, no threads of its own.

``async_connection.py`` has the same for asyncio.  The two are the only places where the clients differ;
all above them is written once (``twin.py``).

What keeps an answer from the wrong caller: a connection is one caller's from his first call to its last
answer.  Only then it goes back to those that are kept; whatever ends in between (an error of the
connection, a time-out, a signal) closes it.  So threads may share a client.  A process that was forked
makes connections of its own, and leaves its parent's alone.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import socket
import struct
import time
from collections import deque

from nld.client.protocol import ENDS, Absorb, Reply, ReplyDecoder, unanswered, unreachable, unsent
from nld.errors import ConnectionFailed, Misused, NldError, ProtocolBroken

READ_BYTES = 128 * 1024
"""Bytes asked of the socket at a time: about one batch of a list."""
KEPT = 64
"""Connections that wait for a next call; one for each thread that calls at the same time."""

_TIMEVAL = struct.Struct("@ll")
"""``struct timeval``: seconds and microseconds; 0 waits for ever (socket(7))."""

pause = time.sleep
"""Wait some seconds."""


class Connection:
    """One connection: frames out, replies in, for one thread at a time.

    ``path``     the daemon's socket.
    ``timeout``  seconds to wait for the connection (for room in the queue of listen(2), too) and for each
                 send and reply; None waits for ever.

    Raises Unreachable.
    """

    def __init__(self, path: str, timeout: float | None) -> None:
        self.path = path
        self.timeout = timeout
        self.process = os.getpid()
        self._decoder = ReplyDecoder()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._reading = _thread.allocate_lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._connect()
        except OSError as error:
            self._socket.close()
            raise unreachable(path, error) from error
        except BaseException:
            self._socket.close()
            raise
        self._wait(timeout)

    def _connect(self) -> None:
        """Wait in the kernel for room in the queue: those who wait there come before those who ask again."""
        end = None if self.timeout is None else time.monotonic() + self.timeout
        while True:
            self._wait(self.timeout if end is None else max(0.0, end - time.monotonic()))
            self._socket.connect(self.path)
            # Python takes a connect(2) that a signal has interrupted for one that goes on and is done.
            with contextlib.suppress(OSError):
                self._socket.getpeername()
                return

    @classmethod
    def open(cls, path: str, timeout: float | None) -> Connection:
        """Connect."""
        return cls(path, timeout)

    def send(self, frame: bytes, absorb: Absorb | None = None) -> None:
        """Send one call. Raises Unreachable, or what the daemon said before it hung up.

        ``absorb``  gets the answers to earlier calls that it had given by then.
        """
        try:
            self._socket.sendall(frame)
        except BlockingIOError as error:
            raise unsent(self.path, "does not take the call: timed out") from error
        except OSError as error:
            self._last_words(absorb)
            raise unsent(self.path, f"broke: {error.strerror or error}") from error

    def receive(self) -> Reply:
        """The next reply. Raises the daemon's error in its place; NoAnswer.

        After a time-out it may be called again.
        """
        if self.process != os.getpid():
            raise Misused("this connection is of the process that forked; begin anew in this one")
        if not self._reading.acquire(blocking=False):
            raise Misused("another thread waits for the same replies; give each thread a call of its own")
        try:
            return self._receive()
        finally:
            self._reading.release()

    def _receive(self) -> Reply:
        started = 0.0
        while (reply := self._decoder.take()) is None:
            if self.timeout is not None:
                now = time.monotonic()
                started = started or now
                if now - started > self.timeout:
                    raise unanswered(self.path, "gave no answer in time")
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError as error:
                raise unanswered(self.path, "gave no answer in time") from error
            except OSError as error:
                raise unanswered(self.path, f"broke: {error.strerror or error}") from error
            if not size:
                raise unanswered(self.path, "was closed by the daemon")
            self._decoder.feed(self._buffer[:size])
        return reply

    def answer(self) -> Reply | NldError:
        """The next reply, or the error that the daemon sent in its place. Raises what ends the connection."""
        try:
            reply = self.receive()
        except ENDS:
            raise
        except NldError as error:
            return error
        if reply.continues:
            raise ProtocolBroken("more replies are announced to a call that has one")
        return reply

    @property
    def silent(self) -> bool:
        """Whether nothing has come behind the last reply."""
        return not self._decoder.pending

    def patience(self, timeout: float | None) -> None:
        """From here on wait so many seconds for each reply; None for ever."""
        self.timeout = timeout
        self._wait(timeout)

    def hang_up(self) -> None:
        """End it from any thread: who waits for a reply is told that the connection was closed."""
        if self.process == os.getpid():
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; again does nothing. For the thread that uses it."""
        self._socket.close()

    def __del__(self) -> None:
        if hasattr(self, "_socket"):
            self._socket.close()

    def _wait(self, timeout: float | None) -> None:
        """Have the kernel bound each send and receive; Python would ask poll(2) first, each time."""
        microseconds = 0 if timeout is None else max(1, round(timeout * 1e6))
        value = _TIMEVAL.pack(*divmod(microseconds, 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)

    def _last_words(self, absorb: Absorb | None) -> None:
        """Raise why the daemon hung up, if it said so behind the answers to earlier calls."""
        with contextlib.suppress(ConnectionFailed, ProtocolBroken):
            while True:
                answer = self.answer()
                if absorb is not None:
                    absorb(answer)


class Connections:
    """The connections of one client that are not in use."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self._path = path
        self._timeout = timeout
        self._idle: deque[Connection] = deque()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[type[Connections], tuple[str, float | None]]:
        return Connections, (self._path, self._timeout)  # a copy, in another process too, has its own

    def begin(self, frame: bytes) -> Connection:
        """A connection on which this call was sent. Give it back by ``keep``, or close it."""
        if self._process != os.getpid():
            self._process, self._idle = os.getpid(), deque()
        while (connection := self._kept()) is not None:
            try:
                return begun(connection, frame)
            except NldError as error:
                if isinstance(error.__cause__, BlockingIOError):
                    raise
                # The daemon has closed it while nobody used it; this call was not taken.
        return begun(Connection.open(self._path, self._timeout), frame)

    def keep(self, connection: Connection) -> None:
        """Take a connection whose calls are all answered; what came behind would answer the next call."""
        if connection.process == self._process and len(self._idle) < KEPT and connection.silent:
            self._idle.append(connection)
        else:
            connection.close()

    def drop(self, connection: Connection) -> None:
        """Close a connection that is in the middle of a call."""
        connection.close()

    def close(self) -> None:
        """Close those that are not in use."""
        while (connection := self._kept()) is not None:
            connection.close()

    def _kept(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def begun(connection: Connection, frame: bytes) -> Connection:
    """A connection on which this call was sent; it is closed when it could not be."""
    try:
        connection.send(frame)
    except BaseException:
        connection.close()
        raise
    return connection
