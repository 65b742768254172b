"""What peers may make the daemon hold: connections, and bytes that are neither work nor answer yet.

A peer that sends half a message, or that does not read its replies, makes the daemon hold bytes for
it.  Each connection is bounded by itself; the budget bounds the sum.  When the sum passes the bound,
one connection pays with its life: the largest holder of the uid that holds most in all, so that a
crowd of one user never costs another user anything.

Invariant: ``held`` is the sum of what ``hold`` was last told for every connection that is in.

Does not belong here: sockets and messages; this is arithmetic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from nld.control.frame import MESSAGE_BYTES
from nld.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the control channel. Every one is at least 1.

    ``message_bytes``         longest message of a peer that may write, in bytes (sd-varlink: 16 MiB).
    ``reader_message_bytes``  longest message of any other peer, in bytes: they only ask, and what they
                              send is parsed before it is understood.
    ``connections``           connections in all (sd-varlink: 4096).
    ``connections_per_uid``   connections of one uid (sd-varlink: 1024).
    ``partial_bytes``            bytes of unfinished messages and unread replies, over all connections.
    """

    message_bytes: int = MESSAGE_BYTES
    reader_message_bytes: int = 1024 * 1024
    connections: int = 4096
    connections_per_uid: int = 1024
    partial_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


K = TypeVar("K")


class Budget(Generic[K]):
    """Counts connections (any hashable) and the bytes that they hold."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0
        self._bytes: dict[K, int] = {}
        self._uids: dict[K, int] = {}
        self._connections: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._uids)

    def __iter__(self) -> Iterator[K]:
        """The connections that are in now; they may leave meanwhile."""
        return iter(tuple(self._uids))

    def enter(self, connection: K, uid: int) -> None:
        """Let a connection in. Raises LimitExceeded when there are too many."""
        limits = self.limits
        if len(self._uids) >= limits.connections:
            message = f"the daemon serves {limits.connections} connections already"
            raise LimitExceeded(message, field="connections")
        if self._connections[uid] >= limits.connections_per_uid:
            message = f"uid {uid} has {limits.connections_per_uid} connections already"
            raise LimitExceeded(message, field="connections_per_uid")
        self._uids[connection] = uid
        self._connections[uid] += 1

    def leave(self, connection: K) -> None:
        """Forget a connection and what it held. Nothing happens when it is not in."""
        uid = self._uids.pop(connection, None)
        if uid is None:
            return
        self.held -= self._bytes.pop(connection, 0)
        self._connections[uid] -= 1
        if not self._connections[uid]:
            del self._connections[uid]

    def hold(self, connection: K, size: int) -> K | None:
        """Note that a connection now holds ``size`` bytes.

        Returns the connection that must go because the sum is too large, or None. The caller closes
        it, which makes it ``leave``.
        """
        if connection not in self._uids:
            return None
        self.held += size - self._bytes.get(connection, 0)
        if size:
            self._bytes[connection] = size
        else:
            self._bytes.pop(connection, None)
        return self._largest() if self.held > self.limits.partial_bytes else None

    def _largest(self) -> K:
        by_uid: Counter[int] = Counter()
        for connection, size in self._bytes.items():
            by_uid[self._uids[connection]] += size
        [(greedy, _)] = by_uid.most_common(1)
        return max(
            (connection for connection in self._bytes if self._uids[connection] == greedy),
            key=self._bytes.__getitem__,
        )
