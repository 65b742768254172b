"""A daemon and a watcher of it as processes of their own, so that a test's own work delays neither.

Both run in the network namespace of whoever makes them.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from nld.client import Client
from nld.errors import NldError


def text(route: dict[str, Any]) -> str:
    """A record as text, without the time that runs."""
    route.pop("expires", None)
    return json.dumps(route, sort_keys=True)


def waited(pid: int) -> float:
    """Seconds in which a process had to wait for others that had the processor; 0 if nobody counts."""
    longest = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            longest = max(longest, int((thread / "schedstat").read_text().split()[1]))
    return longest / 1e9


class Daemon:
    """A daemon that answers; a context manager.

    ``notification_buffer``  bytes asked for.
    ``socket``               where it answers.
    """

    def __init__(self, notification_buffer: int = 64 << 20) -> None:
        self._place = tempfile.TemporaryDirectory()
        self.socket = f"{self._place.name}/io.nld"
        config = Path(self._place.name, "config.toml")
        config.write_text(
            f'socket = "{self.socket}"\n[log]\nlevel = "error"\n'
            f"[kernel.fib]\nnotification_buffer = {notification_buffer}\n"
        )
        self.process = subprocess.Popen([sys.executable, "-m", "nld.daemon", "--config", str(config)])

    def __enter__(self) -> Daemon:
        while True:
            assert self.process.poll() is None, "the daemon ended"
            with contextlib.suppress(NldError), Client(self.socket) as client:
                client.status()
                return self
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self._place.cleanup()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It does nothing meanwhile."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self.process.pid

    def status(self) -> dict[str, Any]:
        """What the daemon says of the kernel's table."""
        with Client(self.socket) as client:
            found: dict[str, Any] = client.status()["kernels"][0]
            return found

    def listed(self) -> Counter[str]:
        """The records of a list."""
        with Client(self.socket) as client:
            return Counter(text(dict(route)) for route in client.list(form="ip_details", with_table=True))


class State(NamedTuple):
    """What a watcher has built of what it was told.

    ``routes``   records, as text.
    ``faults``   changes of what it was never told.
    ``deleted``  deletes of destinations that it was asked to look out for.
    """

    routes: Counter[str]
    faults: list[str]
    deleted: list[str]


class Watcher:
    """A process that watches; a context manager.

    ``staying``  destinations of which no delete is to be told.
    """

    def __init__(self, path: str, staying: Iterable[str] = ()) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._pipe = ours
        self._process = multiprocessing.Process(
            target=_watch, args=(path, frozenset(staying), theirs), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process.pid is not None
        return self._process.pid

    def state(self) -> State:
        """What it has been told up to now."""
        self._pipe.send(None)
        answer: State = self._pipe.recv()
        return answer

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def _watch(path: str, staying: frozenset[str], pipe: Connection) -> None:
    """The watcher's process."""
    lock = threading.Lock()
    # By text as it came, which is made faster than one with its names in order.
    held: dict[str, tuple[dict[str, Any], int]] = {}
    faults: list[str] = []
    deleted: list[str] = []

    def put(route: dict[str, Any], count: int) -> bool:
        key = repr(route)
        _, before = held.pop(key, (route, 0))
        if before + count > 0:
            held[key] = (route, before + count)
        return before + count >= 0

    def take(reply: dict[str, Any]) -> None:
        if reply["kind"] == "resync":
            held.clear()
        for route in reply.get("routes", ()):
            put(route, 1)
        for change in reply.get("changes", ()):
            if change["event"] == "delete" and change["route"]["dst"] in staying:
                deleted.append(repr(change))
            if change["event"] != "new" and not put(change.get("previous", change["route"]), -1):
                faults.append(repr(change))
            if change["event"] != "delete":
                put(change["route"], 1)

    def follow() -> None:
        with Client(path) as client:
            for reply in client.watch_text(form="ip_details"):
                with lock:
                    take(json.loads(reply))

    threading.Thread(target=follow, daemon=True).start()
    with contextlib.suppress(EOFError):
        while True:
            pipe.recv()
            with lock:
                routes: Counter[str] = Counter()
                for route, count in held.values():
                    routes[text(dict(route))] += count
                pipe.send(State(routes, faults[:5], deleted[:5]))
    os._exit(0)
