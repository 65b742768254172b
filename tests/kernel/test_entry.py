"""Routes and the records of nld.ko: there and back, and one shape for all that share it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nld.errors import MalformedMessage
from nld.kernel.entry import USER_HZ, EntryShapes, to_condition, to_entry, to_route
from nld.netlink import module as message
from nld.netlink.module import NLD_TYPE, Entry, cut, encode
from nld.netlink.registry import AF
from nld.netlink.route import CacheInfo, NextHop, Route, Via

DST4, DST6 = bytes((10, 0, 0, 0)), bytes.fromhex("20010db8007700000000000000000000")
BY4, BY6 = bytes((192, 0, 2, 2)), bytes.fromhex("20010db8000000000000000000000002")
MINE: dict[str, Any] = {"table": 254, "protocol": 131, "type": 1}

ROUTES = {
    "v4": Route(AF.INET, 8, dst=DST4, gateway=BY4, **MINE),
    "v6": Route(AF.INET6, 48, dst=DST6, gateway=BY6, priority=1024, **MINE),
    "default": Route(AF.INET, gateway=BY4, **MINE),
    "device": Route(AF.INET, 8, dst=DST4, oif=3, **MINE),
    "device and gateway": Route(AF.INET6, 48, dst=DST6, gateway=BY6, oif=3, **MINE),
    "v4 via v6": Route(AF.INET, 8, dst=DST4, via=Via(AF.INET6, BY6), oif=3, **MINE),
    "v6 via v4": Route(AF.INET6, 48, dst=DST6, via=Via(AF.INET, BY4), oif=3, **MINE),
    "preferred source": Route(AF.INET, 8, dst=DST4, gateway=BY4, prefsrc=bytes((192, 0, 2, 1)), **MINE),
    "multipath": Route(
        AF.INET,
        8,
        dst=DST4,
        multipath=(
            NextHop(hops=2, ifindex=3, gateway=BY4),
            NextHop(hops=255, ifindex=4),
            NextHop(hops=0, via=Via(AF.INET6, BY6)),
        ),
        **MINE,
    ),
    "multipath v6": Route(
        AF.INET6,
        48,
        dst=DST6,
        multipath=(NextHop(gateway=BY6), NextHop(hops=9, ifindex=4, via=Via(AF.INET, BY4))),
        **MINE,
    ),
    "blackhole": Route(AF.INET, 8, dst=DST4, **MINE | {"type": NLD_TYPE.BLACKHOLE}),
    "unreachable": Route(AF.INET6, 48, dst=DST6, **MINE | {"type": NLD_TYPE.UNREACHABLE}),
    "prohibit": Route(AF.INET, 8, dst=DST4, **MINE | {"type": NLD_TYPE.PROHIBIT}),
    "metric": Route(AF.INET, 8, dst=DST4, gateway=BY4, priority=4294967295, **MINE),
    "large table": Route(AF.INET, 8, dst=DST4, gateway=BY4, **MINE | {"table": 70000}),
    "no protocol": Route(AF.INET, 8, dst=DST4, gateway=BY4, **MINE | {"protocol": 0}),
}


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_there_and_back(route: Route) -> None:
    entry = to_entry(route)
    assert to_route(entry) == route
    assert to_route(message.decode(encode(entry))) == route
    assert to_entry(to_route(entry)).nexthops == entry.nexthops


def test_metric_0_is_none() -> None:
    bare = ROUTES["v4"]
    assert to_entry(replace(bare, priority=0)).metric == 0
    assert to_route(to_entry(replace(bare, priority=0))) == bare
    assert to_route(replace(to_entry(bare), metric=0)) == bare


def test_weights_count_from_1_on_the_modules_wire() -> None:
    hops = to_entry(ROUTES["multipath"]).nexthops
    assert hops is not None
    assert [hop.weight for hop in hops] == [3, 256, 1]
    legs = to_route(Entry(AF.INET, nexthops=(message.NextHop(gateway=BY4),))).multipath
    assert legs == (NextHop(gateway=BY4),)


@pytest.mark.parametrize("name", ["v4", "v6"])
def test_an_end_comes_back_as_the_time_that_is_left(name: str) -> None:
    route = replace(ROUTES[name], expires=30)
    entry = to_entry(route)
    assert entry.expires == 30
    left = CacheInfo(0, 0, 30 * USER_HZ, 0, 0, 0, 0, 0)
    assert to_route(entry) == replace(route, expires=None, cacheinfo=left)
    encode(to_entry(replace(route, expires=message.MAX_EXPIRES)))


def test_what_the_module_leaves_out_has_its_default() -> None:
    route = to_route(Entry(AF.INET))
    assert (route.table, route.protocol, route.type, route.priority) == (254, 0, NLD_TYPE.UNICAST, None)
    assert (route.dst, route.gateway, route.multipath, route.cacheinfo) == (None, None, None, None)


def test_a_delete_says_what_it_is_about_and_not_what_the_module_cannot_compare() -> None:
    route = replace(ROUTES["preferred source"], expires=30, priority=7)
    assert to_condition(route) == Entry(
        AF.INET, 8, dst=DST4, gateway=BY4, metric=7, table=254, protocol=131, type=NLD_TYPE.UNICAST
    )
    assert to_condition(ROUTES["multipath"]).nexthops is None


# -- shapes


def payload(route: Route, **said: Any) -> bytes:
    """What the module would send for it."""
    return encode(replace(to_entry(route), **said))


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_one_shape_for_all_that_share_it(route: Route) -> None:
    shapes = EntryShapes()
    first = cut(payload(route, generation=1))
    shape = shapes.intern(first)
    assert shape.route(first.destination) == route
    elsewhere = bytes(reversed(route.dst)) if route.dst else None
    second = cut(payload(replace(route, dst=elsewhere), generation=2, cause=0, as_of=9))
    assert shapes.intern(second) is shape
    assert shapes.intern(cut(payload(replace(route, protocol=98)))) is not shape
    assert not shape.merges
    assert not shape.volatile
    assert shape.devices == {hop.ifindex for hop in route.multipath or ()} | ({3} if route.oif else set())


def test_other_bytes_of_the_same_meaning_are_the_same_shape() -> None:
    shapes = EntryShapes()
    route = ROUTES["v4"]
    entry = to_entry(route)
    spelled = encode(replace(entry, metric=0)), encode(replace(entry, metric=None, type=None, table=None))
    one, other = (shapes.intern(cut(wire)) for wire in spelled)
    assert one is other


@pytest.mark.parametrize("name", ["v4", "v6", "multipath"])
def test_an_end_makes_it_volatile(name: str) -> None:
    shapes = EntryShapes()
    lasting = shapes.intern(cut(payload(ROUTES[name])))
    early = shapes.intern(cut(payload(ROUTES[name], expires=30)))
    assert early.volatile
    assert not early.merges
    assert early is not lasting
    # The time that is left is not part of it.
    assert shapes.intern(cut(payload(ROUTES[name], expires=29))) is early
    assert shapes.intern(cut(payload(ROUTES[name]))) is lasting


def test_the_memory_of_spellings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nld.kernel.entry._KEPT", 4)
    shapes = EntryShapes()
    held = [shapes.intern(cut(payload(ROUTES["v4"], metric=number))) for number in range(20)]
    again = [shapes.intern(cut(payload(ROUTES["v4"], metric=number))) for number in range(20)]
    assert all(one is other for one, other in zip(held, again, strict=True))


@pytest.mark.parametrize(
    "entry",
    [
        Entry(AF.INET, nexthops=(message.NextHop(gateway=BY4, weight=257),)),
        Entry(AF.INET, nexthops=(message.NextHop(gateway=BY4, oif=2**31),)),
        Entry(AF.INET, gateway=BY4, expires=2**32 - 1),
        Entry(AF.INET, gateway=bytes(5)),
        Entry(AF.INET, dst_len=33),
    ],
    ids=["weight", "device", "time", "gateway", "length"],
)
def test_what_no_route_can_be_is_malformed(entry: Entry) -> None:
    with pytest.raises(MalformedMessage):
        EntryShapes().intern(cut(encode(entry)))
