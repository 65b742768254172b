"""Words to requests, as tables: each row is what is typed and what is asked of the daemon."""

from __future__ import annotations

from typing import Any

import pytest

from nld.cli.grammar import Lookup, Request, SelectorRequest, WriteRequest, parse


def read(text: str, family: str | None = None) -> Request:
    """The request of the words behind ``nld route``."""
    return parse(("nld", "route", *text.split()), 2, family)


# Words behind "add 10.0.0.0/8 dev nld0", and the fields that they add to the record.
V4_FIELDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", {}),
    ("metric 5", {"metric": 5}),
    ("metric 0x10", {"metric": 16}),
    ("metric 010", {"metric": 8}),
    ("metric 4294967295", {"metric": 4294967295}),
    ("metric 1 metric 2", {"metric": 2}),
    ("m 5", {"metric": 5}),
    ("me 5", {"metric": 5}),
    ("priority 5", {"metric": 5}),
    ("prio 5", {"metric": 5}),
    ("pri 5", {"metric": 5}),
    ("preference 5", {"metric": 5}),
    ("p 5", {"metric": 5}),
    ("pro 7", {"protocol": "7"}),
    ("pref high", {"pref": "high"}),
    ("pref low", {"pref": "low"}),
    ("pref medium", {"pref": "medium"}),
    ("pref 0", {"pref": "medium"}),
    ("pref 1", {"pref": "high"}),
    ("pref 3", {"pref": "low"}),
    ("table 100", {"table": "100"}),
    ("table 0x100", {"table": "256"}),
    ("table main", {"table": "main"}),
    ("table default", {"table": "default"}),
    ("table 4294967295", {"table": "4294967295"}),
    ("t 1000", {"table": "1000"}),
    ("tab 1000", {"table": "1000"}),
    ("protocol static", {"protocol": "static"}),
    ("proto static", {"protocol": "static"}),
    ("proto kernel", {"protocol": "kernel"}),
    ("proto boot", {"protocol": "boot"}),
    ("proto nld", {"protocol": "nld"}),
    ("proto 77", {"protocol": "77"}),
    ("scope link", {"scope": "link"}),
    ("scope global", {"scope": "global"}),
    ("scope host", {"scope": "host"}),
    ("scope 201", {"scope": "201"}),
    ("tos 0x10", {"tos": "0x10"}),
    ("tos 10", {"tos": "0x10"}),
    ("tos ff", {"tos": "0xff"}),
    ("tos 0", {"tos": "0x00"}),
    ("dsfield 8", {"tos": "0x08"}),
    ("ds 8", {"tos": "0x08"}),
    ("d 8", {"tos": "0x08"}),
    ("src 192.0.2.1", {"prefsrc": "192.0.2.1"}),
    ("src 192.2", {"prefsrc": "192.2.0.0"}),
    ("via 192.0.2.2", {"gateway": "192.0.2.2", "scope": "global"}),
    ("via inet 192.0.2.2", {"gateway": "192.0.2.2", "scope": "global"}),
    ("via inet6 fe80::2", {"via": {"family": "inet6", "host": "fe80::2"}, "scope": "global"}),
    ("via inet6 FE80:0::2", {"via": {"family": "inet6", "host": "fe80::2"}, "scope": "global"}),
    ("via 192.0.2.2 scope link", {"gateway": "192.0.2.2", "scope": "link"}),
    ("via 192.0.2.2 onlink", {"gateway": "192.0.2.2", "scope": "global", "flags": ["onlink"]}),
    ("onlink onlink", {"flags": ["onlink"]}),
    ("dev nld1", {"dev": "nld1"}),
    ("oif nld1", {"dev": "nld1"}),
    ("realm 5", {"flow": {"to": "5"}}),
    ("realms 3/7", {"flow": {"from": "3", "to": "7"}}),
    ("realms 3/", {"flow": {"from": "3", "to": "0"}}),
    ("realms 0x10007", {"flow": {"from": "1", "to": "7"}}),
    ("realms cosmos", {"flow": {"to": "cosmos"}}),
    ("expires 60", {"expires": 60}),
    ("mtu 1400", {"metrics": [{"mtu": 1400}]}),
    ("mtu lock 1400", {"metrics": [{"mtu": 1400, "lock": ["mtu"]}]}),
    ("mtu 1300 mtu 1400", {"metrics": [{"mtu": 1400}]}),
    ("mtu 1400 advmss 1300", {"metrics": [{"mtu": 1400, "advmss": 1300}]}),
    ("mtu lock 1400 advmss lock 1300",
     {"metrics": [{"mtu": 1400, "advmss": 1300, "lock": ["mtu", "advmss"]}]}),
    ("hoplimit 64", {"metrics": [{"hoplimit": 64}]}),
    ("hoplimit lock 255", {"metrics": [{"hoplimit": 255, "lock": ["hoplimit"]}]}),
    ("reordering 5", {"metrics": [{"reordering": 5}]}),
    ("re 5", {"metrics": [{"reordering": 5}]}),
    ("r lock 5", {"metrics": [{"reordering": 5, "lock": ["reordering"]}]}),
    ("rtt 300ms", {"metrics": [{"rtt": 300}]}),
    ("rtt 2s", {"metrics": [{"rtt": 2000}]}),
    ("rtt 1.5s", {"metrics": [{"rtt": 1500}]}),
    ("rtt 1.2345sec", {"metrics": [{"rtt": 1235}]}),
    ("rtt 5MSECS", {"metrics": [{"rtt": 5}]}),
    ("rtt 800", {"metrics": [{"rtt": 100}]}),
    ("rtt 301", {"metrics": [{"rtt": 37.625}]}),
    ("rtt lock 300ms", {"metrics": [{"rtt": 300, "lock": ["rtt"]}]}),
    ("rttvar 250ms", {"metrics": [{"rttvar": 250}]}),
    ("rttv 203", {"metrics": [{"rttvar": 50.75}]}),
    ("rto_min 50ms", {"metrics": [{"rto_min": 50, "lock": ["rto_min"]}]}),
    ("rto_min 120", {"metrics": [{"rto_min": 120, "lock": ["rto_min"]}]}),
    ("window 65535", {"metrics": [{"window": 65535}]}),
    ("w 1", {"metrics": [{"window": 1}]}),
    ("cwnd 20", {"metrics": [{"cwnd": 20}]}),
    ("c lock 20", {"metrics": [{"cwnd": 20, "lock": ["cwnd"]}]}),
    ("initcwnd 20", {"metrics": [{"initcwnd": 20}]}),
    ("i 20", {"metrics": [{"initcwnd": 20}]}),
    ("initrwnd 30", {"metrics": [{"initrwnd": 30}]}),
    ("initr 30", {"metrics": [{"initrwnd": 30}]}),
    ("ssthresh 30", {"metrics": [{"ssthresh": 30}]}),
    ("s 30", {"metrics": [{"ssthresh": 30}]}),
    ("features ecn", {"metrics": [{"ecn": True}]}),
    ("features tcp_usec_ts", {"metrics": [{"features": "0x10"}]}),
    ("features ecn tcp_usec_ts mtu 1400", {"metrics": [{"ecn": True, "features": "0x10", "mtu": 1400}]}),
    ("vrf red", {"vrf": "red"}),
    ("vrf red table 7", {"vrf": "red", "table": "7"}),
    ("table 7 vrf red", {"vrf": "red", "table": "7"}),
    ("f ecn", {"metrics": [{"ecn": True}]}),
    ("quickack 1", {"metrics": [{"quickack": 1}]}),
    ("q 0", {"metrics": [{"quickack": 0}]}),
    ("fastopen_no_cookie 1", {"metrics": [{"fastopen_no_cookie": 1}]}),
    ("fa 1", {"metrics": [{"fastopen_no_cookie": 1}]}),
    ("congctl reno", {"metrics": [{"congestion": "reno"}]}),
    ("congctl lock reno", {"metrics": [{"congestion": "reno", "lock": ["congestion"]}]}),
    ("co reno", {"metrics": [{"congestion": "reno"}]}),
    ("ttl-propagate enabled", {"ttl-propogate": True}),
    ("ttl-propagate d", {"ttl-propogate": False}),
    ("as to 192.0.2.9", {"to": "192.0.2.9"}),
    ("as 192.0.2.9", {"to": "192.0.2.9"}),
    ("encap ip id 5 dst 192.0.2.9", {"encap": {"type": "ip", "id": 5, "dst": "192.0.2.9"}}),
    (
        "encap ip id 0x5 src 192.0.2.1 dst 192.0.2.9 tos 10 ttl 9 key csum seq",
        {"encap": {"type": "ip", "id": 5, "src": "192.0.2.1", "dst": "192.0.2.9", "tos": 16, "ttl": 9,
                   "key": True, "csum": True, "seq": True}},
    ),
    ("encap ip dst 192.0.2.9 metric 7", {"encap": {"type": "ip", "dst": "192.0.2.9"}, "metric": 7}),
    ("encap ip6 id 7 dst 2001:db8::9 hoplimit 8 tc 20",
     {"encap": {"type": "ip6", "id": 7, "dst": "2001:db8::9", "hoplimit": 8, "tc": 32}}),
    ("encap mpls 100", {"encap": {"type": "mpls", "dst": "100"}}),
    ("encap mpls 100/200 ttl 5", {"encap": {"type": "mpls", "dst": "100/200", "ttl": 5}}),
    ("encap seg6 mode encap segs 2001:db8::7,2001:db8::8",
     {"encap": {"type": "seg6", "mode": "encap", "segs": ["2001:db8::7", "2001:db8::8"]}}),
    ("encap seg6 mode inline segs 2001:db8::7 hmac 3",
     {"encap": {"type": "seg6", "mode": "inline", "segs": ["2001:db8::7", "::"], "hmac": 3}}),
    ("encap seg6local action End", {"encap": {"type": "seg6local", "action": "End"}}),
    ("encap seg6local action End.DT6 table 100 count",
     {"encap": {"type": "seg6local", "action": "End.DT6", "table": "100", "count": True}}),
    ("encap seg6local action End.X nh6 2001:db8::2",
     {"encap": {"type": "seg6local", "action": "End.X", "nh6": "2001:db8::2"}}),
    ("encap seg6local action End.B6.Encaps srh segs 2001:db8::7 hmac 9 oif nld1",
     {"encap": {"type": "seg6local", "action": "End.B6.Encaps", "srh": {"segs": ["2001:db8::7"], "hmac": 9},
                "oif": "nld1"}}),
    ("encap seg6local action End.B6 srh segs 2001:db8::7",
     {"encap": {"type": "seg6local", "action": "End.B6", "srh": {"segs": ["2001:db8::7", "::"]}}}),
    ("encap seg6local action End flavors psp,usd",
     {"encap": {"type": "seg6local", "action": "End", "flavors": ["psp", "usd"]}}),
    ("encap xfrm if_id 3 link_dev nld1", {"encap": {"type": "xfrm", "if_id": 3, "link_dev": "nld1"}}),
    ("nexthop via 192.0.2.2 nexthop via 192.0.3.2",
     {"nexthops": [{"gateway": "192.0.2.2"}, {"gateway": "192.0.3.2"}], "scope": "global"}),
    ("nexthop via 192.0.2.2 dev nld0 weight 3 onlink nexthop dev nld1 weight 256",
     {"nexthops": [{"gateway": "192.0.2.2", "dev": "nld0", "weight": 3, "flags": ["onlink"]},
                   {"dev": "nld1", "weight": 256}], "scope": "global"}),
    ("nexthop via inet6 fe80::2 dev nld0",
     {"nexthops": [{"via": {"family": "inet6", "host": "fe80::2"}, "dev": "nld0"}], "scope": "global"}),
    ("metric 3 nexthop via 192.0.2.2 realms 2/4",
     {"metric": 3, "scope": "global",
      "nexthops": [{"gateway": "192.0.2.2", "flow": {"from": "2", "to": "4"}}]}),
    ("nexthop encap ip id 1 dst 192.0.2.8 via 192.0.2.2",
     {"nexthops": [{"encap": {"type": "ip", "id": 1, "dst": "192.0.2.8"}, "gateway": "192.0.2.2"}],
      "scope": "global"}),
)  # fmt: skip


