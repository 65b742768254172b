"""``ip route`` forms as data: those that ``ip`` takes, those that it refuses, and those that only it takes.

Each form starts in a fresh network namespace with the links of ``LINKS``: nld0 and nld1, up, with
192.0.2.1/24 and 2001:db8::1/64, and 192.0.3.1/24 and 2001:db8:0:1::1/64 (``nld sandbox`` makes the same).
``setup`` are more ``ip`` commands, always run by ``ip``; ``commands`` are the words after ``ip`` or
``nld``.  After the commands the kernel's table must be the same whichever of the two ran them, but for
the protocol of routes whose words name none.

``tests/cli/test_forms.py`` runs every form with the real ``ip``.
"""

# ruff: noqa: E501 (a form stands on one line, however long)

from __future__ import annotations

from typing import NamedTuple

LINKS = (
    "link set lo up",
    "link add nld0 type veth peer name nld0p",
    "link add nld1 type veth peer name nld1p",
    "link set nld0p up",
    "link set nld1p up",
    "link set nld0 up",
    "link set nld1 up",
    "addr add 192.0.2.1/24 dev nld0",
    "addr add 2001:db8::1/64 dev nld0 nodad",
    "addr add 192.0.3.1/24 dev nld1",
    "addr add 2001:db8:0:1::1/64 dev nld1 nodad",
)
"""Commands for ``ip`` that make the links of every form."""


class Form(NamedTuple):
    """A form that ``ip`` takes.

    ``about`` is its name in test output and unique. ``needs`` names what the kernel must have for it (a
    kernel without it refuses the form, to ``ip`` too), or is "".
    """

    about: str
    commands: tuple[str, ...]
    setup: tuple[str, ...] = ()
    needs: str = ""


class Refusal(NamedTuple):
    """A form that ``ip`` refuses in its last command.

    ``by`` is "words" when ``ip`` itself cannot read the line, "kernel" when the kernel says no.
    """

    about: str
    commands: tuple[str, ...]
    by: str
    setup: tuple[str, ...] = ()


def _form(about: str, *commands: str, setup: tuple[str, ...] = (), needs: str = "") -> Form:
    return Form(about, commands, setup, needs)


NEXTHOPS = (
    "nexthop add id 10 via 192.0.2.2 dev nld0",
    "nexthop add id 11 via 192.0.3.2 dev nld1",
    "nexthop add id 20 group 10/11",
    "nexthop add id 30 via 2001:db8::2 dev nld0",
    "nexthop add id 31 blackhole",
)

