"""Room: who may have a large call under way, and who waits until others are done.

A listing, a look-up or the snapshot of a watch makes the daemon hold something for as long as it lasts: a
netlink socket, routes, a reply that the peer has not read.  What a user's calls may hold together is bounded
(``Limits.uid_bytes``); a call for which there is no room waits, behind those of the same user, and others do
not notice.

Whoever does not read keeps its room, and that is nobody's loss until somebody waits for it.  Then, when no
room came free for ``PATIENCE``, the call of this user that has been stalled longest pays: its connection
is closed.

Does not belong here: the counting (``budget.py``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, Protocol, TypeVar

from nld.control.budget import Budget
from nld.records.peer import Peer

PATIENCE = 2.0
"""Seconds for which a call waits for those that are stalled before one of them is closed."""


class Taker(Protocol):
    """A connection, as it takes room."""

    peer: Peer

    @property
    def stalled(self) -> bool:
        """Whether the peer does not read what it asked for."""

    def evict(self) -> None:
        """Close, to free what it holds."""


C = TypeVar("C", bound=Taker)


class Room(Generic[C]):
    """Gives out room for large calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, budget: Budget[C]) -> None:
        self._loop = loop
        self._budget = budget
        self._waiting: dict[int, deque[tuple[C, int, asyncio.Future[None]]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Wait for nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    async def take(self, connection: C, size: int) -> None:
        """Return when a call of this connection may hold so many bytes; :meth:`give` it back.

        What is held in all may be too much by then; that is seen to when the call has its turn.
        """
        uid = connection.peer.uid
        if uid not in self._waiting and self._budget.take(connection, size):
            return
        future = self._loop.create_future()
        self._waiting.setdefault(uid, deque()).append((connection, size, future))
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE, self._impatient)
        await future

    def give(self, connection: C) -> None:
        """The call is over, or has nothing to say. Nothing happens when it held nothing."""
        self._budget.give(connection)
        self.freed(connection.peer.uid)

    def freed(self, uid: int) -> None:
        """This user holds less: let those go on for whom there is room now."""
        queue = self._waiting.get(uid)
        if queue is None:
            return
        while queue:
            connection, size, future = queue[0]
            if not future.done():
                if not self._budget.take(connection, size):
                    return
                future.set_result(None)
            queue.popleft()
        del self._waiting[uid]

    def _impatient(self) -> None:
        self._timer = None
        for uid in tuple(self._waiting):
            self.freed(uid)  # whoever was cancelled meanwhile waits no more
            stalled = next((one for one in self._budget.takers(uid) if one.stalled), None)
            if uid in self._waiting and stalled is not None:
                stalled.evict()
        if self._waiting:
            self._timer = self._loop.call_later(PATIENCE / 4, self._impatient)
