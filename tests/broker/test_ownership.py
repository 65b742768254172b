"""Whose a route is: what nld wrote under another protocol is nld's, its neighbours and successors are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nld.broker.broker import Broker
from nld.broker.ownership import Ownership
from nld.broker.view import View
from nld.client import Client
from nld.errors import ForeignRoute, RouteNotFound
from nld.kernel.fib import FibTable
from nld.kernel.shape import Shape, Shapes
from nld.kernel.table import Operation
from nld.netlink.registry import AF
from nld.netlink.route import NextHop, Route, encode
from nld.records import Names
from nld.records.many import Records
from nld.records.peer import Peer
from tests.kernel.inside import inside, ip
from tests.stand import Stand

NLD, STATIC, BIRD = 131, 4, 12
KEY = b"key"
OWN, OTHER, KERNEL, UNKNOWN = 1000, 2000, 0, None

SHAPES = Shapes()


def shape(last: int = 2, protocol: int = STATIC, legs: tuple[int, ...] = (), **fields: Any) -> Shape:
    route = Route(AF.INET, dst_len=8, protocol=protocol, **fields)
    if legs:
        route.multipath = tuple(NextHop(ifindex=leg, gateway=bytes([192, 0, 2, leg])) for leg in legs)
    else:
        route.gateway, route.oif = bytes([192, 0, 2, last]), 7
    made = SHAPES.intern(encode(route))
    assert made is not None
    return made


def written(*shapes: Shape) -> Ownership:
    ownership = Ownership(NLD)
    for one in shapes:
        ownership.written(KEY, one)
    return ownership


def test_under_nlds_own_protocol_nothing_needs_to_be_remembered() -> None:
    ownership = written(shape(protocol=NLD))
    assert not ownership
    assert not ownership.foreign(KEY, shape(protocol=NLD))
    assert ownership.foreign(KEY, shape())


@pytest.mark.parametrize(
    "other",
    [
        shape(3), shape(priority=200), shape(tos=8), shape(protocol=BIRD), shape(type=7), shape(table=100),
        shape(legs=(2, 3)),
    ],
)  # fmt: skip
def test_what_differs_in_anything_is_another_route(other: Shape) -> None:
    ownership = written(shape())
    assert not ownership.foreign(KEY, shape())
    assert ownership.foreign(KEY, other)
    assert ownership.foreign(b"another key", shape())


@pytest.mark.parametrize(
    ("new", "port_id", "still"),
    [
        (None, OWN, False), (None, OTHER, False), (None, KERNEL, False), (None, UNKNOWN, False),
        (shape(3), OWN, True), (shape(3), KERNEL, True), (shape(3), OTHER, False), (shape(3), UNKNOWN, False),
        (shape(), OTHER, False), (shape(), OWN, True), (shape(), UNKNOWN, True),
    ],
)  # fmt: skip
def test_the_memory_follows_the_route(new: Shape | None, port_id: int | None, still: bool) -> None:
    beside = shape(priority=9)
    ownership = written(shape(), beside)
    ownership.changed(KEY, shape(), new, port_id, OWN)
    assert ownership.foreign(KEY, new or shape()) is not still
    assert new is shape() or ownership.foreign(KEY, shape())
    assert not ownership.foreign(KEY, beside)


@pytest.mark.parametrize(
    ("new", "still"),
    [((2, 3), True), ((3,), True), ((2, 3, 4), True), ((2, 9), False), ((2, 3, 4, 5), False)],
)
def test_found_with_fewer_legs_it_is_the_same_and_with_others_it_is_not(
    new: tuple[int, ...], still: bool
) -> None:
    ownership = written(shape(legs=(2, 3, 4)))
    ownership.changed(KEY, shape(legs=(2, 3, 4)), shape(legs=new), UNKNOWN, OWN)
    assert ownership.foreign(KEY, shape(legs=new)) is not still


def test_what_came_beside_it_changes_nothing() -> None:
    ownership = written(shape())
    ownership.changed(KEY, None, shape(3), OTHER, OWN)
    assert not ownership.foreign(KEY, shape())
    assert ownership.foreign(KEY, shape(3))


def test_nothing_is_kept_of_what_went() -> None:
    ownership = written(shape(), shape(3))
    ownership.changed(KEY, shape(), None, KERNEL, OWN)
    ownership.changed(KEY, shape(3), None, KERNEL, OWN)
    assert not ownership


# -- on a real kernel

GATEWAYS = {"10.0.0.0/16": ("192.0.2.2", "192.0.2.3"), "2001:db8:8::/48": ("2001:db8::2", "2001:db8::3")}
FAMILIES = pytest.mark.parametrize("dst", list(GATEWAYS))


@pytest.fixture
def client(place: Stand) -> Iterator[Client]:
    with Client(place.socket, timeout=300) as made:
        yield made


def metrics(place: Stand, dst: str) -> list[int]:
    return [route.get("metric", 0) for route in place.routes("ip") if route["dst"] == dst]


@pytest.mark.namespace
@FAMILIES
@pytest.mark.parametrize("foreign", ["static", "bird"])
@pytest.mark.parametrize(("own", "other"), [(100, 200), (200, 100)])
def test_a_neighbour_of_another_metric_is_not_ones_own(  # noqa: PLR0917 - a table's columns
    place: Stand, client: Client, dst: str, foreign: str, own: int, other: int
) -> None:
    first, second = GATEWAYS[dst]
    client.add({"dst": dst, "gateway": first, "protocol": "static", "metric": own})
    place.ip(f"route add {dst} via {second} proto {foreign} metric {other}")
    for operation in (client.delete, client.replace, client.change):
        with pytest.raises(ForeignRoute):
            operation({"dst": dst, "gateway": second, "metric": other, "protocol": foreign})
    assert metrics(place, dst) == sorted((own, other))
    client.replace({"dst": dst, "gateway": second, "metric": own, "protocol": "static"})
    client.delete({"dst": dst, "metric": own})
    assert metrics(place, dst) == [other]
    with pytest.raises(ForeignRoute):
        client.delete({"dst": dst})


@pytest.mark.namespace
@FAMILIES
def test_ones_own_under_several_protocols_go_each_by_itself(place: Stand, client: Client, dst: str) -> None:
    for metric, protocol in ((1, "static"), (2, "bird"), (3, "131")):
        client.add({"dst": dst, "gateway": GATEWAYS[dst][0], "metric": metric, "protocol": protocol})
    for metric, rest in ((1, [2, 3]), (3, [2]), (2, [])):
        client.delete({"dst": dst, "metric": metric})
        assert metrics(place, dst) == rest


@pytest.mark.namespace
@FAMILIES
@pytest.mark.parametrize("how", ["delete and add", "replace", "the same again"])
def test_what_another_program_put_in_its_place_is_that_ones(
    place: Stand, client: Client, dst: str, how: str
) -> None:
    first, second = GATEWAYS[dst]
    client.add({"dst": dst, "gateway": first, "protocol": "static"})
    if how == "replace":
        place.ip(f"route replace {dst} via {second} proto static")
    else:
        place.ip(f"route del {dst} proto static")
        place.ip(f"route add {dst} via {first if how == 'the same again' else second} proto static")
    with pytest.raises(ForeignRoute):
        client.delete({"dst": dst})
    assert len(metrics(place, dst)) == 1
    place.ip(f"route del {dst}")
    with pytest.raises(RouteNotFound):
        client.delete({"dst": dst})


async def across_an_exchange_of_the_table() -> None:
    """What is put in again is nld's again; where somebody was quicker, it is that one's."""
    view = View(FibTable(Names(), protocol=NLD), 65536)
    await view.start()
    broker = Broker({"fib": view}, "fib", 1000)
    peer = Peer(uid=0, gid=0, pid=1)
    records: list[dict[str, Any]] = [
        {"dst": "10.1.0.0/16", "gateway": "192.0.2.2", "protocol": "static"},
        {"dst": "10.2.0.0/16", "gateway": "192.0.2.2", "protocol": "static"},
        {"dst": "2001:db8:8::/48", "gateway": "2001:db8::2", "protocol": "static"},
    ]
    await broker.write(peer, Operation.ADD, Records.read(records))
    view.gone("tried")
    assert not view.ownership
    ip(
        "route del 10.1.0.0/16",
        "route del 10.2.0.0/16",
        "route del 2001:db8:8::/48",
    )
    ip("route add 10.2.0.0/16 via 192.0.2.2 proto static")
    view.present()
    await view.settled()
    for record in (records[0], records[2]):
        assert await broker.write(peer, Operation.DELETE, Records.read([record])) == 1
    with pytest.raises(ForeignRoute):
        await broker.write(peer, Operation.DELETE, Records.read([records[1]]))
    await view.close()


@pytest.mark.namespace
def test_it_is_kept_when_the_table_goes_and_comes_back() -> None:
    inside(across_an_exchange_of_the_table)
