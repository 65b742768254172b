"""Loading and removing: whoever has a socket keeps the module, and who has none keeps nothing of it."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .loaded import load, program, remove, unload
from .test_module_follow import MANY, fill, prefix
from .test_module_size import ROUTES
from .wire import Msg, Socket, Stats, namespace

_LIBC = ctypes.CDLL(None, use_errno=True)
_DELETE_MODULE = 176  # x86-64

TOLERANCE = 4 << 20
"""Bytes of kernel memory that may stay, of more than 200 MB: caches of the rest of the machine."""

SECONDS = 60


@pytest.fixture(autouse=True)
def loaded() -> Iterator[None]:
    unload()
    load()
    yield
    unload()


def refused() -> bool:
    """Say whether the kernel refuses to remove it because it is used."""
    done = _LIBC.syscall(_DELETE_MODULE, b"nld", os.O_NONBLOCK)
    assert done == -1, "it was removed"
    return ctypes.get_errno() == errno.EWOULDBLOCK


def test_an_open_socket_keeps_it() -> None:
    with Socket() as quiet, Socket(join=True) as reader:
        fill(quiet, count=100)
        reader.queued()
        before = quiet.dump().table, quiet.stats()
        assert refused()
        assert "in use" in remove()
        assert (quiet.dump().table, quiet.stats()) == before
        quiet.delete(prefix(0))
        assert [one.type for one in reader.queued()] == [Msg.ROUTE_DEL]
    assert remove() == ""
    load()
    with Socket() as again:
        assert again.dump().records == []
        assert again.stats()[Stats.GENERATION] == 1


def test_during_a_dump() -> None:
    with Socket() as wire:
        fill(wire)
        parts = wire.dump_parts()
        first = next(parts)
        assert refused()
        dump = wire.finish([first, *parts])
        assert not dump.interrupted
        assert [one.prefix for one in dump.records] == [prefix(at) for at in range(MANY)]
        # And one that is left half way: what it holds goes with its socket.
        next(wire.dump_parts())
        assert refused()
    unload()


def test_during_lookups() -> None:
    def look(mine: Socket) -> None:
        for at in range(50):
            assert mine.get(f"10.0.{at}.7/32", lookup=True).prefix == prefix(at)

    with Socket() as wire:
        fill(wire, count=100)
    with busy(look) as rounds:
        for _ in range(20):
            rounds()
            assert all(refused() for _ in range(5))
        rounds()
    unload()


@contextmanager
def busy(work: Callable[[Socket], None]) -> Iterator[Callable[[], None]]:
    """Have another process work all the time; each call of what this yields waits for one more round."""
    done, to_parent = os.pipe()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            with Socket() as mine:
                while True:
                    work(mine)
                    os.write(to_parent, b"x")
        finally:
            os._exit(1)
    os.close(to_parent)
    os.set_blocking(done, False)

    def round_() -> None:
        # What is in the pipe already tells nothing about now.
        with suppress(BlockingIOError):
            while os.read(done, 65536):
                pass
        assert select.select([done], [], [], SECONDS)[0]
        assert os.read(done, 1), "the other process failed"

    try:
        yield round_
    finally:
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        os.close(done)
    assert os.WTERMSIG(status) == signal.SIGTERM


def kernel_memory() -> int:
    """Return the bytes of slab, percpu and vmalloc memory (module code is in the last)."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    fields = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return fields["Slab"] + fields["Percpu"] + fields["VmallocUsed"]


@pytest.mark.machine("6.1", "6.12", timeout=600)
def test_with_many_routes_in_two_namespaces() -> None:
    unload()
    before = kernel_memory()
    load()
    count = ROUTES
    with namespace():
        keep = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        with Socket() as there:
            fill(there)
    try:
        done = program("million", "fill", count, 0, 1, timeout=300)
        assert done.returncode == 0, done.stderr
        with Socket() as here:
            assert refused()
            assert here.stats()[Stats.ROUTES4] == count
        held = kernel_memory() - before
        assert held > count * 128
        start = time.monotonic()
        assert remove() == ""
        took = time.monotonic() - start
        left = settled(before)
        print(f"{count} routes, {held} bytes: removed in {took:.2f} s, {left} bytes stayed")
        assert left <= TOLERANCE
    finally:
        os.close(keep)
    load()
    with Socket() as again:
        assert again.dump().records == []
        again.new("10.0.0.0/8")


def settled(before: int) -> int:
    """Return by how much the memory is more than before, when it is no longer too much or time is over."""
    limit = time.monotonic() + SECONDS
    while (left := kernel_memory() - before) > TOLERANCE and time.monotonic() < limit:
        pass
    return left
