"""Routes too large to be dumped, on a real kernel.

nld makes none.  Where another program made one, nld runs, says so, and takes nothing for gone unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from nld.broker.broker import Broker
from nld.broker.view import View
from nld.errors import InvalidRecord, KernelRefused, RouteNotFound
from nld.kernel.channel import Channel
from nld.kernel.extent import SHOWN
from nld.kernel.fib import FibTable
from nld.kernel.table import Operation
from nld.netlink import nexthop
from nld.netlink.header import Flag
from nld.netlink.nexthop import Member, Nexthop
from nld.netlink.registry import NETLINK_ROUTE, RTM
from nld.netlink.route import encode
from nld.records import Names, RouteFilter, RouteKey, RouteRecord
from nld.records.peer import Peer
from tests.kernel.inside import inside, ip
from tests.kernel.test_dump import BEHIND, PREFIX, V4, V6, large

TOO_LARGE = {V4: 2040, V6: 1300}
FAMILY = {V4: "inet", V6: "inet6"}
ROOT = Peer(0, 0, 1)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[View, Broker]]:
    """A started view of the FIB, and a broker over it."""
    table = FibTable(Names([]), protocol=131, receive_buffer=1 << 20, send_buffer=1 << 20)
    view = View(table, 65536)
    await view.start()
    broker = Broker({"fib": view}, "fib", 1000)
    try:
        yield view, broker
    finally:
        broker.close()
        await view.close()


async def made(stranger: Channel, kind: RTM, payload: bytes) -> None:
    """Another program makes it."""
    done = await stranger.request(kind, Flag.CREATE | Flag.REPLACE, payload)
    assert done.acknowledgement.errno == 0


@contextlib.asynccontextmanager
async def foreign(family: int) -> AsyncIterator[None]:
    """Another program's route that no dump shows, as long as this lasts."""
    stranger = Channel(NETLINK_ROUTE, send_buffer=1 << 20)
    await made(stranger, RTM.NEWROUTE, encode(large(family, TOO_LARGE[family])))
    try:
        yield
    finally:
        ip(f"route del {PREFIX[family]}")
        await stranger.close()


async def listed(broker: Broker, family: int) -> list[str]:
    """The destinations that a list of one family gives."""
    found: list[str] = []
    wanted = RouteFilter.model_validate({"family": FAMILY[family]})
    async for part in broker.list(ROOT, wanted, "full", None):
        if isinstance(part, bytes):
            found += [route["dst"] for route in json.loads(part)]
    return found


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it, while the loop goes on."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nothing tells when a status changes
            await asyncio.sleep(0.01)


async def it_starts_and_says_so() -> None:
    for family, other in ((V4, V6), (V6, V4)):
        ip(f"route add {BEHIND[family]} dev veth1", f"route add {BEHIND[other]} dev veth1")
        async with foreign(family), running() as (view, broker):
            assert "hidden from every program" in view.status()["hidden"]
            with pytest.raises(KernelRefused) as caught:
                await listed(broker, family)
            assert caught.value.errno == "EMSGSIZE"
            assert BEHIND[other] in await listed(broker, other)

            # Nobody knows whether there is one.
            for operation in (
                broker.get(ROOT, RouteKey(dst=BEHIND[family]), "full"),
                broker.write(ROOT, Operation.DELETE, [RouteRecord(dst=BEHIND[family])], takeover=True),
            ):
                with pytest.raises(KernelRefused) as caught:
                    await operation
                assert caught.value.errno == "EMSGSIZE"
            absent = {V4: "2001:db8:77::/48", V6: "10.77.0.0/16"}[family]
            with pytest.raises(RouteNotFound):
                await broker.get(ROOT, RouteKey(dst=absent), "full")

            # What is told is known, and nld's own routes are written as ever.
            mine = {V4: "203.0.113.0/24", V6: "2001:db8:fffe::/48"}[family]
            assert await broker.write(ROOT, Operation.ADD, [RouteRecord(dst=mine, dev="veth1")]) == 1
            assert mine.encode() in await broker.get(ROOT, RouteKey(dst=mine), "full")
            assert await broker.write(ROOT, Operation.DELETE, [RouteRecord(dst=mine)]) == 1

            ip(f"route del {PREFIX[family]}")
            await until(lambda: "hidden" not in view.status())
            assert BEHIND[family] in await listed(broker, family)
            assert b"veth1" in await broker.get(ROOT, RouteKey(dst=BEHIND[family]), "full")
            ip(f"route add {PREFIX[family]} dev veth1")
        ip(f"route del {BEHIND[family]} dev veth1", f"route del {BEHIND[other]} dev veth1")


