"""What the service manager (systemd) and the daemon tell each other: sd_notify(3), sd_listen_fds(3).

Two small protocols, spoken directly: state as ``NAME=value`` lines in a datagram to NOTIFY_SOCKET, and
open sockets from descriptor 3 up, counted by LISTEN_FDS.  Without a service manager every call does
nothing and says so by its result, so the daemon calls them unconditionally.

Layer: imports nothing of nld.
"""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Mapping, MutableMapping
from typing import NamedTuple

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""

NOTIFY_SECONDS = 1.0
"""The longest that one notification may wait for the service manager's queue."""


class ServiceManager:
    """The way to the service manager.

    ``address``  NOTIFY_SOCKET: a path, or ``@name`` in the abstract namespace; None: there is none.

    Every method returns whether the message was handed over; none raises.
    """

    def __init__(self, address: str | None) -> None:
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> ServiceManager:
        """From NOTIFY_SOCKET, which is taken out of ``environment`` so that no child speaks for us."""
        return cls(environment.pop("NOTIFY_SOCKET", None))

    def ready(self, status: str | None = None) -> bool:
        """Start-up, or the reload announced by :meth:`reloading`, is complete."""
        return self._send(READY="1", STATUS=status)

    def status(self, status: str) -> bool:
        """One line for ``systemctl status``, such as ``12 routes, 3 connections``."""
        return self._send(STATUS=status)

    def reloading(self) -> bool:
        """A reload begins; :meth:`ready` ends it. Sends the clock that Type=notify-reload asks for."""
        clock = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return self._send(RELOADING="1", MONOTONIC_USEC=str(clock))

    def stopping(self, status: str | None = None) -> bool:
        """Shutdown begins."""
        return self._send(STOPPING="1", STATUS=status)

    def _send(self, **fields: str | None) -> bool:
        if not self._address:
            return False
        lines = [f"{name}={value}" for name, value in fields.items() if value is not None]
        text = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(NOTIFY_SECONDS)
                channel.sendto(text.encode(), self._address)
        except OSError:
            return False
        return True


class PassedSocket(NamedTuple):
    """A listening socket that the service manager opened.

    ``name``  FileDescriptorName= of the socket unit; ``unknown`` if none was given.
    """

    name: str
    socket: socket.socket


def passed_sockets(
    environment: MutableMapping[str, str] = os.environ,
    process_id: int | None = None,
    first: int = FIRST_DESCRIPTOR,
) -> list[PassedSocket]:
    """The sockets passed by socket activation; an empty list if there are none or they are another's.

    The variables are taken out of ``environment``; the descriptors become close-on-exec and belong to the
    caller.  ``process_id``: None: this process; ``first``: where they begin (3, but for tests).  A passed
    descriptor that is no socket is left alone.
    """
    passed = {name: environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    own = process_id if process_id is not None else os.getpid()
    if passed["LISTEN_PID"] != str(own) or not passed["LISTEN_FDS"].isascii():
        return []
    count = int(passed["LISTEN_FDS"]) if passed["LISTEN_FDS"].isdigit() else 0
    names = passed["LISTEN_FDNAMES"].split(":") if passed["LISTEN_FDNAMES"] else []
    found = []
    for position in range(count):
        descriptor = first + position
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
        except OSError:
            break
        os.set_inheritable(descriptor, False)
        name = names[position] if position < len(names) else "unknown"
        found.append(PassedSocket(name, socket.socket(fileno=descriptor)))
    return found


class Notifications:
    """The other end: a socket on which a service that we started reports. Used by ``nld sandbox``.

    ``path``  where to listen; the file is removed by :meth:`close`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(path)

    def receive(self) -> Mapping[str, str]:
        """Wait for one message; its fields, such as ``{"READY": "1"}``."""
        text = self.socket.recv(65536).decode(errors="replace")
        return dict(line.partition("=")[::2] for line in text.splitlines())

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()
        os.unlink(self.path)  # noqa: PTH108 (as elsewhere here, a path is text)
