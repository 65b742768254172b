"""Many routes: from a file, by one call, deleted, listed; against ``ip -batch``, ``ip -j`` and BIRD 2.

BIRD is timed from its start until the kernel has all routes; the others from the start of the program to its
end.  All routes are written in the same order, into namespaces that have nothing else in them.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from nld.client import Client
from tests.bench import loads
from tests.bench.loads import Load
from tests.bench.measure import BIRD, READ, ROUNDS, WAIT, Row, median, peer, reader, report
from tests.stand import SECONDS, Stand

pytestmark = [pytest.mark.bench, pytest.mark.namespace]

NLD = (sys.executable, "-c", "import sys; from nld.cli.main import main; sys.exit(main())")
Figures = defaultdict[str, list[float]]


def test_alike(tmp_path: Path) -> None:
    """A million by 16 next hops."""
    load, figures = loads.alike(), Figures(list)
    bird = load.bird(tmp_path / "bird.conf")
    for _ in range(ROUNDS):
        from_file(load, tmp_path, figures)
        one_call(load, figures)
        if BIRD is not None:
            command = [f"until:{len(load.routes)}", BIRD, "-f", "-c", str(bird), "-s", str(tmp_path / "ctl")]
            with Stand() as stand:
                figures["bird"] += peer(stand, command)
    found = {name: median(values) for name, values in figures.items()}
    both = [("from a file", "add", 1.0), ("one call", "call", 0.75)]
    rows = [
        Row(f"{load.what}: {what}", "s", found[name], "BIRD 2", found.get("bird", 0.0),
            ratio if BIRD else None)
        for what, name, ratio in both
    ]  # fmt: skip
    report("Many alike", [*rows, *written(load, found, None), *listed(load, found, 1, 120)])


def test_internet(tmp_path: Path) -> None:
    """An Internet table."""
    load, figures = loads.internet(), Figures(list)
    for _ in range(ROUNDS):
        from_file(load, tmp_path, figures)
    found = {name: median(values) for name, values in figures.items()}
    report("An Internet table", [*written(load, found, 1 / 1.5), *listed(load, found, None, None)])


def test_six(tmp_path: Path) -> None:
    """IPv6."""
    load, figures = loads.six(), Figures(list)
    for _ in range(ROUNDS):
        from_file(load, tmp_path, figures, "-6")
    found = {name: median(values) for name, values in figures.items()}
    report("IPv6", [*written(load, found, 1), *listed(load, found, None, None)])


def test_unlike(tmp_path: Path) -> None:
    """Routes of which no two share anything."""
    load, figures = loads.unlike(), Figures(list)
    for _ in range(ROUNDS):
        from_file(load, tmp_path, figures)
    found = {name: median(values) for name, values in figures.items()}
    report("Nothing shared", [*written(load, found, 1.2), *listed(load, found, 5, 250)])


def from_file(load: Load, tmp_path: Path, figures: Figures, family: str = "-4") -> None:
    """Add all from a file, list them, delete them, with another client reading; the same by ``ip``."""
    add = str(load.batch(tmp_path / "add"))
    delete = str(load.batch(tmp_path / "delete", "del"))
    with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
        daemon = client.status()["pid"]
        client.add({"dst": READ, "dev": "nld1"})
        empty = resident(stand, daemon)
        with reader(stand, READ) as told:
            figures["add"].append(timed(stand, *NLD, family, "-batch", add))
        figures["get, adding"].append(told[0]["p99"])
        figures["memory"].append((resident(stand, daemon) - empty) / len(load.routes))
        with reader(stand, READ) as told:
            figures["list"].append(listing(stand, " ".join(["nld", family]), tmp_path / "nld"))
        figures["get, listing"].append(told[0]["p99"])
        figures["ip list"].append(listing(stand, " ".join(["ip", family]), tmp_path / "ip"))
        assert entries(tmp_path / "nld") == entries(tmp_path / "ip") > len(load.routes)
        with reader(stand, READ) as told:
            figures["delete"].append(timed(stand, *NLD, family, "-batch", delete))
        figures["get, deleting"].append(told[0]["p99"])
    with Stand() as stand:
        both = peer(stand, ["ip", family, "-batch", add], ["ip", family, "-batch", delete])
        for name, seconds in zip(("ip add", "ip delete"), both, strict=True):
            figures[name].append(seconds)


def one_call(load: Load, figures: Figures) -> None:
    """Add all by one call of a running client."""
    records = load.records()
    with Stand() as stand, Client(stand.socket, timeout=SECONDS) as client:
        begin = time.perf_counter()
        assert client.add(records) == len(records)
        figures["call"].append(time.perf_counter() - begin)


def written(load: Load, found: dict[str, float], ratio: float | None) -> list[Row]:
    """The rows of writing from files, and what another client noticed."""
    return [
        Row(f"{load.what}: from a file", "s", found["add"], "ip -batch", found["ip add"], ratio),
        Row(f"{load.what}: deleted by a file", "s", found["delete"], "ip -batch", found["ip delete"], 0.5),
        *(
            Row(f"another client's get, p99, {what}", "us", found[f"get, {what}"], limit=WAIT)
            for what in ("adding", "listing", "deleting")
        ),
    ]


def listed(load: Load, found: dict[str, float], ratio: float | None, limit: float | None) -> list[Row]:
    """The rows of listing and of memory."""
    return [
        Row(f"{load.what}: listed as JSON", "s", found["list"], "ip -j", found["ip list"], ratio),
        Row(f"{load.what}: memory", "bytes a route", found["memory"], limit=limit),
    ]


def timed(stand: Stand, *command: str) -> float:
    """Seconds that a program takes in the sandbox."""
    begin = time.perf_counter()
    stand.run(*command, check=True)
    return time.perf_counter() - begin


def listing(stand: Stand, program: str, output: Path) -> float:
    """Seconds that a list takes, written to a file."""
    words = program.split()
    command = "'" + "' '".join(NLD if words[0] == "nld" else words[:1]) + "'"
    return timed(stand, "sh", "-c", f"{command} {' '.join(words[1:])} -j route list > {output}")


def resident(stand: Stand, pid: int) -> int:
    """Bytes of VmRSS, as the kernel counts them."""
    lines = stand.run("cat", f"/proc/{pid}/status", check=True).out.splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def entries(path: Path) -> int:
    """Routes in a list that was written."""
    return path.read_bytes().count(b'"dst"')
