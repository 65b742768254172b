"""The ground: a daemon with many routes in a network of its own, attackers, and what others get meanwhile.

The daemon runs as root, so that other users are really others; whoever runs this must be root.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nld.client import Client
from nld.errors import NldError

ROOT = Path(__file__).parents[2]
READER = 2000
"""The uid of the reader who has nothing to do with it; attackers are 3000 and up."""
SETUP = """
ip link set lo up
ip link add nld0 type veth peer name nld1
ip link set nld0 up; ip link set nld1 up
ip address add 192.0.2.1/24 dev nld0
exec "$@"
"""
PATIENCE = 60.0
PIECE = 50_000


def cannot() -> str | None:
    """Why there can be no ground here; None when there can."""
    if os.geteuid() != 0:
        return "other users' attacks need root"
    done = subprocess.run(["unshare", "-n", "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else None


@dataclass
class Figures:
    """What others got, in seconds and bytes."""

    gets: list[float] = field(default_factory=list)
    adds: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: int = 0
    turn: float = 0.0

    @property
    def get_p99(self) -> float:
        """Seconds that a reader waits for a route, in 99 of 100 cases at most."""
        return p99(self.gets)

    @property
    def add_p99(self) -> float:
        """The same for root, who writes one."""
        return p99(self.adds)

    def __str__(self) -> str:
        return (
            f"get p99 {1000 * self.get_p99:7.1f} ms ({len(self.gets)}), add p99 {1000 * self.add_p99:7.1f} ms"
            f" ({len(self.adds)}), command {1000 * max(self.commands, default=0):6.0f} ms at most,"
            f" memory +{self.memory / 2**20:5.1f} MiB, turn {1000 * self.turn:5.1f} ms"
            f"{', ' + str(self.errors[:3]) if self.errors else ''}"
        )


def p99(values: list[float]) -> float:
    """Seconds that 99 of 100 took at most."""
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else PATIENCE


@dataclass(frozen=True)
class Holdings:
    """What the daemon has now."""

    descriptors: int
    tasks: int
    watchers: int
    memory: int


class Ground:
    """A daemon; a context manager. ``routes`` is how many it has."""

    def __init__(self, routes: int) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="nld-attack-"))
        self.directory.chmod(0o755)
        self.socket = str(self.directory / "io.nld")
        self._report = self.directory / "report"
        config = self.directory / "config.toml"
        config.write_text(f'socket = "{self.socket}"\n[log]\nlevel = "error"\n')
        self.log = self.directory / "log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    "unshare", "-n", "sh", "-ec", SETUP, "sh",
                    sys.executable, "-m", "tests.attack.pulse", str(config), str(self._report),
                ],
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        self.pid = self._process.pid
        _until(lambda: self._process.poll() is not None or Path(self.socket).exists())
        with Client(self.socket, timeout=600) as client:
            for start in range(0, routes, PIECE):
                destinations = [
                    f"{10 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24"
                    for n in range(start, min(start + PIECE, routes))
                ]
                client.add({"dst": destinations, "gateway": "192.0.2.2"})

    def __enter__(self) -> Ground:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        shutil.rmtree(self.directory)

    def report(self) -> dict[str, Any]:
        """The longest turn since it was last asked, and the tasks."""
        self._report.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        _until(self._report.exists)
        said: dict[str, Any] = json.loads(self._report.read_text())
        return said

    def memory(self) -> int:
        """Bytes that are resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def holdings(self) -> Holdings:
        """What the daemon has now."""
        with Client(self.socket, timeout=PATIENCE) as client:
            watchers = client.status()["watchers"]
            # While this connection is surely open: the daemon closes it some time after the client has.
            descriptors = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        return Holdings(descriptors, self.report()["tasks"], watchers, self.memory())

    def attack(self, name: str, users: int, connections: int, seconds: float) -> Figures:
        """Have users attack, and others work meanwhile."""
        figures = Figures()
        before = self.memory()
        self.report()
        with contextlib.ExitStack() as stack:
            attackers = [
                subprocess.Popen(
                    [
                        sys.executable, "-m", "tests.attack.attacks",
                        str(3000 + user), name, str(connections), str(seconds), self.socket,
                    ],
                    cwd=ROOT,
                )
                for user in range(users)
            ]  # fmt: skip
            for attacker in attackers:
                stack.callback(attacker.wait, PATIENCE)
            works = [
                stack.enter_context(working(self.socket, work, uid))
                for work, uid in ((gets, READER), (adds, 0), (commands, 0))
            ]
            while any(attacker.poll() is None for attacker in attackers):
                figures.memory = max(figures.memory, self.memory() - before)
                time.sleep(0.02)  # the pace of looking
            for stop, into in zip(works, (figures.gets, figures.adds, figures.commands), strict=True):
                times, errors = stop()
                into.extend(times)
                figures.errors += errors
        figures.turn = self.report()["turn"]
        return figures


# -- those who work meanwhile, each in a process of its own

Work = Callable[[str, Callable[[], bool], list[float]], None]


def gets(path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """Get a route, a hundred times a second."""
    with Client(path, timeout=PATIENCE) as client:
        while goes_on():
            began = time.monotonic()
            client.get("10.0.0.0/24")
            times.append(time.monotonic() - began)
            time.sleep(0.01)


def adds(path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """Add a route and delete it."""
    with Client(path, timeout=PATIENCE) as client:
        while goes_on():
            for write in (client.add, client.delete):
                began = time.monotonic()
                write({"dst": "198.51.100.1", "gateway": "192.0.2.2"})
                times.append(time.monotonic() - began)
            time.sleep(0.02)


def commands(path: str, goes_on: Callable[[], bool], times: list[float]) -> None:
    """A new connection for each question, as each nld command makes one."""
    while goes_on():
        began = time.monotonic()
        with Client(path, timeout=PATIENCE) as client:
            client.get("10.0.0.0/24")
        times.append(time.monotonic() - began)
        time.sleep(0.05)


@contextlib.contextmanager
def working(path: str, work: Work, uid: int) -> Iterator[Callable[[], tuple[list[float], list[str]]]]:
    """Run work in a process; what it says when it is told to stop."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, path, work, uid))
    process.start()

    def stop() -> tuple[list[float], list[str]]:
        here.send("stop")
        if not here.poll(PATIENCE):
            return [PATIENCE], [f"{_name(work)}: no answer in {PATIENCE} seconds"]
        said: tuple[list[float], list[str]] = here.recv()
        return said

    try:
        yield stop
    finally:
        process.kill()
        process.join()


def _work(pipe: Connection, path: str, work: Work, uid: int) -> None:
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    times: list[float] = []
    errors: list[str] = []
    try:
        work(path, lambda: not pipe.poll(), times)
    except NldError as error:
        errors.append(f"{_name(work)}: {type(error).__name__}: {error}")
    pipe.send((times, errors))


def _name(work: Work) -> str:
    return str(getattr(work, "__name__", work))


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
