"""What nld had goes back into a table, through the same calls on any table: here the kernel's own.

That it happens when the module comes back, and only to nld's routes, is shown in a machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from nld.broker.reinstall import reinstall
from nld.broker.view import View
from nld.kernel.fib import FibTable
from nld.kernel.selection import Row, Selection
from nld.records import Names
from tests.kernel.inside import inside, ip

pytestmark = pytest.mark.namespace

NLD = 131


async def opened() -> View:
    view = View(FibTable(Names(), protocol=NLD), 65536)
    await view.start()
    return view


async def dumped(view: View) -> list[Row]:
    """What stands in the kernel of nld's."""
    return [row async for rows in view.table.dump(Selection(protocol=NLD)) for row in rows]


def stable(rows: list[Row]) -> list[tuple[bytes, bytes, bytes]]:
    return sorted((shape.place, destination, shape.stable) for shape, destination in rows)


async def all_of_them() -> None:
    """More than one piece, of many shapes, default routes of both families among them."""
    view = await opened()
    routes = [f"10.{number >> 8}.{number & 255}.0/24 via 192.0.{2 + number % 2}.2" for number in range(1500)]
    routes += [
        "10.100.0.0/16 via 192.0.2.2 metric 7 table 100",
        "10.101.0.0/16 nexthop via 192.0.2.2 weight 3 nexthop via 192.0.3.2",
        "blackhole 10.102.0.0/16",
        "default via 192.0.2.2",
        "default via 2001:db8::2",
        "2001:db8:77::/48 via 2001:db8::2 mtu 1400",
        "2001:db8:78::/48 dev veth1 metric 7",
    ]
    ip(*(f"route add proto {NLD} {words}" for words in routes))
    there = await dumped(view)
    assert len(there) == len(routes)
    ip(f"route flush table all proto {NLD}")
    assert await dumped(view) == []
    await reinstall(view.table, there)
    assert stable(await dumped(view)) == stable(there)
    await view.close()


async def whoever_was_quicker() -> None:
    """What is there stays; a route with an end is left out; the rest goes in."""
    view = await opened()
    ip(
        f"route add 10.0.0.0/24 via 192.0.2.2 proto {NLD}",
        f"route add 10.0.1.0/24 via 192.0.2.2 proto {NLD}",
        f"route add 2001:db8:77::/48 via 2001:db8::2 expires 3000 proto {NLD}",
    )
    there = await dumped(view)
    assert len(there) == 3
    ip(
        "route replace 10.0.0.0/24 via 192.0.3.2 proto static",
        "route del 10.0.1.0/24",
        "route del 2001:db8:77::/48",
    )
    await reinstall(view.table, there)
    (again,) = await dumped(view)
    assert again[1] == bytes((10, 0, 1, 0))
    static = [row async for rows in view.table.dump(Selection(protocol=4)) for row in rows]
    assert [destination for _, destination in static] == [bytes((10, 0, 0, 0))]
    await view.close()


@pytest.mark.parametrize("scenario", [all_of_them, whoever_was_quicker])
def test_reinstall(scenario: Callable[[], Awaitable[None]]) -> None:
    inside(scenario)
