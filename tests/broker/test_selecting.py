"""Selectors on a real kernel: next hops of several, nexthop objects, and what a flush takes with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nld.client import Client
from tests.stand import Stand

pytestmark = pytest.mark.namespace

ROUTES = (
    "route add proto 186 10.1.0.0/16 via 192.0.2.2",
    "route add proto 186 10.2.0.0/16 via 192.0.3.2",
    "route add proto 186 10.3.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.3.2",
    "route add proto 186 10.4.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.2.3",
    "route add proto 186 10.5.0.0/16 dev nld0",
    "route add proto 186 10.6.0.0/16 nhid 1",
    "route add proto 186 10.7.0.0/16 nhid 9",
    "route add proto 186 10.8.0.0/16 nhid 7",
    "route add proto 186 blackhole 10.9.0.0/16",
    "route add proto 186 2001:db8:1::/48 via 2001:db8::2",
    "route add proto 186 2001:db8:2::/48 via 2001:db8:0:1::2",
    "route add proto 186 2001:db8:3::/48 nexthop via 2001:db8::2 nexthop via 2001:db8:0:1::2",
    "route add proto 186 2001:db8:4::/48 nexthop via 2001:db8::2 nexthop via 2001:db8::3",
    "route add proto 186 2001:db8:5::/48 dev nld0",
    "route add proto 186 2001:db8:8::/48 nhid 8",
    "route add proto 186 blackhole 2001:db8:9::/48",
)
OBJECTS = (
    "nexthop add id 1 via 192.0.2.2 dev nld0",
    "nexthop add id 2 via 192.0.3.2 dev nld1",
    "nexthop add id 7 blackhole",
    "nexthop add id 9 group 1/2",
)
EVERY = {line.split()[4].replace("blackhole", line.split()[5]) for line in ROUTES}


def four(*numbers: int) -> set[str]:
    return {f"10.{number}.0.0/16" for number in numbers}


def six(*numbers: int) -> set[str]:
    return {f"2001:db8:{number}::/48" for number in numbers}


@pytest.fixture
def place(shared: Stand) -> Iterator[Stand]:
    for line in (*OBJECTS, "-6 nexthop add id 8 blackhole", *ROUTES):
        shared.ip(line)
    yield shared
    shared.ip("-4 route flush proto 186", check=False)
    shared.ip("-6 route flush proto 186", check=False)
    shared.ip("nexthop flush", check=False)


CASES: list[tuple[dict[str, Any], set[str], set[str]]] = [
    ({"dev": "nld0"}, four(1, 3, 4, 5, 6, 7) | six(1, 3, 4, 5), four(1, 4, 5, 6) | six(1, 4, 5)),
    ({"dev": "nld1"}, four(2, 3, 7) | six(2, 3), four(2) | six(2)),
    ({"via": "192.0.2.2"}, four(1, 3, 4, 6, 7), four(1, 6)),
    ({"via": "192.0.3.2"}, four(2, 3, 7), four(2)),
    ({"via": "2001:db8::2"}, six(1, 3, 4), six(1)),
    ({"via": "2001:db8::3"}, six(4), set()),
    ({"via": "192.0.2.3", "dev": "nld0"}, four(4), set()),
    ({"via": "192.0.2.2", "dev": "nld1"}, four(3, 7), set()),
    ({"dev": "lo"}, four(8) | six(8, 9), four(8) | six(8, 9)),
]
"""A filter, what it finds, and what of that has no next hop elsewhere."""


@pytest.mark.parametrize(("wanted", "found", "whole"), CASES)
def test_dev_and_via_look_at_every_next_hop(
    place: Stand, wanted: dict[str, Any], found: set[str], whole: set[str]
) -> None:
    with Client(place.socket) as client:
        some = {**wanted, "protocol": "186"}
        assert {route["dst"] for route in client.list(some)} == found
        assert {route["dst"] for route in client.list({**some, "whole": True})} == whole


@pytest.mark.parametrize(("wanted", "found", "whole"), CASES)
def test_a_flush_leaves_what_has_another_next_hop(
    place: Stand, wanted: dict[str, Any], found: set[str], whole: set[str]
) -> None:
    words = [word for pair in wanted.items() for word in pair]
    for family in ("-4", "-6"):
        done = place.nld(["-takeover", family, "route", "flush", *words, "proto", "186"])
        assert done.code == 0 or "another family" in done.err or "IPv" in done.err, done.err
    left = {route["dst"] for route in place.routes("ip") if route["protocol"] in {"186", "bgp"}}
    assert left == EVERY - whole
    assert whole <= found


def test_the_type_of_a_nexthop_object_is_the_routes(place: Stand) -> None:
    for family, here in (("-4", four), ("-6", six)):
        for kind, numbers in (("blackhole", (8, 9)), ("unicast", (1, 2, 3, 4, 5, 6, 7))):
            done = place.nld(f"-j {family} route list type {kind} proto 186")
            assert {route["dst"] for route in json.loads(done.out)} == here(*numbers) & EVERY
    for words in ("10.8.0.0/16", "blackhole 2001:db8:8::/48", "10.7.0.0/16 nhid 9"):
        done = place.nld(f"-takeover route del {words}")
        assert done.code == 0, done.err
    left = {route["dst"] for route in place.routes("ip") if route["protocol"] in {"186", "bgp"}}
    assert left == EVERY - four(7, 8) - six(8)
