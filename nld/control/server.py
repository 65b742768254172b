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
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nld.control.budget import Budget, Limits
from nld.control.connection import Connection
from nld.control.linger import Linger
from nld.control.service import Service
from nld.errors import ConfigInvalid
from nld.records.peer import Peer

BACKLOG = 1024
"""Connections that may wait for ``accept``; the kernel caps it at net.core.somaxconn."""


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
    """

    def __init__(
        self,
        service: Service,
        limits: Limits | None = None,
        *,
        writes: Callable[[Peer], bool] = may_write,
    ) -> None:
        self.service = service
        self.limits = limits or Limits()
        self.loop: asyncio.AbstractEventLoop
        self.linger: Linger
        self._writes = writes
        self._budget: Budget[Connection] = Budget(self.limits)
        self._server: asyncio.Server | None = None
        self._path: tuple[Path, tuple[int, int]] | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._budget)

    @property
    def held_bytes(self) -> int:
        """Bytes of unfinished messages and unread replies, over all connections."""
        return self._budget.held

    async def start(self, listener: socket.socket, *, unlink: bool = True) -> None:
        """Serve the connections of a listening Unix socket, from now on.

        ``unlink``  remove the socket's file on ``close``; False for one inherited from systemd, which
                    keeps it.

        The server owns the socket from here on.
        """
        self.loop = asyncio.get_running_loop()
        self.linger = Linger(self.loop)
        listener.setblocking(False)
        name = listener.getsockname()
        if unlink and isinstance(name, str) and name:
            path = Path(name)
            self._path = (path, _identity(path))
        # Python 3.13 would remove the file of a socket that is not ours to remove.
        own_file: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        self._server = await self.loop.create_unix_server(
            lambda: Connection(self), sock=listener, backlog=BACKLOG, **own_file
        )

    async def close(self, grace: float = 5.0) -> None:
        """Stop accepting, end every stream, wait ``grace`` seconds for running calls, close the rest."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._path is not None:
            path, identity = self._path
            self._path = None
            with contextlib.suppress(OSError):  # somebody removed it, or replaced it
                if _identity(path) == identity:
                    path.unlink()
        tasks = [task for connection in self._budget if (task := connection.stop()) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for connection in self._budget:
            connection.abort()
        await asyncio.sleep(0)

    # -- what connections call

    def enter(self, connection: Connection) -> int:
        """Admit a connection; the longest message that it may send. Raises LimitExceeded."""
        self._budget.enter(connection, connection.peer.uid)
        limits = self.limits
        return limits.message_bytes if self._writes(connection.peer) else limits.reader_message_bytes

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._budget.leave(connection)

    def hold(self, connection: Connection, size: int) -> None:
        """Note what a connection holds; evict one when it is too much in all."""
        victim = self._budget.hold(connection, size)
        if victim is not None:
            self._budget.leave(victim)
            victim.evict()


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
