"""What others get while any local user does its worst, and what is left of it afterwards.

In small this is part of ``make check``: nobody is refused or forgotten, and everything is as before.  The
figures are for ``make attack``, on a machine that has nothing else to do (``NLD_ATTACK_SECONDS`` each, 5).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from tests.attack.attacks import ATTACKS
from tests.attack.ground import Ground, Holdings, cannot

REASON = cannot()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

MEMORY = 64 << 20
SMALL_TURN = 0.25
"""Seconds of processor time for a turn of the loop, in small: far below what stands still for seconds."""
BACK = 30.0
"""Seconds after which what is left counts as left for ever."""


@pytest.fixture(scope="module")
def small() -> Iterator[Ground]:
    with Ground(30_000) as ground:
        yield ground


@pytest.mark.parametrize("name", ATTACKS)
def test_everybody_is_served_and_nothing_is_left(small: Ground, name: str) -> None:
    before = small.holdings()
    figures = small.attack(name, users=2, connections=100, seconds=0.8)
    assert figures.errors == []
    assert figures.gets
    assert figures.adds
    assert figures.commands
    assert figures.memory < MEMORY, str(figures)
    assert figures.turn < SMALL_TURN, str(figures)
    end = time.monotonic() + BACK
    while not (as_before := _as_before(before, small.holdings())) and time.monotonic() < end:
        time.sleep(0.02)  # the pace of looking
    assert as_before, (before, small.holdings())
    assert small.log.read_text() == ""


@pytest.fixture(scope="module")
def full() -> Iterator[Ground]:
    with Ground(300_000) as ground:
        yield ground


@pytest.mark.attack
@pytest.mark.parametrize("users", [1, 4])
@pytest.mark.parametrize("name", ATTACKS)
def test_the_figures(full: Ground, name: str, users: int) -> None:
    before = full.holdings()
    seconds = float(os.environ.get("NLD_ATTACK_SECONDS", "5"))
    figures = full.attack(name, users, connections=1024, seconds=seconds)
    time.sleep(2)
    after = full.holdings()
    print(f"\n{name}, {users} users: {figures}; {before} -> {after}")
    assert figures.errors == []
    assert figures.get_p99 < 0.05
    assert figures.add_p99 < 0.1
    assert max(figures.commands) < 0.2
    assert figures.memory < MEMORY
    assert _as_before(before, after)


def _as_before(before: Holdings, after: Holdings) -> bool:
    """Descriptors, tasks and watches; and memory, but for what allocators keep."""
    return (
        after.descriptors <= before.descriptors
        and after.tasks <= before.tasks
        and after.watchers == before.watchers == 0
        and after.memory - before.memory < MEMORY
    )
