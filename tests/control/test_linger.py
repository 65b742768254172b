"""Only after a call that came a moment after the answer before it does the loop go round, for one moment."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from nld.control.linger import MOMENT, Linger


class Loop:
    """Notes what is to be called in the next turn; its clock stands until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.next: list[Callable[[], Any]] = []

    def call_soon(self, callback: Callable[[], Any]) -> None:
        self.next.append(callback)

    def turn(self, seconds: float) -> bool:
        """One turn, which takes so long; whether there is another without sleep."""
        self.now += seconds
        due, self.next = self.next, []
        for callback in due:
            callback()
        return bool(self.next)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    return made


def lingering(loop: Loop) -> Linger:
    return Linger(cast(asyncio.AbstractEventLoop, loop))


def test_nobody_waits_for_who_calls_now_and_then(loop: Loop) -> None:
    linger = lingering(loop)
    assert linger.answered(-float("inf"), loop.now) == loop.now
    linger.answered(loop.now - 2 * MOMENT, loop.now)
    assert loop.next == []


def test_a_busy_peer_is_waited_for_one_moment(loop: Loop) -> None:
    linger = lingering(loop)
    linger.answered(loop.now - MOMENT / 2, loop.now)
    assert loop.turn(MOMENT / 4)
    assert loop.turn(MOMENT / 4)
    assert not loop.turn(MOMENT)
    assert not loop.turn(MOMENT)


def test_each_answer_begins_the_moment_anew_and_only_once_around(loop: Loop) -> None:
    linger = lingering(loop)
    for _ in range(5):
        linger.answered(loop.now - MOMENT / 2, loop.now)
        assert len(loop.next) == 1
        assert loop.turn(MOMENT / 2)
    assert not loop.turn(MOMENT)
    linger.answered(loop.now - MOMENT / 2, loop.now)
    assert loop.turn(MOMENT / 2)


def test_the_only_processor_is_left_to_the_peer(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    lingering(loop).answered(loop.now - MOMENT / 2, loop.now)
    assert loop.next == []
