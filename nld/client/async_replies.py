"""The replies of one call that has many, on a connection of its own, for asyncio.

``replies.py`` is made from this file (``twin.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from nld.client.async_connection import AsyncConnection, begun
from nld.client.protocol import Reply, patience
from nld.errors import Misused, NoAnswer

T = TypeVar("T")


class AsyncReplies(Generic[T]):
    """An iterator; what it gives are the replies, made into something by ``convert``.

    ``connect_timeout``  seconds to wait for the connection; None for ever.
    ``timeout``          seconds to wait for each reply; None for ever. Then NoAnswer is raised, after which
                         the iterator may be asked again: nothing was lost.

    The call is made when the first reply is asked for. Leaving a loop early ends it when the iterator is
    let go of; ``aclose`` ends it at once, while somebody waits for a reply too: for him it is the end.
    """

    def __init__(
        self,
        path: str,
        frame: bytes,
        convert: Callable[[Reply], T],
        *,
        connect_timeout: float | None,
        timeout: float | None,
    ) -> None:
        self._path = path
        self._frame = frame
        self._convert = convert
        self._connect_timeout = connect_timeout
        self._timeout = patience(timeout)
        self._connection: AsyncConnection | None = None
        self._waiting = False
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._ended:
            raise StopAsyncIteration
        if self._waiting:
            raise Misused("somebody else waits for the next reply already; give each a call of its own")
        try:
            return self._convert(await self._next())
        except NoAnswer as error:
            if self._ended:
                raise StopAsyncIteration from None
            if not isinstance(error.__cause__, BlockingIOError | TimeoutError):
                await self.aclose()
            raise
        except Exception:
            await self.aclose()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def patience(self, timeout: float | None) -> None:
        """From here on wait so many seconds for each reply; None for ever."""
        if timeout != self._timeout:
            self._timeout = timeout
            if self._connection is not None:
                self._connection.patience(timeout)

    async def aclose(self) -> None:
        """End it; again does nothing. From any thread."""
        self._ended = True
        connection = self._connection
        if connection is not None:
            connection.hang_up()
            if not self._waiting:
                connection.close()

    async def _next(self) -> Reply:
        if self._connection is None:
            connection = await begun(
                await AsyncConnection.open(self._path, self._connect_timeout), self._frame
            )
            connection.patience(self._timeout)
            self._connection = connection
            if self._ended:
                connection.hang_up()
        self._waiting = True
        try:
            reply = await self._connection.receive()
        finally:
            self._waiting = False
            if self._ended:
                self._connection.close()
        if not reply.continues:
            await self.aclose()
        return reply
