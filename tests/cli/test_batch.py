"""Batches: lines to calls, their order, and failures by line number."""

from __future__ import annotations

import io
from typing import Any

import pytest

from nld.cli import batch as batch_module
from nld.cli.batch import Batch, BatchCall, LineReader, read_lines
from nld.cli.complaint import complaint
from nld.cli.grammar import Request, WriteRequest
from nld.cli.line import LineError
from nld.errors import ConnectionFailed, NldError, RouteExists


class Daemon:
    """Takes calls and requests, and fails as told."""

    def __init__(self, errors: dict[int, NldError] | None = None) -> None:
        self.calls: list[tuple[str, list[dict[str, Any]]]] = []
        self.requests: list[Request] = []
        self.reports: list[tuple[str, int]] = []
        self.errors = errors or {}

    def send(self, call: BatchCall) -> None:
        self.calls.append((call.operation, call.records))
        error = self.errors.get(len(self.calls))
        if error is not None:
            raise error

    def run(self, request: Request) -> int:
        self.requests.append(request)
        return 0

    def report(self, text: str, number: int) -> None:
        self.reports.append((text, number))


def do(text: str, daemon: Daemon, *, force: bool = False) -> int:
    """Run a batch against ``daemon``; the exit status."""
    work = Batch(
        family=None, force=force, send=daemon.send, run=daemon.run, report=daemon.report, explain=complaint
    )
    return work.feed(read_lines(io.StringIO(text)))


def test_lines_as_ip_reads_them() -> None:
    text = "# a comment\n\nroute add a # behind\nroute \\\n add b\nroute 'add c' \"d\"\n"
    assert [(line.number, line.words) for line in read_lines(io.StringIO(text))] == [
        (3, ["route", "add", "a"]), (5, ["route", "add", "b"]), (6, ["route", "add c", "d"]),
    ]  # fmt: skip


def test_a_byte_order_mark_is_no_part_of_the_first_word() -> None:
    assert [words for _, words in read_lines(["\ufeffroute add default\n", "route list\n"])] == [
        ["route", "add", "default"],
        ["route", "list"],
    ]


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(LineError, match="line 2: unterminated quote"):
        list(read_lines(io.StringIO("route\nroute 'add\n")))


def test_lines_that_differ_in_the_destination_make_one_record() -> None:
    daemon = Daemon()
    assert do("".join(f"route add 10.0.{i}.0/24 via 192.0.2.2\n" for i in range(4)), daemon) == 0
    assert daemon.calls == [
        ("add", [{"gateway": "192.0.2.2", "scope": "global", "dst": [f"10.0.{i}.0/24" for i in range(4)]}])
    ]


def test_order_is_kept() -> None:
    """Only neighbours are grouped: no line overtakes one before it."""
    daemon = Daemon()
    do(
        "r add 10.0.0.0/24 via 192.0.2.2\nr add 10.0.1.0/24 via 192.0.2.3\nr add 10.0.2.0/24 via 192.0.2.2\n",
        daemon,
    )
    ((_, records),) = daemon.calls
    assert [(record["dst"], record["gateway"]) for record in records] == [
        ("10.0.0.0/24", "192.0.2.2"), ("10.0.1.0/24", "192.0.2.3"), ("10.0.2.0/24", "192.0.2.2"),
    ]  # fmt: skip


def test_another_operation_or_the_same_destination_starts_a_new_call() -> None:
    daemon = Daemon()
    do(
        "".join(f"r {words}\n" for words in ("add 10/24", "del 10/24", "append 10/24", "append 10/24")),
        daemon,
    )
    assert [operation for operation, _ in daemon.calls] == ["add", "delete", "append", "append"]


def test_a_call_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "CALL_ROUTES", 3)
    daemon = Daemon()
    do("".join(f"route add 10.0.{i}.0/24 dev a\n" for i in range(7)), daemon)
    assert [records[0]["dst"] for _, records in daemon.calls] == [
        ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"],
        ["10.0.3.0/24", "10.0.4.0/24", "10.0.5.0/24"],
        "10.0.6.0/24",
    ]


