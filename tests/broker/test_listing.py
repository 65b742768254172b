"""What nld lists equals what ``ip`` lists, and what ``ip`` lists changes nothing when nld is given it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nld.client import Client
from tests.broker.random_routes import words
from tests.stand import Stand

pytestmark = pytest.mark.namespace

ROUTES = 2000


@pytest.fixture(autouse=True)
def built_in_names(stand: Stand, tmp_path: Path) -> None:
    """What ``ip`` prints can be given back only where no name has two numbers (tests/cli/test_names.py)."""
    for place in ("/etc/iproute2", "/usr/share/iproute2"):
        if Path(place).is_dir():
            stand.run("mount", "--bind", str(tmp_path), place, check=True)


def without_clock(routes: Any) -> Any:
    """Routes without the seconds that are left, which pass between two commands."""
    return [{name: value for name, value in route.items() if name != "expires"} for route in routes]


def test_random_routes_are_listed_as_ip_lists_them_and_can_be_given_back(stand: Stand) -> None:
    lines = words(seed=20, count=ROUTES)
    done = stand.run("ip", "-batch", "-", stdin="\n".join(lines))
    assert done.code == 0, done.err
    for options in ("-d", ""):
        by_ip, by_nld = stand.routes("ip", options), stand.routes("nld", options)
        assert len(by_ip) > ROUTES
        assert without_clock(by_nld) == without_clock(by_ip)
    before = stand.routes("ip")
    with Client(stand.socket) as client:
        own = [route for route in before if route["protocol"] not in {"kernel", "ra"}]
        assert len(own) == ROUTES
        # Replacing each route by itself: the kernel finds nothing to do.
        assert client.replace(own, takeover=True) == ROUTES
        assert stand.routes("ip") == before
        full = [route for route in client.list() if route["protocol"] not in {"kernel", "ra"}]
        assert client.replace(full, takeover=True) == ROUTES
    assert stand.routes("ip") == before


@pytest.mark.parametrize(
    "selector",
    [
        "table main", "table 100", "table all proto static", "table all dev nld1", "-4 table all",
        "-6 table all", "table all type blackhole", "root 10.0.0.0/9", "match 10.1.2.3",
        "table all metric 7", "exact 10.0.0.0/8", "table all via 192.0.2.2", "table local",
        "table all scope link", "table all src 192.0.2.1",
    ],
)  # fmt: skip
def test_selectors_choose_what_ip_chooses(stand: Stand, selector: str) -> None:
    lines = [
        *words(seed=7, count=150),
        "route add 10.0.0.0/8 via 192.0.2.2",
        "route add 10.1.0.0/16 via 192.0.2.3 metric 7",
    ]
    stand.run("ip", "-batch", "-", stdin="\n".join(lines), check=True)
    options = [word for word in selector.split() if word.startswith("-")]
    rest = [word for word in selector.split() if not word.startswith("-")]
    by_ip = stand.run("ip", *options, "-j", "-d", "route", "show", *rest, check=True)
    by_nld = stand.nld([*options, "-j", "-d", "route", "show", *rest])
    assert by_nld.code == 0, by_nld.err
    found = json.loads(by_nld.out)
    # ip leaves out what the words name; a whole record has it.
    wanted = json.loads(by_ip.out or "[]")
    if {"dev", "via"} & set(rest) and not any("nexthops" in route for route in wanted):
        # ip passes over routes of several next hops when it looks for a gateway, older ones for a device too.
        field = {"dev": "dev", "via": "gateway"}[rest[-2]]
        legs = [route["nexthops"] for route in found if "nexthops" in route]
        assert all(any(leg.get(field) == rest[-1] for leg in several) for several in legs)
        found = [route for route in found if "nexthops" not in route]
    assert [route["dst"] for route in found] == [route["dst"] for route in wanted]
    for whole, short in zip(found, wanted, strict=True):
        assert {name: whole[name] for name in short} == short
        assert set(whole) - set(short) <= {"dev", "gateway", "metric", "prefsrc", "protocol", "scope", "type"}
