"""Beside programs that write both families at full speed: stable routes stand in every answer, exactly once.

Stable routes stand before, between and behind those that come and go, in the order in which the kernel
walks.  Lists, starts, carrier flaps and overruns: no stable route is lacking or doubled in a list, no delete
is told of one, and when the writers pause, watcher, list and kernel are equal.

``make beside`` is the promise in full: 200 lists, 50 of each other, one second of quiet at most.  Here are
few of each (``NLD_BESIDE_ROUNDS``), and ten seconds will do (``NLD_BESIDE_QUIET``).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_network

import pytest

from tests.broker.telling import Daemon, Watcher, text, waited
from tests.kernel.inside import inside, ip

pytestmark = pytest.mark.namespace

ROUNDS = int(os.environ.get("NLD_BESIDE_ROUNDS", "2"))
QUIET = float(os.environ.get("NLD_BESIDE_QUIET", "10"))
"""Seconds of quiet after which a difference is a fault."""
STABLE = 1500

WRITER = """
import ctypes, subprocess
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: not longer than the test
lines = []
for start in range(0, 1500, 50):
    for verb in ("add", "del"):
        for number in range(start, start + 50):
            lines.append(f"route {verb} 10.{number >> 8}.{number & 255}.128/25 via 192.0.2.3")
            lines.append(f"route {verb} 2001:db8:a{number >> 8:x}:{number & 255:x}:8000::/65 via 2001:db8::3")
text = "\\n".join(lines)
while True:
    subprocess.run(["ip", "-force", "-batch", "-"], input=text, text=True, stderr=subprocess.DEVNULL)
"""


def stable() -> list[str]:
    """Destinations, half of them of each family, as ``ip`` prints them."""
    four = [f"10.{number >> 8}.{number & 255}.0/25" for number in range(STABLE)]
    six = (f"2001:db8:a{number >> 8:x}:{number & 255:x}::/65" for number in range(STABLE))
    return four + [str(ip_network(one)) for one in six]


@contextlib.contextmanager
def writers() -> Iterator[subprocess.Popen[bytes]]:
    """A program that writes for ever; SIGSTOP of its group makes it pause."""
    ip(*(f"route add {one} via {'2001:db8::2' if ':' in one else '192.0.2.2'}" for one in stable()))
    writer = subprocess.Popen([sys.executable, "-c", WRITER], start_new_session=True)
    try:
        yield writer
    finally:
        os.killpg(writer.pid, signal.SIGKILL)
        writer.wait()


def kernel() -> Counter[str]:
    """What ``ip`` shows."""
    done = subprocess.run(
        ["ip", "-j", "-d", "route", "show", "table", "all"], capture_output=True, text=True, check=True
    )
    return Counter(text(route) for route in json.loads(done.stdout or "[]"))


def assert_stable(found: Counter[str]) -> None:
    """Each stable route is in a list once."""
    there = Counter(json.loads(one)["dst"] for one in found.elements())
    lacking = [one for one in stable() if there[one] != 1]
    assert not lacking, f"{len(lacking)} are not there once: {[(one, there[one]) for one in lacking[:5]]}"


def assert_equal_in_quiet(daemon: Daemon, watcher: Watcher, writer: subprocess.Popen[bytes]) -> float:
    """While the writers pause, watcher, list and kernel are the same; the seconds until they were.

    Those in which one of the processes had to wait for programs that are no part of this do not count.
    """
    os.killpg(writer.pid, signal.SIGSTOP)
    pids = (os.getpid(), daemon.pid, watcher.pid)
    try:
        last: Counter[str] | None = None
        while True:
            now = kernel()
            asked, waits = time.monotonic(), [waited(pid) for pid in pids]
            if now != last:
                last, since, before = now, asked, waits
            quiet = asked - since - max(here - there for here, there in zip(waits, before, strict=True))
            told, listed = watcher.state(), daemon.listed()
            assert not told.faults, told.faults
            assert not told.deleted, told.deleted
            if now == told.routes == listed:
                return quiet
            assert quiet < QUIET, (
                f"only told {list(told.routes - now)[:3]}; not told {list(now - told.routes)[:3]};"
                f" only listed {list(listed - now)[:3]}; not listed {list(now - listed)[:3]}"
            )
    finally:
        os.killpg(writer.pid, signal.SIGCONT)


def said(what: str, seconds: list[float], began: float) -> None:
    """The figures, for who runs it with ``-s``."""
    figures = " ".join(f"{one:.2f}" for one in sorted(seconds))
    print(f"{what}: {ROUNDS} in {time.monotonic() - began:.0f} s; seconds until equal: {figures}")


def lists() -> None:
    """A list has each stable route once."""
    with writers(), Daemon() as daemon:
        took = []
        began = time.monotonic()
        for _ in range(4 * ROUNDS):
            asked = time.monotonic()
            assert_stable(daemon.listed())
            took.append(time.monotonic() - asked)
        print(f"{len(took)} lists in {time.monotonic() - began:.0f} s, {max(took):.2f} s at most")


def starts() -> None:
    """A daemon that starts beside writers knows all that is there."""
    seconds = []
    began = time.monotonic()
    with writers() as writer:
        for _ in range(ROUNDS):
            with Daemon() as daemon, Watcher(daemon.socket, stable()) as watcher:
                assert_stable(daemon.listed())
                seconds.append(assert_equal_in_quiet(daemon, watcher, writer))
    said("starts", seconds, began)


def flaps() -> None:
    """A carrier that goes and comes takes nothing with it, and its flags are told."""
    seconds = []
    began = time.monotonic()
    with writers() as writer, Daemon() as daemon, Watcher(daemon.socket, stable()) as watcher:
        for _ in range(ROUNDS):
            ip("link set veth0p down")
            assert_stable(daemon.listed())
            ip("link set veth0p up")
            assert_stable(daemon.listed())
            seconds.append(assert_equal_in_quiet(daemon, watcher, writer))
    said("flaps", seconds, began)


def overruns() -> None:
    """What was lost is found again, and nothing else is told."""
    seconds = []
    began = time.monotonic()
    with writers() as writer, Daemon(1 << 20) as daemon, Watcher(daemon.socket, stable()) as watcher:
        for _ in range(ROUNDS):
            before = daemon.status()["resyncs"]
            while daemon.status()["resyncs"] == before:
                with daemon.stopped():
                    time.sleep(0.5)  # while the writers fill its buffer
            assert_stable(daemon.listed())
            seconds.append(assert_equal_in_quiet(daemon, watcher, writer))
    said("overruns", seconds, began)


@pytest.mark.parametrize(
    "what",
    [lists, *(pytest.param(one, marks=pytest.mark.soak) for one in (starts, flaps, overruns))],
    ids=lambda what: what.__name__,
)
def test_beside_writers(what: Callable[[], None]) -> None:
    print(inside(what))
