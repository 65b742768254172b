"""The module in this machine: loaded for a file of tests, and each test in a network namespace of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .wire import Socket, namespace

PARAMETERS = Path("/sys/module/nld/parameters")

_CARRIED = Path("/run/nld.ko")
_SECONDS = 60
"""How long the last reference may take to go: a dump that was left half way ends a grace period later."""


def load(*parameters: str) -> None:
    """Load it, from the system or, where the kernel is not the image's own, from where it was put."""
    words = ["insmod", str(_CARRIED)] if _CARRIED.exists() else ["modprobe", "nld"]
    done = subprocess.run(
        [*words, *parameters], capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    assert done.returncode == 0, done.stderr


def remove() -> str:
    """Try to remove it once; return what rmmod says, nothing if it is gone."""
    done = subprocess.run(["rmmod", "nld"], capture_output=True, text=True, check=False, timeout=_SECONDS)
    assert bool(done.returncode) == bool(done.stderr), done
    return done.stderr


def unload() -> None:
    """Remove it, if it is there, as soon as nobody uses it."""
    limit = time.monotonic() + _SECONDS
    while PARAMETERS.exists() and (words := remove()):
        assert time.monotonic() < limit, words


@pytest.fixture(scope="module")
def module() -> Iterator[None]:
    """Load it with its defaults, and the legacy greeting on."""
    unload()
    load("greet_protocol=25")
    yield
    unload()


@pytest.fixture
def wire(module: None) -> Iterator[Socket]:
    """Be in a new namespace, with a socket there."""
    with namespace(), Socket() as made:
        yield made


def program(name: str, *words: object, timeout: float = _SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a program of tests/kmod to its end."""
    path = Path("programs") / name
    return subprocess.run(
        [path, *map(str, words)], capture_output=True, text=True, check=False, timeout=timeout
    )