FORMS: tuple[Form, ...] = (
    # -- destinations and gateways, IPv4
    _form("v4 gateway", "route add 10.0.0.0/8 via 192.0.2.2"),
    _form("v4 gateway and device", "route add 10.0.0.0/8 via 192.0.2.2 dev nld0"),
    _form("v4 device only", "route add 10.0.0.0/8 dev nld0"),
    _form("v4 host", "route add 10.1.2.3 via 192.0.2.2"),
    _form("v4 host with length", "route add 10.1.2.3/32 via 192.0.2.2"),
    _form("v4 default", "route add default via 192.0.2.2"),
    _form("v4 default by device", "route add default dev nld1"),
    _form("v4 zero prefix", "route add 0.0.0.0/0 via 192.0.2.2"),
    _form("v4 to", "route add to 10.0.0.0/8 via 192.0.2.2"),
    _form("v4 words before the prefix", "route add via 192.0.2.2 metric 3 10.0.0.0/8"),
    _form("v4 short address", "route add 10.8/16 via 192.0.2.2"),
    _form("v4 very short address", "route add 10/8 dev nld0"),
    _form("v4 netmask", "route add 10.0.0.0/255.255.0.0 via 192.0.2.2"),
    _form("v4 hexadecimal octets", "route add 0x0a.0.0.0/8 via 192.0.2.2"),
    _form("v4 any length", "route add 128.0.0.0/1 via 192.0.2.2", "route add 10.0.0.2/31 via 192.0.2.2"),
    _form("abbreviated verb", "r a 10.0.0.0/8 via 192.0.2.2"),
    _form("abbreviated words", "ro ad 10.0.0.0/8 via 192.0.2.2 me 7 tab 100 prot static"),
    _form("family option", "-4 route add default dev nld0"),
    _form("family option in full", "-family inet route add default dev nld0"),
    _form("v4 onlink", "route add 10.0.0.0/8 via 203.0.113.9 dev nld0 onlink"),
    _form("v4 oif", "route add 10.0.0.0/8 oif nld1"),
    _form("v4 via inet", "route add 10.0.0.0/8 via inet 192.0.2.2"),
    _form("v4 via inet6", "route add 10.0.0.0/8 via inet6 fe80::2 dev nld0"),
    _form("v4 via inet6 global", "route add 10.0.0.0/8 via inet6 2001:db8::2 dev nld0"),
    _form("v4 default via inet6", "route add 0.0.0.0/0 via inet6 fe80::2 dev nld0"),
    # -- types
    _form("unicast", "route add unicast 10.0.0.0/8 via 192.0.2.2"),
    _form("blackhole", "route add blackhole 10.0.0.0/8"),
    _form("unreachable", "route add unreachable 10.0.0.0/8"),
    _form("prohibit", "route add prohibit 10.0.0.0/8"),
    _form("throw", "route add throw 10.0.0.0/8 table 100"),
    _form("local", "route add local 10.0.0.0/8 dev lo"),
    _form("local in a table", "route add local 10.0.0.1 dev lo table 100"),
    _form("broadcast", "route add broadcast 10.255.255.255 dev nld0"),
    _form("broadcast abbreviated", "route add brd 10.255.255.255 dev nld0"),
    _form("multicast", "route add multicast 239.1.0.0/16 dev nld0"),
    _form("anycast v6", "-6 route add anycast 2001:db8:9::1 dev nld0"),
    _form("type abbreviated", "route add bl 10.0.0.0/8"),
    _form("blackhole v6", "route add blackhole 2001:db8:9::/48"),
    _form("unreachable v6", "route add unreachable 2001:db8:9::/48 metric 7"),
    _form("prohibit v6", "route add prohibit 2001:db8:9::/48"),
    _form("throw v6", "route add throw 2001:db8:9::/48 table 100"),
    _form("local v6", "route add local 2001:db8:9::1 dev lo"),
    _form("blackhole default v6", "-6 route add blackhole default metric 4000"),
    # -- key and attributes
    _form("metric", "route add 10.0.0.0/8 via 192.0.2.2 metric 42"),
    _form("metric largest", "route add 10.0.0.0/8 via 192.0.2.2 metric 4294967295"),
    _form("priority and preference", "route add 10.0.0.0/8 dev nld0 priority 5",
          "route add 10.0.0.0/8 dev nld0 preference 6"),
    _form("several metrics", "route add 10.0.0.0/8 via 192.0.2.2 metric 1",
          "route add 10.0.0.0/8 via 192.0.3.2 metric 2"),
    _form("tos hexadecimal", "route add 10.0.0.0/8 via 192.0.2.2 tos 0x10"),
    _form("tos without 0x", "route add 10.0.0.0/8 via 192.0.2.2 tos 10"),
    _form("dsfield name", "route add 10.0.0.0/8 via 192.0.2.2 dsfield CS1"),
    _form("tos beside none", "route add 10.0.0.0/8 via 192.0.2.2",
          "route add 10.0.0.0/8 via 192.0.2.3 tos 0x08"),
    _form("table number", "route add 10.0.0.0/8 via 192.0.2.2 table 100"),
    _form("table over 255", "route add 10.0.0.0/8 via 192.0.2.2 table 1000"),
    _form("table largest", "route add 10.0.0.0/8 via 192.0.2.2 table 4294967295"),
    _form("table hexadecimal", "route add 10.0.0.0/8 via 192.0.2.2 table 0x100"),
    _form("table main by name", "route add 10.0.0.0/8 via 192.0.2.2 table main"),
    _form("table default by name", "route add 10.0.0.0/8 via 192.0.2.2 table default"),
    _form("table local by name", "route add 10.0.0.0/8 dev nld0 table local"),
    _form("v6 table over 255", "route add 2001:db8:9::/48 via 2001:db8::2 table 70000"),
    _form("protocol name", "route add 10.0.0.0/8 via 192.0.2.2 proto static"),
    _form("protocol number", "route add 10.0.0.0/8 via 192.0.2.2 proto 77"),
    _form("protocol kernel", "route add 10.0.0.0/8 dev nld0 protocol kernel"),
    _form("scope link", "route add 10.0.0.0/8 dev nld0 scope link"),
    _form("scope global on a device", "route add 10.0.0.0/8 dev nld0 scope global"),
    _form("scope host", "route add 10.0.0.0/8 dev nld0 scope host"),
    _form("scope number", "route add 10.0.0.0/8 dev nld0 scope 201"),
    _form("preferred source", "route add 10.0.0.0/8 via 192.0.2.2 src 192.0.2.1"),
    _form("preferred source of another link", "route add 10.0.0.0/8 via 192.0.2.2 src 192.0.3.1"),
    _form("preferred source v6", "route add 2001:db8:9::/48 via 2001:db8::2 src 2001:db8::1"),
    _form("realm", "route add 10.0.0.0/8 via 192.0.2.2 realm 5"),
    _form("realms", "route add 10.0.0.0/8 via 192.0.2.2 realms 3/7"),
    # -- metrics
    _form("mtu", "route add 10.0.0.0/8 via 192.0.2.2 mtu 1400"),
    _form("mtu lock", "route add 10.0.0.0/8 via 192.0.2.2 mtu lock 1400"),
    _form("advmss", "route add 10.0.0.0/8 via 192.0.2.2 advmss 1360"),
    _form("window, cwnd, ssthresh", "route add 10.0.0.0/8 via 192.0.2.2 window 65535 cwnd lock 20 ssthresh 30"),
    _form("rtt with units", "route add 10.0.0.0/8 via 192.0.2.2 rtt 300ms rttvar 1.5s"),
    _form("rtt raw", "route add 10.0.0.0/8 via 192.0.2.2 rtt 301 rttvar 203"),
    _form("rto_min", "route add 10.0.0.0/8 via 192.0.2.2 rto_min 50ms"),
    _form("rto_min raw", "route add 10.0.0.0/8 via 192.0.2.2 rto_min 120"),
    _form("hoplimit and reordering", "route add 10.0.0.0/8 via 192.0.2.2 hoplimit 12 reordering 5"),
    _form("initcwnd and initrwnd", "route add 10.0.0.0/8 via 192.0.2.2 initcwnd 20 initrwnd 30"),
    _form("features ecn", "route add 10.0.0.0/8 via 192.0.2.2 features ecn"),
    _form("quickack and fastopen", "route add 10.0.0.0/8 via 192.0.2.2 quickack 1 fastopen_no_cookie 1"),
    _form("congctl", "route add 10.0.0.0/8 via 192.0.2.2 congctl reno"),
    _form("congctl lock", "route add 10.0.0.0/8 via 192.0.2.2 congctl lock reno"),
    _form("many locks", "route add 10.0.0.0/8 via 192.0.2.2 mtu lock 1300 advmss lock 1200 hoplimit lock 9"),
    _form("metrics v6", "route add 2001:db8:9::/48 via 2001:db8::2 mtu lock 1300 advmss 1200 hoplimit 9"),
    # -- IPv6
    _form("v6 gateway", "route add 2001:db8:9::/48 via 2001:db8::2"),
    _form("v6 link-local gateway", "route add 2001:db8:9::/48 via fe80::2 dev nld0"),
    _form("v6 device only", "route add 2001:db8:9::/48 dev nld0"),
    _form("v6 host", "route add 2001:db8:9::1 via 2001:db8::2"),
    _form("v6 default", "-6 route add default via 2001:db8::2"),
    _form("v6 default by its gateway", "route add default via fe80::2 dev nld0"),
    _form("v6 default by device", "-6 route add default dev nld1"),
    _form("v6 zero prefix", "route add ::/0 via 2001:db8::2"),
    _form("v6 host bits", "route add 2001:db8:9::77/48 via 2001:db8::2"),
    _form("v6 uncompressed", "route add 2001:0db8:0009:0:0:0:0:0/48 via 2001:DB8::2"),
    _form("v6 onlink", "route add 2001:db8:9::/48 via 2001:db8:77::9 dev nld0 onlink"),
    _form("v6 metric", "route add 2001:db8:9::/48 dev nld0 metric 256"),
    _form("v6 pref", "route add 2001:db8:9::/48 via fe80::2 dev nld0 pref high"),
    _form("v6 pref low", "route add 2001:db8:9::/48 via fe80::2 dev nld0 pref low"),
    _form("v6 expires", "route add 2001:db8:9::/48 via fe80::2 dev nld0 expires 600"),
    _form("v6 multicast", "-6 route add multicast ff0e::/16 dev nld0 table local"),
    # -- several next hops
    _form("v4 multipath", "route add 10.0.0.0/8 nexthop via 192.0.2.2 nexthop via 192.0.3.2"),
    _form("v4 multipath with weights",
          "route add 10.0.0.0/8 nexthop via 192.0.2.2 weight 1 nexthop via 192.0.3.2 weight 256"),
    _form("v4 multipath by device", "route add 10.0.0.0/8 nexthop dev nld0 weight 2 nexthop dev nld1 weight 3"),
    _form("v4 multipath onlink", "route add 10.0.0.0/8 nexthop via 203.0.113.9 dev nld0 onlink nexthop via 192.0.3.2"),
    _form("v4 multipath via inet6",
          "route add 10.0.0.0/8 nexthop via inet6 fe80::2 dev nld0 nexthop via 192.0.3.2 dev nld1"),
    _form("v4 multipath with attributes",
          "route add 10.0.0.0/8 table 200 metric 9 proto bgp mtu 1300 nexthop via 192.0.2.2 nexthop via 192.0.3.2"),
    _form("v4 one nexthop", "route add 10.0.0.0/8 nexthop via 192.0.2.2 dev nld0 weight 5"),
    _form("v6 multipath", "route add 2001:db8:9::/48 nexthop via 2001:db8::2 nexthop via 2001:db8:0:1::2"),
    _form("v6 multipath with weights",
          "route add 2001:db8:9::/48 nexthop via fe80::2 dev nld0 weight 3 nexthop via fe80::2 dev nld1 weight 4"),
    _form("multipath default", "route add default nexthop via 192.0.2.2 nexthop via 192.0.3.2"),
    _form("multipath default v6",
          "-6 route add default nexthop via 2001:db8::2 weight 2 nexthop via 2001:db8:0:1::2"),
    _form("multipath realms", "route add 10.0.0.0/8 nexthop via 192.0.2.2 realms 4 nexthop via 192.0.3.2 realms 5"),
    _form("nhid", "route add 10.0.0.0/8 nhid 10", setup=NEXTHOPS),
    _form("nhid group", "route add 10.0.0.0/8 nhid 20 metric 3", setup=NEXTHOPS),
    _form("nhid of a resilient group", "route add 10.0.0.0/8 nhid 40",
          setup=(*NEXTHOPS, "nexthop add id 40 group 10/11 type resilient buckets 8 idle_timer 60")),
    _form("nhid v6", "route add 2001:db8:9::/48 nhid 30", setup=NEXTHOPS),
    _form("nhid blackhole", "route add 10.0.0.0/8 nhid 31", setup=NEXTHOPS),
    _form("nhid v4 by a v6 gateway", "route add 10.0.0.0/8 nhid 30", setup=NEXTHOPS),
    # -- tunnels
    _form("encap ip", "route add 10.0.0.0/8 encap ip id 5 dst 192.0.2.9 dev nld0"),
    _form("encap ip with all", "route add 10.0.0.0/8 encap ip id 5 src 192.0.2.1 dst 192.0.2.9 tos 0x10 ttl 9 "
          "key csum seq dev nld0"),
    _form("encap ip6", "route add 2001:db8:9::/48 encap ip6 id 7 dst 2001:db8::9 dev nld0"),
    _form("encap ip6 with all", "route add 2001:db8:9::/48 encap ip6 id 7 src 2001:db8::1 dst 2001:db8::9 tc 0x20 "
          "hoplimit 8 key dev nld0"),
    _form("encap ip6 on v4", "route add 10.0.0.0/8 encap ip6 id 7 dst 2001:db8::9 dev nld0"),
    _form("encap in nexthops",
          "route add 10.0.0.0/8 nexthop encap ip id 1 dst 192.0.2.8 via 192.0.2.2 dev nld0 "
          "nexthop encap ip id 2 dst 192.0.2.9 via 192.0.3.2 dev nld1"),
    _form("encap seg6", "route add 2001:db8:9::/48 encap seg6 mode encap segs 2001:db8::7,2001:db8::8 dev nld0",
          needs="seg6"),
    _form("encap seg6 inline", "route add 2001:db8:9::/48 encap seg6 mode inline segs 2001:db8::7 dev nld0",
          needs="seg6"),
    _form("encap seg6 reduced on v4", "route add 10.0.0.0/8 encap seg6 mode encap.red segs 2001:db8::7 dev nld0",
          needs="seg6"),
    _form("encap seg6local End", "route add 2001:db8:9::1 encap seg6local action End dev nld0", needs="seg6"),
    _form("encap seg6local End.X",
          "route add 2001:db8:9::1 encap seg6local action End.X nh6 2001:db8::2 dev nld0", needs="seg6"),
    _form("encap seg6local End.DT6", "route add 2001:db8:9::1 encap seg6local action End.DT6 table 100 dev nld0",
          needs="seg6"),
    _form("encap seg6local End.DX4",
          "route add 2001:db8:9::1 encap seg6local action End.DX4 nh4 192.0.2.2 dev nld0", needs="seg6"),
    _form("encap seg6local End.B6.Encaps",
          "route add 2001:db8:9::1 encap seg6local action End.B6.Encaps srh segs 2001:db8::7,2001:db8::8 dev nld0",
          needs="seg6"),
    _form("encap mpls", "route add 10.0.0.0/8 encap mpls 100/200 via 192.0.2.2", needs="mpls"),
    _form("encap mpls with ttl", "route add 10.0.0.0/8 encap mpls 100 ttl 5 via 192.0.2.2", needs="mpls"),
    # -- other verbs
    _form("append", "route add 10.0.0.0/8 via 192.0.2.2", "route append 10.0.0.0/8 via 192.0.2.3"),
    _form("append without a first", "route append 10.0.0.0/8 via 192.0.2.2"),
    _form("append v6 makes multipath", "route add 2001:db8:9::/48 via 2001:db8::2",
          "route append 2001:db8:9::/48 via 2001:db8::3"),
    _form("prepend", "route add 10.0.0.0/8 via 192.0.2.2", "route prepend 10.0.0.0/8 via 192.0.2.3"),
    _form("replace a new route", "route replace 10.0.0.0/8 via 192.0.2.2"),
    _form("replace", "route add 10.0.0.0/8 via 192.0.2.2", "route replace 10.0.0.0/8 via 192.0.3.2 mtu 1300"),
    _form("replace by multipath", "route add 10.0.0.0/8 via 192.0.2.2",
          "route replace 10.0.0.0/8 nexthop via 192.0.2.2 nexthop via 192.0.3.2"),
    _form("replace by another type", "route add 10.0.0.0/8 via 192.0.2.2", "route replace blackhole 10.0.0.0/8"),
    _form("replace v6", "route add 2001:db8:9::/48 via 2001:db8::2",
          "route replace 2001:db8:9::/48 via 2001:db8::3"),
    _form("replace one metric", "route add 10.0.0.0/8 via 192.0.2.2 metric 5",
          "route replace 10.0.0.0/8 via 192.0.2.3 metric 6"),
    _form("change", "route add 10.0.0.0/8 via 192.0.2.2", "route change 10.0.0.0/8 via 192.0.3.2"),
    _form("chg", "route add 10.0.0.0/8 via 192.0.2.2", "route chg 10.0.0.0/8 dev nld1"),
    _form("change v6", "route add 2001:db8:9::/48 via 2001:db8::2",
          "route change 2001:db8:9::/48 via 2001:db8::3"),
    _form("delete", "route add 10.0.0.0/8 via 192.0.2.2", "route del 10.0.0.0/8"),
    _form("delete with gateway", "route add 10.0.0.0/8 via 192.0.2.2", "route delete 10.0.0.0/8 via 192.0.2.2"),
    _form("delete by metric", "route add 10.0.0.0/8 via 192.0.2.2 metric 1",
          "route add 10.0.0.0/8 via 192.0.2.2 metric 2", "route del 10.0.0.0/8 metric 2"),
    _form("delete the first of several", "route add 10.0.0.0/8 via 192.0.2.2 metric 1",
          "route add 10.0.0.0/8 via 192.0.2.2 metric 2", "route del 10.0.0.0/8"),
    _form("delete by tos", "route add 10.0.0.0/8 via 192.0.2.2", "route add 10.0.0.0/8 via 192.0.2.2 tos 0x10",
          "route del 10.0.0.0/8 tos 0x10"),
    _form("delete in a table", "route add 10.0.0.0/8 via 192.0.2.2 table 1000", "route del 10.0.0.0/8 table 1000"),
    _form("delete by type", "route add blackhole 10.0.0.0/8", "route del blackhole 10.0.0.0/8"),
    _form("delete local", "route add local 10.0.0.1 dev lo", "route del local 10.0.0.1 dev lo"),
    _form("delete default", "route add default via 192.0.2.2", "route del default"),
    _form("delete multipath", "route add 10.0.0.0/8 nexthop via 192.0.2.2 nexthop via 192.0.3.2",
          "route del 10.0.0.0/8"),
    _form("delete v6", "route add 2001:db8:9::/48 via 2001:db8::2", "route del 2001:db8:9::/48"),
    _form("delete v6 default", "-6 route add default via 2001:db8::2", "-6 route del default"),
    _form("delete one v6 next hop",
          "route add 2001:db8:9::/48 nexthop via 2001:db8::2 nexthop via 2001:db8:0:1::2",
          "route del 2001:db8:9::/48 via 2001:db8::2 dev nld0"),
    _form("delete nhid", "route add 10.0.0.0/8 nhid 10", "route del 10.0.0.0/8 nhid 10", setup=NEXTHOPS),
    _form("flush a table", "route add 10.0.0.0/8 via 192.0.2.2 table 100",
          "route add 11.0.0.0/8 via 192.0.2.2 table 100", "route add 12.0.0.0/8 via 192.0.2.2",
          "route flush table 100"),
    _form("flush by protocol", "route add 10.0.0.0/8 via 192.0.2.2 proto static",
          "route add 11.0.0.0/8 via 192.0.2.2 proto bgp", "route flush proto static"),
    _form("flush root", "route add 10.1.0.0/16 via 192.0.2.2 proto bgp",
          "route add 10.2.0.0/16 via 192.0.2.2 proto bgp", "route add 11.0.0.0/8 via 192.0.2.2",
          "route flush root 10.0.0.0/8"),
    _form("flush v6 by protocol", "route add 2001:db8:9::/48 via 2001:db8::2 proto static",
          "route add 2001:db8:a::/48 via 2001:db8::2 proto bgp", "-6 route flush proto static"),
    _form("flush type", "route add blackhole 10.0.0.0/8", "route add 11.0.0.0/8 via 192.0.2.2",
          "route flush type blackhole"),
    _form("flush exact", "route add 10.0.0.0/8 via 192.0.2.2", "route add 10.1.0.0/16 via 192.0.2.2",
          "route flush exact 10.0.0.0/8"),
)  # fmt: skip
"""Forms that ``ip`` takes."""


