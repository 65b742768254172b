"""The request channel on a real kernel: every refusal is told, and what was lost is unknown, not failed."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import threading
from functools import partial

import pytest

import nld.kernel.channel as kernel_channel
from nld.errors import KernelRefused, KernelUnavailable, OutcomeUnknown
from nld.kernel.channel import AT_ONCE, REPLY_COST, Channel
from nld.netlink.header import Flag, frame
from nld.netlink.registry import AF, NETLINK_ROUTE, RTM
from nld.netlink.route import Route, encode
from nld.netlink.template import for_route
from tests.kernel.inside import inside, ip

ESRCH, EEXIST = 3, 17
MANY = 2 * AT_ONCE
BLACKHOLE = Route(AF.INET, dst_len=32, table=254, type=6, protocol=131)
ADD = for_route(RTM.NEWROUTE, Flag.CREATE | Flag.EXCL, BLACKHOLE)
DELETE = for_route(RTM.DELROUTE, 0, BLACKHOLE)


def addresses(count: int) -> list[bytes]:
    return [struct.pack(">I", 0x0A000000 + number) for number in range(count)]


async def all_fail() -> None:
    channel = Channel(NETLINK_ROUTE, receive_buffer=4 << 20)
    size = channel.batch_limit
    assert size >= 128
    batches = [
        channel.batch(size, lambda first: DELETE.frames(addresses(size), first))
        for _ in range(2048 // size + 2)
    ]
    for request in await asyncio.gather(*batches):
        assert set(request.failures) == set(range(size))
        assert {failure.errno for failure in request.failures.values()} == {ESRCH}
        assert request.acknowledgement.errno == ESRCH
    assert channel.counters.overruns == channel.exchange.unmatched == 0
    await channel.close()


async def some_fail() -> None:
    channel = Channel(NETLINK_ROUTE)
    size = channel.batch_limit
    some = addresses(size)
    first = await channel.batch(len(some[::3]), lambda first: ADD.frames(some[::3], first))
    assert (first.failures, first.acknowledgement.errno) == ({}, 0)
    second = await channel.batch(size, lambda first: ADD.frames(some, first))
    assert set(second.failures) == set(range(0, size, 3))
    assert {failure.errno for failure in second.failures.values()} == {EEXIST}
    assert second.acknowledgement.errno == (EEXIST if (size - 1) % 3 == 0 else 0)
    third = await channel.batch(size, lambda first: DELETE.frames(some, first))
    assert third.failures == {}
    await channel.close()


async def replies_are_lost() -> None:
    channel = Channel(NETLINK_ROUTE, receive_buffer=4096)
    size = channel.batch_limit * 20
    with pytest.raises(OutcomeUnknown) as caught:
        await channel.batch(size, lambda first: DELETE.frames(addresses(size), first))
    assert caught.value.errno == "ENOBUFS"
    assert channel.counters.overruns >= 1
    # What is left in the queue belongs to nobody, and the next request to its own answer.
    route = Route(AF.INET, dst_len=32, dst=bytes([10, 9, 9, 9]), table=254, type=6)
    for wanted in (0, EEXIST):
        request = await channel.request(RTM.NEWROUTE, Flag.CREATE | Flag.EXCL, encode(route))
        assert request.acknowledgement.errno == wanted
    await channel.close()


async def closed() -> None:
    channel = Channel(NETLINK_ROUTE)
    waiting = [
        asyncio.ensure_future(channel.batch(MANY, lambda first: ADD.frames(addresses(MANY), first)))
        for _ in range(3)
    ]
    await asyncio.sleep(0)
    await channel.close()
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, KernelUnavailable)


async def cancelled() -> None:
    """Who stops waiting spoils nothing for who comes next."""
    channel = Channel(NETLINK_ROUTE)
    left = asyncio.ensure_future(channel.batch(MANY, lambda first: ADD.frames(addresses(MANY), first)))
    await asyncio.sleep(0)
    left.cancel()
    request = await channel.batch(MANY, lambda first: DELETE.frames(addresses(MANY), first))
    assert set(request.failures) in (set(), set(range(MANY)))
    await channel.close()


async def small_and_large() -> None:
    """What is sent at once does not overtake what waits, and takes nobody else's answer."""
    channel = Channel(NETLINK_ROUTE)
    some = addresses(MANY)
    large = asyncio.ensure_future(channel.batch(MANY, lambda first: ADD.frames(some, first)))
    await asyncio.sleep(0)
    one = await channel.batch(1, lambda first: ADD.frames(some[-1:], first))
    assert one.acknowledgement.errno == EEXIST
    assert (await large).failures == {}
    alone = await channel.batch(2, lambda first: DELETE.frames(some[:1] * 2, first))
    assert {at: failure.errno for at, failure in alone.failures.items()} == {1: ESRCH}
    await channel.close()


