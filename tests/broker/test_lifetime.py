"""Lifetimes on a real kernel table: what is told of each route is what the kernel says of it."""

from __future__ import annotations

import json
import sys
import time
from ipaddress import IPv6Address
from typing import Any

import pytest

from nld.broker.lifetime import current
from nld.broker.view import View
from nld.kernel.fib import FibTable
from nld.kernel.selection import Row
from nld.kernel.shape import TICKS, place
from nld.netlink.registry import AF
from nld.records import Names
from tests.kernel.inside import inside, ip
from tests.stand import Stand

SECONDS = {"2001:db8:1::/48": 30, "2001:db8:2::/48": 86400, "2001:db8:3::/48": 600, "2001:db8:4::/48": None}
"""Routes that are alike but for it."""


def ends(routes: list[dict[str, Any]]) -> dict[str, float | None]:
    """When each of the routes ends, by this process's clock; to the second."""
    now = time.monotonic()
    return {
        route["dst"]: now + route["expires"] if "expires" in route else None
        for route in routes
        if route["dst"] in SECONDS
    }


def assert_same(found: dict[str, float | None], kernel: dict[str, float | None]) -> None:
    """A second is what rounding costs, and another what passes between two questions on a busy machine."""
    assert found.keys() == kernel.keys()
    for dst, end in kernel.items():
        assert found[dst] == (None if end is None else pytest.approx(end, abs=2))


def test_each_route_has_its_own_lifetime_and_it_runs_down(stand: Stand) -> None:
    for dst, seconds in SECONDS.items():
        lifetime = "" if seconds is None else f"expires {seconds}"
        assert stand.nld(f"route add {dst} via fe80::1 dev nld0 {lifetime}").code == 0
    kernel = ends(stand.routes())
    assert len(kernel) == len(SECONDS)
    while (
        min(route.get("expires", 99) for route in stand.routes()) > 26
    ):  # until a frozen value would be seen
        assert_same(ends(json.loads(stand.nld("-6 -j route list").out)), kernel)
        assert_same(ends(json.loads(stand.nld("-6 route save").out)), kernel)
        assert_same(ends(snapshot(stand)), kernel)

    # Another lifetime for the same route, and none.
    assert stand.nld("route replace 2001:db8:1::/48 via fe80::1 dev nld0 expires 5000").code == 0
    assert stand.nld("route replace 2001:db8:2::/48 via fe80::1 dev nld0").code == 0
    stand.ip("-6 route replace 2001:db8:3::/48 via fe80::1 dev nld0 proto 131 expires 70")
    kernel = ends(stand.routes())
    assert kernel["2001:db8:2::/48"] is None
    assert_same(ends(json.loads(stand.nld("-6 -j route list").out)), kernel)
    assert_same(ends(snapshot(stand)), kernel)
    got: dict[str, float | None] = {}
    for dst in SECONDS:
        got |= ends([json.loads(stand.run(sys.executable, "-c", GET, dst).out)])
    assert_same(got, kernel)


GET = """
import json, os, sys
from nld.client import Client
with Client(os.environ["NLD_SOCKET"]) as client:
    (route,) = client.get(sys.argv[1])
    print(json.dumps(route))
"""


def snapshot(stand: Stand) -> list[dict[str, Any]]:
    """What a new watch begins with."""
    from nld.client import Client

    routes: list[dict[str, Any]] = []
    with Client(stand.socket) as client:
        stream: Any = client.watch(snapshot=True)
        for reply in stream:
            if reply["kind"] == "synced":
                return routes
            routes += reply["routes"]
    raise AssertionError("the watch ended")


async def one_route_is_asked_for() -> None:
    """Not the table, as long as the kernel can be asked for the route itself, or its end is known."""
    table = FibTable(Names(), protocol=131)
    view = View(table, 100)
    await view.start()
    ip(*(f"route add 2001:db8:77::/48 {words} expires 900" for words in ("dev veth0", "dev veth1 metric 9")))
    await table.drained()

    def dump(*_: object) -> None:
        raise AssertionError("the table was read")

    where = place(254, AF.INET6, 48) + IPv6Address("2001:db8:77::").packed
    rows: list[Row] = [(shape, IPv6Address("2001:db8:77::").packed) for shape in view.mirror.at(where)]
    assert {row[0].rank[1] for row in rows} == {9, 1024}
    table.dump = dump  # type: ignore[method-assign, assignment]
    for row in rows:  # the kernel answers with the one of metric 9
        ((found, _),) = await current(view, [row])
        cacheinfo = found.route().cacheinfo
        assert cacheinfo is not None
        assert 800 * TICKS < cacheinfo.expires <= 900 * TICKS
    await view.close()


@pytest.mark.namespace
def test_one_route_is_asked_for() -> None:
    inside(one_route_is_asked_for)