def _words(about: str, *commands: str) -> Refusal:
    return Refusal(about, commands, "words")


def _kernel(about: str, *commands: str, setup: tuple[str, ...] = ()) -> Refusal:
    return Refusal(about, commands, "kernel", setup)


REFUSED: tuple[Refusal, ...] = (
    # -- refused by ip itself
    _words("no destination", "route add via 192.0.2.2"),
    _words("unknown verb", "route addd 10.0.0.0/8 via 192.0.2.2"),
    _words("unknown word", "route add 10.0.0.0/8 via 192.0.2.2 metrc 5"),
    _words("word in the place of the prefix", "route add bogus via 192.0.2.2"),
    _words("via without address", "route add 10.0.0.0/8 via"),
    _words("dev without name", "route add 10.0.0.0/8 dev"),
    _words("metric without number", "route add 10.0.0.0/8 dev nld0 metric"),
    _words("metric with letters", "route add 10.0.0.0/8 dev nld0 metric ten"),
    _words("metric over 32 bits", "route add 10.0.0.0/8 dev nld0 metric 4294967296"),
    _words("negative metric", "route add 10.0.0.0/8 dev nld0 metric -5"),
    _words("table with letters", "route add 10.0.0.0/8 dev nld0 table nosuch"),
    _words("table over 32 bits", "route add 10.0.0.0/8 dev nld0 table 4294967296"),
    _words("protocol over 255", "route add 10.0.0.0/8 dev nld0 proto 256"),
    _words("protocol with letters", "route add 10.0.0.0/8 dev nld0 proto nosuch"),
    _words("scope with letters", "route add 10.0.0.0/8 dev nld0 scope nosuch"),
    _words("tos over 255", "route add 10.0.0.0/8 dev nld0 tos 0x100"),
    _words("address with five parts", "route add 10.0.0.0.0/8 dev nld0"),
    _words("octet over 255", "route add 10.256.0.0/16 dev nld0"),
    _words("length over 32", "route add 10.0.0.0/33 dev nld0"),
    _words("length over 128", "route add 2001:db8::/129 dev nld0"),
    _words("length with letters", "route add 10.0.0.0/x dev nld0"),
    _words("netmask with a hole", "route add 10.0.0.0/255.0.255.0 dev nld0"),
    _words("gateway with a length", "route add 10.0.0.0/8 via 192.0.2.2/24"),
    _words("gateway of the other family", "route add 10.0.0.0/8 via 2001:db8::2"),
    _words("v6 route by a v4 gateway", "route add 2001:db8:9::/48 via 192.0.2.2"),
    _words("family option against the prefix", "-6 route add 10.0.0.0/8 dev nld0"),
    _words("source of the other family", "route add 10.0.0.0/8 dev nld0 src 2001:db8::1"),
    _words("two destinations", "route add 10.0.0.0/8 11.0.0.0/8 dev nld0"),
    _words("two gateways", "route add 10.0.0.0/8 via 192.0.2.2 via 192.0.2.3"),
    _words("weight 0", "route add 10.0.0.0/8 nexthop via 192.0.2.2 weight 0"),
    _words("weight 257", "route add 10.0.0.0/8 nexthop via 192.0.2.2 weight 257"),
    _words("nexthop without words", "route add 10.0.0.0/8 nexthop"),
    _words("route word behind nexthop", "route add 10.0.0.0/8 nexthop via 192.0.2.2 metric 5"),
    _words("no such device", "route add 10.0.0.0/8 dev nosuch0"),
    _words("no such device in a nexthop", "route add 10.0.0.0/8 nexthop via 192.0.2.2 dev nosuch0"),
    _words("hoplimit over 255", "route add 10.0.0.0/8 dev nld0 hoplimit 256"),
    _words("quickack 2", "route add 10.0.0.0/8 dev nld0 quickack 2"),
    _words("unknown feature", "route add 10.0.0.0/8 dev nld0 features sack"),
    _words("rtt with a wrong unit", "route add 10.0.0.0/8 dev nld0 rtt 5min"),
    _words("pref with letters", "-6 route add 2001:db8:9::/48 dev nld0 pref best"),
    _words("nhid with letters", "route add 10.0.0.0/8 nhid ten"),
    _words("unknown encap", "route add 10.0.0.0/8 encap gre id 5 dev nld0"),
    _words("encap without words", "route add 10.0.0.0/8 encap ip"),
    _words("encap with an id twice", "route add 10.0.0.0/8 encap ip id 5 id 6 dst 192.0.2.9 dev nld0"),
    _words("encap with a v6 address", "route add 10.0.0.0/8 encap ip id 5 dst 2001:db8::9 dev nld0"),
    _words("seg6 with segments before the mode", "route add 2001:db8:9::/48 encap seg6 segs 2001:db8::9 mode encap "
           "dev nld0"),
    _words("realm with letters", "route add 10.0.0.0/8 dev nld0 realm nosuch"),
    _words("expires with letters", "-6 route add 2001:db8:9::/48 dev nld0 expires soon"),
    _words("ttl-propagate with letters", "route add 10.0.0.0/8 dev nld0 ttl-propagate maybe"),
    _words("unknown option", "-z route add 10.0.0.0/8 dev nld0"),
    _words("unknown object", "rout4 add 10.0.0.0/8 dev nld0"),
    _words("flush without a selector", "route flush"),
    _words("list of an unknown table", "route list table nosuch"),
    _words("list by an unknown type", "route list type nosuch"),
    _words("get without an address", "route get"),
    _words("get of no address", "route get nosuch"),
    # -- refused by the kernel
    _kernel("v4 host bits", "route add 10.0.0.1/8 via 192.0.2.2"),
    _kernel("gateway out of reach", "route add 10.0.0.0/8 via 203.0.113.9"),
    _kernel("gateway out of reach of its device", "route add 10.0.0.0/8 via 203.0.113.9 dev nld0"),
    _kernel("broadcast address as gateway", "route add 10.0.0.0/8 via 192.0.2.255"),
    _kernel("v6 gateway out of reach", "route add 2001:db8:9::/48 via 2001:db8:77::1"),
    _kernel("v6 link-local gateway without device", "route add 2001:db8:9::/48 via fe80::2"),
    _kernel("no next hop", "route add 10.0.0.0/8"),
    _kernel("duplicate", "route add 10.0.0.0/8 via 192.0.2.2", "route add 10.0.0.0/8 via 192.0.3.2"),
    _kernel("duplicate v6", "route add 2001:db8:9::/48 via 2001:db8::2", "route add 2001:db8:9::/48 via 2001:db8::3"),
    _kernel("change of nothing", "route change 10.0.0.0/8 via 192.0.2.2"),
    _kernel("delete of nothing", "route del 10.0.0.0/8"),
    _kernel("delete with another gateway", "route add 10.0.0.0/8 via 192.0.2.2", "route del 10.0.0.0/8 via 192.0.2.3"),
    _kernel("delete in the wrong table", "route add 10.0.0.0/8 via 192.0.2.2", "route del 10.0.0.0/8 table 100"),
    _kernel("delete v6 of nothing", "route del 2001:db8:9::/48"),
    _kernel("blackhole with a gateway", "route add blackhole 10.0.0.0/8 via 192.0.2.2"),
    _kernel("source that is not ours", "route add 10.0.0.0/8 via 192.0.2.2 src 203.0.113.1"),
    _kernel("device that is down", "route add 10.0.0.0/8 dev nld0", setup=("link set nld0 down",)),
    _kernel("nhid that is not there", "route add 10.0.0.0/8 nhid 99"),
    _kernel("nhid with a gateway", "route add 10.0.0.0/8 nhid 10 via 192.0.2.2", setup=NEXTHOPS),
    _kernel("nhid of the other family", "route add 2001:db8:9::/48 nhid 10", setup=NEXTHOPS),
    _kernel("gateway with scope link", "route add 10.0.0.0/8 via 192.0.2.2 scope link"),
    _kernel("gateway and nexthops", "route add 10.0.0.0/8 via 192.0.2.2 nexthop via 192.0.3.2"),
    _kernel("congctl that is not there", "route add 10.0.0.0/8 dev nld0 congctl nosuch"),
    _kernel("onlink without device", "route add 10.0.0.0/8 via 203.0.113.9 onlink"),
    _kernel("tos that v6 does not have", "-6 route add 2001:db8:9::/48 dev nld0 tos 0x10"),
    _kernel("get without a way", "route get 203.0.113.9"),
)  # fmt: skip
"""Forms that ``ip`` refuses."""


class Unsupported(NamedTuple):
    """A form whose words ``ip`` takes (its kernel may not), and that nld refuses before it asks anybody.

    ``word`` is the one that it names and marks.
    """

    about: str
    command: str
    word: str


UNSUPPORTED: tuple[Unsupported, ...] = (
    Unsupported("encap rpl", "route add 2001:db8:9::/48 encap rpl segs 2001:db8::7 dev nld0", "rpl"),
    Unsupported("encap rpl in a nexthop",
                "route add 2001:db8:9::/48 nexthop encap rpl segs 2001:db8::7 via 2001:db8::2 nexthop via 2001:db8:0:1::2",
                "rpl"),
    Unsupported("encap ioam6", "route add 2001:db8:9::/48 encap ioam6 trace prealloc type 0x800000 ns 1 size 12 "
                "dev nld0", "ioam6"),
    Unsupported("encap ila", "route add 2001:db8:9::/48 encap ila 1:2:3:4 dev nld0", "ila"),
)  # fmt: skip
"""Forms that only ``ip`` takes."""
