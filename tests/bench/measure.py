"""What all benches share: the routes, how large and how often, a peer's namespace, the table of ratios.

Absolute times say something about the machine; ratios of what alternates in one run say something about
nld.  So a bench compares medians with a peer's in the same run; it prints all, and fails where a goal is
missed.  On a machine that has other work to do, that says little.

Scaled by the environment, for a slow machine:

    NLD_BENCH_ADDS    routes that are added: 100,000 by default.
    NLD_BENCH_ROUTES  routes in the table that is listed: 1,000,000 by default.
    NLD_BENCH_CALLS   single confirmed adds: 5,000 by default.
    NLD_BENCH_ROUNDS  how often each is measured: 3 by default; the medians are compared.
"""

from __future__ import annotations

import ipaddress
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.stand import SECONDS, Stand

ROOT = Path(__file__).parents[2]
ADDS = int(os.environ.get("NLD_BENCH_ADDS", "100000"))
ROUTES = int(os.environ.get("NLD_BENCH_ROUTES", "1000000"))
CALLS = int(os.environ.get("NLD_BENCH_CALLS", "5000"))
ROUNDS = int(os.environ.get("NLD_BENCH_ROUNDS", "3"))

GATEWAYS = ("192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5")

READ = "198.51.100.0/24"
"""The route that another client gets while the measured one works."""

WAIT = 20_000
"""Microseconds that 99 of 100 of its gets may take meanwhile."""


class Row(NamedTuple):
    """A line of the table: nld's figure and its peer's, in ``unit``.

    ``ratio``  the goal for nld's divided by the peer's, at most; None for any.
    ``limit``  the goal for nld's own, less than; None for any.
    """

    what: str
    unit: str
    ours: float
    peer: str
    theirs: float
    ratio: float | None = None
    limit: float | None = None

    @property
    def goals(self) -> str:
        """What is wanted, in words."""
        ratio = "" if self.ratio is None else f"ratio <= {self.ratio:g}"
        return ratio or ("" if self.limit is None else f"< {self.limit:g} {self.unit}")

    @property
    def missed(self) -> bool:
        """Whether a goal is not reached."""
        over = self.ratio is not None and self.ours > self.ratio * self.theirs
        return over or (self.limit is not None and self.ours >= self.limit)


def destinations(count: int) -> list[str]:
    """That many /30 prefixes from 10.0.0.0 on, ascending: the order that costs the kernel most."""
    base = int(ipaddress.IPv4Address("10.0.0.0"))
    return [f"{ipaddress.IPv4Address(base + 4 * number)}/30" for number in range(count)]


def batch_file(path: Path, routes: Sequence[tuple[str, str]]) -> Path:
    """The same routes (destination, gateway) as ``ip -batch`` reads them."""
    path.write_text("".join(f"route add {destination} via {gateway}\n" for destination, gateway in routes))
    return path


def peer_batch(stand: Stand, file: Path) -> float:
    """Seconds that ``ip -batch`` takes in a namespace of the same kind, made for it and gone afterwards."""
    done = stand.run(
        "unshare", "-n", sys.executable, "-m", "tests.bench.peer", "ip", "-batch", str(file), check=True
    )
    return float(json.loads(done.out)["seconds"])


@contextmanager
def reader(stand: Stand, key: str) -> Iterator[list[dict[str, float]]]:
    """Another client, a process of its own, that gets ``key`` all the time; filled when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.reader", stand.socket, key],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told: list[dict[str, float]] = []
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield told
    finally:
        out, _ = process.communicate("", SECONDS)
    told.append(json.loads(out))


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Microseconds: ``p50``, ``p99``, ``max``; and ``count``."""
    ordered = sorted(seconds)
    micro = [1e6 * ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.99, 1)]
    return {"p50": micro[0], "p99": micro[1], "max": micro[2], "count": len(ordered)}


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def report(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the table: what, nld, peer, and nld divided by peer. Fails where a goal is missed."""
    print(f"\n{title} (medians of {ROUNDS})")
    print(f"  {'':<44}{'nld':>12}  {'peer':<28}{'':>12}{'ratio':>9}  wanted")
    for row in rows:
        what = f"{row.what}, {row.unit}"
        ratio = row.ours / row.theirs
        print(f"  {what:<44}{row.ours:>12.2f}  {row.peer:<28}{row.theirs:>12.2f}{ratio:>9.2f}  {row.goals}")
    for note in notes:
        print(f"  {note}")
    missed = [row.what for row in rows if row.missed]
    assert not missed, f"missed: {', '.join(missed)}"