async def lost_while_on_its_way() -> None:
    """Whoever is told that an outcome is unknown, and looks, sees what the kernel has done by then."""
    channel = Channel(NETLINK_ROUTE, receive_buffer=4 << 20)
    size = 128
    kernel = channel.socket.send
    arrived, held = threading.Event(), threading.Event()

    def held_up(data: bytes | memoryview) -> None:
        if threading.current_thread() is not threading.main_thread():
            arrived.set()
            held.wait(60)
        kernel(data)

    channel.socket.send = held_up  # type: ignore[method-assign]
    waiting = [
        channel.submit(size, lambda first: ADD.frames(addresses(size), first)),
        channel.submit(size, lambda first: DELETE.frames(addresses(size), first)),
    ]
    await asyncio.to_thread(arrived.wait, 60)
    channel._overrun()
    await asyncio.sleep(0)
    assert not any(request.done.done() for request in waiting)
    held.set()
    for request in waiting:
        with pytest.raises(OutcomeUnknown):
            await request.done
    words = ["ip", "route", "show", "type", "blackhole"]
    shown = await asyncio.to_thread(subprocess.run, words, capture_output=True, check=True)
    assert shown.stdout == b""
    assert channel.counters.sent == 2 * size
    await channel.close()


async def tiny_buffer() -> None:
    """However small the receive buffer: every write ends, and what is told of it is true or unknown."""
    channel = Channel(NETLINK_ROUTE)
    with socket.socket(fileno=os.dup(channel.socket.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        assert same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 4 * REPLY_COST
    some = addresses(8)

    async def fail_for_long() -> None:
        for size in (8, 1, 3, 8, 2, 8, 1):
            chosen = some[:size]
            try:
                request = await channel.batch(size, partial(DELETE.frames, chosen))
            except OutcomeUnknown:
                continue
            assert set(request.failures) == set(range(size))

    async with asyncio.timeout(60):
        await asyncio.gather(*(fail_for_long() for _ in range(3)))
        assert channel.counters.overruns > 0
        for wanted in ({}, {0: EEXIST}):
            request = await channel.batch(1, partial(ADD.frames, some[:1]))
            assert {at: failure.errno for at, failure in request.failures.items()} == wanted
    assert channel.counters.unanswered == 0  # each loss was noticed, not waited for
    await channel.close()


async def never_answered() -> None:
    """What the kernel has had and says nothing of is unknown after a while; the next has its answer."""
    channel = Channel(NETLINK_ROUTE)
    without_request = frame(RTM.GETROUTE, 0, 7, encode(Route(AF.INET)))  # the kernel says nothing to it
    with pytest.raises(OutcomeUnknown) as caught:
        await channel.batch(1, lambda _: without_request)
    assert caught.value.errno == "ETIMEDOUT"
    assert channel.counters.unanswered == 1
    assert (await channel.batch(1, partial(ADD.frames, addresses(1)))).failures == {}
    await channel.close()


async def the_kernel_is_held_up() -> None:
    """While a send waits in the kernel the loop goes round, and small requests wait; questions do not."""
    channel = Channel(NETLINK_ROUTE)
    kernel = channel.socket.send
    arrived, held = threading.Event(), threading.Event()

    def held_up(data: bytes | memoryview) -> None:
        arrived.set()
        held.wait(60)
        kernel(data)

    channel.socket.send = held_up  # type: ignore[method-assign]
    waiting = [asyncio.ensure_future(channel.batch(1, partial(ADD.frames, [one]))) for one in addresses(20)]
    for _ in range(100):
        await asyncio.sleep(0)  # the turns of others
    await asyncio.to_thread(arrived.wait, 60)
    assert not held.is_set()
    async with asyncio.timeout(30):
        asked = await channel.ask(RTM.GETROUTE, encode(Route(AF.INET, dst_len=32, dst=bytes([192, 0, 2, 7]))))
    assert len(asked.replies) == 1
    assert not any(one.done() for one in waiting)
    held.set()
    assert [request.failures for request in await asyncio.gather(*waiting)] == [{}] * 20
    held.clear()
    arrived.clear()
    last = asyncio.ensure_future(channel.batch(1, partial(DELETE.frames, addresses(1))))
    await asyncio.to_thread(arrived.wait, 60)
    async with asyncio.timeout(30):
        await channel.close()
    with pytest.raises(KernelUnavailable):
        await last
    held.set()


async def others_come_between_answers() -> None:
    channel = Channel(NETLINK_ROUTE, receive_buffer=4 << 20)
    kernel_channel.TURN = 0.0
    size = 128
    refused = asyncio.ensure_future(channel.batch(size, lambda first: DELETE.frames(addresses(size), first)))
    answers: list[int] = []
    taken = channel._take

    def take(datagram: bytes) -> None:
        answers[-1] += 1
        taken(datagram)

    channel._take = take  # type: ignore[method-assign]
    while not refused.done():
        answers.append(0)
        await asyncio.sleep(0)
    assert len((await refused).failures) == size
    assert max(answers) == 1
    await channel.close()


async def lookup() -> None:
    ip("route add 10.0.0.0/8 via 192.0.2.2")
    channel = Channel(NETLINK_ROUTE)
    asked = Route(AF.INET, dst_len=32, dst=bytes([10, 1, 2, 3]))
    requests = await asyncio.gather(*(channel.request(RTM.GETROUTE, 0, encode(asked)) for _ in range(50)))
    requests += await asyncio.gather(*(channel.ask(RTM.GETROUTE, encode(asked)) for _ in range(50)))
    assert [(len(one.replies), one.acknowledgement.errno) for one in requests] == [(1, 0)] * 100
    await channel.close()


@pytest.mark.namespace
@pytest.mark.parametrize(
    "what",
    [
        all_fail,
        some_fail,
        replies_are_lost,
        closed,
        cancelled,
        small_and_large,
        lost_while_on_its_way,
        others_come_between_answers,
        lookup,
        tiny_buffer,
        never_answered,
        the_kernel_is_held_up,
    ],
)
def test_channel(what: object) -> None:
    assert callable(what)
    inside(what)


USERSOCK = 2
"""A protocol to which nothing in the kernel listens: every send fails."""


@pytest.mark.parametrize(("size", "name"), [(16, "ECONNREFUSED"), (1 << 20, "EMSGSIZE")])
async def test_a_send_that_fails_fails_its_own_request_only(size: int, name: str) -> None:
    """A large one goes through the worker thread."""
    channel = Channel(USERSOCK)
    outcomes = await asyncio.gather(
        *(channel.request(16, 0, bytes(size)) for _ in range(3)), return_exceptions=True
    )
    for outcome in outcomes:
        assert isinstance(outcome, KernelRefused)
        assert outcome.errno == name
    assert channel.exchange.pending == ()
    assert not any(task.done() for task in channel.tasks)
    await channel.close()


async def test_an_overrun_while_a_send_fails_does_not_end_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel(USERSOCK)

    def send(data: bytes | memoryview) -> None:
        channel._overrun()  # as when the receiver runs while the worker thread sends
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(channel.socket, "send", send)
    for _ in range(2):
        with pytest.raises(KernelRefused):  # what could not be sent is known, whatever else was lost
            await channel.request(16, 0, b"")
        await asyncio.sleep(0)
        assert not any(task.done() for task in channel.tasks)
    await channel.close()
