"""Requests to calls and answers to output, over a client that answers from a table."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from nld.cli.grammar import parse
from nld.cli.options import Options
from nld.cli.saved import first_kept
from nld.cli.session import Session
from nld.client import Client
from nld.errors import NoAnswer, RouteExists

ROUTE = {
    "type": "unicast", "dst": "10.0.0.0/8", "dev": "nld0", "table": "main", "protocol": "static",
    "scope": "link", "flags": [],
}  # fmt: skip
OTHER = ROUTE | {"dst": "11.0.0.0/8", "flow": {"to": "5"}}


class Flapping:
    """A daemon that takes every watch, says a word, and hangs up."""

    def watch(self, filter: Any, **options: Any) -> Iterator[dict[str, Any]]:  # noqa: A002
        yield {"kind": "synced", "cursor": "1"}
        raise NoAnswer("the connection was closed by the daemon")


def test_monitor_waits_longer_each_time_for_a_daemon_that_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 9:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    session = Session(cast(Client, Flapping()), Options(), io.BytesIO(), io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        session.run(parse(("nld", "route", "monitor"), 2))
    assert waited == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10])


class Table:
    """A client that has two routes and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def list_text(self, filter: Any, **options: Any) -> Iterator[bytes]:  # noqa: A002 (the client's name)
        self.asked.append(("list", {"filter": filter, **options}))
        yield json.dumps([ROUTE], separators=(",", ":")).encode()
        yield b"[]"
        yield json.dumps([OTHER], separators=(",", ":")).encode()

    def lookup(self, addresses: list[str], **options: Any) -> list[dict[str, Any]]:
        self.asked.append(("lookup", {"addresses": addresses, **options}))
        route = {
            "dst": addresses[0],
            "dev": "nld0",
            "prefsrc": "192.0.2.1",
            "flags": [],
            "uid": 0,
            "cache": [],
        }
        return [{
            "address": addresses[0], "route": route,
            "rule": {"priority": 32766, "src": "all", "table": "main"},
            "table": "main", "match": ROUTE,
        }]  # fmt: skip

    def watch(self, filter: Any, **options: Any) -> Iterator[dict[str, Any]]:  # noqa: A002
        self.asked.append(("watch", {"filter": filter, **options}))
        yield {
            "kind": "changes",
            "cursor": "1",
            "changes": [{"event": "new", "route": ROUTE, "generation": 1}],
        }
        yield {"kind": "resync", "cursor": "2"}
        yield {
            "kind": "changes",
            "cursor": "3",
            "changes": [{"event": "delete", "route": ROUTE, "generation": 2}],
        }

    def add(self, records: list[dict[str, Any]], **options: Any) -> int:
        self.asked.append(("add", records))
        raise RouteExists("the route exists", operation="add", key="10.0.0.0/8", errno="EEXIST")

    def delete(self, records: list[dict[str, Any]], **options: Any) -> int:
        self.asked.append(("delete", records))
        return len(records)

    def replace(self, records: list[dict[str, Any]], **options: Any) -> int:
        self.asked.append(("replace", records))
        return len(records)


def do(words: str, **options: Any) -> tuple[int, str, str, Table]:
    """Run words behind ``nld route``: exit status, standard output and error, and the client."""
    table = Table()
    out, err = io.BytesIO(), io.StringIO()
    session = Session(cast(Client, table), Options(**options), out, err)
    status = session.run(parse(("nld", "route", *words.split()), 2))
    return status, out.getvalue().decode(), err.getvalue(), table


def test_text() -> None:
    status, out, _, table = do("list")
    assert status == 0
    assert out == (
        "10.0.0.0/8 dev nld0 proto static scope link \n11.0.0.0/8 dev nld0 proto static scope link realm 5 \n"
    )
    assert table.asked[0][1]["filter"] == {"table": "main", "family": "inet"}


def test_json_passes_through_as_one_array() -> None:
    _, out, _, table = do("list", json=True)
    assert json.loads(out) == [ROUTE, OTHER]
    assert table.asked == [
        (
            "list",
            {
                "filter": {"table": "main", "family": "inet"},
                "form": "ip",
                "with_table": False,
                "kernel": None,
            },
        )
    ]


def test_json_details_of_all_tables() -> None:
    _, _, _, table = do("list table all", json=True, details=True)
    assert (table.asked[0][1]["form"], table.asked[0][1]["with_table"]) == ("ip_details", None)


