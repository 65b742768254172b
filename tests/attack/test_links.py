"""Status while the kernel deletes two thousand links in one go, holding the lock of all rtnetlink."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nld.client import Client
from tests.attack.ground import Ground, cannot, p99, working

REASON = cannot()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

GROUP = 77
ROUNDS = 5
"""How often that is done: the status is asked for too seldom in one of them for a percentile."""


def statuses(path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """Ask for the status, a thousand times a second."""
    with Client(path, timeout=60) as client:
        while goes_on():
            began = time.monotonic()
            client.status()
            times.append(time.monotonic() - began)
            time.sleep(0.001)


def inside(ground: Ground, *command: str) -> None:
    subprocess.run(["nsenter", "-t", str(ground.pid), "-n", *command], check=True)


def made(ground: Ground, directory: Path, pairs: int) -> None:
    """Links of a group, with a route by each."""
    file = directory / "links"
    file.write_text(
        "".join(
            f"link add d{n} group {GROUP} type veth peer name e{n} group {GROUP}\n"
            f"link set d{n} up\nlink set e{n} up\naddress add 198.18.{n >> 8}.{n & 255}/32 dev d{n}\n"
            f"route add 100.65.{n >> 8}.{n & 255}/32 dev d{n}\n"
            for n in range(pairs)
        )
    )
    inside(ground, "ip", "-batch", str(file))


def answered(ground: Ground) -> tuple[list[float], float]:
    """How long each status took while the group was deleted, and how long that took."""
    with working(ground.socket, statuses, 0) as stop:
        began = time.monotonic()
        inside(ground, "ip", "link", "delete", "group", str(GROUP))
        lasted = time.monotonic() - began
        times, errors = stop()
    assert errors == []
    return times, lasted


def test_status_answers_and_the_routes_are_gone(tmp_path: Path) -> None:
    with Ground(1000) as ground, Client(ground.socket, timeout=60) as client:
        made(ground, tmp_path, 30)
        assert sum(1 for _ in client.list({"root": "100.65.0.0/16"})) == 30
        answered(ground)
        assert list(client.list({"root": "100.65.0.0/16"})) == []


@pytest.mark.attack
def test_the_figure(tmp_path: Path) -> None:
    every: list[float] = []
    with Ground(10_000) as ground:
        for _ in range(ROUNDS):
            made(ground, tmp_path, 1000)
            times, lasted = answered(ground)
            every += times
            print(
                f"\n2,000 links deleted in {lasted:.2f} s: {len(times)} statuses, {max(times):.4f} s at most"
            )
    print(f"p99 {1000 * p99(every):.1f} ms of {len(every)}")
    assert p99(every) < 0.02
