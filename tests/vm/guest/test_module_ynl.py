"""The kernel tree's own netlink tool speaks the module's protocol from nld.yaml alone."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from .loaded import module, wire
from .wire import GROUP, PROTOCOL, REPLACE, Socket, Type, nexthops

__all__ = ["module", "wire"]

SCHEMA = "/opt/ynl/Documentation/netlink/netlink-raw.yaml"
SECONDS = 120

IPV4 = {"family": 2, "dst-len": 0, "flags": 0, "reserved": 0}
HOPS = [("c0000201", 5), ("c0000202", 7)]
NOTHING = IPV4 | {"family": 0}


class Ynl:
    """One run of the tool, in the background until its answer is asked for.

    With ``check`` it holds the specification against the schema first, which takes longer than all the rest.
    """

    def __init__(self, *words: str, attributes: dict[str, Any] | None = None, check: bool = False) -> None:
        tail = [] if attributes is None else ["--json", json.dumps(attributes)]
        schema = ["--schema", SCHEMA] if check else ["--no-schema"]
        self._process = subprocess.Popen(
            ["ynl", "--spec", "kmod/nld.yaml", *schema, *words, *tail, "--output-json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def text(self, *, fails: bool = False) -> str:
        """Return what it printed."""
        out, errors = self._process.communicate(timeout=SECONDS)
        assert bool(self._process.returncode) == fails, out + errors
        return out

    def answer(self) -> Any:
        """Return its answer."""
        return json.loads(self.text())


def test_add_get_lookup_dump_delete(wire: Socket) -> None:
    record = {
        "dst": "0a000000", "gateway": "c0000201", "metric": 0, "table": 254, "protocol": 4, "type": "unicast",
        "owner": "6d65", "generation": 2, "family": 2, "dst-len": 8, "flags": [], "reserved": 0,
    }  # fmt: skip
    ten = IPV4 | {"dst": "0a000000", "dst-len": 8}
    made = ten | {"gateway": "c0000201", "protocol": 4, "owner": "6d65"}
    assert Ynl("--create", "--do", "route-new", attributes=made).answer() is None
    (found,) = wire.dump().records
    assert (found.prefix, found.hops) == ("10.0.0.0/8", [("192.0.2.1", 0, 1)])

    wire.new(
        "2001:db8::/32",
        nexthops=nexthops(
            *({"gateway": bytes.fromhex(gateway), "weight": weight} for gateway, weight in HOPS)
        ),
    )
    # Side by side, because each spends its time on starting.
    lookup = IPV4 | {"flags": 1, "dst": "0a010203", "dst-len": 32}
    gets = Ynl("--multi", "route-get", json.dumps(ten), "--multi", "route-get", json.dumps(lookup))
    dump = Ynl("--dump", "route-get", attributes=NOTHING)
    refused = Ynl("--create", "--do", "route-new", attributes=made)
    assert gets.answer() == [record, record]
    first, second = dump.answer()
    assert first == record | {"as-of": 3}
    assert (second["family"], second["nexthops"]) == (
        10,
        {"entry": [{"gateway": gateway, "weight": weight} for gateway, weight in HOPS]},
    )
    assert "a route with this prefix, table and metric exists" in refused.text(fails=True)

    info = Ynl("--do", "get-info", attributes=NOTHING, check=True)
    assert Ynl("--do", "route-del", attributes=ten).answer() is None
    assert [one.prefix for one in wire.dump().records] == ["2001:db8::/32"]
    assert sorted(info.answer()["features"]) == [
        "expires", "generation", "lookup", "nexthops", "owner", "via",
    ]  # fmt: skip


def test_notifications(wire: Socket) -> None:
    listening = Ynl("--subscribe", "route", "--sleep", "3")
    limit = time.monotonic() + SECONDS
    while not members():
        assert time.monotonic() < limit, "it never joined the group"
    # It reads three seconds after it joined.
    wire.new("10.0.0.0/8")
    wire.new("10.0.0.0/8", flags=REPLACE, type=Type.PROHIBIT)
    wire.flush()
    told = json.loads(listening.text())
    assert [(one["name"], one["msg"]["type"], one["msg"]["cause"]) for one in told] == [
        ("route-new-ntf", "blackhole", "request"),
        ("route-new-ntf", "prohibit", "request"),
        ("route-del-ntf", "prohibit", "flush"),
    ]
    assert [one["msg"]["generation"] for one in told] == [2, 3, 4]


def members() -> int:
    """Count the protocol's sockets in this namespace that are in the group."""
    lines = Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]
    words = [line.split() for line in lines]
    return sum(int(one[1]) == PROTOCOL and int(one[3], 16) == 1 << (GROUP - 1) for one in words)
