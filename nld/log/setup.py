"""Wiring: structlog and the standard library's logging, into one sink.

The one place that changes the process's logging.  The daemon calls :func:`configure` once, before
anything else, and keeps the :class:`Log` it returns to change the level on reload.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol, TextIO

import structlog

from nld.log.console import Console
from nld.log.journal import SOCKET, Journal

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["auto", "console", "journal"]

_RANK: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class LogSink(Protocol):
    """Where events go: :class:`Console` or :class:`Journal`. Neither raises."""

    def write(self, event: Mapping[str, Any]) -> None:
        """Write one event."""

    def flush(self) -> None:
        """Write what waits; wait for that a fraction of a second at most."""


class Log:
    """The running log: its level may change while it runs.

    ``sink``  where events go.
    """

    def __init__(self, sink: LogSink, level: Level) -> None:
        self.sink = sink
        self._least = _RANK[level]

    def set_level(self, level: Level) -> None:
        """From now on write ``level`` and what is more severe. Holds for loggers that exist already."""
        self._least = _RANK[level]

    def flush(self) -> None:
        """Hand over what waits, as far as it is taken. The daemon calls it when it stops."""
        self.sink.flush()

    def process(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        """structlog's last processor: filter, then write. Nothing is left for a logger to print."""
        level = {"warn": "warning", "exception": "error", "fatal": "critical"}.get(method, method)
        if _RANK.get(level, 20) >= self._least:
            event["level"] = level
            self.sink.write(structlog.processors.format_exc_info(_logger, method, event))
        raise structlog.DropEvent


class _Bridge(logging.Handler):
    """Records of the standard library's logging, asyncio's above all, as events of ours."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = next(
            (name for name, rank in reversed(tuple(_RANK.items())) if record.levelno >= rank), "debug"
        )
        event: dict[str, Any] = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        try:
            self._log.process(None, level, event)
        except structlog.DropEvent:
            return


def configure(
    level: Level = "info",
    form: Form = "auto",
    *,
    stream: TextIO | None = None,
    journal_socket: str = SOCKET,
    environment: Mapping[str, str] = os.environ,
) -> Log:
    """Send structlog's and the standard library's events to the console or to journald.

    ``level``           the least severe event that is written (default info).
    ``form``            auto: journal if standard error is connected to the journal, else console.
    ``stream``          of the console; None: standard error.
    ``journal_socket``  journald's socket. With ``form="journal"`` it need not be there: entries wait in a
                        bounded backlog.
    ``environment``     where JOURNAL_STREAM is looked up.
    """
    chosen = stream if stream is not None else sys.stderr
    if form == "auto":
        journal = goes_to_journal(chosen, environment) and Path(journal_socket).is_socket()
        form = "journal" if journal else "console"
    log = Log(Journal(journal_socket) if form == "journal" else Console(chosen), level)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, log.process],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(log)]
    root.setLevel(logging.INFO)
    return log


def goes_to_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether ``stream`` is what systemd connected to the journal (systemd.exec(5), JOURNAL_STREAM).

    The variable holds ``device:inode`` of it; a child whose standard error was redirected inherits the
    variable but not the file, which is why both are compared.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