@pytest.mark.parametrize(("words", "fields"), V4_FIELDS)
def test_fields(words: str, fields: dict[str, Any]) -> None:
    request = read(f"add 10.0.0.0/8 dev nld0 {words}")
    assert isinstance(request, WriteRequest)
    expected = {"dst": "10.0.0.0/8", "dev": "nld0", "scope": "link"} | fields
    assert request.record == expected
    assert (request.operation, request.family) == ("add", "inet")


# Words behind "add", and the destination, type, table and scope that they make.
DESTINATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("10.0.0.0/8", {"dst": "10.0.0.0/8", "scope": "link"}),
    ("to 10.0.0.0/8", {"dst": "10.0.0.0/8", "scope": "link"}),
    ("10/8", {"dst": "10.0.0.0/8", "scope": "link"}),
    ("10.8/16", {"dst": "10.8.0.0/16", "scope": "link"}),
    ("10.8", {"dst": "10.8.0.0", "scope": "link"}),
    ("0x0a.010.0.1", {"dst": "10.8.0.1", "scope": "link"}),
    ("192.0.2.7", {"dst": "192.0.2.7", "scope": "link"}),
    ("192.0.2.7/32", {"dst": "192.0.2.7", "scope": "link"}),
    ("10.0.0.0/255.0.0.0", {"dst": "10.0.0.0/8", "scope": "link"}),
    ("default", {"dst": "0.0.0.0/0", "scope": "link"}),
    ("any 10.0.0.1", {"type": "anycast", "dst": "10.0.0.1", "table": "local", "scope": "link"}),
    ("all", {"dst": "0.0.0.0/0", "scope": "link"}),
    ("0.0.0.0/0", {"dst": "0.0.0.0/0", "scope": "link"}),
    ("0/0", {"dst": "0.0.0.0/0", "scope": "link"}),
    ("default via 192.0.2.2", {"dst": "0.0.0.0/0", "gateway": "192.0.2.2", "scope": "global"}),
    ("default via fe80::2 dev nld0", {"dst": "::/0", "gateway": "fe80::2", "dev": "nld0"}),
    ("via fe80::2 default", {"dst": "::/0", "gateway": "fe80::2"}),
    ("default via inet6 fe80::2", {"dst": "::/0", "gateway": "fe80::2"}),
    ("0.0.0.0/0 via inet6 fe80::2",
     {"dst": "0.0.0.0/0", "via": {"family": "inet6", "host": "fe80::2"}, "scope": "global"}),
    ("default src 2001:db8::1", {"dst": "::/0", "prefsrc": "2001:db8::1"}),
    ("2001:db8:9::/48", {"dst": "2001:db8:9::/48"}),
    ("2001:0DB8:9:0::/48", {"dst": "2001:db8:9::/48"}),
    ("2001:db8::1", {"dst": "2001:db8::1"}),
    ("2001:db8::1/128", {"dst": "2001:db8::1"}),
    ("2001:db8:9::77/48", {"dst": "2001:db8:9::/48"}),
    ("::/0", {"dst": "::/0"}),
    ("2001:db8:9::/48 from 2001:db8:8::/48", {"dst": "2001:db8:9::/48", "from": "2001:db8:8::/48"}),
    ("2001:db8:9::/48 scope link", {"dst": "2001:db8:9::/48", "scope": "link"}),
    ("unicast 10.0.0.0/8", {"type": "unicast", "dst": "10.0.0.0/8", "scope": "link"}),
    ("blackhole 10.0.0.0/8", {"type": "blackhole", "dst": "10.0.0.0/8", "scope": "global"}),
    ("bl 10.0.0.0/8", {"type": "blackhole", "dst": "10.0.0.0/8", "scope": "global"}),
    ("unreachable 10.0.0.0/8", {"type": "unreachable", "dst": "10.0.0.0/8", "scope": "global"}),
    ("u 10.0.0.0/8", {"type": "unreachable", "dst": "10.0.0.0/8", "scope": "global"}),
    ("uni 10.0.0.0/8", {"type": "unicast", "dst": "10.0.0.0/8", "scope": "link"}),
    ("prohibit 10.0.0.0/8", {"type": "prohibit", "dst": "10.0.0.0/8", "scope": "global"}),
    ("throw 10.0.0.0/8", {"type": "throw", "dst": "10.0.0.0/8", "scope": "global"}),
    ("local 10.0.0.1", {"type": "local", "dst": "10.0.0.1", "table": "local", "scope": "host"}),
    ("local 10.0.0.1 table 7", {"type": "local", "dst": "10.0.0.1", "table": "7", "scope": "host"}),
    ("broadcast 10.255.255.255",
     {"type": "broadcast", "dst": "10.255.255.255", "table": "local", "scope": "link"}),
    ("brd 10.255.255.255", {"type": "broadcast", "dst": "10.255.255.255", "table": "local", "scope": "link"}),
    ("multicast 239.0.0.0/8", {"type": "multicast", "dst": "239.0.0.0/8", "scope": "link"}),
    ("anycast 10.0.0.1", {"type": "anycast", "dst": "10.0.0.1", "table": "local", "scope": "link"}),
    ("local 2001:db8::5", {"type": "local", "dst": "2001:db8::5", "table": "local"}),
    ("to blackhole 10.0.0.0/8", {"type": "blackhole", "dst": "10.0.0.0/8", "scope": "global"}),
)  # fmt: skip


