"""A kept copy of routes. Made from ``async_mirror.py`` by ``twin.py``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from nld.client.connection import pause
from nld.client.picture import Picture
from nld.client.protocol import Change, Watched
from nld.client.replies import Replies
from nld.client.route import Route
from nld.client.spelling import key
from nld.errors import ConnectionFailed, CursorExpired, LimitExceeded

RETRY = 0.2
"""Seconds between attempts to reach the daemon again."""


class Mirror:
    """The routes that a filter takes, as of the last step. Made by ``Client.mirror``.

    Entering the ``with`` block takes the first step: then the copy is complete.  Each further step of the
    iteration waits for what changes next, brings the copy up to date, and gives the changes, as ``watch``
    does.  What changed while the daemon was away is given as changes too; their ``generation`` is 0, as in
    the first step, where every route is ``new``.

    While the daemon is away the copy stays what it was, ``connected`` is False, and the step goes on
    trying.  The first step raises what a call would: Unreachable, and NoAnswer when ``first_timeout`` passed
    without any reply; then the block may be entered again.  With a ``timeout`` a later step raises NoAnswer
    when nothing changed for so many seconds; the next step goes on, and nothing is lost.
    """

    def __init__(
        self,
        watch: Callable[[str | None], Replies[Watched]],
        *,
        timeout: float | None = None,
        first_timeout: float | None = None,
    ) -> None:
        self.connected = False
        self._watch = watch
        self._timeout = timeout
        self._first_timeout = first_timeout
        self._picture = Picture()
        self._replies: Replies[Watched] | None = None
        self._ended = False

    # -- what is there

    def __len__(self) -> int:
        return len(self._picture)

    @property
    def routes(self) -> Iterator[Route]:
        """All routes, in no order."""
        return iter(self._picture)

    def at(self, route: str | Mapping[str, Any]) -> list[Route]:
        """The routes with the key of this one (or of this destination); more than one after an append."""
        return self._picture.at(key(route))

    # -- steps

    def __enter__(self) -> Self:
        self.__next__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Change]:
        begun = time.monotonic()
        while not self._ended:
            try:
                changes = self._picture.take(self._reply())
                self.connected = True
                if changes is not None:
                    return changes
            except CursorExpired:
                self._replies = None
                if self._picture.cursor is None:
                    raise  # none was given
                self._picture.begin()
            except (ConnectionFailed, LimitExceeded) as error:
                if isinstance(error.__cause__, BlockingIOError | TimeoutError) and self._replies is not None:
                    raise  # nothing changed in time
                self._replies = None
                self.connected = False
                late = self._timeout is not None and time.monotonic() - begun > self._timeout
                if not self._picture.complete or late:
                    raise
                pause(RETRY)
            except StopIteration:
                self._replies = None
                if not self._ended:
                    pause(RETRY)
        raise StopIteration

    def close(self) -> None:
        """End it; again does nothing. From any thread; for who waits for a step it is the end."""
        self._ended = True
        self.connected = False
        replies = self._replies
        if replies is not None:
            replies.close()

    def _reply(self) -> Watched:
        if self._replies is None:
            if self._picture.cursor is None:
                self._picture.begin()
            self._replies = self._watch(self._picture.cursor)
            if self._ended:
                self._replies.close()
        self._replies.patience(self._timeout if self._picture.complete else self._first_timeout)
        return self._replies.__next__()
