"""Sending on a real kernel: many sends give one answer, and whoever leaves takes only his own along."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest

from nld.errors import KernelRefused, KernelUnavailable, NldError
from nld.kernel.channel import Channel
from nld.kernel.sending import EXPLAINED, SEND, send
from nld.kernel.table import Operation, Pattern
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import Flag
from nld.netlink.registry import AF, NETLINK_ROUTE, RTM
from nld.netlink.route import Route
from nld.netlink.template import for_route
from nld.records import RouteRecord
from tests.kernel.inside import inside

SENDS = 4
COUNT = (SENDS - 1) * SEND + 7
EEXIST = 17


def pattern(operation: Operation, kind: RTM) -> Pattern:
    route = Route(AF.INET, dst_len=32, table=254, type=6, protocol=131)
    flags = Flag.CREATE | Flag.EXCL if kind is RTM.NEWROUTE else Flag(0)
    return Pattern(operation, RouteRecord(dst="10.0.0.0"), route, for_route(kind, flags, route))


ADD = pattern(Operation.ADD, RTM.NEWROUTE)
DELETE = pattern(Operation.DELETE, RTM.DELROUTE)


def addresses(count: int) -> list[bytes]:
    return [struct.pack(">I", 0x0A000000 + number) for number in range(count)]


def explain(acknowledgement: Acknowledgement, pattern: Pattern, destination: bytes) -> NldError:
    return KernelRefused(destination.hex(), errno=str(acknowledgement.errno))


class Sending:
    """A channel with room for several sends, and how often notifications were to be taken in."""

    def __init__(self) -> None:
        self.channel = Channel(NETLINK_ROUTE, receive_buffer=4 << 20)
        self.taken = 0

    async def __call__(self, pattern: Pattern, destinations: list[bytes]) -> dict[int, NldError]:
        def sent() -> None:
            self.taken += 1

        patterns = [pattern] * len(destinations)
        refusals = await send(self.channel, patterns, destinations, explain, sent)
        return {refusal.index: refusal.error for refusal in refusals}


async def each_refusal_names_its_route() -> None:
    sending = Sending()
    every = addresses(COUNT)
    there = [*range(0, COUNT, 5), COUNT - 1]
    assert await sending(ADD, [every[index] for index in sorted(set(there))]) == {}
    sending.taken = 0
    refused = await sending(ADD, every)
    assert sending.taken == SENDS - 1
    assert {index: (str(error), error.errno) for index, error in refused.items()} == {
        index: (every[index].hex(), str(EEXIST)) for index in there
    }
    assert await sending(DELETE, every) == {}
    await sending.channel.close()


async def others_come_between_refusals() -> None:
    sending = Sending()
    every = addresses(COUNT)
    assert await sending(ADD, every) == {}
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(another())
    told: list[int] = []

    def noting(acknowledgement: Acknowledgement, pattern: Pattern, destination: bytes) -> NldError:
        told.append(turns)
        return explain(acknowledgement, pattern, destination)

    await send(sending.channel, [ADD] * COUNT, every, noting, lambda: None)
    other.cancel()
    assert len(told) == COUNT
    assert max(map(told.count, set(told))) <= EXPLAINED
    await sending.channel.close()


async def who_leaves_takes_only_his_own() -> None:
    sending = Sending()
    every = addresses(COUNT)
    left = asyncio.ensure_future(sending(ADD, every))
    await asyncio.sleep(0)
    left.cancel()
    some = addresses(SEND + 1)[SEND:]
    refused = await sending(DELETE, some * 2)  # waits for what has been sent; the second one must fail
    assert set(refused) in ({0, 1}, {1})
    assert sending.channel.exchange.unmatched == 0
    await sending.channel.close()


async def a_closed_channel_is_told_once() -> None:
    """And asyncio has nothing to complain of: the failures of the other sends are seen as well."""
    complaints: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    sending = Sending()
    waiting = asyncio.ensure_future(sending(ADD, addresses(COUNT)))
    await asyncio.sleep(0)
    await sending.channel.close()
    with pytest.raises(KernelUnavailable):
        await waiting
    del waiting
    await asyncio.sleep(0)
    assert complaints == []


@pytest.mark.namespace
@pytest.mark.parametrize(
    "what",
    [
        each_refusal_names_its_route,
        others_come_between_refusals,
        who_leaves_takes_only_his_own,
        a_closed_channel_is_told_once,
    ],
)
def test_sending(what: Callable[[], Awaitable[None]]) -> None:
    inside(what)