@pytest.mark.parametrize(("words", "record"), DESTINATIONS)
def test_destinations(words: str, record: dict[str, Any]) -> None:
    request = read(f"add {words}")
    assert isinstance(request, WriteRequest)
    assert request.record == record
    assert request.family == ("inet6" if ":" in record["dst"] else "inet")


def test_a_nexthop_object_stands_alone() -> None:
    request = read("add 10.0.0.0/8 nhid 10 metric 3")
    assert isinstance(request, WriteRequest)
    assert request.record == {"dst": "10.0.0.0/8", "nhid": 10, "metric": 3, "scope": "global"}


def test_family_option_decides_a_bare_default() -> None:
    request = read("add default dev nld0", "inet6")
    assert isinstance(request, WriteRequest)
    assert request.record == {"dst": "::/0", "dev": "nld0"}


# A delete asks for nothing that was not said, but for what ip itself fills in.
DELETES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("10.0.0.0/8", {"dst": "10.0.0.0/8"}),
    ("10.0.0.0/8 via 192.0.2.2", {"dst": "10.0.0.0/8", "gateway": "192.0.2.2"}),
    ("10.0.0.0/8 table 7 metric 3", {"dst": "10.0.0.0/8", "table": "7", "metric": 3}),
    ("default", {"dst": "0.0.0.0/0"}),
    ("blackhole 10.0.0.0/8", {"type": "blackhole", "dst": "10.0.0.0/8"}),
    ("local 10.0.0.1", {"type": "local", "dst": "10.0.0.1", "table": "local", "scope": "host"}),
    ("2001:db8:9::/48", {"dst": "2001:db8:9::/48"}),
)


