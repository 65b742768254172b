"""Make ``vectors.txt`` again from the running kernel: ``python -m tests.netlink.capture``.

Runs itself in a fresh user and network namespace (no root needed), sets up a veth pair, runs each
``ip`` command below, and keeps what the kernel's dumps, answers and notifications say.  Bytes that
depend on the moment (timers, statistics) differ from run to run; everything else must not.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nld.netlink.catalogue import MESSAGES
from nld.netlink.extack import parse_done, parse_error
from nld.netlink.header import Flag, MessageType, frame, split
from nld.netlink.registry import AF, RTM, RTNLGRP
from nld.netlink.route import HEADER_SIZE, Route, encode

from .vector import PATH, Vector, describe, text

SOL_NETLINK = 270
EXT_ACK, CAP_ACK, ADD_MEMBERSHIP = 11, 10, 1

FAMILIES = (AF.INET, AF.INET6, AF.MPLS)

SETUP = """
ip link set lo up
ip link add nld0 address 02:00:00:00:00:01 type veth peer name nld1 address 02:00:00:00:00:02
ip link set nld0 addrgenmode none
ip link set nld1 addrgenmode none
ip link set nld0 up
ip link set nld1 up
ip addr add 192.0.2.1/24 dev nld0
ip addr add 198.51.100.1/24 dev nld1
ip -6 addr add 2001:db8::1/64 dev nld0 nodad
sysctl -w net.mpls.platform_labels=1000
sysctl -w net.mpls.conf.nld0.input=1
ip link add vrf10 address 02:00:00:00:00:10 type vrf table 10
ip link set vrf10 up
sysctl -w net.vrf.strict_mode=1
ip nexthop add id 1 via 192.0.2.2 dev nld0
ip nexthop add id 2 via 192.0.2.3 dev nld0
ip nexthop add id 3 via 2001:db8::9 dev nld0
"""

ROUTES = {
    "gateway": "ip route add 10.0.0.0/24 via 192.0.2.2",
    "default": "ip route add default via 192.0.2.2 metric 77",
    "host": "ip route add 10.0.1.1 via 192.0.2.2",
    "device": "ip route add 10.0.2.0/24 dev nld0",
    "table over 255": "ip route add 10.0.3.0/24 via 192.0.2.2 table 1000",
    "table under 256": "ip route add 10.0.3.0/24 via 192.0.2.2 table 100",
    "source, metric, tos, protocol": (
        "ip route add 10.0.4.0/24 via 192.0.2.2 src 192.0.2.1 metric 5 tos 0x10 proto static"
    ),
    "onlink": "ip route add 10.0.5.0/24 via 203.0.113.1 dev nld0 onlink",
    "scope": "ip route add 10.0.6.0/24 dev nld0 scope host",
    "realms": "ip route add 10.0.7.0/24 dev nld0 realms 3/4",
    "via inet6": "ip route add 10.0.8.0/24 via inet6 fe80::1 dev nld0",
    "mtu locked": "ip route add 10.0.9.0/24 via 192.0.2.2 mtu lock 1400 advmss 1360",
    "all metrics": (
        "ip route add 10.0.10.0/24 via 192.0.2.2 mtu 1400 window 4096 rtt 100ms rttvar 50ms "
        "ssthresh 30 cwnd 20 advmss 1300 reordering 5 hoplimit 32 initcwnd 12 initrwnd 14 features ecn "
        "rto_min 200ms quickack 1 congctl reno fastopen_no_cookie 1"
    ),
    "multipath": (
        "ip route add 10.0.11.0/24 nexthop via 192.0.2.2 weight 5 nexthop via 198.51.100.2 weight 256"
    ),
    "multipath of two families": (
        "ip route add 10.0.12.0/24 nexthop via inet6 fe80::1 dev nld0 nexthop via 203.0.113.9 dev nld1 onlink"
    ),
    "multipath with tunnels": (
        "ip route add 10.0.13.0/24 nexthop encap ip id 7 dst 1.2.3.4 dev nld0 nexthop via 198.51.100.2"
    ),
    "blackhole": "ip route add blackhole 10.0.14.0/24",
    "unreachable": "ip route add unreachable 10.0.15.0/24",
    "prohibit": "ip route add prohibit 10.0.16.0/24",
    "throw": "ip route add throw 10.0.17.0/24",
    "local": "ip route add local 10.0.18.1 dev nld0",
    "broadcast": "ip route add broadcast 10.0.19.255 dev nld0",
    "multicast": "ip route add multicast 224.1.0.0/16 dev nld0",
    "nexthop object": "ip route add 10.0.20.0/24 nhid 1",
    "nexthop group": ["ip nexthop add id 10 group 1/2,3", "ip nexthop add id 11 group 1,2",
                      "ip route add 10.0.21.0/24 nhid 11"],
    "encap ip": "ip route add 10.0.22.0/24 encap ip id 5 src 192.0.2.1 dst 1.2.3.4 tos 8 ttl 9 key dev nld0",
    # Not geneve_opts or its like: Linux 6.18's ip_tun_parse_opts dies of them (a kernel BUG) with the
    # RTNL lock held, and from then on every network namespace of the machine hangs.
    "encap ip6": "ip route add 10.0.24.0/24 encap ip6 id 5 dst 2001:db8::5 hoplimit 3 tc 4 dev nld0",
    "encap seg6": "ip route add 10.0.25.0/24 encap seg6 mode encap segs fc00::1,fc00::2 dev nld0",
    "ttl-propagate": "ip route add 10.0.26.0/24 dev nld0 ttl-propagate enabled",
    "gateway v6": "ip -6 route add fc00:1::/64 via 2001:db8::2",
    "default v6": "ip -6 route add default via 2001:db8::2 metric 77",
    "host v6": "ip -6 route add fc00:2::1 via 2001:db8::2",
    "preference": "ip -6 route add fc00:3::/64 via 2001:db8::2 pref high",
    "source prefix": "ip -6 route add fc00:5::/64 from fc00:6::/64 via 2001:db8::2",
    "multipath v6": (
        "ip -6 route add fc00:7::/64 nexthop via 2001:db8::2 weight 2 nexthop via 2001:db8::3"
    ),
    "metrics v6": "ip -6 route add fc00:8::/64 via 2001:db8::2 mtu lock 1300 hoplimit 9 congctl reno",
    "blackhole v6": "ip -6 route add blackhole fc00:9::/64",
    "nexthop object v6": "ip -6 route add fc00:a::/64 nhid 3",
    "seg6 inline": "ip -6 route add fc00:b::/64 encap seg6 mode inline segs fc00::1,fc00::2 dev nld0",
    "seg6 with hmac": "ip -6 route add fc00:c::/64 encap seg6 mode encap segs fc00::1 hmac 0 dev nld0",
    "seg6local End": "ip -6 route add fc00:d::/64 encap seg6local action End dev nld0",
    "seg6local End.X": "ip -6 route add fc00:e::/64 encap seg6local action End.X nh6 fc00::1 dev nld0",
    "seg6local counters": "ip -6 route add fc00:f::/64 encap seg6local action End.DT6 table 9 count dev nld0",
    "seg6local flavors": (
        "ip -6 route add fc00:10::/64 encap seg6local action End flavors psp,usd dev nld0"
    ),
    "seg6local End.B6.Encaps": (
        "ip -6 route add fc00:11::/64 encap seg6local action End.B6.Encaps srh segs fc00::1,fc00::2 dev nld0"
    ),
    "encap ip6 v6": "ip -6 route add fc00:12::/64 encap ip6 id 9 dst fc00::7 dev nld0",
    "encap mpls": "ip route add 10.0.27.0/24 encap mpls 100/200 via 192.0.2.2",
    "encap mpls with ttl": "ip route add 10.0.28.0/24 encap mpls 100 ttl 9 via 192.0.2.2",
    "encap mpls v6": "ip -6 route add fc00:14::/64 encap mpls 16 via 2001:db8::2",
    "encap xfrm": "ip route add 10.0.29.0/24 encap xfrm if_id 5 link_dev nld0 dev nld0",
    "encap rpl": "ip -6 route add fc00:15::/64 encap rpl segs fc00::1 dev nld0",
    "encap ioam6": (
        "ip -6 route add fc00:16::/64 encap ioam6 trace prealloc type 0x800000 ns 1 size 12 dev nld0"
    ),
    "seg6local End.DT4": (
        "ip -6 route add fc00:17::/64 encap seg6local action End.DT4 vrftable 10 dev vrf10"
    ),
    "mpls swap": "ip -f mpls route add 100 as 200 via inet 192.0.2.2",
    "mpls pop": "ip -f mpls route add 101 via inet6 2001:db8::2 dev nld0",
    "mpls multipath": (
        "ip -f mpls route add 102 nexthop as 300 via inet 192.0.2.2 nexthop as 400 via inet 192.0.2.3"
    ),
    "vrf": "ip route add 10.0.30.0/24 via 192.0.2.2 vrf vrf10",
    "table over 255 v6": "ip -6 route add fc00:13::/64 via 2001:db8::2 table 70000",
    # The last, because its remaining time makes it new in each dump.
    "expires": "ip -6 route add fc00:4::/64 via 2001:db8::2 expires 5000",
}  # fmt: skip

OBJECTS = {
    "nexthop gateway": ("ip nexthop add id 21 via 192.0.2.7 dev nld0 protocol bgp", RTM.GETNEXTHOP),
    "nexthop device": ("ip nexthop add id 22 dev nld0", RTM.GETNEXTHOP),
    "nexthop blackhole": ("ip nexthop add id 23 blackhole", RTM.GETNEXTHOP),
    "nexthop onlink": ("ip nexthop add id 24 via 203.0.113.5 dev nld0 onlink", RTM.GETNEXTHOP),
    "nexthop of IPv6": ("ip -6 nexthop add id 25 via 2001:db8::5 dev nld0", RTM.GETNEXTHOP),
    "nexthop with a tunnel": ("ip nexthop add id 26 encap ip id 5 dst 1.2.3.4 dev nld0", RTM.GETNEXTHOP),
    "nexthop of a group": ("ip nexthop add id 27 group 21/22,200", RTM.GETNEXTHOP),
    "nexthop group of two": ("ip nexthop add id 28 group 1,5/2,200", RTM.GETNEXTHOP),
    "nexthop resilient": (
        "ip nexthop add id 29 group 1/2 type resilient buckets 8 idle_timer 60", RTM.GETNEXTHOP,
    ),
    "nexthop fdb": ("ip nexthop add id 30 via 192.0.2.8 fdb", RTM.GETNEXTHOP),
    "rule from": ("ip rule add from 10.0.0.0/8 table 1000 pref 100", RTM.GETRULE),
    "rule of everything": (
        "ip rule add not from 10.0.0.0/8 to 11.0.0.0/8 tos 0x10 fwmark 0x1/0xff iif nld0 oif nld1 "
        "uidrange 10-20 ipproto 6 sport 1-2 dport 3 table 5 realms 3/4 suppress_prefixlength 8 pref 99",
        RTM.GETRULE,
    ),
    "rule goto": ("ip rule add pref 50 goto 99", RTM.GETRULE),
    "rule blackhole": ("ip rule add from 10.9.0.0/16 blackhole pref 51 protocol bird", RTM.GETRULE),
    "rule unreachable": ("ip rule add to 10.9.0.0/16 unreachable pref 52", RTM.GETRULE),
    "rule v6": ("ip -6 rule add from fc00::/7 lookup 70000 pref 60 suppress_ifgroup 3", RTM.GETRULE),
    "rule l3mdev": ("ip rule add l3mdev pref 70", RTM.GETRULE),
    "address": ("ip addr add 192.0.2.99/24 broadcast + label nld0:x dev nld0", RTM.GETADDR),
    "address v6": ("ip -6 addr add 2001:db8::99/64 dev nld0 nodad noprefixroute metric 5", RTM.GETADDR),
    "address of a peer": ("ip addr add 192.0.2.50 peer 203.0.113.50/32 dev nld0", RTM.GETADDR),
    "address timed": ("ip -6 addr add fc99::1/64 dev nld1 valid_lft 900 preferred_lft 300", RTM.GETADDR),
    "link veth": ("ip link add nld8 address 02:00:00:00:00:08 type veth peer name nld9", RTM.GETLINK),
    "link dummy": ("ip link add nld6 address 02:00:00:00:00:06 mtu 9000 type dummy", RTM.GETLINK),
    "link in a vrf": ("ip link set nld6 master vrf10", RTM.GETLINK),
    "link bridge": ("ip link add nld7 address 02:00:00:00:00:07 type bridge", RTM.GETLINK),
    "link in a bridge": ("ip link set nld9 master nld7", RTM.GETLINK),
    "link with an alias": ("ip link set nld8 alias spare", RTM.GETLINK),
}  # fmt: skip


class Kernel:
    """One NETLINK_ROUTE socket, driven with nothing but the standard library."""

    def __init__(self, *groups: int, capped: bool = True) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.socket.bind((0, 0))
        self.socket.settimeout(5)
        self.socket.setsockopt(SOL_NETLINK, EXT_ACK, 1)
        if capped:
            self.socket.setsockopt(SOL_NETLINK, CAP_ACK, 1)
        for group in groups:
            self.socket.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
        self.sequence = 0

    def ask(self, message_type: int, flags: int, payload: bytes) -> Iterator[bytes]:
        """The messages that answer, up to and with the acknowledgement or the end of the dump."""
        self.sequence += 1
        self.socket.send(frame(message_type, flags | Flag.REQUEST, self.sequence, payload))
        while True:
            for data, kind in self.read():
                yield data
                if kind in (MessageType.ERROR, MessageType.DONE):
                    return

    def read(self) -> list[tuple[bytes, int]]:
        """The messages of the next datagram, whole, each with its type."""
        datagram = self.socket.recv(1 << 16)
        result, offset = [], 0
        for message in split(datagram):
            end = offset + 16 + len(message.payload)
            result.append((datagram[offset:end], message.type))
            offset = (end + 3) & ~3
        return result

    def waiting(self) -> list[bytes]:
        """What has been queued so far; notifications are queued before the command that made them ends."""
        self.socket.setblocking(False)
        found: list[bytes] = []
        try:
            while True:
                found += [data for data, _ in self.read()]
        except BlockingIOError:
            return found


def run(command: str) -> str | None:
    """Run an ``ip`` or ``sysctl`` command; None when it succeeds, else what it complained."""
    if command.startswith("sysctl -w "):
        name, _, value = command.removeprefix("sysctl -w ").partition("=")
        try:
            Path("/proc/sys", *name.split(".")).write_text(value, encoding="ascii")
        except OSError as error:
            return str(error)
        return None
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()


def dump(message_type: int, families: tuple[int, ...] = (0,)) -> dict[bytes, bytes]:
    """All objects: payload -> message."""
    found: dict[bytes, bytes] = {}
    size = MESSAGES[message_type].form.header.size
    for family in families:
        for data in Kernel().ask(message_type, Flag.DUMP, bytes([family]) + bytes(size - 1)):
            if data[4] not in (MessageType.ERROR, MessageType.DONE):
                found[data[16:]] = data
    return found


def vector(name: str, commands: list[str], data: bytes, witness: dict[str, Any] | None = None) -> Vector:
    """A vector with what it means now; the sequence and port id, which differ each run, become 0."""
    data = data[:8] + bytes(8) + data[16:]
    kind = int.from_bytes(data[4:6], sys.byteorder)
    if kind in MESSAGES:
        meaning = describe(MESSAGES[kind].decode(data[16:]))
    else:
        parse = parse_error if kind == MessageType.ERROR else parse_done
        meaning = describe(parse(next(split(data))))
    return Vector(name, tuple(commands), data, witness, meaning)


def witnesses() -> list[dict[str, Any]]:
    """What ``ip`` itself prints of all routes of both families."""
    records = []
    for family in ("-4", "-6", "-M"):
        printed = subprocess.run(
            ["ip", family, "-j", "-d", "-N", "route", "show", "table", "all"],
            capture_output=True, check=False,
        ).stdout  # fmt: skip
        records += [{"family": family, **record} for record in json.loads(printed or b"[]")]
    return records


def routes() -> Iterator[Vector]:
    """One vector for each command of ROUTES that this kernel accepts."""
    for name, entry in ROUTES.items():
        commands = [entry] if isinstance(entry, str) else list(entry)
        before, printed = dump(RTM.GETROUTE, FAMILIES), witnesses()
        complaints = [complaint for command in commands if (complaint := run(command))]
        if complaints:
            print(f"{name}: {complaints[0]}", file=sys.stderr)
            continue
        after = dump(RTM.GETROUTE, FAMILIES)
        new = [record for record in witnesses() if record not in printed]
        found = [data for payload, data in after.items() if payload not in before]
        if len(found) == 1:
            yield vector(name, commands, found[0], new[0] if len(new) == 1 else None)
        else:
            print(f"{name}: {len(found)} messages, wanted 1", file=sys.stderr)


def objects() -> Iterator[Vector]:
    """Nexthop objects, rules, addresses and links."""
    for name, (command, kind) in OBJECTS.items():
        before = dump(kind)
        if complaint := run(command):
            print(f"{name}: {complaint}", file=sys.stderr)
            continue
        found = [data for payload, data in dump(kind).items() if payload not in before]
        if found:
            yield vector(name, [command], found[0])
    for payload, data in dump(RTM.GETLINK).items():
        if MESSAGES[RTM.GETLINK].decode(payload).name == "lo":
            yield vector("link loopback", ["ip link show lo"], data)


def answers() -> Iterator[Vector]:
    """Acknowledgements, with and without NETLINK_CAP_ACK, ends of dumps, and a look-up."""
    new = Flag.CREATE | Flag.EXCL | Flag.ACK
    far = encode(Route(AF.INET, 24, dst=b"\x0a\x63\0\0", gateway=b"\x09\x09\x09\x09", protocol=4))
    short = far + b"\x06\0\x04\0\x01\0\0\0"
    host_bits = encode(Route(AF.INET, 8, dst=b"\x0a\x63\0\1", protocol=4, type=6))
    good = encode(Route(AF.INET, 24, dst=b"\x0a\x63\0\0", protocol=4, type=6))
    for capped in (True, False):
        how = "capped" if capped else "with the request inside"
        kernel = Kernel(capped=capped)
        yield vector(f"refused, {how}", ["add 10.99.0.0/24 via 9.9.9.9"],
                     list(kernel.ask(RTM.NEWROUTE, new, far))[-1])  # fmt: skip
        yield vector(f"attribute of a wrong size, {how}", ["add with RTA_OIF of 2 bytes"],
                     list(kernel.ask(RTM.NEWROUTE, new, short))[-1])  # fmt: skip
        yield vector(f"host bits, {how}", ["add 10.99.0.1/8"],
                     list(kernel.ask(RTM.NEWROUTE, new, host_bits))[-1])  # fmt: skip
        yield vector(f"acknowledged, {how}", ["add blackhole 10.99.0.0/24"],
                     list(kernel.ask(RTM.NEWROUTE, Flag.CREATE | Flag.ACK, good))[-1])  # fmt: skip
        run("ip route del 10.99.0.0/24")
    kernel = Kernel()
    kernel.socket.setsockopt(SOL_NETLINK, 12, 1)
    everything = bytes([AF.INET]) + bytes(HEADER_SIZE - 1)
    missing = encode(Route(AF.INET, table=4242, type=0))
    yield vector("dump of a missing table", ["dump table 4242"],
                 list(kernel.ask(RTM.GETROUTE, Flag.DUMP, missing))[-1])  # fmt: skip
    yield vector("end of a dump", ["dump"],
                 list(kernel.ask(RTM.GETROUTE, Flag.DUMP, everything))[-1])  # fmt: skip
    for name, flags in (("look-up", 0x1000), ("look-up with the route that matched", 0x3000)):
        question = encode(Route(AF.INET, 32, table=0, type=0, flags=flags, dst=b"\x0a\0\0\7"))
        yield vector(name, ["ip route get 10.0.0.7"], next(kernel.ask(RTM.GETROUTE, Flag.ACK, question)))


def notifications() -> Iterator[Vector]:
    """What the kernel says by itself."""
    kernel = Kernel(RTNLGRP.IPV4_ROUTE, RTNLGRP.IPV6_ROUTE, RTNLGRP.NEXTHOP, RTNLGRP.IPV4_RULE)
    for name, command in (
        ("notified: new", "ip route add 10.77.0.0/24 via 192.0.2.2"),
        ("notified: replaced", "ip route replace 10.77.0.0/24 via 192.0.2.3"),
        ("notified: appended", "ip route append 10.77.0.0/24 via 192.0.2.4"),
        ("notified: deleted", "ip route del 10.77.0.0/24 via 192.0.2.4"),
        ("notified: deleted v6", "ip -6 route del fc00:1::/64"),
        ("notified: nexthop deleted", "ip nexthop del id 30"),
        ("notified: rule deleted", "ip rule del pref 100"),
    ):
        if complaint := run(command):
            print(f"{name}: {complaint}", file=sys.stderr)
        yield from (vector(name, [command], data) for data in kernel.waiting())


def setup() -> None:
    """The links and addresses that the commands need."""
    for command in SETUP.strip().splitlines():
        if complaint := run(command):
            print(f"{command}: {complaint}", file=sys.stderr)


def main() -> None:
    """Write the file."""
    if os.environ.get("NLD_CAPTURE") != "inside":
        os.execvpe(
            "unshare",
            ["unshare", "-Urn", sys.executable, "-m", "tests.netlink.capture"],
            {**os.environ, "NLD_CAPTURE": "inside"},
        )
    setup()
    release = os.uname().release
    version = subprocess.run(["ip", "-V"], capture_output=True, text=True, check=True).stdout.strip()
    head = f"Made by tests/netlink/capture.py on Linux {release.split('-')[0]} with {version}.\n"
    setup_lines = "".join(f"$ {line}\n" for line in SETUP.strip().splitlines())
    vectors = [*routes(), *objects(), *answers(), *notifications()]
    PATH.write_text("\n".join([head, setup_lines, *map(text, vectors)]), encoding="utf-8")
    print(f"{len(vectors)} vectors in {PATH}", file=sys.stderr)


if __name__ == "__main__":
    main()
