"""Routes in ``ip``'s words, for tests of translation: a table of every kind, and a seeded generator.

All fit into one namespace with the links of ``room.py``: no two have the same key.
No tunnel options (``geneve_opts`` and the like): they stop a Linux 6.18 kernel in ip_tun_parse_opts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

NEXTHOPS = (
    "nexthop add id 1 via 192.0.2.8 dev veth0",
    "nexthop add id 2 via 192.0.3.8 dev veth1 onlink",
    "nexthop add id 3 group 1/2,3",
    "nexthop add id 4 blackhole",
    "nexthop add id 5 via 2001:db8::8 dev veth0",
    "nexthop add id 6 via 2001:db8:0:1::8 dev veth1 proto static",
    "nexthop add id 7 group 5,2/6",
    "nexthop add id 8 dev veth0",
    "nexthop add id 9 via 2001:db8::9 dev veth0",
    "nexthop add id 10 encap mpls 300 via 192.0.2.8 dev veth0",
    "nexthop add id 11 group 1/2 type resilient buckets 8",
)

ROUTES = tuple(
    f"route add {words}"
    for words in """
10.0.0.0/24 via 192.0.2.2
10.0.1.0/24 via 192.0.2.2 dev veth0
10.0.2.0/24 dev veth0
10.0.3.7 via 192.0.2.2
default via 192.0.2.2
default dev veth1 metric 7
0.0.0.0/1 via 192.0.2.2
10.0.4.0/24 via 203.0.113.9 dev veth0 onlink
10.0.5.0/24 via inet6 fe80::2 dev veth0
10.0.6.0/24 via inet6 2001:db8::2
unreachable 10.1.0.0/24
blackhole 10.1.1.0/24
prohibit 10.1.2.0/24
throw 10.1.3.0/24 table 100
local 10.1.4.0/24 dev lo
local 10.1.5.5 dev lo table 100
local 10.1.5.6 dev veth0 table main
broadcast 10.1.6.255 dev veth0
multicast 239.1.0.0/16 dev veth0
anycast 10.1.7.1 dev veth0
10.2.0.0/24 via 192.0.2.2 metric 42
10.2.0.0/24 via 192.0.2.2 metric 4294967295
10.2.1.0/24 via 192.0.2.2 tos 0x10
10.2.1.0/24 via 192.0.2.3 tos 0x08
10.2.1.0/24 via 192.0.2.4
10.2.2.0/24 via 192.0.2.2 tos AF11
10.2.3.0/24 via 192.0.2.2 table 100
10.2.3.0/24 via 192.0.2.2 table 1000
10.2.3.0/24 via 192.0.2.2 table 4294967295
10.2.3.0/24 via 192.0.2.2 table default
10.2.3.0/24 dev veth0 table local
10.2.4.0/24 via 192.0.2.2 proto static
10.2.5.0/24 via 192.0.2.2 proto 77
10.2.6.0/24 via 192.0.2.2 proto bgp
10.2.7.0/24 dev veth0 scope global
10.2.8.0/24 dev veth0 scope link
10.2.9.0/24 dev veth0 scope host
10.2.10.0/24 dev veth0 scope 201
10.2.10.0/25 dev veth0 scope site
10.2.11.0/24 via 192.0.2.2 src 192.0.2.1
10.2.12.0/24 via 192.0.2.2 src 192.0.3.1
10.2.13.0/24 via 192.0.2.2 realms 5
10.2.14.0/24 via 192.0.2.2 realms 3/7
10.2.15.0/24 via 192.0.2.2 realms 3/
10.3.0.0/24 via 192.0.2.2 mtu 1400
10.3.1.0/24 via 192.0.2.2 mtu lock 1400
10.3.2.0/24 via 192.0.2.2 advmss 1360 window 65535 cwnd lock 20 ssthresh 30
10.3.3.0/24 via 192.0.2.2 rtt 300ms rttvar 1.5s
10.3.4.0/24 via 192.0.2.2 rtt 301 rttvar 203
10.3.5.0/24 via 192.0.2.2 rto_min 50ms
10.3.6.0/24 via 192.0.2.2 hoplimit 64 initcwnd 10 initrwnd 20 reordering 5
10.3.7.0/24 via 192.0.2.2 features ecn
10.3.8.0/24 via 192.0.2.2 quickack 1 fastopen_no_cookie 1
10.3.9.0/24 via 192.0.2.2 congctl reno
10.3.10.0/24 via 192.0.2.2 congctl lock cubic
10.3.11.0/24 via 192.0.2.2 hoplimit 0 quickack 0
10.3.12.0/24 via 192.0.2.2 mtu lock 1300 rtt lock 5ms hoplimit lock 3 advmss lock 1200
10.3.13.0/24 dev veth0 mtu 1280
blackhole 10.3.14.0/24 metric 3 proto 99 table 7
10.4.0.0/24 nexthop via 192.0.2.2 nexthop via 192.0.3.2
10.4.1.0/24 nexthop via 192.0.2.2 weight 3 nexthop via 192.0.3.2 dev veth1 weight 256
10.4.2.0/24 nexthop via 192.0.2.2
10.4.3.0/24 nexthop via 192.0.2.2 nexthop via inet6 fe80::2 dev veth1
10.4.4.0/24 nexthop via 203.0.113.1 dev veth0 onlink nexthop dev veth1
10.4.5.0/24 nexthop via 192.0.2.2 realms 5 nexthop via 192.0.3.2 realms 5/6
10.4.6.0/24 mtu lock 1400 src 192.0.2.1 metric 9 nexthop via 192.0.2.2 nexthop via 192.0.3.2
10.4.7.0/24 nexthop via 192.0.2.2 weight 2 encap ip id 5 dst 198.51.100.1 nexthop via 192.0.3.2
10.5.0.0/24 nhid 1
10.5.1.0/24 nhid 2
10.5.2.0/24 nhid 3
10.5.3.0/24 nhid 4
10.5.4.0/24 nhid 5
10.5.5.0/24 nhid 7
10.5.6.0/24 nhid 8
10.5.7.0/24 nhid 1 metric 5 mtu 1400 src 192.0.2.1 proto static
10.5.8.0/24 nhid 10
10.5.9.0/24 nhid 11
10.6.0.0/24 encap ip id 5 dst 198.51.100.1 dev veth0
10.6.1.0/24 encap ip id 18446744073709551615 src 198.51.100.2 dst 198.51.100.1 ttl 7 tos 4 key csum seq dev lo
10.6.2.0/24 encap ip6 id 6 dst 2001:db8:f::1 hoplimit 9 tc 3 dev veth0
10.6.3.0/24 encap seg6 mode encap segs 2001:db8:f::1,2001:db8:f::2 dev veth0
10.6.4.0/24 encap mpls 100 via 192.0.2.2
10.6.5.0/24 encap mpls 100/200/300 ttl 9 via 192.0.2.2 tos 0x04
10.6.6.0/24 encap ip id 5 dst 198.51.100.1 via 192.0.2.2 tos 0x10 table 70000
2001:db8:10::/48 via 2001:db8::2
2001:db8:11::/48 via fe80::2 dev veth0
2001:db8:12::/48 dev veth0
2001:db8:13::5 via 2001:db8::2
::/0 via 2001:db8::2
::/0 dev veth1 metric 77
::/1 via 2001:db8::2
2001:db8:14::/48 via 2001:db8:ffff::9 dev veth0 onlink
unreachable 2001:db8:20::/48
blackhole 2001:db8:21::/48
prohibit 2001:db8:22::/48 metric 5
throw 2001:db8:23::/48 table 100
local 2001:db8:24::1 dev lo
local 2001:db8:24::2 dev veth0 table main
anycast 2001:db8:25::1 dev veth0
multicast ff05::5 dev veth0
broadcast 2001:db8:26::/64 dev veth0
2001:db8:30::/48 via 2001:db8::2 metric 42
2001:db8:30::/48 via 2001:db8::2 metric 4294967295
2001:db8:30::/48 via 2001:db8::2 metric 0
2001:db8:31::/48 via 2001:db8::2 table 70000
2001:db8:32::/48 via 2001:db8::2 proto ra
2001:db8:33::/48 via 2001:db8::2 src 2001:db8::1
2001:db8:34::/48 via 2001:db8::2 pref high
2001:db8:35::/48 via 2001:db8::2 pref low
2001:db8:36::/48 via 2001:db8::2 expires 36000
2001:db8:37::/48 from 2001:db8:99::/48 via 2001:db8::2
2001:db8:38::/48 via 2001:db8::2 mtu lock 1400 hoplimit 9 advmss 1300 rtt 20ms
2001:db8:39::/48 dev veth0 congctl cubic features ecn expires 36000 mtu 1290
2001:db8:40::/48 nexthop via 2001:db8::2 nexthop via 2001:db8:0:1::2
2001:db8:41::/48 nexthop via 2001:db8::2 weight 3 nexthop via fe80::9 dev veth1 weight 256
2001:db8:42::/48 nexthop via 2001:db8::2
2001:db8:43::/48 nexthop via 2001:db8:ffff::1 dev veth0 onlink nexthop via 2001:db8:0:1::2
2001:db8:44::/48 metric 3 mtu 1400 nexthop via 2001:db8::2 nexthop via 2001:db8:0:1::2
2001:db8:50::/48 nhid 5
2001:db8:51::/48 nhid 7
2001:db8:52::/48 nhid 9 metric 6
2001:db8:60::/48 encap ip id 7 dst 198.51.100.1 dev veth0
2001:db8:61::/48 encap ip6 id 8 src 2001:db8:f::3 dst 2001:db8:f::1 hoplimit 3 tc 8 key dev veth0
2001:db8:62::/48 encap seg6 mode encap segs 2001:db8:f::1 dev veth0
2001:db8:63::/48 encap seg6 mode inline segs 2001:db8:f::1,2001:db8:f::2 dev veth0
2001:db8:64::/48 encap seg6 mode encap.red segs 2001:db8:f::1,2001:db8:f::2 dev veth0
2001:db8:65::/48 encap seg6 mode encap segs 2001:db8:f::1 via 2001:db8::2 metric 4
2001:db8:66::/128 encap seg6local action End dev veth0
2001:db8:67::/128 encap seg6local action End.X nh6 2001:db8::2 dev veth0
2001:db8:68::/128 encap seg6local action End.T table 100 dev veth0
2001:db8:69::/128 encap seg6local action End.DX4 nh4 192.0.2.2 dev veth0
2001:db8:6a::/128 encap seg6local action End.DT6 table main dev veth0
2001:db8:6b::/128 encap seg6local action End.DX6 nh6 2001:db8::2 count dev veth0
2001:db8:6c::/128 encap seg6local action End.B6.Encaps srh segs 2001:db8:f::1,2001:db8:f::2 dev veth0
2001:db8:6d::/128 encap seg6local action End flavors psp,usd dev veth0
2001:db8:6e::/48 encap mpls 500 via 2001:db8::2
2001:db8:6f::/48 nexthop via 2001:db8::2 encap seg6 mode encap segs 2001:db8:f::1 nexthop via 2001:db8:0:1::2
""".strip().splitlines()
)

OPTIONAL = (" mpls ", "nhid 10", "flavors", "resilient", "nhid 11", "count")
"""Words of routes and objects that some kernels lack; everything else must be taken."""

LOOKUPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("192.0.2.9", {}),
    ("192.0.2.1", {}),
    ("127.0.0.1", {}),
    ("192.0.2.255", {}),
    ("10.0.0.5", {}),
    ("10.0.5.5", {}),
    ("10.2.1.5", {"tos": "0x10"}),
    ("10.3.4.5", {}),
    ("10.3.2.5", {"mark": 5}),
    ("10.5.0.5", {"uid": 7}),
    ("10.2.13.5", {}),
    ("10.0.0.5", {"oif": "veth0"}),
    ("10.0.0.5", {"from": "192.0.2.1"}),
    ("192.0.2.1", {"from": "192.0.2.77", "iif": "veth0"}),
    ("10.0.0.5", {"ipproto": "tcp", "sport": 1000, "dport": 80}),
    ("239.1.2.3", {}),
    ("2001:db8:10::5", {}),
    ("2001:db8::1", {}),
    ("2001:db8:38::5", {"mark": 7}),
    ("2001:db8:39::5", {}),
    ("2001:db8:10::5", {"from": "2001:db8::1"}),
    ("2001:db8:10::5", {"oif": "veth0", "uid": 3}),
    ("::1", {}),
)
"""Look-ups: the address, and the words behind it."""


def generated(seed: str, count: int) -> Iterator[str]:
    """Random routes, each with a prefix of its own; every one is taken by the kernel."""
    chance = random.Random(seed)
    for number in range(count):
        inet = chance.random() < 0.6
        if inet:
            prefix = f"11.{number >> 8}.{number & 255}.0/{chance.choice([24, 25, 26, 28, 32])}"
            gateways = [
                "192.0.2.{} dev veth0",
                "192.0.3.{} dev veth1",
                "192.0.2.{}",
                "inet6 fe80::{:x} dev veth1",
            ]
        else:
            prefix = f"2001:db9:{number:x}::/{chance.choice([48, 56, 64, 127, 128])}"
            gateways = ["2001:db8::{:x} dev veth0", "2001:db8:0:1::{:x}", "fe80::{:x} dev veth1"]

        def gateway(choices: list[str] = gateways) -> str:
            return f"via {chance.choice(choices).format(chance.randint(10, 250))}"

        words = [prefix]
        if chance.random() < 0.15:
            words.insert(0, chance.choice(["blackhole", "unreachable", "prohibit"]))
            next_hop = ""
        elif chance.random() < 0.25:
            legs = chance.sample(range(len(gateways)), chance.randint(2, len(gateways)))
            next_hop = " ".join(
                f"nexthop {gateway([gateways[leg]])} weight {chance.randint(1, 256)}" for leg in legs
            )
        else:
            next_hop = chance.choice([gateway(), gateway(), f"dev veth{chance.randint(0, 1)}"])
        for probability, text in (
            (0.4, f"metric {chance.choice([1, 2, 1024, 77777, 2**32 - 1])}"),
            (0.3, f"table {chance.choice(['main', 'default', 100, 255 + 1, 70000])}"),
            (0.3, f"proto {chance.choice(['static', 'boot', 'bgp', 131, 200])}"),
            (0.2, f"mtu {chance.choice(['', 'lock '])}{chance.randint(1280, 9000)}"),
            (0.1, f"advmss {chance.randint(1000, 1400)}"),
            (
                0.1,
                f"rtt {chance.choice(['', 'lock '])}{chance.randint(1, 2000)}{chance.choice(['', 'ms'])}",
            ),
            (0.1, f"hoplimit {chance.randint(1, 255)}"),
            (0.1, "features ecn"),
            (0.1, f"congctl {chance.choice(['cubic', 'lock reno'])}"),
            (
                0.1 if inet and not next_hop.startswith("nexthop") else 0,
                f"realms {chance.randint(1, 200)}/{chance.randint(1, 200)}",
            ),
            (0.2 if inet else 0, f"tos {chance.choice(['0x04', '0x08', '0x10', 'CS1'])}"),
            (0.2 if inet else 0, "src 192.0.2.1"),
            (0.3 if not inet else 0, f"pref {chance.choice(['low', 'medium', 'high'])}"),
            (0.1 if not inet else 0, "src 2001:db8::1"),
        ):
            if chance.random() < probability:
                words.append(text)
        yield " ".join(["route add", *words, next_hop]).rstrip()
