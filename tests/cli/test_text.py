"""Records to text: rows taken from ``ip`` by hand, for what its JSON does not carry (locks, nested encaps).

``test_forms.py`` compares the text of every parity form with the real ``ip``.
"""

from __future__ import annotations

from typing import Any

import pytest

from nld.cli import names
from nld.cli.text import TextForm

BASE: dict[str, Any] = {
    "type": "unicast", "dst": "10.0.0.0/8", "gateway": "192.0.2.2", "dev": "nld0", "table": "main",
    "protocol": "boot", "scope": "global", "flags": [],
}  # fmt: skip

ROWS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "10.0.0.0/8 via 192.0.2.2 dev nld0 \n"),
    ({"type": "blackhole"}, "blackhole 10.0.0.0/8 via 192.0.2.2 dev nld0 \n"),
    ({"table": "100", "protocol": "static", "scope": "link"},
     "10.0.0.0/8 via 192.0.2.2 dev nld0 table 100 proto static scope link \n"),
    ({"prefsrc": "192.0.2.1", "metric": 5, "flags": ["onlink", "linkdown"]},
     "10.0.0.0/8 via 192.0.2.2 dev nld0 src 192.0.2.1 metric 5 onlink linkdown \n"),
    ({"tos": "0x10"}, "10.0.0.0/8 tos 0x10 via 192.0.2.2 dev nld0 \n"),
    ({"nhid": 10}, "10.0.0.0/8 nhid 10 via 192.0.2.2 dev nld0 \n"),
    ({"flow": {"to": "5"}}, "10.0.0.0/8 via 192.0.2.2 dev nld0 realm 5 \n"),
    ({"flow": {"from": "3", "to": "7"}}, "10.0.0.0/8 via 192.0.2.2 dev nld0 realms 3/7 \n"),
    ({"expires": 60, "pref": "high"}, "10.0.0.0/8 via 192.0.2.2 dev nld0 expires 60sec pref high\n"),
    ({"metrics": [{"mtu": 1400, "lock": ["mtu"]}]}, "10.0.0.0/8 via 192.0.2.2 dev nld0 mtu lock 1400 \n"),
    ({"metrics": [{"congestion": "reno", "lock": ["congestion"]}]},
     "10.0.0.0/8 via 192.0.2.2 dev nld0 congctl lock reno \n"),
    ({"metrics": [{"cwnd": 20, "mtu": 1400, "rtt": 300, "rttvar": 1500, "ecn": True}]},
     "10.0.0.0/8 via 192.0.2.2 dev nld0 mtu 1400 rtt 300ms rttvar 1.5s cwnd 20 features ecn \n"),
    ({"metrics": [{"rtt": 37.625, "rto_min": 50, "lock": ["rto_min"]}]},
     "10.0.0.0/8 via 192.0.2.2 dev nld0 rtt 37ms rto_min lock 50ms \n"),
    ({"gateway": None, "via": {"family": "inet6", "host": "fe80::2"}},
     "10.0.0.0/8 via inet6 fe80::2 dev nld0 \n"),
    ({"encap": {"type": "ip", "id": 5, "src": "0.0.0.0", "dst": "192.0.2.9",
                "ttl": 0, "tos": 16, "key": True}},
     "10.0.0.0/8  encap ip id 5 src 0.0.0.0 dst 192.0.2.9 ttl 0 tos 16 key via 192.0.2.2 dev nld0 \n"),
    ({"encap": {"type": "mpls", "dst": "100/200", "ttl": 5}},
     "10.0.0.0/8  encap mpls  100/200 ttl 5 via 192.0.2.2 dev nld0 \n"),
    ({"encap": {"type": "seg6", "mode": "encap", "segs": ["fc00::1", "fc00::2"], "hmac": 255}},
     "10.0.0.0/8  encap seg6 mode encap segs 2 [ fc00::1 fc00::2 ] hmac FF via 192.0.2.2 dev nld0 \n"),
    ({"gateway": None, "dev": None, "nexthops": [
        {"gateway": "192.0.2.2", "dev": "nld0", "weight": 1, "flags": []},
        {"via": {"family": "inet6", "host": "fe80::2"}, "dev": "nld1", "weight": 3, "flags": ["onlink"]}]},
     "10.0.0.0/8 \n\tnexthop via 192.0.2.2 dev nld0 weight 1 "
     "\n\tnexthop via inet6 fe80::2 dev nld1 weight 3 onlink \n"),
    ({"scope": None, "uid": 0, "cache": []},
     "10.0.0.0/8 via 192.0.2.2 dev nld0 uid 0 \n    cache \n"),
    ({"cache": ["local"], "mark": 16}, "10.0.0.0/8 via 192.0.2.2 dev nld0 mark 0x10 \n    cache <local> \n"),
    ({"from": "2001:db8::/32"}, "10.0.0.0/8 from 2001:db8::/32 via 192.0.2.2 dev nld0 \n"),
)  # fmt: skip


@pytest.mark.parametrize(("fields", "text"), ROWS)
def test_rows(fields: dict[str, Any], text: str) -> None:
    record = {name: value for name, value in {**BASE, **fields}.items() if value is not None}
    assert TextForm()(record) == text


def test_details_show_everything() -> None:
    assert TextForm(details=True)(BASE) == (
        "unicast 10.0.0.0/8 via 192.0.2.2 dev nld0 table main proto boot scope global \n"
    )


def test_pinned_fields_are_left_out() -> None:
    record = BASE | {"table": "100", "protocol": "static", "metric": 5}
    form = TextForm(pinned=frozenset(("table", "dev", "protocol", "via", "metric")))
    assert form(record) == "10.0.0.0/8 \n"


def test_oneline_has_backslashes() -> None:
    record = {"dst": "default", "nexthops": [{"dev": "a", "weight": 1}, {"dev": "b", "weight": 1}]}
    assert (
        TextForm(oneline=True)(record) == "default \\\tnexthop dev a weight 1 \\\tnexthop dev b weight 1 \n"
    )


def test_deleted_stands_in_front() -> None:
    assert TextForm()(BASE, deleted=True).startswith("Deleted 10.0.0.0/8")


def test_numeric_turns_names_to_numbers() -> None:
    form = TextForm(details=True, numeric=names.number_of)
    assert form(BASE) == "1 10.0.0.0/8 via 192.0.2.2 dev nld0 table 254 proto 3 scope 0 \n"


def test_color_is_where_ip_puts_it() -> None:
    assert TextForm(color="light")(BASE) == (
        "\033[35m10.0.0.0/8 \033[0mvia \033[35m192.0.2.2 \033[0mdev \033[36mnld0 \033[0m\n"
    )


def test_statistics_only_when_asked() -> None:
    record = BASE | {"users": 2, "used": 3, "age": 4}
    assert "users" not in TextForm()(record)
    assert "users 2 used 3 age 4sec " in TextForm(statistics=True)(record)
