"""What a stranger does in his own namespaces costs others no time and no memory that is not his.

The waits are of the host's RTNL, for which everybody's changes of devices, addresses and routes wait, and of
the module in the first namespace. Only ``make kmod-bench`` holds them to something: a machine that does other
work tells nothing of time. ``pytest -rP`` shows what was measured.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .loaded import PARAMETERS, module, program
from .service import until

__all__ = ["module"]

HELD = "NLD_ROUNDS" in os.environ
LONGEST = 100
"""Milliseconds that anybody may have to wait, on an emulated machine."""
RECORDS = 200_000 if HELD else 5_000
# A stranger's own limits would keep him from what is tried here.
RAISED = {"max_routes_user": 0, "max_bytes_user": 0}

pytestmark = pytest.mark.machine("6.12", timeout=600)


@contextmanager
def running(name: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Have a program run in the background until the block ends."""
    process = subprocess.Popen(
        [Path("programs") / name, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def beside(*words: object) -> dict[str, Any]:
    """Be a stranger once, or nobody, beside a bystander; return the bystander's figures."""
    with running("bystander") as process:
        assert process.stdout and process.stdout.readline() == "ready\n", process.communicate()
        if words:
            done = program("strangers", *words, timeout=500)
            assert done.returncode == 0, done.stdout + done.stderr
            print(" ".join(map(str, words)), done.stdout.strip())
        else:
            time.sleep(2)  # nobody is what is measured, for as long as somebody takes
        process.send_signal(signal.SIGTERM)
        said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    told: dict[str, Any] = json.loads(said)
    print("median and worst in ms:", said.strip())
    return told


@pytest.fixture
def raised(module: None) -> Iterator[None]:
    """Let a stranger have as much as anybody."""
    before = {name: (PARAMETERS / name).read_text() for name in RAISED}
    for name, value in RAISED.items():
        (PARAMETERS / name).write_text(str(value))
    yield
    for name, text in before.items():
        (PARAMETERS / name).write_text(text)


@pytest.mark.parametrize(
    "words",
    [
        ("metrics", RECORDS),
        ("device", RECORDS),
        ("listener", RECORDS // 10),
        ("expiry", 2, RECORDS // 10),
        ("dump", RECORDS // 500),
    ],
    ids=lambda words: str(words[0]),
)
def test_nobody_waits_for_a_stranger(raised: None, words: tuple[object, ...]) -> None:
    beside()
    told = beside(*words)
    assert told["turns"]
    for what in ("rtnl", "make", "delete", "lookup", "counters"):
        assert told[what][1] < LONGEST or not HELD, (what, told)


def slab() -> int:
    """Return the bytes of the kernel's slabs."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Slab:"))


@pytest.mark.parametrize(("hops", "lose"), [(1, 0), (64, 0), (64, 1)])
def test_a_strangers_memory_is_what_he_is_charged_with(module: None, hops: int, lose: int) -> None:
    """What the allocator rounds up is charged, too; and what loses a device keeps no room for it."""
    allowed = int((PARAMETERS / "max_bytes_user").read_text())
    before = slab()
    with running("strangers", "fill", hops, lose) as process:
        assert process.stdout
        said = process.stdout.readline()
        assert said, process.communicate()
        told = json.loads(said)
        assert told["bytes"] <= allowed
        most = before + 1.1 * told["bytes"] + (1 << 20)
        until(lambda: slab() < most, f"less memory than {most - before:.0f} bytes")  # after a grace period
        took = slab() - before
    print(f"{told['records']} records of {hops} next hops: {told['bytes']} bytes charged, {took} taken")
