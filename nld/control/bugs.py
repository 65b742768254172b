"""Bugs of nld's that a call has met: the error for the caller, and the trace in the log.

A trace is long, and whoever found the call that makes one can make many.  So each user gets ``BURST`` of
them, and one more every ``SECONDS``; what is left out is counted, and the next that is written says how many.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import structlog

from nld.errors import InternalError
from nld.records.peer import Peer

BURST = 5
SECONDS = 10.0
_USERS = 1024
"""Users that are remembered; more of them with bugs than that are not one user's doing."""

_log = structlog.get_logger("nld.control")


@dataclass(slots=True)
class _Allowance:
    left: float = BURST
    since: float = 0.0
    left_out: int = 0


class Bugs:
    """Tells of bugs."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._users: dict[int, _Allowance] = {}

    def tell(self, error: Exception, method: str, peer: Peer) -> InternalError:
        """Log a bug, unless this user has had many; what its caller is told."""
        request = f"{method} #{next(self._numbers)}"
        user = self._of(peer.uid)
        if user.left >= 1:
            user.left -= 1
            left_out, user.left_out = user.left_out, 0
            _log.error(
                "control.bug",
                request=request,
                uid=peer.uid,
                pid=peer.pid,
                left_out=left_out or None,
                exc_info=error,
            )
        else:
            user.left_out += 1
        return InternalError(f"nld has a bug: {type(error).__name__}; its log says more", operation=request)

    def _of(self, uid: int) -> _Allowance:
        now = time.monotonic()
        user = self._users.get(uid)
        if user is None:
            if len(self._users) >= _USERS:
                self._users.clear()
            self._users[uid] = user = _Allowance(since=now)
        user.left = min(BURST, user.left + (now - user.since) / SECONDS)
        user.since = now
        return user
