"""Writing: many routes by one client against ``ip -batch``, one confirmed add, and a reader meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from nld.client import Client
from tests.bench.echo import SIZE
from tests.bench.measure import (
    ADDS,
    CALLS,
    GATEWAYS,
    ROOT,
    ROUNDS,
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

READ = "198.51.100.0/24"
"""The route that the other client gets."""


def test_many_routes(tmp_path: Path) -> None:
    """Grouped, as records that the client groups, and as records that differ from their neighbours."""
    every = destinations(ADDS)
    alike = [(destination, GATEWAYS[0]) for destination in every]
    mixed = list(zip(every, cycle(GATEWAYS), strict=False))
    files = {
        "grouped": batch_file(tmp_path / "alike", alike),
        "records": batch_file(tmp_path / "alike", alike),
        "mixed": batch_file(tmp_path / "mixed", mixed),
    }
    records: dict[str, list[dict[str, Any]]] = {
        "grouped": [{"dst": every, "gateway": GATEWAYS[0]}],
        "records": [{"dst": destination, "gateway": gateway} for destination, gateway in alike],
        "mixed": [{"dst": destination, "gateway": gateway} for destination, gateway in mixed],
    }
    ours: defaultdict[str, list[float]] = defaultdict(list)
    theirs: defaultdict[str, list[float]] = defaultdict(list)
    gets: defaultdict[str, list[float]] = defaultdict(list)
    counts: defaultdict[str, float] = defaultdict(float)
    for _ in range(ROUNDS):
        for name, file in files.items():
            with Stand() as stand:
                with Client(stand.socket, timeout=SECONDS) as client:
                    client.add({"dst": READ, "dev": "nld1"})
                    begin = time.perf_counter()
                    done = client.add(records[name])
                    ours[name].append(time.perf_counter() - begin)
                    assert done == ADDS
                theirs[name].append(peer_batch(stand, file))
            with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
                client.add({"dst": READ, "dev": "nld1"})
                with reader(stand, READ) as told:
                    client.add(records[name])
                gets[name].append(told[0]["p99"])
                counts[name] += told[0]["count"]
    scale = 1e6 / ADDS
    words = {
        "grouped": "add, one record with a list",
        "records": "add, a record each, one gateway",
        "mixed": "add, a record each, two gateways",
    }
    report(
        f"{ADDS} routes added by one client",
        [
            Row(words[name], "us a route", median(ours[name]) * scale,
                "ip -batch", median(theirs[name]) * scale, "<= 1")
            for name in files
        ],
        [
            f"another client's get during {words[name]}: "
            f"p99 {median(gets[name]) / 1000:.2f} ms in {counts[name]:.0f} gets (wanted < 20 ms)"
            for name in files
        ],
    )  # fmt: skip


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
            median(echoes[name]), "p50 < 200 us" if name == "p50" else "")
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
