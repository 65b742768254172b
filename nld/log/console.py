"""An event as one readable line: ``2026-11-20 19:30:01 info    routes added  dst=10.0.0.0/8 done=1``.

Invariant: one event is one line (a traceback follows it, indented), whatever bytes a peer put in a
value: anything but printable text is escaped, so nobody can forge a line or reach the terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TextIO

from nld.log.outlet import Outlet, may_stand_still

LONGEST_LIST = 8
"""Items of a list that are shown; of the others only the number."""

PATIENCE = 0.2
"""Seconds that the last entries are waited for."""

_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}


def words(event: Mapping[str, Any]) -> str:
    """The event and its keys, without time and level: ``routes added  dst=10.0.0.0/8 done=1``."""
    pairs = [
        f"{name}={value_text(value)}"
        for name, value in event.items()
        if name not in {"event", "level", "exception"} and value is not None
    ]
    return "  ".join(filter(None, (_printable(str(event.get("event", ""))), " ".join(pairs))))


def value_text(value: Any) -> str:
    """One value: bare where that is unmistakable, else in JSON's quotes; lists joined by commas."""
    if isinstance(value, str):
        bare = value and value.isprintable() and not any(mark in value for mark in ' ="')
        return value if bare else json.dumps(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return json.dumps(value, default=str)
    if isinstance(value, Iterable):
        items = list(value)
        more = f",... ({len(items)} in all)" if len(items) > LONGEST_LIST else ""
        return "[" + ",".join(value_text(item) for item in items[:LONGEST_LIST]) + more + "]"
    return _printable(str(value))


def _printable(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]


class Console:
    """Writes events to ``stream``, in colour if it is a terminal; a closed stream loses them silently, and
    one that nobody reads holds up nobody."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = stream.isatty()
        self._outlet = Outlet(stream.fileno(), self._missing) if may_stand_still(stream) else None

    def write(self, event: Mapping[str, Any]) -> None:
        """One event. ``level`` and ``event`` are taken out; ``exception`` goes below, indented."""
        text = self._text(event)
        if self._outlet is not None:
            self._outlet.write(text)
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The disk is full, or the file is closed. Routes matter more.
            return

    def flush(self) -> None:
        """Wait for what is still to be written, but not for long."""
        if self._outlet is not None:
            self._outlet.flush(PATIENCE)

    def _text(self, event: Mapping[str, Any]) -> str:
        level = str(event.get("level", "info"))
        shown = f"{level:7}"
        if self._colour:
            shown = f"\x1b[{_COLOURS.get(level, '0')}m{shown}\x1b[0m"
        line = f"{datetime.now():%Y-%m-%d %H:%M:%S} {shown} {words(event)}\n"
        for below in str(event.get("exception") or "").splitlines():
            line += f"    {_printable(below)}\n"
        return line

    def _missing(self, lost: int) -> str:
        return self._text({"event": "log entries lost: nobody read them", "level": "warning", "lost": lost})