def test_reads_wait_for_the_writes_before_them() -> None:
    daemon = Daemon()
    do("route add 10.0.0.0/24 dev a\nroute get 10.0.0.1\nroute add 10.0.1.0/24 dev a\n", daemon)
    assert len(daemon.calls) == 2
    assert len(daemon.requests) == 1


SHORT_CUTS = (
    "10.0.0.0/8", "10.0.0.1", "10.0.0.1/32", "10.8/16", "010.0.0.0/8", "192.0.2.0/255.255.255.0", "0/0",
    "0.0.0.0/0", "default", "2001:db8::/32", "2001:DB8::1", "2001:db8::1/64", "10.0.0.1/8", "10.0.0.0/33",
    "blackhole", "10.0.0.256", "1.2.3.4.5", "10.0.0.0/08", "10.0.0.0/0",
)  # fmt: skip


@pytest.mark.parametrize("destination", SHORT_CUTS)
def test_the_short_cut_reads_as_the_grammar_does(destination: str) -> None:
    words = ["route", "add", destination, "metric", "5", "dev", "a"]
    for first in ("198.51.100.0/24", "2001:db8:77::/48"):
        warm = LineReader(None)
        warm.parse(["route", "add", first, *words[3:]])
        cold, short = spelled(LineReader(None), words), spelled(warm, words)
        if cold is None:
            # What the daemon looks at itself (host bits, octets) may pass as it was written.
            assert short in (None, destination)
        else:
            assert short in (cold, f"{cold}/32")


def spelled(reader: LineReader, words: list[str]) -> str | None:
    """The destination that a reader makes of a line, or None when it refuses it."""
    try:
        request, destination = reader.parse(words)
    except LineError:
        return None
    assert isinstance(request, WriteRequest)
    assert request.operation == "add"
    assert request.record["metric"] == 5
    assert ("scope" in request.record) == (request.family == "inet")
    return destination


def test_failures_name_their_lines() -> None:
    failures = (
        {"message": "exists", "index": 0, "destination_index": 2, "errno": "EEXIST"},
        {"message": "exists too", "index": 1, "errno": "EEXIST"},
    )
    error = RouteExists("exists", index=0, destination_index=2, failures=failures, failed=2)
    daemon = Daemon({1: error})
    text = "".join(f"route add 10.0.{i}.0/24 dev a\n" for i in range(4)) + "route add 10.1.0.0/16 dev b\n"
    assert do(text + "route del 10.9.0.0/16\n", daemon) == 1
    assert [number for _, number in daemon.reports] == [3, 5]
    assert "exists too" in daemon.reports[1][0]
    assert len(daemon.calls) == 1


def test_force_goes_on() -> None:
    daemon = Daemon({1: RouteExists("exists", index=0)})
    assert do("route add 10.0.0.0/24 dev a\nroute bogus\nroute del 10.0.0.0/24\n", daemon, force=True) == 1
    assert [operation for operation, _ in daemon.calls] == ["add", "delete"]
    assert [number for _, number in daemon.reports] == [1, 2]


def test_a_line_that_cannot_be_read_stops_after_those_before_it() -> None:
    daemon = Daemon()
    assert (
        do(
            "route add 10.0.0.0/24 dev a\nroute add 10.0.1.0/24 metrc 5\nroute add 10.0.2.0/24 dev a\n",
            daemon,
        )
        == 1
    )
    assert len(daemon.calls) == 1
    ((text, number),) = daemon.reports
    assert number == 2
    assert "did you mean: metric" in text


def test_a_lost_daemon_ends_the_batch_even_with_force() -> None:
    daemon = Daemon({1: ConnectionFailed("gone")})
    assert do("route add 10.0.0.0/24 dev a\nroute del 10.0.0.0/24\n", daemon, force=True) == 1
    assert len(daemon.calls) == 1


def test_other_objects_are_refused() -> None:
    daemon = Daemon()
    assert do("link add x\n", daemon) == 1
    assert "not a batch command" in daemon.reports[0][0]
