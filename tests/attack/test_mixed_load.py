"""How long turns of the event loop are while everybody does what nld is for, at the same time.

One client adds, replaces and deletes thousands of routes a call, one lists everything, one follows, one looks
up; beside them another route program writes as fast as it can, and a link flaps.  A turn is counted in
processor time (``pulse.py``), so that the rest of the machine does not count.  In small a part of
``make check``; the figures of ``make attack`` are for 300,000 and 1,000,000 routes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from nld.client import Client
from tests.attack.ground import Ground, Work, cannot, working

REASON = cannot()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

FOREIGN = 20_000
SMALL_TURN = 0.25
"""Seconds, in small: far below what stands still for seconds, on whatever machine."""


def writes(many: int, path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """Many routes a call: added, replaced, deleted."""
    destinations = [f"100.64.{n >> 8}.{n & 255}/32" for n in range(many)]
    with Client(path, timeout=60) as client:
        while goes_on():
            for write, gateway in (
                (client.add, "192.0.2.3"),
                (client.replace, "192.0.2.4"),
                (client.delete, "192.0.2.4"),
            ):
                began = time.monotonic()
                write({"dst": destinations, "gateway": gateway})
                times.append(time.monotonic() - began)


def lists(path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """Everything, again and again."""
    with Client(path, timeout=60) as client:
        while goes_on():
            began = time.monotonic()
            for _ in client.list():
                if not goes_on():
                    break
            times.append(time.monotonic() - began)


def watches(path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """A snapshot, and every change."""
    with Client(path, timeout=60) as client, contextlib.closing(client.watch()) as watch:
        for _ in watch:
            times.append(0)
            if not goes_on():
                break


def look_ups(path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """Where packets go."""
    with Client(path, timeout=60) as client:
        while goes_on():
            began = time.monotonic()
            for _ in client.lookup([f"10.0.{n}.1" for n in range(256)]):
                pass
            times.append(time.monotonic() - began)


@contextlib.contextmanager
def foreign(ground: Ground, directory: Path) -> Iterator[None]:
    """Another route program, and a link that flaps."""
    file = directory / "batch"
    routes = [f"{172}.{16 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32 via 192.0.2.9" for n in range(FOREIGN)]
    file.write_text("".join(f"route {verb} {route}\n" for verb in ("add", "del") for route in routes))
    script = f"""
ip link add flap0 type veth peer name flap1; ip link set flap1 up; ip address add 198.18.0.1/15 dev flap0
while :; do ip -batch {file} 2>/dev/null || true; done &
while :; do ip link set flap0 up; ip link set flap0 down; done
"""
    process = subprocess.Popen(
        ["nsenter", "-t", str(ground.pid), "-n", "sh", "-c", script], start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def longest_turn(ground: Ground, directory: Path, many: int, seconds: float) -> tuple[float, list[int]]:
    """The longest turn of the loop in so many seconds of everything, and how often each work was done."""
    works: tuple[Work, ...] = (partial(writes, many), lists, watches, look_ups)
    with contextlib.ExitStack() as stack:
        stack.enter_context(foreign(ground, directory))
        running = [stack.enter_context(working(ground.socket, work, 0)) for work in works]
        ground.report()
        time.sleep(seconds)  # how long it is looked at
        turn = ground.report()["turn"]
        done = []
        for stop in running:
            times, errors = stop()
            assert errors == []
            done.append(len(times))
    return turn, done


def test_no_turn_stands_still_in_small(tmp_path: Path) -> None:
    with Ground(30_000) as ground:
        turn, done = longest_turn(ground, tmp_path, 500, 3)
    assert all(done), done
    assert turn < SMALL_TURN


@pytest.mark.attack
@pytest.mark.parametrize(("routes", "most"), [(300_000, 0.02), (1_000_000, 0.05)])
def test_the_longest_turn(tmp_path: Path, routes: int, most: float) -> None:
    seconds = float(os.environ.get("NLD_MIXED_SECONDS", "20"))
    with Ground(routes) as ground:
        turn, done = longest_turn(ground, tmp_path, 20_000, seconds)
    print(f"\nmixed load at {routes} routes: longest turn {1000 * turn:.1f} ms in {seconds:g} s")
    print(f"writes, lists, changes and look-ups: {done}")
    assert all(done), done
    assert turn < most
