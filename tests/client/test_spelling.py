"""One spelling for one route."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from nld.client import canonical, fulfils, key
from nld.errors import InvalidRecord

SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"dst": "172.16.0.1/32", "dev": "nld0"}, {"dst": "172.16.0.1", "dev": "nld0"}),
    ({"dst": "10.0.0.0/8", "type": "blackhole"}, {"dst": "10.0.0.0/8", "type": "6"}),
    ({"dst": "0.0.0.0/0", "gateway": "192.0.2.1"}, {"dst": "default", "gateway": "192.0.2.1"}),
    ({"dst": "::/0", "gateway": "2001:db8:0::1"},
     {"dst": "default", "gateway": "2001:db8::1", "metric": 1024}),
    ({"dst": "2001:DB8::/32", "dev": "a"},
     {"dst": "2001:db8:0::/32", "dev": "a", "metric": 0, "pref": "medium"}),
    ({"dst": "10.0.0.0/8", "dev": "a"}, {"dst": "10.0.0.0/8", "dev": "a", "table": 254, "scope": "link",
                                         "type": "unicast", "metric": 0, "tos": "0x00", "flags": []}),
    ({"dst": "10.0.0.0/8", "gateway": "192.0.2.1"},
     {"dst": "10.0.0.0/8", "gateway": "192.0.2.1", "flags": ["linkdown"], "table": "main"}),
    ({"dst": "10.0.0.0/8", "nexthops": [{"gateway": "192.0.2.1"}, {"dev": "b", "weight": 1}]},
     {"dst": "10.0.0.0/8", "nexthops": [{"gateway": "192.0.2.1", "weight": 1, "flags": []},
                                        {"dev": "b", "flags": ["dead"]}]}),
    ({"dst": "10.0.0.0/8", "nexthops": [{"gateway": "192.0.2.1", "weight": 3}]},
     {"dst": "10.0.0.0/8", "gateway": "192.0.2.1"}),
    ({"dst": ipaddress.ip_network("10.0.0.0/8"), "gateway": ipaddress.ip_address("192.0.2.1")},
     {"dst": "10.0.0.0/8", "gateway": "192.0.2.1"}),
    ({"dst": "10.0.0.0/8", "type": "local", "dev": "lo"},
     {"dst": "10.0.0.0/8", "type": "local", "dev": "lo", "table": "local", "scope": "host", "flags": []}),
    ({"dst": "10.0.0.0/8", "dev": "a", "tos": 16}, {"dst": "10.0.0.0/8", "dev": "a", "tos": "10"}),
]  # fmt: skip

OTHERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"dst": "10.0.0.0/8", "dev": "a"}, {"dst": "10.0.0.0/8", "dev": "b"}),
    ({"dst": "10.0.0.0/8", "dev": "a"}, {"dst": "10.0.0.0/9", "dev": "a"}),
    ({"dst": "10.0.0.0/8", "dev": "a"}, {"dst": "10.0.0.0/8", "dev": "a", "metric": 5}),
    ({"dst": "2001:db8::/32", "dev": "a", "metric": 1}, {"dst": "2001:db8::/32", "dev": "a"}),
    ({"dst": "default", "gateway": "192.0.2.1"}, {"dst": "default", "gateway": "2001:db8::1"}),
    ({"dst": "10.0.0.0/8", "dev": "a"}, {"dst": "10.0.0.0/8", "dev": "a", "table": "100"}),
    ({"dst": "10.0.0.0/8", "dev": "a", "flags": ["onlink"]}, {"dst": "10.0.0.0/8", "dev": "a"}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(one) == canonical(other)
    assert key(one) == key(other)
    assert canonical(canonical(one)) == canonical(one)
    assert fulfils(other, one)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_not_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(one) != canonical(other)


def test_what_is_asked_for_is_there_with_more() -> None:
    there = {
        "type": "unicast", "dst": "10.0.0.0/8", "dev": "nld0", "gateway": "192.0.2.2", "table": "main",
        "protocol": "131", "scope": "global", "flags": [],
    }  # fmt: skip
    assert fulfils(there, {"dst": "10.0.0.0/8", "gateway": "192.0.2.2"})
    assert not fulfils(there, {"dst": "10.0.0.0/8", "gateway": "192.0.2.3"})
    assert not fulfils(there, {"dst": "10.0.0.0/8", "type": "blackhole"})
    assert not fulfils(there, {"dst": "10.0.0.0/8", "gateway": "192.0.2.2", "metrics": [{"mtu": 1400}]})
    legs = [{"gateway": "192.0.2.2", "dev": "nld0", "weight": 1, "flags": []}, {"dev": "nld1", "weight": 2}]
    many = {"dst": "10.0.0.0/8", "nexthops": legs}
    assert fulfils(
        many, {"dst": "10.0.0.0/8", "nexthops": [{"dev": "nld1", "weight": 2}, {"gateway": "192.0.2.2"}]}
    )
    assert not fulfils(many, {"dst": "10.0.0.0/8", "nexthops": [{"gateway": "192.0.2.2"}]})


@pytest.mark.parametrize("bad", ["10.0.0.1/8", "x", "", None, ["10.0.0.0/8"]])
def test_what_is_no_destination(bad: Any) -> None:
    with pytest.raises(InvalidRecord) as caught:
        key({"dst": bad})
    assert caught.value.field == "dst"
