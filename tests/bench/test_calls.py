"""Small calls, many clients, and watchers: what one add takes, a look-up, a change."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from nld.client import Client
from tests.bench.echo import SIZE
from tests.bench.loads import GATEWAYS, destinations
from tests.bench.measure import (
    READ,
    ROOT,
    ROUNDS,
    WAIT,
    Row,
    median,
    percentiles,
    reader,
    report,
    scaled,
)
from tests.stand import SECONDS, Stand

pytestmark = [pytest.mark.bench, pytest.mark.namespace]

CALLS = scaled(5000)
CLIENTS, WATCHERS = 50, 100


def test_one_call() -> None:
    """One add and one look-up by a running client, with and without ``busy_poll``."""
    figures: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    theirs, echoes = [], []
    few = min(250, CALLS)
    for _ in range(ROUNDS):
        for poll in (0, 200):
            daemon = (sys.executable, "-m", "tests.bench.polling", str(poll))
            with Stand(daemon=daemon) as stand, Client(stand.socket, timeout=SECONDS) as client:
                every = destinations(CALLS)
                for what, values in (
                    (
                        "add",
                        calls([partial(client.add, {"dst": dst, "gateway": GATEWAYS[0]}) for dst in every]),
                    ),
                    ("look-up", calls([partial(client.lookup, "10.0.0.1")] * CALLS)),
                    ("get", calls([partial(client.get, "10.0.0.0/30")] * CALLS)),
                ):
                    for name in ("p50", "p99"):
                        figures[poll, f"{what} {name}"].append(values[name])
                if not poll:
                    script = f"for i in $(seq {few}); do ip route add 11.0.0.$i via {GATEWAYS[0]}; done"
                    begin = time.perf_counter()
                    stand.run("sh", "-c", script, check=True)
                    theirs.append(1e6 * (time.perf_counter() - begin) / few)
        echoes.append(echo(CALLS)["p50"])
    lines = {(0, "add p50"): 180, (0, "add p99"): 500, (200, "add p50"): 110, (200, "add p99"): 400,
             (0, "look-up p50"): 100}  # fmt: skip
    rows = [
        Row(f"one {what}, busy_poll {poll}", "us", median(values), f"echo of {SIZE} bytes, p50",
            median(echoes), limit=lines.get((poll, what)))
        for (poll, what), values in sorted(figures.items())
    ]  # fmt: skip
    rows.append(Row("one add p50, busy_poll 0", "us", median(figures[0, "add p50"]), "ip route add, mean",
                    median(theirs)))  # fmt: skip
    report(f"One call after the other, {CALLS} of each", rows)


def test_many_clients() -> None:
    """Fifty clients that each add a route, and then the next one."""
    rates, gets = [], []
    routes = scaled(50_000)
    for _ in range(ROUNDS):
        with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
            client.add({"dst": READ, "dev": "nld1"})
            with program("crowd", stand.socket, CLIENTS, routes) as crowd, reader(stand, READ) as told:
                out, _ = crowd.communicate(timeout=SECONDS)
            rates.append(routes / float(out))
            gets.append(told[0]["p99"])
    rows = [
        Row(f"{CLIENTS} clients, each adds single routes", "us a route", 1e6 / median(rates), limit=50),
        Row("another client's get, p99", "us", median(gets), limit=WAIT),
    ]
    print(f"\n  {median(rates):,.0f} routes a second")
    report("Many clients", rows)


def test_foreign_changes() -> None:
    """Another program adds a million routes; when a watcher knows of the last one."""
    behind, gets, resyncs = [], [], 0
    routes = scaled(1_000_000)
    for _ in range(ROUNDS):
        with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
            client.add({"dst": READ, "dev": "nld1"})
            with program("watchers", stand.socket, 1, routes) as watcher, reader(stand, READ) as told:
                assert watcher.stdout is not None
                assert watcher.stdout.readline() == "ready\n"
                writer = stand.run(sys.executable, "-m", "tests.bench.foreign", str(routes), check=True)
                out, _ = watcher.communicate(timeout=SECONDS)
            resyncs += sum(kernel["resyncs"] for kernel in client.status()["kernels"])
            behind.append(float(out.split()[1]) - float(writer.out))
            gets.append(told[0]["p99"])
    rows = [
        Row(f"{routes:,} foreign adds: a watcher right after the last", "s", median(behind), limit=1),
        Row("losses meanwhile", "resyncs", resyncs, limit=0),
        Row("another client's get, p99", "us", median(gets), limit=WAIT),
    ]
    report("Another program's changes", rows)


def test_many_watchers() -> None:
    """A hundred watchers of the same changes; the daemon's work for each and each change."""
    costs, gets = [], []
    routes = scaled(100_000)
    for _ in range(ROUNDS):
        with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
            client.add({"dst": READ, "dev": "nld1"})
            daemon = host_pid(stand)
            alone = busy(daemon)
            client.add({"dst": destinations(2 * routes)[routes:], "gateway": GATEWAYS[0]})
            alone = busy(daemon) - alone
            with program("watchers", stand.socket, WATCHERS, routes) as crowd, reader(stand, READ) as told:
                assert crowd.stdout is not None
                assert crowd.stdout.readline() == "ready\n"
                begin = busy(daemon)
                client.add({"dst": destinations(routes), "gateway": GATEWAYS[0]})
                crowd.communicate(timeout=SECONDS)
                assert crowd.returncode == 0
                costs.append(1e6 * (busy(daemon) - begin - alone) / WATCHERS / routes)
            gets.append(told[0]["p99"])
    rows = [
        Row(f"{WATCHERS} watchers of {routes:,} changes: CPU", "us each", median(costs), limit=2),
        Row("another client's get, p99", "us", median(gets), limit=WAIT),
    ]
    report("Many watchers", rows)


def calls(every: Sequence[Callable[[], object]]) -> dict[str, float]:
    """Percentiles of one call after the other."""
    times = []
    for call in every:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return percentiles(times)


def echo(count: int) -> dict[str, float]:
    """Percentiles of a round trip to another process that only sends back."""
    with program("echo", count) as process:
        out, _ = process.communicate(timeout=SECONDS)
    return percentiles([float(line) for line in out.split()])


@contextlib.contextmanager
def program(name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A program of this directory, which has ended well when the block ends."""
    command = [sys.executable, "-m", f"tests.bench.{name}", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0


def host_pid(stand: Stand) -> int:
    """The daemon's process id as this namespace has it."""
    agent = Path("/proc", stand.socket.split("/")[2])
    inside = str(json.loads(stand.run("nld", "-j", "status", check=True).out)["pid"])
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "ns/pid").readlink() == (agent / "ns/pid").readlink():
                words = (entry / "status").read_text().partition("\nNSpid:")[2].partition("\n")[0].split()
                if words[-1] == inside:
                    return int(entry.name)
    raise RuntimeError("the daemon is gone")


def busy(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