async def what_it_hides_is_not_taken_for_gone() -> None:
    for family in (V4, V6):
        ip(f"route add {BEHIND[family]} dev veth1")
        async with running() as (view, broker):
            assert BEHIND[family] in await listed(broker, family)
            generation = view.history.generation
            async with foreign(family):
                with pytest.raises(KernelRefused) as caught:
                    await listed(broker, family)
                assert caught.value.errno == "EMSGSIZE"
                for _ in range(2):
                    view.overrun()
                    await view.settled()
                assert "hidden" in view.status()
                assert view.history.generation == generation + 1
                assert b"veth1" in await broker.get(ROOT, RouteKey(dst=BEHIND[family]), "full")
            await until(lambda: "hidden" not in view.status())
            assert BEHIND[family] in await listed(broker, family)
            assert PREFIX[family] not in await listed(broker, family)
        ip(f"route del {BEHIND[family]} dev veth1")


async def legs_are_added_while_they_can_be_shown() -> None:
    """An ECMP route that is built leg by leg is refused the leg that would make it too large."""
    most = (SHOWN - 300) // 28
    async with running() as (view, broker):
        stranger = Channel(NETLINK_ROUTE, send_buffer=1 << 20)
        route = large(V6, most)
        route.protocol = 131
        await made(stranger, RTM.NEWROUTE, encode(route))
        added = 0
        for operation in (Operation.APPEND, Operation.PREPEND) * 10:
            leg = RouteRecord(dst=PREFIX[V6], gateway=f"fe80::9:{added + 1:x}", dev="veth0")
            for takeover in (False, True):
                try:
                    await broker.write(ROOT, operation, [leg], takeover)
                except InvalidRecord as error:
                    assert error.field == "routes[0].gateway", error.field
                    assert "hides others" in error.message
                else:
                    added += 1
                    break
            else:
                break
        assert 1 <= added < 12
        several = [RouteRecord(dst=PREFIX[V6], gateway=f"fe80::a:{at}", dev="veth0") for at in range(1, 3)]
        with pytest.raises(InvalidRecord) as caught:
            await broker.write(ROOT, Operation.APPEND, several)
        assert caught.value.failed == 2
        assert PREFIX[V6] in await listed(broker, V6)
        (shape,) = [shape for shape, at in view.mirror.routes() if at == route.dst]
        assert shape.legs == most + added
        await stranger.close()
    ip(f"route del {PREFIX[V6]}")


async def a_group_counts_as_its_members() -> None:
    stranger = Channel(NETLINK_ROUTE, send_buffer=1 << 20)
    for family, most, gateway in (
        (V4, 1970, "192.0.2.2"),
        (V6, 1120, "fe80::2"),
    ):
        async with running() as (view, broker):
            extra = 30
            ip(*(f"nexthop add id {at + 1} via {gateway} dev veth0" for at in range(most + extra)))
            for count in (most + extra, most):
                members = tuple(Member(at + 1) for at in range(count))
                group = Nexthop(id=9999, group=members)
                await made(stranger, RTM.NEWNEXTHOP, nexthop.encode(group))
                await view.settled()
                record = RouteRecord(dst=PREFIX[family], nhid=9999)
                if count == most:
                    assert await broker.write(ROOT, Operation.ADD, [record]) == 1
                    continue
                for operation in (Operation.ADD, Operation.REPLACE, Operation.APPEND):
                    with pytest.raises(InvalidRecord) as caught:
                        await broker.write(ROOT, operation, [record])
                    assert caught.value.field == "routes[0].nhid"
                    assert f"the {count} members of nexthop group 9999" in caught.value.message
            assert PREFIX[family] in await listed(broker, family)
            ip("nexthop del id 9999", "nexthop flush")
    await stranger.close()


@pytest.mark.namespace
@pytest.mark.parametrize(
    "what",
    [
        it_starts_and_says_so,
        what_it_hides_is_not_taken_for_gone,
        legs_are_added_while_they_can_be_shown,
        a_group_counts_as_its_members,
    ],
)
def test_too_large(what: Callable[[], Awaitable[None]]) -> None:
    inside(what)
