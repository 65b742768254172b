"""Shapes: equal bytes are one object, and only what the kernel changes by itself is left out."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from nld.errors import MalformedMessage
from nld.kernel.shape import Shape, Shapes, place
from nld.netlink.registry import AF, NextHopFlag, RouteFlag
from nld.netlink.route import CacheInfo, NextHop, Route, encode

GATEWAY4, GATEWAY6 = bytes([192, 0, 2, 2]), bytes.fromhex("20010db8" + "0" * 23 + "2")
V4: dict[str, Any] = {"family": AF.INET, "dst_len": 24, "table": 254, "type": 1, "protocol": 131}
V6: dict[str, Any] = {"family": AF.INET6, "dst_len": 48, "table": 254, "type": 1, "protocol": 131}


def cached(expires: int) -> CacheInfo:
    return CacheInfo(0, 0, expires, 0, 0, 0, 0, 0)


def test_the_same_bytes_are_the_same_object_and_others_are_not() -> None:
    shapes = Shapes()
    one = encode(Route(**V4, oif=2))
    assert shapes.intern(one) is shapes.intern(bytes(bytearray(one)))
    assert shapes.intern(one) is not shapes.intern(encode(Route(**V4, oif=3)))


def test_a_shape_that_nobody_holds_can_be_made_again() -> None:
    shapes = Shapes()
    payload = encode(Route(**V4, oif=2))
    first = shapes.intern(payload)
    shapes._recent.clear()
    assert shapes.intern(payload) is first
    shapes._recent.clear()
    del first
    gc.collect()
    assert len(shapes._living) == 0
    assert shapes.intern(payload) is not None


def test_the_passing_of_time_makes_no_new_shape_but_another_end_does() -> None:
    now = 1000.0
    shapes = Shapes(clock=lambda: now)

    def heard(left: int) -> Shape:
        shape = shapes.intern(encode(Route(**V6, oif=2, cacheinfo=cached(left))))
        assert shape is not None
        return shape

    long, short = heard(9000), heard(500)
    assert long.volatile
    assert long is not short
    now += 3
    assert heard(8700) is long
    assert heard(8690) is long  # a message that was late
    assert heard(200) is short
    assert heard(8500) is not long
    left = [shape.route().cacheinfo for shape in (long, short)]
    assert [info.expires for info in left if info] == [8700, 200]
    now += 2
    assert short.route().cacheinfo == cached(-1)  # 0 would mean that it has no end
    now += 1
    assert short.route().cacheinfo == cached(-100)
    for_ever = shapes.intern(encode(Route(**V6, oif=2, cacheinfo=cached(0))))
    assert for_ever is not None
    assert not for_ever.volatile
    assert for_ever is not long


def test_shapes_with_an_end_that_nobody_holds_are_forgotten() -> None:
    shapes = Shapes()
    for left in range(100, 100000, 100):
        shapes.intern(encode(Route(**V6, oif=2, cacheinfo=cached(left))))
    gc.collect()
    assert len(shapes._living) == len(shapes._recent) == 0


@pytest.mark.parametrize(
    "route",
    [
        Route(**V6, flags=RouteFlag.CLONED),
        Route(**V4, flags=RouteFlag.CLONED),
        Route(28, dst_len=20),  # MPLS
        Route(128, dst_len=32),  # multicast forwarding
    ],
)
def test_what_is_no_route_of_a_table_has_no_shape(route: Route) -> None:
    shapes = Shapes()
    assert shapes.intern(encode(route)) is None
    assert shapes.intern(encode(route)) is None


def test_broken_bytes_are_a_typed_error() -> None:
    payload = encode(Route(**V4, oif=2, gateway=GATEWAY4))
    for end in range(12):
        with pytest.raises(MalformedMessage):
            Shapes().intern(payload[:end])


LEGS4 = (NextHop(ifindex=2, gateway=GATEWAY4), NextHop(ifindex=3))
LEGS6 = (NextHop(ifindex=2, gateway=GATEWAY6), NextHop(ifindex=3, gateway=GATEWAY6))


@pytest.mark.parametrize(
    ("route", "merges", "devices", "metric"),
    [
        (Route(**V4, oif=2), False, {2}, 0),
        (Route(**V4, oif=2, gateway=GATEWAY4, priority=5), False, {2}, 5),
        (Route(**V4, multipath=LEGS4), False, {2, 3}, 0),
        (Route(**V6, oif=2, priority=1024), False, {2}, 1024),
        (Route(**V6, oif=2, gateway=GATEWAY6, priority=1024), True, {2}, 1024),
        (Route(**V6, multipath=LEGS6, priority=1024), True, {2, 3}, 1024),
        (Route(**V6, oif=2, gateway=GATEWAY6, nh_id=5, priority=1024), False, {2}, 1024),
        (Route(**(V4 | {"type": 6})), False, set(), 0),
    ],
)
def test_what_the_mirror_must_know(route: Route, merges: bool, devices: set[int], metric: int) -> None:
    shape = Shapes().intern(encode(route))
    assert shape is not None
    assert (shape.merges, shape.devices, shape.rank[:2]) == (merges, frozenset(devices), (0, metric))
    assert shape.place == place(254, route.family, route.dst_len)


@pytest.mark.parametrize(
    "flag", [NextHopFlag.DEAD, NextHopFlag.LINKDOWN, NextHopFlag.OFFLOAD, NextHopFlag.TRAP]
)
def test_flags_that_come_and_go_are_not_part_of_what_is_stable(flag: NextHopFlag) -> None:
    shapes = Shapes()
    plain, flagged = (shapes.intern(encode(Route(**V4, oif=2, flags=flags))) for flags in (0, int(flag)))
    assert plain is not None and flagged is not None
    assert plain is not flagged
    assert plain.stable == flagged.stable
    legs = tuple(NextHop(ifindex=hop.ifindex, gateway=hop.gateway, flags=int(flag)) for hop in LEGS4)
    plain, flagged = (shapes.intern(encode(Route(**V4, multipath=some))) for some in (LEGS4, legs))
    assert plain is not None and flagged is not None
    assert plain.stable == flagged.stable


def test_flags_that_were_asked_for_are() -> None:
    shapes = Shapes()
    plain, flagged = (
        shapes.intern(encode(Route(**V4, oif=2, gateway=GATEWAY4, flags=flags)))
        for flags in (0, int(NextHopFlag.ONLINK))
    )
    assert plain is not None and flagged is not None
    assert plain.stable != flagged.stable


def test_the_place_is_four_bytes_of_table_then_family_then_length() -> None:
    assert len({place(table, family, 24) for table in (254, 254 << 8, 2**32 - 1) for family in (2, 10)}) == 6
    assert place(0x01020304, 10, 48)[4:] == bytes([10, 48])


def test_source_prefixes_are_of_another_rank() -> None:
    shapes = Shapes()
    routes = [
        Route(**V6, oif=2, gateway=GATEWAY6, priority=1024, src_len=length, src=source)
        for length, source in ((0, None), (64, GATEWAY6[:8] + bytes(8)), (48, GATEWAY6[:8] + bytes(8)))
    ]
    found = [shapes.intern(encode(route)) for route in routes]
    assert len({shape.rank for shape in found if shape is not None}) == 3