def test_pretty_json() -> None:
    _, out, _, _ = do("list", json=True, pretty=True)
    assert out.startswith('[\n    {\n        "type"')


def test_what_no_filter_says_is_compared_here() -> None:
    assert do("list realm 5")[1] == "11.0.0.0/8 dev nld0 proto static scope link \n"
    assert [route["dst"] for route in json.loads(do("list realm 5", json=True)[1])] == ["11.0.0.0/8"]


def test_numeric_json() -> None:
    routes = json.loads(do("list", json=True, numeric=True)[1])
    assert (routes[0]["table"], routes[0]["protocol"], routes[0]["scope"]) == ("254", "4", "253")


def test_save_is_lossless_json() -> None:
    _, out, _, table = do("save table all")
    assert json.loads(out) == [ROUTE, OTHER]
    assert table.asked[0][1]["form"] == "full"


def test_get() -> None:
    assert do("get 10.1.2.3")[1] == "10.1.2.3 dev nld0 src 192.0.2.1 uid 0 \n    cache \n"
    assert json.loads(do("get 10.1.2.3", json=True)[1])[0]["dst"] == "10.1.2.3"


def test_get_with_details_says_why() -> None:
    _, out, _, _ = do("get 10.1.2.3", details=True)
    assert "why: rule 32766: src all, table main" in out
    assert "route unicast 10.0.0.0/8 dev nld0" in out
    why = json.loads(do("get 10.1.2.3", details=True, json=True)[1])[0]["why"]
    assert why["rule"]["priority"] == 32766


def test_get_fibmatch_shows_the_route_of_the_table() -> None:
    assert do("get fibmatch 10.1.2.3")[1].startswith("10.0.0.0/8 dev nld0")


def test_get_of_a_prefix_warns() -> None:
    _, _, err, table = do("get 10.1.2.3/24")
    assert "/24 is ignored" in err
    assert table.asked[0][1]["addresses"] == ["10.1.2.3"]


def test_monitor() -> None:
    _, out, err, _ = do("monitor")
    assert out.splitlines() == [
        "10.0.0.0/8 dev nld0 proto static scope link ",
        "Deleted 10.0.0.0/8 dev nld0 proto static scope link ",
    ]  # fmt: skip
    assert "notifications were lost" in err


def test_monitor_json_is_an_object_a_line() -> None:
    first, second = map(json.loads, do("monitor", json=True)[1].splitlines())
    assert first == ROUTE
    assert second == {"deleted": True, **ROUTE}


def test_flush_deletes_what_list_shows() -> None:
    status, _, err, table = do("flush table main", statistics=True)
    assert status == 0
    assert table.asked[-1] == ("delete", [ROUTE, OTHER])
    assert "2 routes flushed" in err


def test_an_error_of_the_daemon_is_told_with_status_2() -> None:
    status, out, err, _ = do("add 10.0.0.0/8 dev nld0")
    assert (status, out) == (2, "")
    assert "nld: add 10.0.0.0/8: the route exists" in err
    assert "EEXIST (File exists)" in err
    assert "try: " in err


def test_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    class Standard:
        buffer = io.BytesIO(json.dumps([ROUTE]).encode())

    monkeypatch.setattr("sys.stdin", Standard)
    status, _, _, table = do("restore")
    assert status == 0
    assert [call for call in table.asked if call[0] != "list"] == []  # it is there


def test_a_flat_encap_that_nld_has_no_fields_for_stays_as_it_is() -> None:
    route = {"dst": "2001:db8:9::/48", "encap": "rpl", "segs": ["2001:db8::7"], "dev": "nld0"}
    assert json.loads(json.dumps(route), object_pairs_hook=first_kept) == route


def test_the_route_keeps_its_destination_before_a_flat_encap() -> None:
    text = (
        '{"dst":"10.0.0.0/8","encap":"ip","id":5,"src":"0.0.0.0","dst":"192.0.2.9","ttl":0,"tos":0,'
        '"dev":"nld0","tos":"0x10"}'
    )
    assert json.loads(text, object_pairs_hook=first_kept) == {
        "dst": "10.0.0.0/8", "dev": "nld0", "tos": "0x10",
        "encap": {"type": "ip", "id": 5, "src": "0.0.0.0", "dst": "192.0.2.9", "ttl": 0, "tos": 0},
    }  # fmt: skip
