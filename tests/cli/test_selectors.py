"""Selectors on a real kernel table: ``nld route list`` shows what ``ip route list`` shows for the words."""

from __future__ import annotations

import json

import pytest

from tests.stand import Stand

ROUTES = (
    "10.1.0.0/16 via 192.0.2.9 proto static",
    "10.2.0.0/16 via 192.0.2.200 src 192.0.2.1",
    "10.3.0.0/16 via 192.0.3.9 src 192.0.3.1",
    "10.4.0.0/16 via inet6 fe80::9 dev nld0",
    "blackhole 10.5.0.0/16",
    "10.6.0.0/16 dev nld1 src 192.0.2.1",
    "2001:db8:1::/48 via fe80::9 dev nld0",
    "2001:db8:2::/48 via 2001:db8::9 dev nld0 onlink",
)


@pytest.fixture(scope="module")
def table() -> object:
    with Stand() as stand:
        stand.run("ip", "-batch", "-", stdin="".join(f"route add {route}\n" for route in ROUTES), check=True)
        yield stand


@pytest.mark.namespace
@pytest.mark.parametrize(
    "words",
    [
        "-4 route list via 192.0.2.0/24",
        "-4 route list via 192.0.2.9/25",
        "-4 route list via 192.0.2.9",
        "-4 route list via 192.0.0.0/16 src 192.0.3.0/24",
        "-4 route list via inet6 fe80::/10",
        "-4 route list src 192.0.2.0/31",
        "-4 route list src 0.0.0.0/0",
        "-4 route list src any",
        "-6 route list via fe80::/10",
        "-6 route list via 2001:db8::/32",
        "-6 route list table all via 2001:db8::/127",
        "-br -4 route list",
    ],
)
def test_as_ip(table: Stand, words: str) -> None:
    expected = json.loads(table.ip(f"-j {words}").out or "[]")
    found = table.nld(f"-j {words}")
    assert found.code == 0, found.err
    # ip leaves out what the words have fixed.
    shown = [route["dst"] for route in json.loads(found.out)]
    assert shown == [route["dst"] for route in expected]


@pytest.mark.namespace
def test_a_flush_by_prefix_takes_what_the_list_shows(stand: Stand) -> None:
    for number in (1, 2, 130):
        assert stand.nld(f"route add 10.{number}.0.0/16 via 192.0.2.{number + 10}").code == 0
    assert stand.nld("route flush via 192.0.2.0/25").code == 0
    assert [line.split()[0] for line in stand.nld("route list proto nld").out.splitlines()] == [
        "10.130.0.0/16"
    ]


@pytest.mark.namespace
def test_a_feature_that_newer_ip_knows(stand: Stand) -> None:
    done = stand.nld("route add 10.1.0.0/16 via 192.0.2.9 features ecn tcp_usec_ts")
    assert done.code == 0, done.err
    (route,) = json.loads(stand.ip("-j route list 10.1.0.0/16").out)
    assert route["metrics"] == [{"ecn": None, "features": "0x11"}]
    saved = stand.nld("route save").out
    assert stand.nld("route del 10.1.0.0/16").code == 0
    assert stand.nld("route restore", stdin=saved).code == 0
    assert json.loads(stand.ip("-j route list 10.1.0.0/16").out) == [route]
