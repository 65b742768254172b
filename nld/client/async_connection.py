"""Connections of the asyncio client, on any event loop (uvloop too).

The same as ``connection.py`` in every name; what is not said here is said there.  A task that is
cancelled in the middle of a call closes the call's connection, and so its answer reaches nobody; one that
is cancelled while it waits for a connection has sent nothing.

The sockets are read and written here, and the loop only says when they are ready.  So a time-out or a
cancellation loses no bytes: it ends a wait, never a read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable

from nld.client.protocol import ENDS, Absorb, Reply, ReplyDecoder, unanswered, unreachable, unsent
from nld.errors import ConnectionFailed, Misused, NldError, ProtocolBroken

READ_BYTES = 128 * 1024
"""Bytes asked of the socket at a time: about one batch of a list."""
AT_ONCE = 16
"""Calls that a client has under way at the same time; others wait for their turn."""
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.01
"""Seconds between attempts to connect while the queue of listen(2) is full (poll(2) does not tell)."""

pause = asyncio.sleep
"""Wait some seconds."""


class AsyncConnection:
    """One connection, for one task at a time. Made by ``open``."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self.path = path
        self.timeout = timeout
        self.process = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._decoder = ReplyDecoder()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._reading = False
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        )

    @classmethod
    async def open(cls, path: str, timeout: float | None) -> AsyncConnection:  # noqa: ASYNC109 - as the client's
        """Connect. Raises Unreachable."""
        connection = cls(path, timeout)
        try:
            async with asyncio.timeout(timeout):
                await connection._connect()
        except OSError as error:  # TimeoutError is one
            connection.close()
            raise unreachable(path, error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    async def _connect(self) -> None:
        wait = FIRST_PAUSE
        while True:
            try:
                self._socket.connect(self.path)
                return
            except BlockingIOError:
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_PAUSE)

    async def send(self, frame: bytes, absorb: Absorb | None = None) -> None:
        """Send one call. Raises Unreachable, or what the daemon said before it hung up.

        ``absorb``  gets the answers to earlier calls that it had given by then.
        """
        view = memoryview(frame)
        try:
            view = view[self._socket.send(view) :]
        except BlockingIOError:
            pass
        except OSError as error:
            await self._hung_up(error, absorb)
        if view:
            try:
                async with asyncio.timeout(self.timeout):
                    await self._send_rest(view)
            except TimeoutError:
                raise unsent(self.path, "does not take the call: timed out") from BlockingIOError()
            except OSError as error:
                await self._hung_up(error, absorb)

    async def _send_rest(self, view: memoryview) -> None:
        while view:
            await self._ready(self._loop.add_writer, self._loop.remove_writer)
            with contextlib.suppress(BlockingIOError):
                view = view[self._socket.send(view) :]

    async def receive(self) -> Reply:
        """The next reply. Raises the daemon's error in its place; NoAnswer.

        After a time-out, or when it was cancelled, it may be called again.
        """
        if self._reading:
            raise Misused("another task waits for the same replies; give each task a call of its own")
        if self.process != os.getpid() or asyncio.get_running_loop() is not self._loop:
            raise Misused("this connection is of another event loop; begin anew in this one")
        reply = self._decoder.take()
        if reply is not None:
            return reply
        self._reading = True
        try:
            async with asyncio.timeout(self.timeout):
                while reply is None:
                    await self._read()
                    reply = self._decoder.take()
            return reply
        except TimeoutError as error:
            raise unanswered(self.path, "gave no answer in time") from error
        except OSError as error:
            raise unanswered(self.path, f"broke: {error.strerror or error}") from error
        finally:
            self._reading = False

    async def _read(self) -> None:
        while True:
            try:
                size = self._socket.recv_into(self._buffer)
                break
            except BlockingIOError:
                await self._ready(self._loop.add_reader, self._loop.remove_reader)
        if not size:
            raise unanswered(self.path, "was closed by the daemon")
        self._decoder.feed(self._buffer[:size])

    async def answer(self) -> Reply | NldError:
        """The next reply, or the error that the daemon sent in its place. Raises what ends the connection."""
        try:
            reply = await self.receive()
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

    def hang_up(self) -> None:
        """End it: who waits for a reply is told that the connection was closed."""
        if self.process == os.getpid():
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; again does nothing. For the task that uses it."""
        self._socket.close()

    def __del__(self) -> None:
        if hasattr(self, "_socket"):
            self._socket.close()

    async def _ready(
        self, add: Callable[[int, Callable[[], None]], object], remove: Callable[[int], object]
    ) -> None:
        """Wait until the socket can be read or written."""
        number = self._socket.fileno()
        ready: asyncio.Future[None] = self._loop.create_future()
        add(number, lambda: None if ready.done() else ready.set_result(None))
        try:
            await ready
        finally:
            remove(number)

    async def _hung_up(self, error: OSError, absorb: Absorb | None) -> None:
        """Raise why the daemon hung up, if it said so behind earlier answers; else Unreachable."""
        with contextlib.suppress(ConnectionFailed, ProtocolBroken):
            while True:
                answer = await self.answer()
                if absorb is not None:
                    absorb(answer)
        raise unsent(self.path, f"broke: {error.strerror or error}") from error


class AsyncConnections:
    """The connections of one client that are not in use, and how many may be."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self._path = path
        self._timeout = timeout
        self._idle: deque[AsyncConnection] = deque()
        self._process = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = asyncio.Semaphore(AT_ONCE)

    def __reduce__(self) -> tuple[type[AsyncConnections], tuple[str, float | None]]:
        return AsyncConnections, (self._path, self._timeout)  # a copy, in another process too, has its own

    async def begin(self, frame: bytes) -> AsyncConnection:
        """A connection on which this call was sent. Give it back by ``keep`` or ``drop``."""
        self._belong()
        await self._turns.acquire()
        try:
            while self._idle:
                try:
                    return await begun(self._idle.pop(), frame)
                except NldError as error:
                    if isinstance(error.__cause__, BlockingIOError):
                        raise
                    # The daemon has closed it while nobody used it; this call was not taken.
            return await begun(await AsyncConnection.open(self._path, self._timeout), frame)
        except BaseException:
            self._turns.release()
            raise

    def keep(self, connection: AsyncConnection) -> None:
        """Take a connection whose calls are all answered."""
        self._turns.release()
        if connection.silent:
            self._idle.append(connection)
        else:  # it would answer the next call
            connection.close()

    def drop(self, connection: AsyncConnection) -> None:
        """Close a connection that is in the middle of a call."""
        self._turns.release()
        connection.close()

    async def close(self) -> None:
        """Close those that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _belong(self) -> None:
        """To the loop that runs; begin anew when the one before has ended."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # in a process that forked within a running loop, which is its parent's
            raise Misused("this process has no event loop that runs; call asyncio.run in it") from None
        if loop is self._loop and self._process == os.getpid():
            return
        if self._loop is not None and not self._loop.is_closed() and self._process == os.getpid():
            raise Misused("this client is used by another event loop; make an AsyncClient for each loop")
        self._loop, self._process = loop, os.getpid()
        self._idle, self._turns = deque(), asyncio.Semaphore(AT_ONCE)


async def begun(connection: AsyncConnection, frame: bytes) -> AsyncConnection:
    """A connection on which this call was sent; it is closed when it could not be."""
    try:
        await connection.send(frame)
    except BaseException:
        connection.close()
        raise
    return connection
