"""The view on a real kernel: after anything at all, the mirror is what a dump shows.

The view is held in the test's own hands here, so that its event loop can be kept from running while
``ip`` changes the table: nothing else makes an overrun for certain.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NoReturn

import pytest

from nld.broker.rows import rows
from nld.broker.view import View
from nld.kernel.fib import FibTable
from nld.kernel.selection import Row, Selection
from nld.kernel.shape import Shape
from nld.netlink.registry import AF, RTPROT
from nld.netlink.route import decode, encode
from nld.records import Names
from nld.rib.mirror import Difference
from tests.kernel.inside import inside, ip

pytestmark = pytest.mark.namespace

Bag = Counter[tuple[bytes, bytes]]


async def opened(notification_buffer: int = 4 << 20) -> View:
    view = View(FibTable(Names(), protocol=131, notification_buffer=notification_buffer), 65536)
    await view.start()
    return view


def row(shape: Shape, destination: bytes) -> tuple[bytes, bytes]:
    """A route without flags that come and go in silence, its legs sorted.

    IPv6 begins a notification with the leg that is new, and a dump with the oldest.
    """
    route = decode(shape.stable)
    if route.family == AF.INET6 and route.multipath:
        legs = sorted(route.multipath, key=lambda hop: (hop.ifindex, hop.gateway or b""))
        route.multipath = tuple(legs)
    return shape.place + destination, encode(route)


def mirrored(view: View) -> Bag:
    return Counter(row(*one) for one in view.mirror.routes())


async def dumped(view: View) -> Bag:
    """What stands in the kernel now."""
    return Counter([row(*one) async for part in view.table.dump(Selection()) for one in part])


async def assert_true(view: View) -> None:
    while True:
        await view.settled()
        generation, mirror = view.history.generation, mirrored(view)
        kernel = await dumped(view)
        await view.settled()
        # The kernel works in the background too (carrier, addresses): then look again.
        if view.history.generation == generation:
            break
    assert not mirror - kernel, f"only in the mirror: {mirror - kernel}"
    assert not kernel - mirror, f"not in the mirror: {kernel - mirror}"
    assert len(view.mirror) == sum(kernel.values())
    for key in view.mirror.keys():  # noqa: SIM118 - no mapping
        order = [(-shape.rank[0], shape.rank[1]) for shape in view.mirror.at(key)]
        assert order == sorted(order)


def changed(bag: Bag, difference: Difference[Shape]) -> None:
    for shape, number in ((difference.old, -1), (difference.new, 1)):
        if shape is not None:
            bag[row(shape, difference.destination)] += number


async def overrun() -> None:
    """4 KiB of buffer and 3000 routes: lost, then drained, then read again."""
    view = await opened(notification_buffer=4096)
    before, start = mirrored(view), view.history.generation
    ip(*(f"route add 10.{number >> 8}.{number & 255}.0/24 via 192.0.2.2" for number in range(3000)))
    ip(*(f"route del 10.{number >> 8}.{number & 255}.0/24" for number in range(0, 3000, 7)))
    await assert_true(view)
    assert view.table.status()["overruns"] >= 1
    assert view.resyncs >= 1
    for change in view.history.since(start, 1 << 20) or ():
        changed(before, change.difference)
    assert +before == mirrored(view)
    # And once more, with fewer than what is there.
    ip("route flush proto boot table main", "link set veth0 up")
    await assert_true(view)
    await view.close()


async def silent_losses() -> None:
    """Each way in which IPv4 routes go without a word."""
    view = await opened()
    ip(
        "nexthop add id 5 via 192.0.2.2 dev veth0",
        "nexthop add id 6 via 192.0.3.2 dev veth1",
        "nexthop add id 7 group 5/6",
        "route add 10.0.0.0/24 nhid 5",
        "route add 10.0.1.0/24 nhid 7",
        "route add 10.0.2.0/24 nexthop via 192.0.2.2 nexthop via 192.0.3.2",
        "route add 10.0.3.0/24 via 192.0.3.2 src 192.0.2.1",
        "route add 10.0.4.0/24 via 192.0.2.2 table 100",
        "route add 10.0.4.0/24 via 192.0.2.2 metric 7",
        "route add 10.0.4.0/24 via 192.0.3.2 metric 9",
        "route add 2001:db8:8000::/48 nexthop via 2001:db8::2 nexthop via 2001:db8:0:1::2",
        "route add 2001:db8:8001::/48 via 2001:db8::2",
    )
    await assert_true(view)
    for line in (
        "nexthop replace id 5 via 192.0.2.3 dev veth0",
        "nexthop del id 5",
        "addr del 192.0.2.1/24 dev veth0",
        "link set veth0 down",
        "link set veth0 up",
        "link set veth1p down",
        "link del veth1",
    ):
        ip(line)
        await assert_true(view)
    await view.close()


async def legs_and_aliases() -> None:
    view = await opened()
    for line in (
        "route add 2001:db8:9::/48 via 2001:db8::2 metric 5",
        "route append 2001:db8:9::/48 via 2001:db8::3 metric 5",
        "route append 2001:db8:9::/48 via 2001:db8:0:1::3 metric 5",
        "route append 2001:db8:9::/48 dev veth0 metric 5",
        "route append 2001:db8:9::/48 via 2001:db8::4 metric 6",
        "route del 2001:db8:9::/48 via 2001:db8::3 metric 5",
        "route replace 2001:db8:9::/48 via 2001:db8::7 metric 5",
        "route del 2001:db8:9::/48 metric 5",
        "route add 10.9.0.0/16 via 192.0.2.2",
        "route append 10.9.0.0/16 via 192.0.2.3",
        "route prepend 10.9.0.0/16 via 192.0.2.4",
        "route append 10.9.0.0/16 via 192.0.2.5 tos 0x10",
        "route replace 10.9.0.0/16 via 192.0.2.6",
        "route change 10.9.0.0/16 via 192.0.2.7",
        "route del 10.9.0.0/16 via 192.0.2.3",
        "route del 10.9.0.0/16",
        "route add default via 2001:db8::2",
        "route add default from 2001:db8:5::/64 via 2001:db8::3",
        "route add default from 2001:db8:6::/64 via 2001:db8::4",
        "route del default from 2001:db8:5::/64",
        "route replace default from 2001:db8:6::/64 via 2001:db8::5",
    ):
        ip(line)
        try:
            await assert_true(view)
        except AssertionError as error:
            raise AssertionError(f"after {line}") from error
    assert view.resyncs == 0
    await view.close()


async def many_legs_at_once() -> None:
    """What the removal of a leg leaves is not told: one dump finds it for all of them."""
    view = await opened()
    where = [f"2001:db8:{number + 16:x}::/48" for number in range(300)]
    ip(*(f"route add {one} nexthop via 2001:db8::2 nexthop via 2001:db8:0:1::2" for one in where))
    await view.settled()
    dumps = 0
    dump = view.table.dump

    def counted(selection: Selection, consistent: bool = True) -> AsyncGenerator[list[Row], None]:
        nonlocal dumps
        dumps += 1
        return dump(selection, consistent)

    view.table.dump = counted  # type: ignore[method-assign]
    ip(*(f"route del {one} via 2001:db8::2" for one in where))
    await view.settled()
    assert dumps <= 2
    await assert_true(view)
    await view.close()


async def storms() -> None:
    """Random changes of every kind, links going up and down among them, news left lying at times."""
    source = random.Random(3)
    view = await opened(notification_buffer=65536)
    for _ in range(25):
        lines = []
        for _ in range(source.choice((1, 20, 400))):
            number = source.randrange(24)
            verb = source.choice(("add", "append", "replace", "change", "del", "del"))
            if source.random() < 0.5:
                where, gateway = f"10.{number}.0.0/16", source.choice(("192.0.2.2", "192.0.2.3", "192.0.3.2"))
            else:
                where = f"2001:db8:{number + 16:x}::/48"
                gateway = source.choice(("2001:db8::2", "2001:db8::3", "2001:db8:0:1::2"))
            metric = source.choice(("", " metric 5", " metric 9"))
            lines.append(f"route {verb} {where} via {gateway}{metric}")
        if source.random() < 0.5:
            lines.insert(source.randrange(len(lines)), "link set veth0 down")
            lines += ["link set veth0 up", "addr replace 2001:db8::1/64 dev veth0 nodad"]
        forced(lines)
        await assert_true(view)
    await view.close()


def forced(lines: list[str]) -> None:
    """Run what can be done; half of it cannot, and that is meant."""
    subprocess.run(
        ["ip", "-force", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False
    )


Scene = Callable[[], Awaitable[None]]


@pytest.mark.parametrize("scene", [overrun, silent_losses, legs_and_aliases, many_legs_at_once, storms])
def test_the_mirror_is_what_a_dump_shows(scene: Scene) -> None:
    inside(scene)


def wait_for_linkdown(prefix: str) -> None:
    """The kernel sets the flag up to a second after the carrier is gone."""
    shown = b""
    while b"linkdown" not in shown:
        time.sleep(0.01)
        shown = subprocess.run(
            ["ip", "-6", "route", "show", prefix], stdout=subprocess.PIPE, check=True
        ).stdout


async def listed_once() -> None:
    view = await opened()
    ip("route add 2001:db8:f::/48 via 2001:db8::2")
    await view.settled()
    listed: Counter[bytes] = Counter()
    async for part in rows(view, Selection((AF.INET6,))):
        ours = [destination for shape, destination in part if shape.protocol == RTPROT.BOOT]
        if ours and not listed:  # the walk has come to the end of the table main
            ip("link set veth0p down", "route add 2001:db8:e::/48 via 2001:db8:0:1::2")
            wait_for_linkdown("2001:db8:f::/48")
        listed.update(ours)
    assert set(listed.values()) == {1}, listed
    await view.close()


async def only_other_families_change() -> None:
    view = await opened()
    await view.settled()

    def walked() -> NoReturn:
        raise AssertionError("the whole mirror was walked for nothing")

    view.mirror.routes = walked  # type: ignore[method-assign]
    view.rosters.walk = walked  # type: ignore[method-assign]
    parts = 0
    async for _ in rows(view, Selection((AF.INET6,))):
        parts += 1
        ip(f"route add 10.9.{parts}.0/24 via 192.0.2.2")
    assert parts
    await view.close()


async def others_come_in_between() -> None:
    view = await opened()
    ip(*(f"route add 2001:db8:{number:x}::/48 via 2001:db8::2" for number in range(16, 2016)))
    await view.settled()
    turns = parts = 0
    async for part in rows(view, Selection((AF.INET6,))):
        if not parts:
            ip("route add 2001:db8:f::/48 via 2001:db8::2")
        parts += 1
        turns += not part
    assert turns >= 1  # those in which the rest was looked for
    await view.close()


@pytest.mark.parametrize("scene", [only_other_families_change, others_come_in_between])
def test_a_list_beside_changes_holds_up_nobody(scene: Scene) -> None:
    inside(scene)


def test_a_route_whose_flags_change_where_the_walk_is_left_is_listed_once() -> None:
    inside(listed_once)