@pytest.mark.parametrize(("words", "record"), DELETES)
def test_deletes(words: str, record: dict[str, Any]) -> None:
    request = read(f"del {words}")
    assert isinstance(request, WriteRequest)
    assert (request.operation, request.record) == ("delete", record)


VERBS = (
    ("a", "add"), ("add", "add"), ("ap", "append"), ("append", "append"), ("c", "change"), ("chg", "change"),
    ("ch", "change"), ("r", "replace"), ("rep", "replace"), ("p", "prepend"), ("prepend", "prepend"),
    ("d", "delete"), ("del", "delete"), ("delete", "delete"),
)  # fmt: skip


@pytest.mark.parametrize(("word", "verb"), VERBS)
def test_verbs_that_write(word: str, verb: str) -> None:
    request = read(f"{word} 10.0.0.0/8 dev nld0")
    assert isinstance(request, WriteRequest)
    assert request.operation == verb


MAIN = {"family": "inet", "table": "main"}
SELECTIONS: tuple[tuple[str, str, dict[str, Any], set[str]], ...] = (
    ("", "list", MAIN, {"table"}),
    ("list", "list", MAIN, {"table"}),
    ("l", "list", MAIN, {"table"}),
    ("ls", "list", MAIN, {"table"}),
    ("lst", "list", MAIN, {"table"}),
    ("s", "list", MAIN, {"table"}),
    ("show", "list", MAIN, {"table"}),
    ("show table all", "list", {}, set()),
    ("show t all", "list", {}, set()),
    ("show table 100", "list", {"family": "inet", "table": "100"}, {"table"}),
    ("show table local", "list", {"family": "inet", "table": "local"}, {"table"}),
    ("show 10.0.0.0/8", "list", {**MAIN, "dst": "10.0.0.0/8"}, {"table"}),
    ("show to 10.0.0.0/8", "list", {**MAIN, "dst": "10.0.0.0/8"}, {"table"}),
    ("show exact 10.0.0.0/8", "list", {**MAIN, "dst": "10.0.0.0/8"}, {"table"}),
    ("show exact 10.0.0.1/8", "list", {**MAIN, "dst": "10.0.0.0/8"}, {"table"}),
    ("show root 10.0.0.0/8", "list", {**MAIN, "root": "10.0.0.0/8"}, {"table"}),
    ("show root 0/0", "list", MAIN, {"table"}),
    ("show match 10.1.2.3", "list", {**MAIN, "match": "10.1.2.3"}, {"table"}),
    ("show match 0/0", "list", {**MAIN, "dst": "0.0.0.0/0"}, {"table"}),
    ("show default", "list", {**MAIN, "dst": "0.0.0.0/0"}, {"table"}),
    ("show any", "list", MAIN, {"table"}),
    ("show 2001:db8::/32", "list", {"family": "inet6", "table": "main", "dst": "2001:db8::/32"}, {"table"}),
    ("show dev nld0", "list", {**MAIN, "dev": "nld0"}, {"table", "dev"}),
    ("show oif nld0", "list", {**MAIN, "dev": "nld0"}, {"table", "dev"}),
    ("show proto static", "list", {**MAIN, "protocol": "static"}, {"table", "protocol"}),
    ("show proto all", "list", MAIN, {"table"}),
    ("show scope link", "list", {**MAIN, "scope": "link"}, {"table", "scope"}),
    ("show type blackhole", "list", {**MAIN, "type": "blackhole"}, {"table"}),
    ("show type 6", "list", {**MAIN, "type": "blackhole"}, {"table"}),
    ("show metric 5", "list", {**MAIN, "metric": 5}, {"table", "metric"}),
    ("show via 192.0.2.2", "list", {**MAIN, "via": "192.0.2.2"}, {"table", "via"}),
    ("show via 192.0.2.7/24", "list", {**MAIN, "via": "192.0.2.0/24"}, {"table"}),
    ("show via inet6 fe80::/10", "list", {**MAIN, "via": "fe80::/10"}, {"table"}),
    ("show src 192.0.2.0/24", "list", {**MAIN, "prefsrc": "192.0.2.0/24"}, {"table"}),
    ("show vrf red", "list", {"family": "inet", "vrf": "red"}, {"table"}),
    (
        "flush vrf red proto static",
        "flush",
        {"family": "inet", "vrf": "red", "protocol": "static"},
        {"table", "protocol"},
    ),
    ("show vrf red table 5", "list", {"family": "inet", "vrf": "red", "table": "5"}, {"table"}),
    ("show table 5 vrf red", "list", {"family": "inet", "vrf": "red", "table": "5"}, {"table"}),
    ("show vrf red table all", "list", {"family": "inet", "vrf": "red"}, {"table"}),
    ("show via inet6 fe80::2", "list", {**MAIN, "via": "fe80::2"}, {"table", "via"}),
    ("show src 192.0.2.1", "list", {**MAIN, "prefsrc": "192.0.2.1"}, {"table", "prefsrc"}),
    ("show tos 10", "list", {**MAIN, "tos": "0x10"}, {"table", "tos"}),
    ("flush table 100", "flush", {"family": "inet", "table": "100"}, {"table"}),
    ("f dev nld0", "flush", {**MAIN, "dev": "nld0"}, {"table", "dev"}),
    ("save table all", "save", {}, set()),
    ("monitor", "monitor", {}, set()),
    ("monitor table 7", "monitor", {"family": "inet", "table": "7"}, {"table"}),
    ("monitor dev nld0", "monitor", {"dev": "nld0"}, {"dev"}),
)


