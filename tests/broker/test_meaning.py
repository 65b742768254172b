"""Which route a delete means: one, with all that it names, and nothing beside it goes with it."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import permutations
from typing import Any

import pytest

from nld.broker.meaning import meant
from nld.broker.view import View
from nld.client import Client
from nld.errors import ForeignRoute, RouteNotFound
from nld.kernel.fib import FibTable
from nld.kernel.table import Operation
from nld.records import Names, RouteRecord
from tests.kernel.inside import inside, ip
from tests.stand import Stand

pytestmark = pytest.mark.namespace

V4, V6 = "10.0.0.0/16", "2001:db8:8::/48"
GATEWAYS = {
    V4: ("192.0.2.2", "192.0.2.3", "192.0.3.2"),
    V6: ("2001:db8::2", "2001:db8::3", "2001:db8:0:1::2"),
}
FAMILIES = pytest.mark.parametrize("dst", list(GATEWAYS))


def there(place: Stand) -> list[dict[str, Any]]:
    return [route for route in place.routes("ip") if route["protocol"] in {"131", "nld", "static", "boot"}]


@pytest.mark.parametrize("dst", ["default", V6])
@pytest.mark.parametrize("metric", [None, 512])
def test_a_source_prefix_is_no_wildcard(place: Stand, client: Client, dst: str, metric: int | None) -> None:
    """A route with a source prefix and one without are two, whichever was first."""
    plain: dict[str, Any] = {"dst": dst, "gateway": "fe80::9", "dev": "nld0", "family": "inet6"}
    sourced = {**plain, "from": "2001:db8:6::/64", "gateway": "fe80::1"}
    other = {**plain, "from": "2001:db8:6::/48", "gateway": "fe80::2"}
    if metric is not None:
        sourced["metric"] = other["metric"] = metric
    key = {"dst": dst, "family": "inet6"}
    client.add([sourced, other])
    with pytest.raises(RouteNotFound):
        client.delete(key)
    with pytest.raises(RouteNotFound):
        client.change(plain)
    assert len(there(place)) == 2
    client.add(plain)
    client.replace({**plain, "gateway": "fe80::8"})
    client.delete(key)
    assert sorted(route["from"] for route in there(place)) == ["2001:db8:6::/48", "2001:db8:6::/64"]
    client.delete({**key, "from": "2001:db8:6::/64"})
    assert [route["from"] for route in there(place)] == ["2001:db8:6::/48"]


def test_a_tos_is_no_wildcard(place: Stand, client: Client) -> None:
    client.add({"dst": V4, "gateway": "192.0.2.2", "tos": 8})
    with pytest.raises(RouteNotFound, match="tos"):
        client.delete({"dst": V4})
    with pytest.raises(RouteNotFound):
        client.delete({"dst": V4, "tos": 16})
    assert len(there(place)) == 1
    client.delete({"dst": V4, "tos": 8})
    assert there(place) == []


@pytest.mark.parametrize("named", [{"gateway": g} for g in GATEWAYS[V4]] + [{"dev": "nld0"}, {"dev": "nld1"}])
@pytest.mark.parametrize("how", ["legs", "object"])
def test_a_leg_of_an_ipv4_route_is_not_the_route(
    place: Stand, client: Client, named: dict[str, str], how: str
) -> None:
    if how == "legs":
        client.add({"dst": V4, "nexthops": [{"gateway": gateway} for gateway in GATEWAYS[V4]]})
    else:
        for number, gateway in enumerate(GATEWAYS[V4]):
            device = "nld1" if gateway.startswith("192.0.3") else "nld0"
            place.ip(f"nexthop replace id {number + 1} via {gateway} dev {device}")
        place.ip("nexthop replace id 9 group 1/2/3")
        client.add({"dst": V4, "nhid": 9})
    before = there(place)
    with pytest.raises(RouteNotFound, match=r"several next hops.*as a whole"):
        client.delete({"dst": V4, **named})
    assert there(place) == before
    with pytest.raises(RouteNotFound, match="there is"):
        client.delete({"dst": V4, "gateway": "192.0.2.99"})
    client.delete({"dst": V4} if how == "legs" else {"dst": V4, "nhid": 9})
    assert there(place) == []
    place.ip("nexthop flush", check=False)


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({"gateway": "2001:db8::2"}, ["2001:db8::3", "2001:db8:0:1::2"]),
        ({"dev": "nld1"}, ["2001:db8::2", "2001:db8::3"]),
        ({"gateway": "2001:db8::3", "dev": "nld0"}, ["2001:db8::2", "2001:db8:0:1::2"]),
    ],
)
def test_a_leg_of_an_ipv6_route_is_a_route(
    place: Stand, client: Client, named: dict[str, str], left: list[str]
) -> None:
    client.add({"dst": V6, "nexthops": [{"gateway": gateway} for gateway in GATEWAYS[V6]]})
    client.delete({"dst": V6, **named})
    (route,) = there(place)
    assert sorted(hop["gateway"] for hop in route["nexthops"]) == sorted(left)
    client.delete({"dst": V6})
    assert there(place) == []


@FAMILIES
def test_of_several_that_fit_ones_own_is_meant(place: Stand, client: Client, dst: str) -> None:
    first, second, _ = GATEWAYS[dst]
    place.ip(f"route add {dst} via {first} metric 5 proto static")
    client.add({"dst": dst, "gateway": second, "metric": 9})
    client.delete({"dst": dst})
    assert [route["metric"] for route in there(place)] == [5]
    with pytest.raises(ForeignRoute):
        client.delete({"dst": dst})


WAYS = {
    V4: ("dev veth0", "via 192.0.2.2", "via 192.0.2.3", "via 192.0.3.2", "dev veth1",
         "nexthop via 192.0.2.2 nexthop via 192.0.3.2", "mtu 1400 via 192.0.2.2"),
    V6: ("dev veth0", "via 2001:db8::2", "via 2001:db8::3", "via 2001:db8:0:1::2", "dev veth1",
         "nexthop via 2001:db8::5 nexthop via 2001:db8:0:1::5"),
}  # fmt: skip
REJECTS = ("blackhole", "unreachable", "prohibit", "throw")


async def the_kernel_is_told_all_that_is_known() -> None:
    """Another route under the same protocol and metric has come in its place, unseen: it stays."""
    view = View(FibTable(Names(), protocol=131), 65536)
    await view.start()
    for dst, ways in WAYS.items():
        routes = [f"{dst} {way}" for way in ways] + [f"{kind} {dst}" for kind in REJECTS]
        for was, now in permutations(routes, 2):
            if dst == V6 and was.split()[0] in REJECTS and now.split()[0] in REJECTS:
                continue  # the kernel does not compare the kind of two that go nowhere
            if dst == V4 and "192.0.2.2" in was and "192.0.2.2" in now and "mtu" not in was:
                continue  # nor, of IPv4, more than the first leg, and metrics that are not named
            ip(f"route add proto static metric 7 {was}")
            await view.settled()
            record = RouteRecord.model_validate({"dst": dst})
            wish = view.table.wish(Operation.DELETE, record, 16 if dst == V4 else 48)
            destination = ip_network(dst).network_address.packed
            (found,) = meant(view.table, wish, view.mirror.at(wish.place + destination))
            ip(f"route del metric 7 {was}", f"route add proto static metric 7 {now}")
            refusals = await view.table.write([found.exactly], [destination])
            assert [refusal.error.errno for refusal in refusals] == ["ESRCH"], (was, now)
            ip(f"route del metric 7 {now}", f"route add proto static metric 7 {was}")
            assert await view.table.write([found.exactly], [destination]) == [], was
            await view.settled()
            assert view.mirror.at(wish.place + destination) == ()
    await view.close()


def test_the_kernel_is_told_all_that_is_known() -> None:
    inside(the_kernel_is_told_all_that_is_known)
