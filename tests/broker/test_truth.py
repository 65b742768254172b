"""After whatever happens, what a watcher has been told equals ``ip -j -d route show table all``.

A stateful property test on the real kernel: random happenings (``happenings.py``) of one seed, and after each
of them, within a second of quiet, what a watcher has built of snapshot and changes is compared with what
``ip`` says, record by record, lifetimes to the second.  What a watcher is told to take away must be a record
that it was given.

``NLD_TRUTH_STEPS`` and ``NLD_TRUTH_SEEDS`` (numbers, separated by commas) make it longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nld.broker.pacing import Pause
from nld.broker.view import View
from nld.broker.watch import watch
from nld.kernel.fib import FibTable
from nld.kernel.selection import Selection
from nld.records import Names
from tests.broker.happenings import SETTING, Happenings
from tests.kernel.inside import inside

pytestmark = pytest.mark.namespace

STEPS = int(os.environ.get("NLD_TRUTH_STEPS", "1000"))
SEEDS = [int(seed) for seed in os.environ.get("NLD_TRUTH_SEEDS", "1,2").split(",")]
QUIET = 1.0
"""Seconds of quiet after which a difference is a fault; those in which others have the processor are none."""
LOOK = 0.05
"""Seconds between two looks at the kernel's table, while nothing that is told makes it equal."""


