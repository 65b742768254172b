"""The log of requests: a line for each write, with its outcome.

To make a line and hand it over takes longer than to write a route, and a program that writes one route
after the other would wait for the lines of those before.  So an outcome is only noted when the answer goes
out, and the lines of some milliseconds are written together, in order.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import structlog

from nld.broker.failures import Failures
from nld.kernel.table import Operation
from nld.records import RouteRecord
from nld.records.many import Records
from nld.records.peer import Peer

DELAY = 0.01
"""Seconds after which an outcome is in the log, at the latest."""


class _Outcome(NamedTuple):
    """Of one request. ``rest``, ``dst``, ``others``: its first record, that one's first destination, and how
    many more there are. ``rest`` is None for a request without records.
    """

    peer: Peer
    operation: Operation
    done: int
    failures: Failures
    records: int
    rest: RouteRecord | None
    dst: str
    others: int


class RequestLog:
    """The lines that are still to be written."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("nld.broker").bind()  # once, and not for every write
        self._outcomes: list[_Outcome] = []
        self._timer: asyncio.TimerHandle | None = None

    def note(self, peer: Peer, operation: Operation, records: Records, done: int, failures: Failures) -> None:
        """What a request has done, to be logged soon."""
        rest, dst, others = None, "", 0
        if records.rests:
            rest, texts = records.rests[0], records.destinations[0]
            dst, others = (texts, 0) if isinstance(texts, str) else (texts[0], len(texts) - 1)
        self._outcomes.append(
            _Outcome(peer, operation, done, failures, len(records.rests), rest, dst, others)
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self.flush)

    def flush(self) -> None:
        """Write the lines now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        outcomes, self._outcomes = self._outcomes, []
        for outcome in outcomes:
            self._write(outcome)

    def _write(self, outcome: _Outcome) -> None:
        peer, rest = outcome.peer, outcome.rest
        fields: dict[str, Any] = {
            "operation": outcome.operation.value,
            "uid": peer.uid,
            "peer_pid": peer.pid,
            "unit": peer.unit,
            "routes": outcome.done,
        }
        if rest is not None:
            others = f" and {outcome.others} others" if outcome.others else ""
            fields["key"] = rest.key_text(outcome.dst + others)
            fields["dst"] = outcome.dst
            fields["table"] = rest.table or "main"
        if outcome.records > 1:
            fields["records"] = outcome.records
        failures = outcome.failures
        if failures.count:
            error = failures.first
            self._log.warning(
                "refused", failed=failures.count, error=type(error).__name__, why=str(error), **fields
            )
        else:
            self._log.info("written", **fields)
