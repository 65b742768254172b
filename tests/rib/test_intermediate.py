"""Intermediate changes: their sum is told, against a stupid oracle: the state before and after."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from nld.rib.history import History
from nld.rib.intermediate import Intermediate, Row


@dataclass(frozen=True)
class Shape:
    name: str
    metric: int = 0
    place: bytes = b"p"
    merges: bool = False
    devices: frozenset[int] = frozenset()
    stable: bytes = b""

    @property
    def rank(self) -> tuple[int, int, bytes]:
        return (0, self.metric, b"")


OLD, NEW, STANDIN = Shape("old"), Shape("new"), Shape("new", 1)
KEY, OTHER = b"pk", b"po"


def row(old: Shape | None, new: Shape | None, destination: bytes = b"k", port: int = 1) -> Row[Shape]:
    return destination, old, new, port, None, 0


def test_a_stand_in_comes_to_a_replacement() -> None:
    held = Intermediate[Shape]([KEY])
    steps = [row(None, STANDIN), row(OLD, None), row(None, NEW), row(STANDIN, None)]
    assert held.keep(steps) == []
    assert held.sum() == [row(OLD, NEW)]
    assert held.sum() == []


def test_other_keys_are_not_kept_back() -> None:
    held = Intermediate[Shape]([KEY])
    assert held.keep([row(None, NEW, b"o"), row(None, NEW), row(OLD, None, b"o")]) == [
        row(None, NEW, b"o"),
        row(OLD, None, b"o"),
    ]
    assert held.sum() == [row(None, NEW)]


def test_what_came_to_nothing_is_not_told() -> None:
    held = Intermediate[Shape]([KEY])
    held.keep([row(None, STANDIN), row(OLD, None), row(None, OLD), row(STANDIN, None)])
    assert held.sum() == []


def test_before_a_snapshot_everything_is_told() -> None:
    history = History[Shape](100, "e")
    history.hold([KEY])
    history.extend([row(None, STANDIN), row(OLD, None)])
    assert history.generation == 0
    history.catch_up()
    assert history.generation == 2
    history.extend([row(None, NEW), row(STANDIN, None)])
    assert history.generation == 2
    history.release()
    changes = history.since(0, 100)
    assert changes is not None
    assert [(change.difference.old, change.difference.new) for change in changes] == [
        (OLD, None), (None, STANDIN), (STANDIN, None), (None, NEW),
    ]  # fmt: skip
    history.extend([row(NEW, None)])
    assert history.generation == 5


@pytest.mark.parametrize("seed", range(50))
def test_the_sum_leads_from_the_state_before_to_the_state_after(seed: int) -> None:
    rng = random.Random(seed)
    shapes = [Shape(name, metric) for name in "abc" for metric in range(3)]
    before = set(rng.sample(shapes, 3))
    state = set(before)
    held = Intermediate[Shape]([KEY])
    rows = []
    for _ in range(rng.randrange(20)):
        old = rng.choice([None, *sorted(state, key=repr)])
        new = rng.choice([None, *(shape for shape in shapes if shape not in state)])
        if old is None and new is None:
            continue
        state = {shape for shape in (*state, new) if shape not in (None, old)}
        rows.append(row(old, new))
    held.keep(rows)
    told = held.sum()
    followed = set(before)
    for _, old, new, *_ in told:
        if old is not None:
            followed.remove(old)
        if new is not None:
            assert new not in followed
            followed.add(new)
    assert followed == state
    assert len(told) <= len(before ^ state)


def test_a_renaming_is_told_at_once() -> None:
    held = Intermediate[Shape]([KEY])
    assert held.keep([row(OLD, OLD), row(OLD, NEW)]) == [row(OLD, OLD)]
    assert held.sum() == [row(OLD, NEW)]
