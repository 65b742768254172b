"""Each outcome is one line of the log, in order and soon; no request waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nld.broker.failures import Failures
from nld.broker.requests import RequestLog
from nld.errors import RouteExists
from nld.kernel.table import Operation
from nld.records.many import Records
from nld.records.peer import Peer

PEER = Peer(uid=7, gid=8, pid=9, unit="agent.service")


class Lines:
    """Stands for the logger, and wakes whoever waits for so many lines."""

    def __init__(self, wanted: int = 0) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.there = asyncio.Event()
        self._wanted = wanted

    def info(self, event: str, **fields: Any) -> None:
        self._add("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._add("warning", event, fields)

    def _add(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self.lines.append((level, event, fields))
        if len(self.lines) == self._wanted:
            self.there.set()


def noting(monkeypatch: pytest.MonkeyPatch, wanted: int = 0) -> tuple[RequestLog, Lines]:
    log, lines = RequestLog(), Lines(wanted)
    monkeypatch.setattr(log, "_log", lines)
    return log, lines


def note(log: RequestLog, values: list[dict[str, Any]], *errors: RouteExists) -> None:
    failures = Failures(Operation.ADD, lambda nth: (nth, None))
    for nth, error in enumerate(errors):
        failures.add(error, nth)
    log.note(PEER, Operation.ADD, Records.read(values), len(values) - len(errors), failures)


async def test_lines_come_by_themselves_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    log, lines = noting(monkeypatch, wanted=3)
    for number in range(3):
        note(log, [{"dst": f"10.{number}.0.0/16", "dev": "nld0"}])
    assert lines.lines == []
    await asyncio.wait_for(lines.there.wait(), 60)
    assert [fields["dst"] for _, _, fields in lines.lines] == ["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]


async def test_nothing_is_left_behind_when_the_daemon_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    log, lines = noting(monkeypatch)
    note(log, [{"dst": "10.0.0.0/8", "dev": "nld0"}])
    log.flush()
    assert len(lines.lines) == 1
    log.flush()
    assert len(lines.lines) == 1
    note(log, [{"dst": "11.0.0.0/8", "dev": "nld0"}])
    log.flush()
    assert len(lines.lines) == 2


async def test_what_a_line_says(monkeypatch: pytest.MonkeyPatch) -> None:
    log, lines = noting(monkeypatch)
    note(log, [{"dst": "10.0.0.0/8", "dev": "nld0", "table": 7, "metric": 5}])
    note(log, [{"dst": ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"], "dev": "nld0"}, {"dst": "13.0.0.0/8"}])
    note(log, [{"dst": "10.0.0.0/8", "dev": "nld0"}], RouteExists("it is there"))
    note(log, [])
    log.flush()
    one, many, refused, empty = lines.lines
    who = {"operation": "add", "uid": 7, "peer_pid": 9, "unit": "agent.service"}
    assert one == ("info", "written", who | {
        "routes": 1, "key": "10.0.0.0/8 table 7 metric 5", "dst": "10.0.0.0/8", "table": "7",
    })  # fmt: skip
    assert many[2]["key"].startswith("10.0.0.0/8 and 2 others")
    assert (many[2]["dst"], many[2]["table"], many[2]["records"]) == ("10.0.0.0/8", "main", 2)
    assert refused[:2] == ("warning", "refused")
    assert (refused[2]["failed"], refused[2]["error"], refused[2]["why"]) == (1, "RouteExists", "it is there")
    assert empty == ("info", "written", who | {"routes": 0})
