"""Writing on a real kernel: nobody else's route is touched, one route is meant, success is what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nld.broker import pacing, writing
from nld.broker.broker import Broker
from nld.client import Client
from nld.errors import DeviceNotFound, ForeignRoute, KernelRefused, NldError, RouteExists, RouteNotFound
from nld.kernel.table import Operation
from nld.records import RouteRecord
from nld.records.many import Records
from nld.records.peer import Peer
from tests.broker.test_view import opened
from tests.kernel.inside import inside
from tests.stand import Stand

pytestmark = pytest.mark.namespace

GATEWAYS = {
    "10.0.0.0/16": ("192.0.2.2", "192.0.2.3", "192.0.3.2"),
    "2001:db8:8::/48": ("2001:db8::2", "2001:db8::3", "2001:db8:0:1::2"),
}
UNLIKE = 300
FAMILIES = pytest.mark.parametrize("dst", list(GATEWAYS))


def there(place: Stand, dst: str) -> list[dict[str, Any]]:
    return [route for route in place.routes("ip") if route["dst"] == dst]


def gateways(place: Stand, dst: str) -> list[str]:
    """Of all routes to it, legs among them."""
    return sorted(
        hop["gateway"]
        for route in there(place, dst)
        for hop in route.get("nexthops", [route])
        if "gateway" in hop
    )


@FAMILIES
@pytest.mark.parametrize("operation", ["replace", "change", "append", "prepend", "delete"])
def test_a_foreign_route_is_left_alone(place: Stand, client: Client, dst: str, operation: str) -> None:
    first, second, _ = GATEWAYS[dst]
    place.ip(f"route add {dst} via {first} proto static")
    before = place.routes("ip")
    record = {"dst": dst} if operation == "delete" else {"dst": dst, "gateway": second}
    with pytest.raises(ForeignRoute) as caught:
        getattr(client, operation)(record)
    assert "static" in caught.value.message
    assert place.routes("ip") == before
    getattr(client, operation)(record, takeover=True)
    assert place.routes("ip") != before


@FAMILIES
def test_adding_beside_a_foreign_route_takes_another_metric(place: Stand, client: Client, dst: str) -> None:
    first, second, _ = GATEWAYS[dst]
    place.ip(f"route add {dst} via {first} metric 50 proto static")
    with pytest.raises(RouteExists):
        client.add({"dst": dst, "gateway": second, "metric": 50})
    client.add({"dst": dst, "gateway": second, "metric": 60})
    client.replace({"dst": dst, "gateway": first, "metric": 60})
    assert [(route["metric"], route["protocol"]) for route in there(place, dst)] == [
        (50, "static"),
        (60, there(place, dst)[1]["protocol"]),
    ]
    client.delete({"dst": dst, "metric": 60})
    assert [route["metric"] for route in there(place, dst)] == [50]


@FAMILIES
def test_a_delete_without_a_metric_never_takes_somebody_elses(place: Stand, client: Client, dst: str) -> None:
    """To the kernel a field that is not there fits every route."""
    first, second, _ = GATEWAYS[dst]
    place.ip(f"route add {dst} via {first} metric 500 proto static")
    with pytest.raises(ForeignRoute):
        client.delete({"dst": dst})
    with pytest.raises(RouteNotFound):
        client.delete({"dst": dst, "gateway": second})
    with pytest.raises(RouteNotFound):
        client.delete({"dst": dst, "metric": 7})
    assert gateways(place, dst) == [first]


@FAMILIES
@pytest.mark.parametrize("which", [5, 7, 9])
def test_of_several_metrics_the_one_that_was_named_goes(
    place: Stand, client: Client, dst: str, which: int
) -> None:
    for metric, gateway in zip((5, 7, 9), GATEWAYS[dst], strict=True):
        client.add({"dst": dst, "gateway": gateway, "metric": metric})
    client.delete({"dst": dst, "metric": which})
    assert [route["metric"] for route in there(place, dst)] == [
        metric for metric in (5, 7, 9) if metric != which
    ]


@FAMILIES
@pytest.mark.parametrize("which", [0, 1, 2])
def test_of_several_aliases_or_legs_the_one_that_was_named_goes(
    place: Stand, client: Client, dst: str, which: int
) -> None:
    for gateway in GATEWAYS[dst]:
        client.append({"dst": dst, "gateway": gateway})
    assert gateways(place, dst) == sorted(GATEWAYS[dst])
    client.delete({"dst": dst, "gateway": GATEWAYS[dst][which]})
    assert gateways(place, dst) == sorted(
        gateway for gateway in GATEWAYS[dst] if gateway != GATEWAYS[dst][which]
    )


@FAMILIES
def test_a_route_of_several_legs_goes_and_comes_as_it_was_said(
    place: Stand, client: Client, dst: str
) -> None:
    legs = [
        {"gateway": gateway, "weight": weight}
        for gateway, weight in zip(GATEWAYS[dst], (1, 5, 256), strict=True)
    ]
    client.add({"dst": dst, "nexthops": legs})
    (route,) = there(place, dst)
    assert [(hop["gateway"], hop["weight"]) for hop in route["nexthops"]] == [
        (leg["gateway"], leg["weight"]) for leg in legs
    ]
    with pytest.raises(RouteExists):
        client.add({"dst": dst, "nexthops": legs})
    client.replace({"dst": dst, "nexthops": legs[:2]})
    assert gateways(place, dst) == sorted(GATEWAYS[dst][:2])
    for others in (legs, legs[:1], legs[1:]):  # more, fewer, others than are there
        with pytest.raises(RouteNotFound):
            client.delete({"dst": dst, "nexthops": others})
        assert gateways(place, dst) == sorted(GATEWAYS[dst][:2])
    client.delete({"dst": dst, "nexthops": legs[:2]})
    assert there(place, dst) == []


def test_a_multipath_route_goes_as_a_whole_when_no_leg_is_named(place: Stand, client: Client) -> None:
    for dst, some in GATEWAYS.items():
        client.add({"dst": dst, "nexthops": [{"gateway": gateway} for gateway in some]})
        client.delete({"dst": dst})
        assert there(place, dst) == []


def test_tos_tells_routes_apart(place: Stand, client: Client) -> None:
    for tos in (0, 8, 16):
        client.add({"dst": "10.0.0.0/16", "gateway": "192.0.2.2", "tos": tos})
    client.delete({"dst": "10.0.0.0/16", "tos": 8})
    assert len(there(place, "10.0.0.0/16")) == 2


@pytest.mark.parametrize("step", [2, 3, 1000])
def test_of_many_each_failure_is_told_with_its_place(place: Stand, client: Client, step: int) -> None:
    many = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(3000)]
    place.run(
        "ip", "-batch", "-", stdin="\n".join(f"route add {dst} dev nld0 proto static" for dst in many[::step])
    )
    with pytest.raises(RouteExists) as caught:
        client.add({"dst": many, "gateway": "192.0.2.2"})
    error = caught.value
    taken = len(many[::step])
    assert (error.done, error.failed) == (3000 - taken, taken)
    assert error.destination_index == 0
    places = [failure["destination_index"] for failure in error.failures]
    assert places == list(range(0, 3000, step))[:100]
    with pytest.raises(ForeignRoute) as refused:
        client.delete({"dst": many})
    assert (refused.value.done, refused.value.failed) == (3000 - taken, taken)
    assert len([route for route in place.routes("ip") if route["protocol"] == "static"]) == taken


@pytest.mark.parametrize(
    ("record", "error", "field"),
    [
        ({"dst": "10.0.0.0/8", "gateway": "203.0.113.9"}, KernelRefused, None),
        ({"dst": "10.0.0.0/8", "dev": "nosuch0"}, DeviceNotFound, "routes[0].dev"),
        ({"dst": "10.0.0.0/8", "nhid": 77}, NldError, "routes[0].nhid"),
        (
            {"dst": "10.0.0.0/8", "gateway": "192.0.2.2", "prefsrc": "203.0.113.9"},
            KernelRefused,
            "routes[0].prefsrc",
        ),
    ],
)
def test_what_the_kernel_refuses_is_told_and_not_there(
    place: Stand, client: Client, record: dict[str, Any], error: type[NldError], field: str | None
) -> None:
    before = place.routes("ip")
    with pytest.raises(error) as caught:
        client.add(record)
    assert caught.value.field in (field, None)
    assert caught.value.index == 0
    assert place.routes("ip") == before


def test_source_prefixes_tell_ipv6_routes_apart(place: Stand, client: Client) -> None:
    dst = "2001:db8:8::/48"
    client.add({"dst": dst, "gateway": "2001:db8::2"})
    client.add({"dst": dst, "gateway": "2001:db8::3", "from": "2001:db8:5::/64"})
    client.add({"dst": dst, "gateway": "2001:db8:0:1::2", "from": "2001:db8:6::/64"})
    assert len(there(place, dst)) == 3
    client.replace({"dst": dst, "gateway": "2001:db8::4", "from": "2001:db8:6::/64"})
    (plain,) = client.get({"dst": dst, "metric": 1024})
    assert plain["gateway"] == "2001:db8::2"
    client.delete({"dst": dst, "from": "2001:db8:5::/64"})
    assert gateways(place, dst) == ["2001:db8::2", "2001:db8::4"]
    client.delete({"dst": dst, "from": "2001:db8:6::/64"})
    client.delete({"dst": dst})
    assert there(place, dst) == []


async def others_come_in_between() -> None:
    """Where no two routes are alike, each question about them has an answer of its own."""
    view = await opened()
    asked = most = 0

    def counted(answer: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*of: Any) -> Any:
            nonlocal asked
            asked += 1
            return answer(*of)

        return ask

    async def others() -> None:
        nonlocal asked, most
        while True:
            asked, most = 0, max(most, asked)
            await asyncio.sleep(0)

    vars(writing).update({name: counted(getattr(writing, name)) for name in ("_verdict", "meant")})
    vars(pacing).update(SLICE=0.0)
    broker = Broker({"fib": view}, "fib", 1000)
    counting = asyncio.create_task(others())
    for operation in (Operation.ADD, Operation.REPLACE, Operation.DELETE):
        records = Records.of(
            RouteRecord.model_validate(
                {
                    "dst": f"10.{number >> 8}.{number & 255}.0/24",
                    "gateway": "192.0.2.2",
                    "metrics": [{"mtu": 1000 + number}],
                }
            )
            for number in range(UNLIKE)
        )
        assert await broker.write(Peer(0, 0, 1), operation, records) == UNLIKE
        assert 0 < most < UNLIKE // 10, operation
        most = 0
    counting.cancel()
    broker.close()
    await view.close()


def test_what_was_never_asked_before_is_answered_in_steps() -> None:
    inside(others_come_in_between)
