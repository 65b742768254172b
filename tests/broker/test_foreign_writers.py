"""Beside programs that write the same keys at full speed nld alters no route of theirs.

Counted by ``ip monitor``: a foreign route goes only when its writer deletes it, and nothing of nld's comes
where a foreign route stands.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from pathlib import Path

import pytest

from nld.client import Client
from nld.errors import ForeignRoute, KernelRefused, NldError, RouteExists, RouteNotFound
from tests.broker.foreign_writers import KEYS, THEIRS
from tests.stand import Stand

pytestmark = pytest.mark.namespace

WRITERS = Path(__file__).with_name("foreign_writers.py")
OURS = {4: ("192.0.2.2", "192.0.2.3"), 6: ("2001:db8::2", "2001:db8::3")}
EXPECTED = (ForeignRoute, RouteExists, RouteNotFound, KernelRefused)
LINE = re.compile(r"^(Deleted )?(\S+) via (\S+) dev \S+ proto (\S+)(?: metric (\d+))?")


def write(path: str, version: int, ended: threading.Event, outcomes: Counter[str]) -> None:
    """Random writes of nld's, under its own protocol and another, until the others have ended."""
    rng = random.Random(version)
    with Client(path, timeout=120) as client:
        while not ended.is_set():
            some = rng.sample(KEYS[version], rng.choice((1, 1, 1, 3)))
            operation = rng.choice(("add", "replace", "replace", "change", "delete"))
            record = {"dst": some, "protocol": rng.choice(("131", "static"))}
            if operation != "delete":
                record["gateway"] = rng.choice(OURS[version])
            elif rng.random() < 0.5:
                del record["protocol"]
            try:
                getattr(client, operation)(record)
                outcomes[operation] += 1
            except NldError as error:
                assert isinstance(error, EXPECTED), error
                outcomes[f"{operation} {type(error).__name__}"] += 1


def altered(lines: list[str], deleted: int) -> list[str]:
    """What happened to foreign routes that their writers did not do, by the monitor's lines."""
    theirs = {gateway for some in THEIRS.values() for gateway in some}
    standing: dict[tuple[str, str], str] = {}
    wrong: list[str] = []
    gone = 0
    for line in lines:
        match = LINE.match(line)
        if match is None:
            assert " proto 187 " in line, line  # the blackhole by which the writers know the monitor is there
            continue
        is_deleted, dst, gateway, protocol, metric = match.groups()
        key = (dst, metric or "")
        foreign = gateway in theirs and protocol != "131"
        if is_deleted:
            if foreign:
                gone += 1
                standing.pop(key, None)
        elif foreign:
            standing[key] = line
        else:
            if gateway not in theirs and key in standing:
                wrong.append(f"{line}, while there was {standing[key]}")
            standing.pop(key, None)
    if gone != deleted:
        wrong.append(f"{gone} foreign routes were deleted, {deleted} by their writers")
    return wrong


def beside(count: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    with Stand() as stand:
        # nld replaces by way of a stand-in where others have been seen to write; here they have.
        for version, dst in ((4, "10.99.0.0/16"), (6, "2001:db8:99::/48")):
            stand.ip(f"route add {dst} via {THEIRS[version][0]} proto 186")
            with Client(stand.socket) as client:
                assert client.get({"dst": dst})
        ended = threading.Event()
        ours = [
            threading.Thread(target=write, args=(stand.socket, version, ended, outcomes))
            for version in (4, 6)
        ]
        for thread in ours:
            thread.start()
        try:
            done = stand.run("python3", str(WRITERS), str(count))
        finally:
            ended.set()
            for thread in ours:
                thread.join()
        assert done.code == 0, done.err
        said = json.loads(done.out)
        assert altered(said["lines"], said["deleted"]) == []
        # What nld thinks is there is what is there.
        there = [route for route in stand.routes("ip") if route["dst"] in {*KEYS[4], *KEYS[6]}]
        with Client(stand.socket) as client:
            for route in there:
                (found,) = client.get({"dst": route["dst"], "metric": route.get("metric", 0)})
                assert found["gateway"] == route["gateway"]
        # No stand-in is left behind.
        assert {route.get("metric") for route in there} <= {None, 0, 1024}
    return outcomes


def test_no_foreign_route_is_altered() -> None:
    outcomes = beside(3000)
    assert outcomes["replace"] and outcomes["replace ForeignRoute"] and outcomes["delete"], outcomes


@pytest.mark.soak
def test_no_foreign_route_is_altered_for_a_minute() -> None:
    print(beside(240_000))