@pytest.mark.parametrize(("words", "verb", "wanted", "pinned"), SELECTIONS)
def test_selections(words: str, verb: str, wanted: dict[str, Any], pinned: set[str]) -> None:
    request = read(words)
    assert isinstance(request, SelectorRequest)
    assert (request.verb, request.filter, set(request.pinned)) == (verb, wanted, pinned)


LOOKUPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("192.0.2.9", {"address": "192.0.2.9"}),
    ("to 192.0.2.9", {"address": "192.0.2.9"}),
    ("192.0.2.9/24", {"address": "192.0.2.9"}),
    ("2001:db8::9", {"address": "2001:db8::9"}),
    ("default", {"address": "0.0.0.0"}),
    ("192.0.2.9 from 192.0.2.1 iif nld0", {"address": "192.0.2.9", "from": "192.0.2.1", "iif": "nld0"}),
    ("192.0.2.9 oif nld0", {"address": "192.0.2.9", "oif": "nld0"}),
    ("192.0.2.9 dev nld0", {"address": "192.0.2.9", "oif": "nld0"}),
    ("192.0.2.9 mark 0x10 tos 8 uid 1000", {"address": "192.0.2.9", "mark": 16, "tos": "0x08", "uid": 1000}),
    ("192.0.2.9 vrf red", {"address": "192.0.2.9", "vrf": "red"}),
    ("192.0.2.9 ipproto tcp sport 80 dport 443",
     {"address": "192.0.2.9", "ipproto": 6, "sport": 80, "dport": 443}),
    ("192.0.2.9 ipproto 17 dp 53", {"address": "192.0.2.9", "ipproto": 17, "dport": 53}),
)  # fmt: skip


@pytest.mark.parametrize(("words", "question"), LOOKUPS)
def test_lookups(words: str, question: dict[str, Any]) -> None:
    request = read(f"get {words}")
    assert isinstance(request, Lookup)
    assert request.question == question
    assert not request.fibmatch


def test_fibmatch() -> None:
    request = read("get fibmatch 192.0.2.9")
    assert isinstance(request, Lookup)
    assert request.fibmatch


def test_spots_name_the_word_of_each_field() -> None:
    request = read("add 10.0.0.0/8 table 7 mtu lock 1400 nexthop via 192.0.2.2 weight 3 nexthop dev nld1")
    assert isinstance(request, WriteRequest)
    spots = {field: request.words[at] for field, at in request.spots.items()}
    assert spots == {
        "dst": "10.0.0.0/8", "table": "7", "metrics[0].mtu": "1400", "nexthops[0]": "nexthop",
        "nexthops[0].gateway": "192.0.2.2", "nexthops[0].weight": "3", "nexthops[1]": "nexthop",
        "nexthops[1].dev": "nld1",
    }  # fmt: skip
