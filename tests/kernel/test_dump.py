"""Dumps on a real kernel: large messages come, and what the kernel hides is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address

import pytest

from nld.errors import InvalidRecord, KernelRefused
from nld.kernel.channel import Channel
from nld.kernel.dump import LARGEST, Dumper
from nld.kernel.extent import SHOWN
from nld.kernel.fib import FibTable
from nld.kernel.selection import Row
from nld.kernel.socket import NetlinkSocket
from nld.kernel.table import Operation
from nld.netlink.header import Flag
from nld.netlink.registry import AF, NETLINK_ROUTE, RTM
from nld.netlink.route import NextHop, Route, encode
from nld.records import Names, RouteFilter, RouteRecord
from tests.kernel.inside import inside, ip
from tests.kernel.quiet import Quiet

V4, V6 = int(AF.INET), int(AF.INET6)
DST = {V4: IPv4Address("10.9.0.0").packed, V6: IPv6Address("2001:db8:9::").packed}
PREFIX = {V4: "10.9.0.0/16", V6: "2001:db8:9::/48"}
BEHIND = {V4: "198.51.100.0/24", V6: "2001:db8:ffff::/48"}
"""Comes behind the large route in the kernel's order."""


def large(family: int, hops: int) -> Route:
    """A route with that many next hops."""
    device = socket.if_nametoindex("veth0")
    if family == V4:
        legs = tuple(
            NextHop(hops=at // 250, ifindex=device, gateway=bytes((192, 0, 2, 2 + at % 250)))
            for at in range(hops)
        )
        return Route(V4, dst=DST[V4], dst_len=16, table=254, type=1, protocol=4, multipath=legs)
    legs = tuple(
        NextHop(ifindex=device, gateway=IPv6Address((0xFE80 << 112) + at + 1).packed) for at in range(hops)
    )
    return Route(V6, dst=DST[V6], dst_len=48, table=254, type=1, protocol=4, multipath=legs)


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[tuple[FibTable, Callable[[Route], Awaitable[None]]]]:
    """A table, and how another program writes a route."""
    table = FibTable(Names(), protocol=131, receive_buffer=1 << 20, send_buffer=1 << 20)
    await table.open(Quiet())
    stranger = Channel(NETLINK_ROUTE, send_buffer=1 << 20)

    async def add(route: Route) -> None:
        done = await stranger.request(RTM.NEWROUTE, Flag.CREATE | Flag.EXCL, encode(route))
        assert done.acknowledgement.errno == 0

    try:
        yield table, add
    finally:
        await stranger.close()
        await table.close()


async def rows(source: FibTable, **wanted: str) -> list[Row]:
    """What a dump gives."""
    selection = source.select(RouteFilter.model_validate(wanted))
    return [row async for part in source.dump(selection) for row in part]


async def large_routes_come() -> None:
    """In the first datagram already: the kernel would end the dump there, and say that all is well."""
    for family, most in ((V4, 2010), (V6, 1130)):
        for hops in (240, 260, most):
            async with opened() as (table, add):
                ip(f"route add {BEHIND[family]} dev veth1")
                await add(large(family, hops))
                for wanted in ({}, {"family": "inet" if family == V4 else "inet6"}, {"table": "main"}):
                    found = await rows(table, **wanted)
                    legs = [len(shape.route().multipath or ()) for shape, at in found if at == DST[family]]
                    assert legs == [hops]
                    behind = [at for shape, at in found if shape.route(at).protocol == 3]
                    assert len(behind) == 1
            ip(f"route del {BEHIND[family]} dev veth1", f"route del {PREFIX[family]}")


async def what_is_hidden_is_told() -> None:
    """Not taken for an empty table."""
    for family, hops in ((V4, 2040), (V6, 1300)):
        async with opened() as (table, add):
            await add(large(family, hops))
            for wanted in ({}, {"table": "main"}):
                async with asyncio.timeout(60):
                    with pytest.raises(KernelRefused) as caught:
                        await rows(table, **wanted)
                assert caught.value.errno == "EMSGSIZE"
            if family == V4:
                with pytest.raises(KernelRefused):
                    await rows(table, family="inet")
                assert await rows(table, family="inet6")  # the other family is not hidden
            else:
                assert await rows(table, family="inet")
        ip(f"route del {PREFIX[family]}")


async def what_could_not_be_shown_is_not_written() -> None:
    for family, leg in ((V4, 16), (V6, 28)):
        most = (SHOWN - 80) // leg
        async with opened() as (table, _):
            record = RouteRecord(dst=PREFIX[family])
            for operation in Operation:
                if operation is not Operation.DELETE:
                    with pytest.raises(InvalidRecord) as caught:
                        table.pattern(operation, record, large(family, most + 10))
                    assert caught.value.field == "nexthops"
            pattern = table.pattern(Operation.ADD, record, large(family, most))
            assert await table.write([pattern], [DST[family]]) == []
            shown = [
                len(shape.route().multipath or ()) for shape, at in await rows(table) if at == DST[family]
            ]
            assert shown == [most]
        ip(f"route del {PREFIX[family]}")
    assert SHOWN < LARGEST


async def the_loop_does_not_wait() -> None:
    """While the kernel is at a dump, the loop goes round; who leaves then leaves no descriptor behind."""
    arrived, held = threading.Event(), threading.Event()
    closed: list[object] = []

    send, close = NetlinkSocket.send, NetlinkSocket.close

    def held_up(self: NetlinkSocket, data: bytes | memoryview) -> None:
        arrived.set()
        held.wait(60)
        send(self, data)

    def noted(self: NetlinkSocket) -> None:
        close(self)
        closed.append(self)
        if len(closed) == 2:
            both.set()

    both = asyncio.Event()
    NetlinkSocket.send, NetlinkSocket.close = held_up, noted  # type: ignore[method-assign] # in this process
    wanted = encode(Route(AF.INET))
    reading = asyncio.ensure_future(Dumper(NETLINK_ROUTE).collect(RTM.GETROUTE, wanted))
    left = asyncio.ensure_future(Dumper(NETLINK_ROUTE).collect(RTM.GETROUTE, wanted))
    await asyncio.to_thread(arrived.wait, 60)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert not reading.done()
    assert not closed
    held.set()
    assert len(await reading) > 0
    async with asyncio.timeout(60):
        await both.wait()


@pytest.mark.namespace
@pytest.mark.parametrize(
    "what",
    [
        large_routes_come,
        what_is_hidden_is_told,
        what_could_not_be_shown_is_not_written,
        the_loop_does_not_wait,
    ],
)
def test_dump(what: Callable[[], Awaitable[None]]) -> None:
    inside(what)
