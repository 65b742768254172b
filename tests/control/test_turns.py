"""Turns: what is done in one is bounded, and users come one after the other. The clock is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from nld.control.turns import SLICE, WOKEN, Turns
from tests.control.loop import Loop


def made(loop: Loop) -> Turns:
    return Turns(cast(asyncio.AbstractEventLoop, loop))


def begun(coroutine: Coroutine[Any, Any, None]) -> asyncio.Future[None] | None:
    """What a coroutine waits for, or None when it is done."""
    try:
        return cast("asyncio.Future[None]", coroutine.send(None))
    except StopIteration:
        return None


def test_there_is_time_until_the_slice_is_over(loop: Loop) -> None:
    turns = made(loop)
    done = 0
    while turns.free(done):  # each another user
        loop.now += SLICE / 10
        turns.worked()
        done += 1
    assert done == 10
    loop.now += SLICE  # nobody did anything for so long
    assert turns.free(0)


def test_one_long_piece_of_work_begins_no_new_turn(loop: Loop) -> None:
    turns = made(loop)
    assert turns.free(1)
    loop.now += 20 * SLICE
    turns.worked()
    assert not turns.free(2)


def test_who_waits_does_not_overtake_himself(loop: Loop) -> None:
    turns = made(loop)
    turns.soon(1, lambda: None)
    loop.now += 10 * SLICE
    assert not turns.free(1)
    assert turns.free(2)
    loop.turn()
    assert turns.free(1)


def test_users_take_turns_and_a_turn_is_short(loop: Loop) -> None:
    turns = made(loop)
    order: list[int] = []

    def work(uid: int) -> None:
        order.append(uid)
        loop.now += SLICE / 4

    for _ in range(100):
        turns.soon(1, lambda: work(1))
    turns.soon(2, lambda: work(2))
    turns.soon(3, lambda: work(3))
    loop.turn()
    assert order == [1, 2, 3, 1]
    loop.turn()
    assert order[4:] == [1, 1, 1, 1]
    while loop.next:
        loop.turn()
    assert order.count(1) == 100


def test_few_tasks_are_woken_in_a_turn(loop: Loop) -> None:
    turns = made(loop)
    turns.free(1)
    loop.now += SLICE
    waiting = [begun(turns.turn(1)) for _ in range(10)]
    assert all(future is not None and not future.done() for future in waiting)
    futures = [future for future in waiting if future is not None]
    futures[0].cancel()  # its peer has gone: it costs nobody a turn
    loop.turn()
    assert [future.done() for future in futures] == [True] * (1 + WOKEN) + [False] * (9 - WOKEN)


def test_a_task_goes_on_at_once_while_there_is_time(loop: Loop) -> None:
    turns = made(loop)
    assert turns.free(1)
    steps = 0
    while begun(turns.turn(1)) is None:
        steps += 1
        loop.now += SLICE / 5
    assert steps in (5, 6)  # of fifths of a float


def test_those_who_were_woken_behind_a_long_piece_of_work_come_first_in_the_next_turn(loop: Loop) -> None:
    turns = made(loop)
    assert turns.free(0)
    loop.now += SLICE
    tasks = [turns.turn(user) for user in range(WOKEN)]
    waits = [begun(task) for task in tasks]
    assert None not in waits
    loop.turn()
    assert begun(tasks[0]) is None
    loop.now += 2 * SLICE  # what it does
    others = [turns.turn(WOKEN + user) for user in range(WOKEN)]
    behind = [begun(task) for task in others]
    again = [begun(task) for task in tasks[1:]]
    loop.turn()
    assert [one is not None and one.done() for one in again] == [True] * (WOKEN - 1)
    assert [one is not None and one.done() for one in behind] == [True] + [False] * (WOKEN - 1)
    for task in (*tasks, *others):
        task.close()
