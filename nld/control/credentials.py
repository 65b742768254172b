"""Who is connected: what the kernel says of the other end of a Unix socket (unix(7)).

SO_PEERCRED gives pid, uid and gid as they were when the peer called connect(2); SO_PEERGROUPS its
supplementary groups then.  The systemd unit is read from /proc/PID/cgroup, which is about whoever has
that pid *now*; where the kernel has SO_PEERPIDFD (Linux 6.5) the unit counts only if the peer itself is
still alive after the read, so that a reused pid is never taken for it.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from nld.records.peer import Peer

SO_PEERGROUPS = 59
"""asm-generic/socket.h; not in Python's socket module."""
SO_PEERPIDFD = 77
"""asm-generic/socket.h, since Linux 6.5; not in Python's socket module."""

_UCRED = struct.Struct("=iII")
_GROUPS_BYTES = 4 * 65536  # NGROUPS_MAX of limits.h, gid_t each
_UNIT_SUFFIXES = (".service", ".scope")


class SocketOptions(Protocol):
    """The one method of a socket that is used here."""

    def getsockopt(self, level: int, option: int, buflen: int, /) -> bytes:
        """As ``socket.socket.getsockopt`` with a buffer length."""


def read_peer(connection: SocketOptions) -> Peer:
    """The peer of a connected Unix socket, but for its unit. Raises OSError when it is not one."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(uid=uid, gid=gid, pid=pid, groups=_groups(connection))


def with_unit(peer: Peer, connection: SocketOptions) -> Peer:
    """The peer with its unit. That takes as long as a call: it is for those whose calls are logged."""
    return replace(peer, unit=_unit(connection, peer.pid))


def _groups(connection: SocketOptions) -> tuple[int, ...]:
    for size in (256, _GROUPS_BYTES):  # ERANGE when the first is too small
        try:
            packed = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, size)
        except OSError:
            continue
        return struct.unpack(f"={len(packed) // 4}I", packed)
    return ()


def _unit(connection: SocketOptions, pid: int) -> str | None:
    if pid <= 0:
        return None
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace")
    except OSError:
        return None
    unit = unit_of_cgroup(text)
    return unit if unit is not None and _alive(connection) else None


def unit_of_cgroup(text: str) -> str | None:
    """The innermost ``.service`` or ``.scope`` of the unified hierarchy in a /proc/PID/cgroup text."""
    for line in text.splitlines():
        hierarchy, _, path = line.partition("::")
        if hierarchy == "0":
            names = [name for name in path.split("/") if name.endswith(_UNIT_SUFFIXES)]
            return names[-1] if names else None
    return None


def _alive(connection: SocketOptions) -> bool:
    """False only when the kernel can tell that the peer is gone."""
    try:
        packed = connection.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4)
    except OSError:
        return True
    (descriptor,) = struct.unpack("=i", packed)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return not poll.poll(0)
    finally:
        os.close(descriptor)
