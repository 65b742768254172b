"""An Internet's worth of routes in the module and, in the same run, in the kernel's own table.

``NLD_ROUTES`` is how many; ``make kmod-bench`` asks for a million. ``pytest -rP`` shows what was measured.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from .loaded import module, program
from .wire import Socket, Stats, command, device, namespace

__all__ = ["module"]

TOLERANCE = 1 << 20
"""Bytes of slab that may stay: caches that grew, and what the rest of the machine did meanwhile."""


ROUTES = int(os.environ.get("NLD_ROUTES", "50000"))


def measure(table: str, count: int, lookups: int, index: int) -> dict[str, Any]:
    """Return what the program measured; it has compared every answer."""
    done = program("million", table, count, lookups, index, timeout=900)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.machine("6.1", "6.12", timeout=900)
def test_a_real_tables_shape(module: None) -> None:
    count = ROUTES
    with namespace():
        index = device("d0")
        command("ip link set d0 up")
        command("ip address add 192.0.2.2/24 dev d0")
        ours = measure("module", count, count, index)
        assert (ours["routes"], ours["errors"], ours["wrong"]) == (count, 0, 0)
        assert ours["dump_interrupted"] is False
        assert ours["left"] <= TOLERANCE
        assert 0 < ours["bytes"] < 256
        with Socket() as after:
            stats = after.stats()
        assert (stats[Stats.CREATED], stats[Stats.DELETED]) == (count, count)
        assert (stats[Stats.ROUTES4], stats[Stats.NODES], stats[Stats.BYTES]) == (0, 0, 0)
        theirs = measure("fib", count, count // 10, index)
        assert theirs["errors"] == 0
