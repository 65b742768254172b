"""An event as a datagram of journald's native protocol, sent without ever waiting.

The protocol (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md): ``NAME=value\\n`` for each field, or, if the value
holds a newline, ``NAME\\n``, its length as 64 bits little-endian, the value, ``\\n``.  An entry that is too
large for a datagram goes in a sealed memfd whose descriptor is sent instead.

Invariant: :meth:`Journal.write` returns at once and never raises.  While journald is gone or its queue
is full, entries wait in a bounded backlog, in order; past the bound the oldest are dropped, and when
journald takes entries again it is told how many it missed.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import re
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any

from nld.log.console import value_text, words

SOCKET = "/run/systemd/journal/socket"

BACKLOG_BYTES = 1 << 20
"""Bytes of entries that wait while journald is away: some thousand entries."""

MOST_VALUES = 256
"""A list becomes one field per item (a filter on any of them finds the entry), up to this many;
journald takes 1024 fields an entry."""

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog(3)
_TOO_LARGE = {errno.EMSGSIZE, errno.ENOBUFS}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def encode(event: Mapping[str, Any], identifier: str = "nld") -> bytes:
    """One event as journald's fields.

    MESSAGE is the line that ``journalctl`` shows, with the traceback below it if there is one;
    PRIORITY comes from ``level``; ``event`` is NLD_EVENT and each key ``NLD_`` + its name.
    """
    message = words(event)
    if exception := event.get("exception"):
        message += f"\n{exception}"
    level = str(event.get("level", "info"))
    parts = [
        _field("MESSAGE", message),
        _field("PRIORITY", str(_PRIORITY.get(level, 6))),
        _field("SYSLOG_IDENTIFIER", identifier),
    ]
    for key, value in event.items():
        if key == "level" or value is None:
            continue
        values = list(value)[:MOST_VALUES] if isinstance(value, list | tuple | set | frozenset) else [value]
        for item in values:
            parts.append(_field(_name(key), item if isinstance(item, str) else value_text(item)))
    return b"".join(parts)


def _name(key: str) -> str:
    """``dst`` -> ``NLD_DST``; journald drops fields over 64 characters or outside A-Z, 0-9, _."""
    return ("NLD_" + re.sub(r"[^A-Z0-9]", "_", key.upper()))[:64]


def _field(name: str, value: str) -> bytes:
    data = value.encode(errors="surrogateescape")
    if b"\n" in data:
        return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
    return b"%s=%s\n" % (name.encode(), data)


class Journal:
    """The way to journald.

    ``path``  journald's socket; it need not exist (yet).
    """

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self.lost = 0
        """Entries dropped since journald last took one."""

    def write(self, event: Mapping[str, Any]) -> None:
        """Send one event, after those that wait; never waits and never raises."""
        entry = encode(event)
        self._backlog.append(entry)
        self._backlog_bytes += len(entry)
        self.flush()
        while self._backlog_bytes > BACKLOG_BYTES:
            self._backlog_bytes -= len(self._backlog.popleft())
            self.lost += 1

    def flush(self) -> None:
        """Send what waits, as far as journald takes it now."""
        if self.lost:
            notice = {"event": "log entries lost: journald was away", "level": "warning", "lost": self.lost}
            if not self._send(encode(notice)):
                return
            self.lost = 0
        while self._backlog:
            if not self._send(self._backlog[0]):
                return
            self._backlog_bytes -= len(self._backlog.popleft())

    def close(self) -> None:
        """Send what can be sent, then close."""
        self.flush()
        self._socket.close()

    def _send(self, entry: bytes) -> bool:
        """False: try again later."""
        try:
            self._socket.sendto(entry, self._path)
        except OSError as error:
            return error.errno in _TOO_LARGE and self._send_memfd(entry)
        return True

    def _send_memfd(self, entry: bytes) -> bool:
        """The entry in a sealed memfd: journald maps it only if nobody can change it any more."""
        try:
            descriptor = os.memfd_create("nld-journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError:
            return False
        try:
            with open(descriptor, "wb", closefd=False, buffering=0) as file:
                for start in range(0, len(entry), 1 << 20):
                    file.write(entry[start : start + (1 << 20)])
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            self._socket.sendmsg([b""], [rights], 0, self._path)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True
