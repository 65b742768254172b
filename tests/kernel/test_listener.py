"""The listener reads all there is, and ends."""

from __future__ import annotations

import asyncio

import pytest

from nld.kernel.listener import BURST, CHUNK, LEAST_COST, TURN, Listener
from nld.netlink.registry import NETLINK_ROUTE, RTNLGRP
from nld.netlink.shape import BulkCut
from tests.kernel.inside import inside, ip

COUNT = 3000


def listener(messages: list[BulkCut], *groups: int) -> Listener:
    def overrun() -> None:
        raise AssertionError("a notification was lost")

    return Listener(
        NETLINK_ROUTE, receive_buffer=32 << 20, groups=groups, absorb=messages.extend, overrun=overrun
    )


async def test_who_drains_gives_others_turns_and_many_who_do_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    storm = listener([])
    taken = turns = most = before = 0

    def take(seconds: float) -> bool:
        nonlocal taken, most
        taken += BURST
        storm.counters.received += BURST
        most = max(most, taken - before)
        return True

    async def others() -> None:
        nonlocal turns, before
        while True:
            turns, before = turns + 1, taken
            await asyncio.sleep(0)

    monkeypatch.setattr(storm, "_take", take)
    ticking = asyncio.create_task(others())
    await asyncio.gather(*(storm.drained() for _ in range(50)))
    ticking.cancel()
    queue = storm.socket.granted.receive // LEAST_COST
    assert taken >= queue
    assert turns >= queue // BURST
    assert most <= 2 * BURST
    await storm.close()


async def test_what_takes_long_is_read_a_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is not much longer than it may be, whatever a message costs; and many again later."""
    storm = listener([])
    clock, cost, longest = 0.0, 0.001, 0.0

    def read() -> tuple[list[bytes], bool, bool]:
        return [b""] * storm._chunk, True, False

    def hand_on(datagrams: list[bytes], lost: bool) -> None:
        nonlocal clock, longest
        clock += cost * len(datagrams)
        longest = max(longest, cost * len(datagrams))

    monkeypatch.setattr("nld.kernel.listener.time.monotonic", lambda: clock)
    monkeypatch.setattr(storm, "_read", read)
    monkeypatch.setattr(storm, "_hand_on", hand_on)
    for _ in range(20):
        storm._take(TURN)
    longest = 0.0
    began = clock
    storm._take(TURN)
    assert longest <= 4 * cost
    assert clock - began <= TURN + 4 * cost
    cost = 0.000001
    storm._take(TURN)
    assert storm._chunk == CHUNK
    await storm.close()


async def test_between_two_sends_no_more_is_read_than_in_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast others write."""
    storm = listener([])
    allowed: list[float] = []

    def take(seconds: float) -> bool:
        allowed.append(seconds)
        return True

    monkeypatch.setattr(storm, "_take", take)
    storm.drain_some()
    storm._left = 0.0
    storm.drain_some()
    assert allowed == [TURN]
    await storm.close()


async def everything_in_order() -> None:
    drained: list[BulkCut] = []
    followed: list[BulkCut] = []
    one = listener(drained, RTNLGRP.IPV4_ROUTE)
    other = listener(followed, RTNLGRP.IPV4_ROUTE)
    lines = [f"route add 10.{number >> 8}.{number & 255}.0/24 via 192.0.2.2" for number in range(COUNT)]
    await asyncio.to_thread(ip, *lines)
    await one.drained()
    assert [message[5] for message in drained] == [bytes([10, n >> 8, n & 255, 0]) for n in range(COUNT)]
    async with asyncio.timeout(60):
        while len(followed) < COUNT:  # noqa: ASYNC110 - its task hands them on
            await asyncio.sleep(0)
    assert followed == drained
    await one.close()
    await other.close()


@pytest.mark.namespace
def test_everything_in_order() -> None:
    inside(everything_in_order)
