"""Comparison as a table: what was asked, what the kernel has, and the first field that is not the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nld.kernel.comparison import LEG_FIELDS, asked_fields, difference, leg
from nld.kernel.surroundings import Surroundings
from nld.kernel.translation import Translation
from nld.netlink import link as link_message
from nld.netlink.registry import AF, RTM, NextHopFlag
from nld.netlink.route import CacheInfo, Metrics, NextHop, Route, Via
from nld.records import Names, RouteRecord

G1, G2 = bytes([192, 0, 2, 2]), bytes([192, 0, 2, 3])
S1, S2 = bytes.fromhex("20010db8" + "0" * 23 + "2"), bytes.fromhex("20010db8" + "0" * 23 + "3")

AROUND = Surroundings()
for number, text in ((1, "lo"), (2, "eth0"), (3, "eth1")):
    AROUND.apply(RTM.NEWLINK, link_message.encode(link_message.Link(index=number, name=text)))
TRANSLATION = Translation(Names([]), AROUND, AROUND)

FOUR = Route(AF.INET, dst_len=8, dst=bytes([10, 0, 0, 0]), table=254, type=1, protocol=131, gateway=G1, oif=2)
SIX = Route(
    AF.INET6,
    dst_len=32,
    dst=S1[:4] + bytes(12),
    table=254,
    type=1,
    protocol=131,
    gateway=S1,
    oif=2,
    priority=1024,
)
LEGS = (NextHop(ifindex=2, gateway=G1, hops=0), NextHop(ifindex=3, gateway=G2, hops=4))
TWO = replace(FOUR, gateway=None, oif=None, multipath=LEGS)
HOPS: list[dict[str, Any]] = [
    {"gateway": "192.0.2.2", "dev": "eth0"},
    {"gateway": "192.0.2.3", "dev": "eth1", "weight": 5},
]


def changed(route: Route, **fields: Any) -> Route:
    return replace(route, **fields)


@pytest.mark.parametrize(
    ("record", "got", "wrong"),
    [
        # What was not said fits everything.
        ({}, FOUR, None),
        ({}, changed(FOUR, priority=500, protocol=4, tos=8, table=100), None),
        ({"gateway": "192.0.2.2"}, FOUR, None),
        ({"gateway": "192.0.2.3"}, FOUR, "gateway"),
        ({"dev": "eth0"}, FOUR, None),
        ({"dev": "eth1"}, FOUR, "dev"),
        ({"metric": 5}, FOUR, "metric"),
        ({"metric": 0}, FOUR, None),
        ({"metric": 0}, changed(FOUR, priority=5), "metric"),
        ({"metric": 5}, changed(FOUR, priority=5), None),
        ({"tos": 8}, FOUR, "tos"),
        ({"tos": 8}, changed(FOUR, tos=8), None),
        ({"table": 100}, FOUR, "table"),
        ({"protocol": "static"}, FOUR, "protocol"),
        ({"protocol": 131}, FOUR, None),
        ({"type": "blackhole"}, FOUR, "type"),
        ({"scope": "link"}, FOUR, "scope"),
        ({"scope": "global"}, FOUR, None),
        ({"prefsrc": "192.0.2.1"}, FOUR, "prefsrc"),
        ({"prefsrc": "192.0.2.1"}, changed(FOUR, prefsrc=bytes([192, 0, 2, 1])), None),
        ({"flow": {"from": 2, "to": 9}}, changed(FOUR, flow=2 << 16 | 9), None),
        ({"flow": {"from": 9, "to": 2}}, changed(FOUR, flow=2 << 16 | 9), "flow"),
        ({"flags": ["onlink"], "gateway": "192.0.2.2"}, FOUR, "flags"),
        ({"flags": ["onlink"]}, changed(FOUR, flags=int(NextHopFlag.ONLINK | NextHopFlag.DEAD)), None),
        ({"flags": []}, changed(FOUR, flags=int(NextHopFlag.LINKDOWN)), None),
        ({"nhid": 5}, FOUR, "nhid"),
        ({"nhid": 5}, changed(FOUR, nh_id=5), None),
        ({"via": {"family": "inet6", "host": "2001:db8::2"}}, FOUR, "via"),
        (
            {"via": {"family": "inet6", "host": "2001:db8::2"}},
            changed(FOUR, gateway=None, via=Via(AF.INET6, S1)),
            None,
        ),
        ({"metrics": [{"mtu": 1400}]}, FOUR, "metrics"),
        ({"metrics": [{"mtu": 1400}]}, changed(FOUR, metrics=Metrics(mtu=1400, advmss=1360)), None),
        ({"metrics": [{"mtu": 1400}]}, changed(FOUR, metrics=Metrics(mtu=1300)), "metrics"),
        ({"metrics": [{"mtu": 1400, "lock": ["mtu"]}]}, changed(FOUR, metrics=Metrics(mtu=1400)), "metrics"),
        # IPv6: metric 0 is 1024, there are no scopes, and a reject route goes out by lo.
        ({"metric": 0}, SIX, None),
        ({"metric": 1024}, SIX, None),
        ({"metric": 1}, SIX, "metric"),
        ({"pref": "high"}, SIX, "pref"),
        ({"pref": "medium"}, SIX, None),
        ({"pref": "high"}, changed(SIX, pref=1), None),
        ({"expires": 60}, SIX, "expires"),
        ({"expires": 60}, changed(SIX, cacheinfo=CacheInfo(0, 0, 0, 0, 0, 0, 0, 0)), "expires"),
        ({"expires": 60}, changed(SIX, cacheinfo=CacheInfo(0, 0, 5900, 0, 0, 0, 0, 0)), None),
        ({"type": "unreachable"}, changed(SIX, type=7, oif=1, gateway=None), None),
        # Several next hops: in any order, each once, with its weight.
        ({"nexthops": HOPS}, TWO, None),
        ({"nexthops": HOPS[::-1]}, TWO, None),
        ({"nexthops": HOPS[:1]}, TWO, None),
        ({"nexthops": [*HOPS, HOPS[0]]}, TWO, "nexthops"),
        ({"nexthops": HOPS}, FOUR, "nexthops"),
        ({"nexthops": [HOPS[0], HOPS[1] | {"weight": 6}]}, TWO, "nexthops"),
        ({"nexthops": [HOPS[0], HOPS[1] | {"dev": "eth0"}]}, TWO, "nexthops"),
        ({"nexthops": [{"gateway": "192.0.2.2"}, {"gateway": "192.0.2.3", "weight": 5}]}, TWO, None),
        # A single one that the kernel made a plain route of.
        ({"nexthops": [HOPS[0] | {"weight": 9}]}, FOUR, None),
        ({"nexthops": [{"gateway": "192.0.2.3"}]}, FOUR, "nexthops"),
        # An appended leg is there when it is among the legs.
        ({"gateway": "192.0.2.3"}, TWO, None),
        ({"gateway": "192.0.2.9"}, TWO, "gateway"),
    ],
    ids=str,
)
def test_the_first_field_that_is_not_as_asked(record: dict[str, Any], got: Route, wrong: str | None) -> None:
    dst = "10.0.0.0/8" if got.family == AF.INET else "2001:db8::/32"
    asked = RouteRecord.model_validate({"dst": dst} | record)
    route = TRANSLATION.to_route(asked, wildcard=True)
    assert difference(route, asked_fields(asked), got) == wrong


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"gateway": "192.0.2.2"}, 0),
        ({"gateway": "192.0.2.3"}, 1),
        ({"gateway": "192.0.2.3", "dev": "eth1"}, 1),
        ({"gateway": "192.0.2.3", "dev": "eth0"}, None),
        ({"dev": "eth1"}, 1),
        ({"gateway": "192.0.2.9"}, None),
        ({}, None),
        ({"metric": 5}, None),
        ({"nexthops": HOPS}, None),
    ],
)
def test_the_leg_that_is_meant(record: dict[str, Any], found: int | None) -> None:
    asked = RouteRecord.model_validate({"dst": "10.0.0.0/8"} | record)
    route = TRANSLATION.to_route(asked, wildcard=True)
    wanted = None if found is None else LEGS[found]
    assert leg(route, asked_fields(asked), TWO) is wanted
    assert leg(route, asked_fields(asked), FOUR) is None


def test_the_key_and_what_was_left_out_are_not_asked() -> None:
    record = RouteRecord.model_validate({"dst": "10.0.0.0/8", "gateway": None, "metric": 5, "dev": "eth0"})
    assert asked_fields(record) == {"metric", "dev"}
    assert asked_fields(record) - LEG_FIELDS == {"metric"}
