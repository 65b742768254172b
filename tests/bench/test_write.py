"""Writing: many routes by one client against ``ip -batch``, one confirmed add, and a reader meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nld.client import Client
from tests.bench.echo import SIZE
from tests.bench.measure import (
    ADDS,
    CALLS,
    GATEWAYS,
    READ,
    ROOT,
    ROUNDS,
    WAIT,
    Row,
    batch_file,
    destinations,
    median,
    peer_batch,
    percentiles,
    reader,
    report,
)
from tests.stand import SECONDS, Stand

pytestmark = [pytest.mark.bench, pytest.mark.namespace]

CALL = 4000
"""Records of one call of a client that sends them as they are."""


class Load(NamedTuple):
    """Routes to be added: what, how, and the destination and gateway of each, as ``ip -batch`` reads them."""

    what: str
    add: Callable[[Client], int]
    routes: list[tuple[str, str]]


def loads() -> list[Load]:
    """The ways in which programs have many routes."""
    every = destinations(ADDS)
    alike = list(zip(every, cycle(GATEWAYS[:1]), strict=False))
    several = list(zip(every, cycle(GATEWAYS), strict=False))
    one = records(alike)
    grouped = {"dst": every, "gateway": GATEWAYS[0]}
    return [
        Load("one record with a list", lambda client: client.add(grouped), alike),
        Load("a record each, one gateway", lambda client: client.add(one), alike),
        Load("the same, not grouped by the client", lambda client: as_they_are(client, one), alike),
        Load(f"a record each, {len(GATEWAYS)} gateways in turn",
             lambda client: client.add(records(several)), several),
    ]  # fmt: skip


def records(routes: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"dst": destination, "gateway": gateway} for destination, gateway in routes]


def as_they_are(client: Client, some: list[dict[str, Any]]) -> int:
    """As a Varlink client that knows nothing of nld sends them: one call after the other."""
    calls = [some[start : start + CALL] for start in range(0, len(some), CALL)]
    return sum(client.call("io.nld.Add", {"routes": part}).values()["done"] for part in calls)


def test_many_routes(tmp_path: Path) -> None:
    """Each load by one client, against ``ip -batch`` on the same; and again while another client reads."""
    every = loads()
    ours: defaultdict[str, list[float]] = defaultdict(list)
    theirs: defaultdict[str, list[float]] = defaultdict(list)
    gets: defaultdict[str, list[float]] = defaultdict(list)
    counts: defaultdict[str, float] = defaultdict(float)
    files = [batch_file(tmp_path / str(number), load.routes) for number, load in enumerate(every)]
    for _ in range(ROUNDS):
        for load, file in zip(every, files, strict=True):
            with Stand() as stand:
                with Client(stand.socket, timeout=SECONDS) as client:
                    client.add({"dst": READ, "dev": "nld1"})
                    begin = time.perf_counter()
                    done = load.add(client)
                    ours[load.what].append(time.perf_counter() - begin)
                    assert done == ADDS
                theirs[load.what].append(peer_batch(stand, file))
            with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
                client.add({"dst": READ, "dev": "nld1"})
                with reader(stand, READ) as told:
                    load.add(client)
                gets[load.what].append(told[0]["p99"])
                counts[load.what] += told[0]["count"]
    scale = 1e6 / ADDS
    report(
        f"{ADDS} routes added by one client",
        [
            Row(load.what, "us a route", median(ours[load.what]) * scale,
                "ip -batch", median(theirs[load.what]) * scale, ratio=1)
            for load in every
        ],
        [
            f"another client's get during {load.what}: "
            f"p99 {median(gets[load.what]) / 1000:.2f} ms in {counts[load.what]:.0f} gets "
            f"(wanted < {WAIT / 1000:g} ms)"
            for load in every
        ],
    )  # fmt: skip
    assert max(median(times) for times in gets.values()) < WAIT


def test_one_confirmed_add() -> None:
    """By a running client, against a program for each route and against a bare echo of as many bytes."""
    ours: defaultdict[str, list[float]] = defaultdict(list)
    theirs: list[float] = []
    echoes: defaultdict[str, list[float]] = defaultdict(list)
    few = min(250, max(10, CALLS // 100))
    for _ in range(ROUNDS):
        with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
            times = []
            for destination in destinations(CALLS):
                begin = time.perf_counter()
                client.add({"dst": destination, "gateway": GATEWAYS[0]})
                times.append(time.perf_counter() - begin)
            for name, value in percentiles(times).items():
                ours[name].append(value)
            script = (
                f"i=0; while [ $i -lt {few} ]; do ip route add 11.0.0.$i via {GATEWAYS[0]}; i=$((i+1)); done"
            )
            begin = time.perf_counter()
            stand.run("sh", "-c", script, check=True)
            theirs.append(1e6 * (time.perf_counter() - begin) / few)
        for name, value in echo(CALLS).items():
            echoes[name].append(value)
    rows = [
        Row(f"one add, {name}", "us", median(ours[name]), f"echo of {SIZE} bytes, {name}",
            median(echoes[name]), limit=200 if name == "p50" else None)
        for name in ("p50", "p99", "max")
    ]  # fmt: skip
    rows.append(Row("one add, p50", "us", median(ours["p50"]), "ip route add, mean", median(theirs)))
    report(f"One confirmed add, {CALLS} of them", rows)


def echo(count: int) -> dict[str, float]:
    """Percentiles of a round trip to another process that only sends back."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.echo", str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    return percentiles([float(line) for line in out.split()])
