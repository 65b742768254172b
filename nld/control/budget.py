"""What peers may make the daemon hold: connections, and bytes that are neither work nor answer yet.

One budget for all of it: messages half sent, large calls under way, replies not read.  It is counted for each
user and not for each connection, and those who may write have a part of it that others cannot take:

* connections: the last of them are kept for those who may write;
* bytes: those who only read have a share of the whole.  While it is used up, or the whole is, a user has one
  large call under way at a time.  When it is still too much, one connection pays with its life: the largest
  holder of the user that holds most, and among those who only read first.

So a crowd of one user never costs another user anything, and a crowd of many never costs those who write.

Invariant: ``held`` is the sum, over the connections that are in, of what ``hold`` was last told or of what
was taken, whichever is more.

Does not belong here: sockets and messages; this is arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nld.control.frame import MESSAGE_BYTES
from nld.errors import LimitExceeded

READER_MESSAGE_BYTES = 256 * 1024
"""Longest message by default of a peer that may not write, in bytes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the control channel. Every one is at least 1.

    ``message_bytes``         longest message of a peer that may write, in bytes (sd-varlink: 16 MiB).
    ``reader_message_bytes``  longest message of any other peer, in bytes: they only ask, and what they
                              send is parsed before it is understood. The longest that makes sense, a look-up
                              of 4096 IPv6 addresses, has 172 KB.
    ``connections``           connections in all (sd-varlink: 4096); one in sixteen is kept for those who may
                              write.
    ``connections_per_uid``   connections of one uid (sd-varlink: 1024).
    ``partial_bytes``         bytes that all connections may make the daemon hold.
    ``reader_bytes``          the share of these that all who only read have together.
    ``uid_bytes``             bytes of one uid's large calls under way and their replies.
    ``message_seconds``       seconds after which a message of some length must be there as a whole.
    """

    message_bytes: int = MESSAGE_BYTES
    reader_message_bytes: int = READER_MESSAGE_BYTES
    connections: int = 4096
    connections_per_uid: int = 1024
    partial_bytes: int = 64 * 1024 * 1024
    reader_bytes: int = 16 * 1024 * 1024
    uid_bytes: int = 4 * 1024 * 1024
    message_seconds: int = 60

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def reader_connections(self) -> int:
        """Connections of those who only read, all together."""
        return max(1, self.connections - self.connections // 16)


K = TypeVar("K")


class _Held(dict[K, int]):
    """What each of one user's connections counts for, those that may write or those that may not."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def count(self, connection: K, size: int) -> int:
        """Count a connection for so much from now on; how much more that is."""
        more = size - self.pop(connection, 0)
        if size:
            self[connection] = size
        self.total += more
        return more


@dataclass(slots=True)
class _User(Generic[K]):
    """One uid's connections. ``taken``: bytes of ``takers``."""

    connections: int = 0
    taken: int = 0
    holders: dict[K, int] = field(default_factory=dict)
    takers: dict[K, int] = field(default_factory=dict)
    readers: _Held[K] = field(default_factory=_Held)
    writers: _Held[K] = field(default_factory=_Held)


class Budget(Generic[K]):
    """Counts connections (any hashable) and the bytes that they hold."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0
        self._readers = 0
        self._readers_held = 0
        self._in: dict[K, tuple[int, bool]] = {}
        self._users: dict[int, _User[K]] = {}

    def __len__(self) -> int:
        return len(self._in)

    def __iter__(self) -> Iterator[K]:
        """The connections that are in now; they may leave meanwhile."""
        return iter(tuple(self._in))

    def enter(self, connection: K, uid: int, *, writes: bool = False) -> None:
        """Let a connection in. Raises LimitExceeded when there are too many.

        ``writes``  its peer may write.
        """
        limits = self.limits
        most = limits.connections if writes else limits.reader_connections
        if len(self._in) >= limits.connections or (not writes and self._readers >= most):
            raise LimitExceeded(f"the daemon serves {most} connections already", field="connections")
        user = self._users.get(uid)
        if user is None:
            user = _User()
        elif user.connections >= limits.connections_per_uid:
            message = f"uid {uid} has {limits.connections_per_uid} connections already"
            raise LimitExceeded(message, field="connections_per_uid")
        self._users[uid] = user
        user.connections += 1
        self._in[connection] = uid, writes
        self._readers += not writes

    def leave(self, connection: K) -> None:
        """Forget a connection and what it held. Nothing happens when it is not in."""
        if connection not in self._in:
            return
        self.hold(connection, 0)
        self.give(connection)
        uid, writes = self._in.pop(connection)
        self._readers -= not writes
        user = self._users[uid]
        user.connections -= 1
        if not user.connections:
            del self._users[uid]

    def hold(self, connection: K, size: int) -> None:
        """Note that a connection now holds ``size`` bytes. What it took is counted if that is more."""
        if connection not in self._in:
            return
        uid, writes = self._in[connection]
        user = self._users[uid]
        if size:
            user.holders[connection] = size
        else:
            user.holders.pop(connection, None)
        self._count(user, connection, writes)

    def take(self, connection: K, size: int) -> bool:
        """Let a connection's call hold ``size`` bytes, if its user may have so much under way.

        A user without any may have one of whatever size, even if another must go for it.
        """
        if connection not in self._in:
            return True
        uid, writes = self._in[connection]
        user = self._users[uid]
        if user.taken and (user.taken + size > self.limits.uid_bytes or self._full(size, writes)):
            return False
        user.taken += size
        user.takers[connection] = user.takers.get(connection, 0) + size
        self._count(user, connection, writes)
        return True

    def give(self, connection: K) -> None:
        """A connection's call is over. Nothing happens when it took nothing."""
        entry = self._in.get(connection)
        if entry is None:
            return
        uid, writes = entry
        user = self._users[uid]
        user.taken -= user.takers.pop(connection, 0)
        self._count(user, connection, writes)

    def takers(self, uid: int) -> tuple[K, ...]:
        """The connections of a user with a large call under way, those first that have had it longest."""
        user = self._users.get(uid)
        return () if user is None else tuple(user.takers)

    def victim(self) -> K | None:
        """The connection that must go because too much is held, or None. The caller lets it ``leave``."""
        if self._readers_held > self.limits.reader_bytes:
            return self._largest(readers_only=True)
        if self.held > self.limits.partial_bytes:
            return self._largest(readers_only=self._readers_held > 0)
        return None

    def _full(self, size: int, writes: bool) -> bool:
        """Whether so much more is too much in all."""
        limits = self.limits
        return self.held + size > limits.partial_bytes or (
            not writes and self._readers_held + size > limits.reader_bytes
        )

    def _count(self, user: _User[K], connection: K, writes: bool) -> None:
        size = max(user.holders.get(connection, 0), user.takers.get(connection, 0))
        more = (user.writers if writes else user.readers).count(connection, size)
        self.held += more
        if not writes:
            self._readers_held += more

    def _largest(self, readers_only: bool) -> K:
        if readers_only:
            held = max((user.readers for user in self._users.values()), key=lambda held: held.total)
            return max(held, key=held.__getitem__)
        user = max(self._users.values(), key=lambda user: user.readers.total + user.writers.total)
        return max(
            (max(held, key=held.__getitem__) for held in (user.readers, user.writers) if held),
            key=lambda one: user.readers.get(one, 0) or user.writers[one],
        )
