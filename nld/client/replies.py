"""The replies of one call. Made from ``async_replies.py`` by ``twin.py``."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from nld.client.connection import Connection, begun
from nld.client.protocol import Reply, patience
from nld.errors import Misused, NoAnswer

T = TypeVar("T")


class Replies(Generic[T]):
    """An iterator; what it gives are the replies, made into something by ``convert``.

    ``connect_timeout``  seconds to wait for the connection; None for ever.
    ``timeout``          seconds to wait for each reply; None for ever. Then NoAnswer is raised, after which
                         the iterator may be asked again: nothing was lost.

    The call is made when the first reply is asked for. Leaving a loop early ends it when the iterator is
    let go of; ``close`` ends it at once, while somebody waits for a reply too: for him it is the end.
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
        self._connection: Connection | None = None
        self._waiting = False
        self._ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        if self._waiting:
            raise Misused("somebody else waits for the next reply already; give each a call of its own")
        try:
            return self._convert(self._next())
        except NoAnswer as error:
            if self._ended:
                raise StopIteration from None
            if not isinstance(error.__cause__, BlockingIOError | TimeoutError):
                self.close()
            raise
        except Exception:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def patience(self, timeout: float | None) -> None:
        """From here on wait so many seconds for each reply; None for ever."""
        if timeout != self._timeout:
            self._timeout = timeout
            if self._connection is not None:
                self._connection.patience(timeout)

    def close(self) -> None:
        """End it; again does nothing. From any thread."""
        self._ended = True
        connection = self._connection
        if connection is not None:
            connection.hang_up()
            if not self._waiting:
                connection.close()

    def _next(self) -> Reply:
        if self._connection is None:
            connection = begun(Connection.open(self._path, self._connect_timeout), self._frame)
            connection.patience(self._timeout)
            self._connection = connection
            if self._ended:
                connection.hang_up()
        self._waiting = True
        try:
            reply = self._connection.receive()
        finally:
            self._waiting = False
            if self._ended:
                self._connection.close()
        if not reply.continues:
            self.close()
        return reply
