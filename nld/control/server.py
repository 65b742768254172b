"""The server of the control socket: listens, admits connections within the limits, ends them.

Start-up and tear-down mirror each other: ``start`` takes a listening socket (made by ``listen``, or
inherited from systemd), ``close`` stops accepting, ends the streams, lets running calls finish for a
bounded time, and closes what is left.

Does not belong here: calls (``connection.py``), the interface (``routes.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import structlog

from nld.control.budget import Budget, Limits
from nld.control.bugs import Bugs
from nld.control.busy_poll import BusyPoll
from nld.control.connection import Connection
from nld.control.credentials import read_peer, with_unit
from nld.control.door import Door
from nld.control.intake import Intakes
from nld.control.reply import encode_error
from nld.control.room import Room
from nld.control.service import Service
from nld.control.turns import Turns
from nld.errors import ConfigInvalid, LimitExceeded
from nld.records.peer import Peer

BACKLOG = 1024
"""Connections that may wait for ``accept``; the kernel caps it at net.core.somaxconn."""


LOOK = 1.0
"""Seconds between two looks whether the socket's file is still there."""

log = structlog.get_logger("nld.control")


def may_write(peer: Peer) -> bool:
    """Whether a peer is the superuser or the user that the daemon runs as."""
    return peer.uid in (0, os.geteuid())


def listen(path: str | os.PathLike[str], mode: int = 0o666) -> socket.socket:
    """A listening Unix socket at ``path``, non-blocking and close-on-exec.

    ``mode``  permissions of the socket file; by default everybody may connect, and each call decides.

    A socket file that nobody listens on any more is replaced. Raises ConfigInvalid, which says what is
    in the way, when the path is taken, its directory is missing, or the path is longer than a Unix
    socket's may be (107 bytes, unix(7)).
    """
    target = Path(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        _remove_stale(target)
        mask = os.umask(0o777 & ~mode)
        try:
            listener.bind(os.fspath(target))
        finally:
            os.umask(mask)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(target, error.strerror or str(error)) from error
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise _cannot_listen(path, "it is there, and no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass
    raise _cannot_listen(path, "another daemon does already")


def _cannot_listen(path: Path, why: str) -> ConfigInvalid:
    return ConfigInvalid(f"cannot listen on {path}: {why}", field="socket", key=str(path))


class Server:
    """Serves one service to every peer that connects.

    ``service``   the interfaces to offer.
    ``limits``    bounds; the defaults are those of sd-varlink.
    ``writes``    whether a peer may send messages of ``limits.message_bytes``; others are bounded by
                  ``limits.reader_message_bytes``. What a peer may *do* is decided by each method.
    ``busy_poll``  microseconds that the loop stays awake after an answer.
    """

    def __init__(
        self,
        service: Service,
        limits: Limits | None = None,
        *,
        writes: Callable[[Peer], bool] = may_write,
        busy_poll: int = 0,
    ) -> None:
        self.service = service
        self.limits = limits or Limits()
        self.bugs = Bugs()
        self.loop: asyncio.AbstractEventLoop
        self.busy_poll: BusyPoll
        self.turns: Turns
        self.intakes: Intakes
        self.room: Room[Connection]
        self._writes = writes
        self._polled = busy_poll
        self._budget: Budget[Connection] = Budget(self.limits)
        self._door: Door | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._path: tuple[Path, tuple[int, int]] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._budget)

    @property
    def held_bytes(self) -> int:
        """Bytes of unfinished messages, calls under way and unread replies, over all connections."""
        return self._budget.held

    async def start(self, listener: socket.socket, *, unlink: bool = True) -> None:
        """Serve the connections of a listening Unix socket, from now on.

        ``unlink``  remove the socket's file on ``close``, and make it again when somebody else has removed
                    it; False for one inherited from systemd, which keeps it.

        The server owns the socket from here on.
        """
        self.loop = asyncio.get_running_loop()
        self.busy_poll = BusyPoll(self.loop, self._polled)
        self.turns = Turns(self.loop)
        self.intakes = Intakes(self.loop)
        self.room = Room(self.loop, self._budget)
        name = listener.getsockname()
        if unlink and isinstance(name, str) and name:
            path = Path(name)
            self._path = (path, _identity(path))
            self._keeper = self.loop.create_task(self._keep(path), name="socket file keeper")
        self._door = Door(listener, self.loop, self._admit)
        self._look_for_overdue()

    async def close(self, grace: float = 5.0) -> None:
        """Stop accepting, end every stream, wait ``grace`` seconds for running calls, close the rest."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._path is not None:
            path, identity = self._path
            self._path = None
            with contextlib.suppress(OSError):  # somebody removed it, or replaced it
                if _identity(path) == identity:
                    path.unlink()
        if self._sweep is not None:
            self._sweep.cancel()
        tasks = [task for connection in self._budget if (task := connection.stop()) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for connection in self._budget:
            connection.abort()
        await asyncio.sleep(0)
        self.room.close()
        self.intakes.close()

    # -- connections come

    def _admit(self, accepted: socket.socket) -> None:
        """Let a peer in, or tell it why not."""
        try:
            peer = read_peer(accepted)
        except OSError:  # it is gone already
            accepted.close()
            return
        writes = self._writes(peer)
        if writes:
            peer = with_unit(peer, accepted)
        connection = Connection(self, peer, writes=writes)
        try:
            self._budget.enter(connection, peer.uid, writes=writes)
        except LimitExceeded as error:
            with contextlib.suppress(OSError):
                accepted.send(encode_error(error))
            accepted.close()
            return
        try:
            connection.begin(accepted)
        except OSError:  # no memory for it
            accepted.close()
            self._budget.leave(connection)

    async def _keep(self, path: Path) -> None:
        """Make the socket's file again when it was removed: nobody could connect any more."""
        told: str | None = None
        while True:
            await asyncio.sleep(LOOK)
            if _is_there(path):  # maybe another's by now, which is left alone
                continue
            try:
                listener = listen(path)
                identity = _identity(path)
            except (ConfigInvalid, OSError) as error:
                if str(error) != told:
                    told = str(error)
                    log.error(
                        "the socket's file was removed, and cannot be made again", socket=str(path), why=told
                    )
                continue
            told = None
            if self._door is not None:
                self._door.close()
            self._door = Door(listener, self.loop, self._admit)
            self._path = (path, identity)
            log.warning("the socket's file was removed; it is there again", socket=str(path))

    # -- what connections call

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._budget.leave(connection)
        self.room.freed(connection.peer.uid)

    def hold(self, connection: Connection, size: int) -> None:
        """Note what a connection holds; close one when it is too much in all."""
        self._budget.hold(connection, size)
        self.relieve()

    def relieve(self) -> None:
        """Close a connection if too much is held in all."""
        victim = self._budget.victim()
        if victim is not None:
            self.leave(victim)
            victim.evict()

    def _look_for_overdue(self) -> None:
        """Once in a while: close connections whose message does not come to its end."""
        seconds = self.limits.message_seconds
        began = self.loop.time() - seconds
        for connection in self._budget:
            if connection.overdue(began):
                connection.evict("message_seconds", f"the message was not whole after {seconds} seconds")
        self._sweep = self.loop.call_later(max(seconds / 16, 0.1), self._look_for_overdue)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
