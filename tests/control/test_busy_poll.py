"""After an answer the loop goes round without sleeping for as long as it is told to, and then sleeps."""

from __future__ import annotations

import asyncio
from typing import cast

from nld.control.busy_poll import BusyPoll
from tests.control.loop import Loop

MOMENT = 0.0002


def polling(loop: Loop, microseconds: int = 200) -> BusyPoll:
    return BusyPoll(cast(asyncio.AbstractEventLoop, loop), microseconds)


def test_by_default_the_loop_sleeps_at_once(loop: Loop) -> None:
    polling(loop, 0).answered()
    assert loop.next == []


def test_it_stays_awake_for_that_long(loop: Loop) -> None:
    polling(loop).answered()
    assert loop.turn(MOMENT / 4)
    assert loop.turn(MOMENT / 4)
    assert not loop.turn(MOMENT)
    assert not loop.turn(MOMENT)


def test_each_answer_begins_the_time_anew_and_only_once_around(loop: Loop) -> None:
    poll = polling(loop)
    for _ in range(5):
        poll.answered()
        assert len(loop.next) == 1
        assert loop.turn(MOMENT / 2)
    assert not loop.turn(MOMENT)
    poll.answered()
    assert loop.turn(MOMENT / 2)
