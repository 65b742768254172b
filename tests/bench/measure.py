"""What all benches share: how large and how often, a peer's namespace, another client, the table of ratios.

Absolute times say something about the machine; ratios of what alternates in one run say something about
nld.  So a bench compares medians with a peer's in the same run; it prints all, and fails where a line is
not held.  On a machine that has other work to do, that says little.

Scaled by the environment, for a slow machine:

    NLD_BENCH_SCALE   part of the routes and calls that each scenario has: 1 by default.
    NLD_BENCH_ROUNDS  how often each is measured: 3 by default; the medians are compared.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.stand import SECONDS, Stand

ROOT = Path(__file__).parents[2]
SCALE = float(os.environ.get("NLD_BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("NLD_BENCH_ROUNDS", "3"))
BIRD = shutil.which("bird", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

READ = "198.51.100.0/24"
"""The route that another client gets while the measured one works."""

WAIT = 10_000
"""Microseconds that 99 of 100 of its gets may take meanwhile."""


def scaled(count: int) -> int:
    """So many, or the part of them that is asked for."""
    return max(1, int(count * SCALE))


class Row(NamedTuple):
    """A line of the table: nld's figure and its peer's, in ``unit``.

    ``ratio``  the line to hold for nld's divided by the peer's, at most; None for any.
    ``limit``  the line to hold for nld's own, at most; None for any.
    """

    what: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float = 0.0
    ratio: float | None = None
    limit: float | None = None

    @property
    def line(self) -> str:
        """What is to be held, in words."""
        ratio = "" if self.ratio is None else f"ratio <= {self.ratio:g}"
        return ratio or ("" if self.limit is None else f"<= {self.limit:g} {self.unit}")

    @property
    def missed(self) -> bool:
        """Whether it is not held."""
        over = self.ratio is not None and self.ours > self.ratio * self.theirs
        return over or (self.limit is not None and self.ours > self.limit)


def peer(stand: Stand, *commands: Sequence[str]) -> list[float]:
    """Seconds that each command takes in a namespace of the same kind, made for them and gone afterwards."""
    words = [json.dumps([str(word) for word in command]) for command in commands]
    done = stand.run("unshare", "-n", sys.executable, "-m", "tests.bench.peer", *words, check=True)
    seconds: list[float] = json.loads(done.out)
    return seconds


@contextmanager
def reader(stand: Stand, key: str) -> Iterator[list[dict[str, float]]]:
    """Another client, a process of its own, that gets ``key`` now and then; filled when the block ends."""
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


def report(title: str, rows: Sequence[Row]) -> None:
    """Print the table: what, nld, peer, nld divided by peer, the line. Fails where one is not held."""
    print(f"\n{title} (medians of {ROUNDS})")
    print(f"  {'':<58}{'nld':>10}  {'peer':<24}{'':>10}{'ratio':>8}  line to hold")
    for row in rows:
        what = f"{row.what}, {row.unit}"
        theirs = f"{row.theirs:>10.2f}{row.ours / row.theirs:>8.2f}" if row.theirs else " " * 18
        print(f"  {what:<58}{row.ours:>10.2f}  {row.peer:<24}{theirs}  {row.line}{' MISSED' * row.missed}")
    missed = [row.what for row in rows if row.missed]
    assert not missed, f"missed: {', '.join(missed)}"
