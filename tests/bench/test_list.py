"""Listing a large table as JSON: ``nld -j route list`` against ``ip -j route list``, and the daemon's memory.

Both are programs started for the purpose, and write to a file; the table is the same one.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from nld.client import Client
from tests.bench.measure import (
    GATEWAYS,
    READ,
    ROUNDS,
    ROUTES,
    WAIT,
    Row,
    destinations,
    median,
    reader,
    report,
)
from tests.stand import SECONDS, Stand

pytestmark = [pytest.mark.bench, pytest.mark.namespace]

MIB = 1 << 20
GROWTH = 16 * MIB
"""What the daemon may take beside the table while it streams, however large that is."""
NLD = f"{sys.executable} -c 'import sys; from nld.cli.main import main; sys.exit(main())'"


def test_a_large_table(tmp_path: Path) -> None:
    """The daemon's memory with no routes, with them, its peak while it streams, and a reader meanwhile."""
    ours, theirs, before, peak, gets = [], [], [], [], []
    with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
        daemon = client.status()["pid"]
        empty = resident(stand, daemon)["VmRSS"]
        assert client.add({"dst": destinations(ROUTES), "gateway": GATEWAYS[0]}) == ROUTES
        client.add({"dst": READ, "dev": "nld1"})
        for _ in range(ROUNDS):
            stand.run("sh", "-c", f"echo 5 > /proc/{daemon}/clear_refs", check=True)  # resets VmHWM, proc(5)
            before.append(resident(stand, daemon)["VmRSS"])
            ours.append(seconds(stand, NLD, tmp_path / "nld"))
            peak.append(resident(stand, daemon)["VmHWM"])
            theirs.append(seconds(stand, "ip", tmp_path / "ip"))
            with reader(stand, READ) as told:
                seconds(stand, NLD, tmp_path / "beside")
            gets.append(told[0]["p99"])
    assert entries(tmp_path / "nld") == entries(tmp_path / "ip") > ROUTES
    assert median(peak) - median(before) < GROWTH
    scale = 1e6 / ROUTES
    report(
        f"{ROUTES} routes listed as JSON to a file",
        [Row("route list", "us a route", median(ours) * scale, "ip -j route list",
             median(theirs) * scale, ratio=3)],
        [
            f"the daemon's memory: {empty / MIB:.0f} MiB empty, {median(before) / MIB:.0f} MiB with the "
            f"routes, at most {median(peak) / MIB:.0f} MiB while it streams",
            f"another client's get meanwhile: p99 {median(gets) / 1000:.2f} ms (wanted < {WAIT / 1000:g} ms)",
        ],
    )  # fmt: skip
    assert median(gets) < WAIT


def seconds(stand: Stand, program: str, output: Path) -> float:
    begin = time.perf_counter()
    stand.run("sh", "-c", f"{program} -j route list > {output}", check=True)
    return time.perf_counter() - begin


def resident(stand: Stand, pid: int) -> dict[str, int]:
    """Bytes of VmRSS and VmHWM (the peak), as the kernel counts them."""
    lines = stand.run("cat", f"/proc/{pid}/status", check=True).out.splitlines()
    words = [line.split() for line in lines if line.startswith(("VmRSS:", "VmHWM:"))]
    return {name.rstrip(":"): int(size) * 1024 for name, size, _ in words}


def entries(path: Path) -> int:
    return path.read_bytes().count(b'"dst"')