class Batch:
    """``ip -batch`` that stays: a line is done when :meth:`run` returns.

    ``done``, ``failed``  lines, and those of them that could not be done.
    """

    def __init__(self) -> None:
        self.done = self.failed = 0
        self._start()

    def _start(self) -> None:
        self._lines = 0
        self._process = subprocess.Popen(
            ["ip", "-force", "-batch", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def run(self, lines: list[str]) -> None:
        """Run what can be done of it."""
        for line in lines:
            self.done += 1
            self.failed += not self._run(line)

    def _run(self, line: str) -> bool:
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        # The second fails, and says the number of the line.
        print(line, "nexthop get id 4000000000", sep="\n", file=self._process.stdin, flush=True)
        self._lines += 2
        well = True
        while answer := self._process.stderr.readline():
            if f"-:{self._lines}\n" in answer:
                return well
            well = well and "Command failed" not in answer
        self.close()  # it ends at a device that does not exist
        self._start()
        return False

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


class Records:
    """Records with the moments at which they end.  Two are equal if these are a rounding apart."""

    def __init__(self) -> None:
        self.ends: dict[str, list[float]] = {}

    def put(self, route: dict[str, Any]) -> None:
        """One more."""
        key, end = _end(route)
        self.ends.setdefault(key, []).append(end)

    def take(self, route: dict[str, Any]) -> bool:
        """One less; whether it was there."""
        key, end = _end(route)
        there = self.ends.get(key, [])
        for at, one in enumerate(there):
            if _same_time(one, end):
                del there[at]
                if not there:
                    del self.ends[key]
                return True
        return False

    def unlike(self, other: Records) -> list[str]:
        """What is here and not there, as text."""
        return [
            f"{key} ending {mine}, not {theirs}"
            for key, mine in self.ends.items()
            if len(mine) != len(theirs := other.ends.get(key, []))
            or not all(map(_same_time, sorted(mine), sorted(theirs)))
        ]


def _end(route: dict[str, Any]) -> tuple[str, float]:
    """A record without the time that runs, and when that ends."""
    left = route.pop("expires", None)
    return json.dumps(route, sort_keys=True), math.inf if left is None else time.monotonic() + left


def _same_time(one: float, other: float) -> bool:
    return one == other or abs(one - other) < 2  # a second is what rounding costs


class Watcher:
    """What a watcher builds of what it is told; ``faults`` are changes of what it was never told."""

    def __init__(self, view: View) -> None:
        self.records = Records()
        self.told: list[str] = []
        self.faults: list[str] = []
        self._stream = watch(view, Selection(), None, True, "ip_details", 1000)
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for reply in self._stream:
            if not isinstance(reply, Pause):
                self._take(json.loads(reply))
            elif reply.until is not None:
                await reply.until()

    def _take(self, reply: dict[str, Any]) -> None:
        if reply["kind"] == "resync":
            self.records = Records()
        for route in reply.get("routes", ()):
            self.records.put(route)
        for change in reply.get("changes", ()):
            self.told.append(json.dumps(change))
            if change["event"] != "new" and not self.records.take(change.get("previous", change["route"])):
                self.faults.append(self.told[-1])
            if change["event"] != "delete":
                self.records.put(change["route"])

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def kernel() -> Records:
    """What ``ip`` shows."""
    done = subprocess.run(
        ["ip", "-j", "-d", "route", "show", "table", "all"], capture_output=True, text=True, check=True
    )
    found = Records()
    for route in json.loads(done.stdout or "[]"):
        found.put(route)
    return found


def waited() -> float:
    """Seconds in which this process had to wait for others that had the processor; 0 if nobody counts."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    return 0.0


async def assert_equal(watcher: Watcher, done: list[str]) -> float:
    """Within a second of quiet the watcher has what the kernel has; the seconds that it took."""
    now, last = kernel(), None
    looked = time.monotonic()
    since = looked - waited()
    while True:
        # What was there after all that was done is as good as what is there now, and costs nothing.
        missing, ghosts = now.unlike(watcher.records), watcher.records.unlike(now)
        quiet = time.monotonic() - waited() - since
        if not missing and not ghosts and not watcher.faults:
            return quiet
        if watcher.faults or quiet > QUIET:
            raise AssertionError(
                f"step {len(done)}, after {done[-6:]}: only told {ghosts}; not told {missing};"
                f" told of what was not there {watcher.faults}; the last changes {watcher.told[-8:]}"
            )
        await asyncio.sleep(0.001)
        if time.monotonic() - looked > LOOK:
            now, last = kernel(), now
            looked = time.monotonic()
            if now.unlike(last) or last.unlike(now):
                since = looked - waited()


async def steps(seed: int, number: int) -> None:
    """So many random happenings, each followed by the comparison."""
    elsewhere = await asyncio.to_thread(subprocess.Popen, ["unshare", "-n", "sleep", "infinity"])
    batch = Batch()
    try:
        await asyncio.to_thread(wait_for_namespace, elsewhere.pid)
        source = random.Random(seed)
        happenings = Happenings(source, elsewhere.pid)
        batch.run(list(SETTING))
        view = View(FibTable(Names(), protocol=131, notification_buffer=4 << 20), 65536)
        await view.start()
        watcher = Watcher(view)
        done: list[str] = []
        longest = 0.0
        for _ in range(number):
            if source.random() < 0.04:
                some = list(SETTING)
            else:
                some = [line for _ in range(source.choice((1, 1, 1, 2, 4))) for line in happenings.some()]
            done += some
            if source.random() < 0.5:
                batch.run(some)
            else:
                for line in some:
                    batch.run([line])
                    await asyncio.sleep(0)
            longest = max(longest, await assert_equal(watcher, done))
        print(f"{number} steps, {batch.done} lines, equal after {longest:.2f} s at most")
        assert batch.failed < 0.6 * batch.done, "most of what was to happen could not"
        await watcher.close()
        await view.close()
    finally:
        batch.close()
        elsewhere.kill()
        elsewhere.wait()


def wait_for_namespace(pid: int) -> None:
    """Return when the process has entered a namespace of its own."""
    here = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{pid}/ns/net").readlink() == here:
        time.sleep(0.005)


class Hesitant(FibTable):
    """Reads devices and objects when it may."""

    may = asyncio.Event()

    async def learn(self, everything: bool = True) -> None:
        await self.may.wait()
        await super().learn(everything)


async def lost_surroundings() -> None:
    """Routes over a device and an object of which the news was lost, told before these are read again."""
    batch = Batch()
    batch.run(list(SETTING))
    table = Hesitant(Names(), protocol=131, notification_buffer=16384)
    table.may.set()
    view = View(table, 65536)
    await view.start()
    watcher = Watcher(view)
    await assert_equal(watcher, [])
    table.may.clear()
    batch.run([f"route add 10.{number}.0.0/16 via 192.0.0.2" for number in range(1, 200)])
    lines = [
        "link add t9 type veth peer name t9p", "link set t9p up", "link set t9 up",
        "nexthop add id 7 via 192.0.3.2 dev t3",
    ]  # fmt: skip
    batch.run(lines)
    await view.table.drained()
    assert view.resyncs, "nothing was lost"
    lines += ["route add 10.201.0.0/16 nhid 7", "route add 10.202.0.0/16 dev t9"]
    batch.run(lines[-2:])
    await view.table.drained()
    while not any("10.202.0.0/16" in one for one in watcher.told):  # noqa: ASYNC110
        await asyncio.sleep(0)
    table.may.set()
    await assert_equal(watcher, lines)
    await watcher.close()
    await view.close()
    batch.close()


def test_what_is_known_late_is_told_again() -> None:
    inside(lost_surroundings)


CHANGED_IN_SILENCE = (
    "route add default table 356 nexthop via 192.0.0.2 dev t0 nexthop via 192.0.1.2 dev t1",
    "route append default table 356 via 192.0.1.3 dev t1",
    "addr del 192.0.0.1/24 dev t0",  # the first leg is dead
    "addr add 192.0.0.1/24 dev t0",  # and lives again
    "addr add 2001:db8::9/64 dev t0 nodad",
    "route add 2001:db8:f1::/48 dev t0 src 2001:db8::9",
    "route add 2001:db8:f2::/48 via 2001:db8::2 dev t0 src 2001:db8::9 metric 5",
    "addr del 2001:db8::9/64 dev t0",  # they prefer no source any more
    "route add 2001:db8:f3::/48 dev t0 mtu 1400",
    "link set t0 mtu 1400",
    "link set t0 mtu 1300",
    "route add 10.9.0.0/16 nexthop via 192.0.0.2 dev t0 nexthop via 192.0.1.2 dev t1",
    "link set t0p down",
    "net/ipv4/conf/all/ignore_routes_with_linkdown = 1",  # the legs by it are dead
    "net/ipv6/conf/t0/ignore_routes_with_linkdown = 1",
    "net/ipv4/conf/all/ignore_routes_with_linkdown = 0",
    "net/ipv4/conf/t0/ignore_routes_with_linkdown = 1",
    "net/ipv6/conf/t0/ignore_routes_with_linkdown = 0",
    "net/ipv6/conf/all/ignore_routes_with_linkdown = 1",
    "link set t0p up",
)


REPLACED_BY_KIND = (
    "route add 2001:db8:f1::/48 via 2001:db8::2 dev t0",
    "route append blackhole 2001:db8:f1::/48",
    "route replace blackhole 2001:db8:f1::/48",  # the blackhole, though the gateway stands first
    "route add 2001:db8:f2::/48 dev t0",
    "route append 2001:db8:f2::/48 via 2001:db8::2 dev t0",
    "route append 2001:db8:f2::/48 via 2001:db8:1::2 dev t1",
    "route replace 2001:db8:f2::/48 dev t2",
    "route replace 2001:db8:f2::/48 via 2001:db8:3::2 dev t3",
    "route replace unreachable 2001:db8:f2::/48",
)


COVERED = (
    "route add 2001:db8:f1::/48 via 2001:db8::2",
    "route append blackhole 2001:db8:f1::/48",
    "route append 2001:db8:f1::/48 via 2001:db8:1::2",  # the blackhole stands between
    "route append 2001:db8:f1::/48 via 2001:db8:2::2",
    "route replace unreachable 2001:db8:f1::/48",  # in the place of the blackhole
    "route del 2001:db8:f1::/48 via 2001:db8:1::2",
    "route del 2001:db8:f1::/48 via 2001:db8:2::2",  # it stands behind
    "route change 2001:db8:f1::/48 nexthop via 2001:db8::3 nexthop via 2001:db8:1::3",
    "route change 2001:db8:f1::/48 via 2001:db8::4",
    "route append 2001:db8:f1::/48 via 2001:db8:1::2",
    "route del 2001:db8:f1::/48",  # all legs at once
    "route append 2001:db8:f1::/48 via 2001:db8::2",
    "route append 2001:db8:f1::/48 via 2001:db8:1::2",  # it stands before
    "route del unreachable 2001:db8:f1::/48",
    "route add 2001:db8:f2::/48 via 2001:db8::2 dev t0",
    "route append 2001:db8:f2::/48 dev t3",
    "route append 2001:db8:f2::/48 via 2001:db8:1::2 dev t1",
    "link set t1 down",
)


def happen(batch: Batch, line: str) -> None:
    """Run a line of ``ip -batch``, or set what is below /proc/sys."""
    setting, is_setting, value = line.partition(" = ")
    if is_setting:
        Path("/proc/sys", setting).write_text(value)
    else:
        batch.run([line])


async def one_after_the_other(lines: Sequence[str]) -> list[dict[str, Any]]:
    """The watcher has what the kernel has after each line; what it was told."""
    batch = Batch()
    batch.run(list(SETTING))
    view = View(FibTable(Names(), protocol=131, notification_buffer=4 << 20), 65536)
    await view.start()
    watcher = Watcher(view)
    done: list[str] = []
    for line in lines:
        happen(batch, line)
        done.append(line)
        await assert_equal(watcher, done)
    await watcher.close()
    await view.close()
    batch.close()
    return [json.loads(one) for one in watcher.told]


async def covered() -> None:
    """What stands between the legs of an IPv6 route is not listed, and is there again when they go."""
    await one_after_the_other(COVERED)


def test_a_route_between_the_legs_of_another_is_told_as_it_is_listed() -> None:
    inside(covered)


async def replaced_by_kind() -> None:
    """IPv6 replaces among routes with a gateway, or among those without."""
    await one_after_the_other(REPLACED_BY_KIND)


def test_ipv6_replaces_by_kind() -> None:
    inside(replaced_by_kind)


async def changed_in_silence() -> None:
    """A route that is no longer what made it suspect has changed; it is not gone."""
    changes = await one_after_the_other(CHANGED_IN_SILENCE)
    ours = [one for one in changes if one["route"]["protocol"] == "boot"]
    assert {one["event"] for one in ours} == {"new", "replace"}, ours


def test_what_changes_in_silence_is_not_told_as_gone() -> None:
    inside(changed_in_silence)


async def random_steps() -> None:
    """What the test below runs in its namespace."""
    await steps(int(os.environ["NLD_TRUTH_SEED"]), STEPS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_watcher_has_what_the_kernel_has(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLD_TRUTH_SEED", str(seed))
    print(inside(random_steps))
