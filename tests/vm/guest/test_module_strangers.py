"""What a user does in a user and network namespace of his own, and what the host notices of it: nothing."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .loaded import PARAMETERS, module, program, wire
from .test_module_wire import packed, refusal
from .wire import REPLACE, A, RefusedError, Socket, Stats, Type, command, namespace

__all__ = ["module", "wire"]

TRACING = Path("/sys/kernel/tracing")
METRICS = 256  # NLD_MAX_METRICS
Hops = list[tuple[str | None, int, int]]
LONG = 25 * 86400
"""Seconds: more milliseconds than fit into 31 bits."""


def strangers(*words: object, timeout: float = 120) -> dict[str, Any]:
    """Be a stranger for a while; return his figures."""
    done = program("strangers", *words, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_namespaces_that_end_while_their_records_expire(module: None) -> None:
    """The work that expires them must not outlive what it announces through."""
    strangers("expiry", 6, 3000)


def test_a_device_that_many_records_use(module: None) -> None:
    """Its removal, for which the whole host's network waits, takes no time with the records."""
    few, many = strangers("device", 100), strangers("device", 10000)
    # Every record costs some microseconds; removing the device alone some milliseconds.
    assert many["removed_ms"] < 1000 + 10 * few["removed_ms"]


def test_listeners_that_do_not_read(module: None) -> None:
    strangers("listener", 3000)


def test_dumps_beside_a_writer_skip_nothing(module: None) -> None:
    figures = strangers("dump", 40)
    assert figures["interrupted"], "nothing was written meanwhile"


def test_a_prefix_has_room_for_so_many_metrics(wire: Socket) -> None:
    for prefix in ("10.0.0.0/24", "2001:db8::/48"):
        for metric in range(METRICS):
            wire.new(prefix, metric=metric)
        got = refusal(wire.new, prefix, metric=METRICS)
        assert (got.errno, "256" in got.words) == (errno.ENOSPC, True)
        wire.new(prefix, metric=7, flags=REPLACE, type=Type.PROHIBIT)
        wire.delete(prefix, metric=0)
        wire.new(prefix, metric=METRICS)
        wire.new(prefix, table=7, metric=0)  # of another table


def test_long_expiry_is_not_armed_beyond_what_fits(wire: Socket) -> None:
    """A delay of more than 31 bits of milliseconds would be taken for one twice as long."""
    if not TRACING.is_dir() or not (TRACING / "trace").exists():
        command("mount -t tracefs tracefs /sys/kernel/tracing", check=False)
    event = TRACING / "events/timer/timer_start"
    if not event.is_dir():
        pytest.skip("a kernel without the event timer_start")
    (TRACING / "trace").write_text("")
    (event / "enable").write_text("1")
    try:
        wire.new("10.0.0.0/8", expires=LONG)
        trace = (TRACING / "trace").read_text().splitlines()
    finally:
        (event / "enable").write_text("0")
    lines = [one for one in trace if "delayed_work_timer_fn" in one]
    delays = [int(line.split("timeout=")[1].split("]")[0]) for line in lines]
    assert delays
    assert wire.get("10.0.0.0/8").number(A.EXPIRES) == LONG
    assert max(delays) <= 3601 * 1000  # jiffies, at most a thousand a second


# -- limits


@contextmanager
def parameters(**values: int) -> Iterator[None]:
    """Set module parameters for a while."""
    before = {name: (PARAMETERS / name).read_text() for name in values}
    for name, value in values.items():
        (PARAMETERS / name).write_text(str(value))
    try:
        yield
    finally:
        for name, text in before.items():
            (PARAMETERS / name).write_text(text)


@contextmanager
def users_namespace(work: str) -> Iterator[str]:
    """Have a process in a user's namespace make records as ``work`` says; yield its refusal's words.

    The namespace and its records stay until the block ends.
    """
    told, to_parent = os.pipe()
    go, to_child = os.pipe()
    child = os.fork()
    if not child:
        os.close(to_child)
        try:
            with namespace(user=True), Socket() as mine:
                words = "nothing was refused"
                try:
                    for at in range(100):
                        if work == "routes":
                            mine.new(f"10.{at}.0.0/16")
                        else:
                            hops: Hops = [(f"192.0.2.{one + 1}", 0, at + 1) for one in range(60)]
                            mine.new(f"10.{at}.0.0/16", nexthops=packed(hops))
                except RefusedError as error:
                    words = f"{at} {error}"
                os.write(to_parent, words.encode())
                os.read(go, 1)
        finally:
            os._exit(0)
    os.close(to_parent)
    try:
        yield os.read(told, 1000).decode()
    finally:
        os.close(to_child)
        os.waitpid(child, 0)
        for one in (told, go):
            os.close(one)


def test_users_do_not_starve_the_host(wire: Socket) -> None:
    """Together they get a quarter; each a share of his own; and the host has the rest."""
    with parameters(max_routes=80, max_routes_user=15):
        with users_namespace("routes") as first, users_namespace("routes") as second:
            assert first.startswith("15 ENOSPC") and "max_routes_user" in first
            assert second.startswith("5 ENOSPC") and "(max_routes)" in second
            for at in range(60):
                wire.new(f"10.{at}.0.0/16")
            got = refusal(wire.new, "11.0.0.0/8")
            assert (got.errno, "(max_routes)" in got.words) == (errno.ENOSPC, True)
        wire.flush()
        # What they had is free again, once their namespaces have ended.
        limit = time.monotonic() + 60
        while True:
            try:
                for at in range(80):
                    wire.new(f"10.{at}.0.0/16")
                break
            except RefusedError:
                assert time.monotonic() < limit
                wire.flush()


def test_memory_is_bounded_too(wire: Socket) -> None:
    with parameters(max_bytes_user=50_000), users_namespace("bytes") as words:
        assert "ENOSPC" in words and "max_bytes_user" in words
        assert int(words.split()[0]) < 20
    all_hops: Hops = [(f"192.0.2.{one + 1}", 0, 1) for one in range(64)]
    hops = packed(all_hops)
    with parameters(max_bytes_netns=40_000):
        wire.new("10.0.0.0/8", nexthops=hops)
        before = wire.stats()[Stats.BYTES]
        for at in range(100):  # they share their next hops
            wire.new(f"10.{at}.0.0/16", nexthops=hops)
        assert wire.stats()[Stats.BYTES] - before < 100 * 64 * 4
        got = refusal(lambda: [wire.new(f"11.{at}.0.0/16") for at in range(256)])
        assert (got.errno, "max_bytes_netns" in got.words) == (errno.ENOSPC, True)
        wire.new("10.0.0.0/8", flags=REPLACE, nexthops=hops, protocol=4)  # takes no more room
        wire.flush()
        assert wire.stats()[Stats.BYTES] == 0
