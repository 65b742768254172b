"""A reader that stands still holds up nobody, and is told what it missed."""

from __future__ import annotations

import fcntl
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nld.log.console import Console
from nld.log.outlet import BACKLOG_BYTES, Outlet, may_stand_still

LINE = "x" * 199 + "\n"
WRITES = 2 * BACKLOG_BYTES // len(LINE)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page: reading and writing end."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    yield read, write
    for descriptor in (read, write):
        os.close(descriptor)


def everything(outlet: Outlet, read: int) -> str:
    """What the reader gets, once it reads."""
    os.set_blocking(read, False)
    found = b""
    while True:
        outlet.flush(0.001)
        try:
            found += os.read(read, 1 << 20)
        except BlockingIOError:
            if outlet._is_idle():
                return found.decode()


def test_a_pipe_that_nobody_reads(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = Outlet(write, lambda lost: f"lost {lost}\n")
    for _ in range(WRITES):
        outlet.write(LINE)
    assert outlet.lost > 0
    outlet.flush(0.01)  # returns, though nothing is taken
    lines = everything(outlet, read).splitlines()
    missing = [line for line in lines if line.startswith("lost ")]
    lost = sum(int(line[5:]) for line in missing)
    assert len(lines) - len(missing) + lost == WRITES
    assert lost > 0
    outlet.write("after\n")
    assert everything(outlet, read) == "after\n"  # in order, and the count was told once


def test_a_reader_that_reads_gets_everything_in_order(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = Outlet(write, lambda lost: f"lost {lost}\n")
    for number in range(100):
        outlet.write(f"{number}\n")
    assert everything(outlet, read) == "".join(f"{number}\n" for number in range(100))


def test_a_reader_that_has_gone_is_no_reason_to_die() -> None:
    read, write = os.pipe()
    os.close(read)
    outlet = Outlet(write, str)
    for _ in range(3):
        outlet.write(LINE)
        outlet.flush(60)
    assert outlet.lost == 0
    os.close(write)


def test_the_console_tells_what_is_missing(pipe: tuple[int, int]) -> None:
    read, write = pipe
    with os.fdopen(os.dup(write), "w") as stream:
        console = Console(stream)
        for _ in range(WRITES):
            console.write({"event": LINE})
        console.flush()
        assert console._outlet is not None
        text = everything(console._outlet, read)
        assert re.search(r"warning log entries lost: nobody read them  lost=\d+\n$", text)


def test_files_are_written_at_once(tmp_path: Path) -> None:
    assert not may_stand_still(io.StringIO())
    with (tmp_path / "log").open("w") as file:
        assert not may_stand_still(file)
        Console(file).write({"event": "seen"})
        assert (tmp_path / "log").read_text().endswith("seen\n")
