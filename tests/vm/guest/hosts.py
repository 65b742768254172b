"""A client, a router and two gateways, each a network namespace, to see what becomes of real packets.

    client 10.0.0.2 -- 10.0.0.1 router 10.0.1.1 -- 10.0.1.2 gate1
                                       10.0.2.1 -- 10.0.2.2 gate2

The same with IPv6 below fd00::. Both gateways answer for every address of 198.51.100.0/24 and
2001:db8:100::/48, so that either can be the way there, and each knows its own way back. The router's own
tables know nothing of those prefixes: what reaches them went through the module.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest

from .wire import Socket, command, enter

LINK = "via0"
TABLE = 100
"""The kernel's table whose only route leads to the device."""
FAMILIES = (4, 6)
FAR = {4: "198.51.100.0/24", 6: "2001:db8:100::/48"}
TARGET = {4: "198.51.100.7", 6: "2001:db8:100::7"}
GATE = {4: ("10.0.1.2", "10.0.2.2"), 6: ("fd00:1::2", "fd00:2::2")}


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Be in a host's namespace."""
    with enter(f"/run/netns/{name}"):
        yield


class Hosts:
    """The hosts; a context manager. ``wire`` is a socket to the module in the router."""

    names = ("client", "router", "gate1", "gate2")

    def __enter__(self) -> Self:
        for name in self.names:
            command(f"ip netns add {name}")
            self.run(name, "sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0")
            self.run(name, "ip link set lo up")
        self._wire("client", "router", "10.0.0", "fd00:")
        self._wire("gate1", "router", "10.0.1", "fd00:1:")
        self._wire("gate2", "router", "10.0.2", "fd00:2:")
        self.run("router", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        self.run("router", "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
        self.run("client", "ip route add default via 10.0.0.1")
        self.run("client", "ip -6 route add default via fd00::1")
        for name, v4, v6 in (("gate1", "10.0.1.1", "fd00:1::1"), ("gate2", "10.0.2.1", "fd00:2::1")):
            self.run(name, f"ip route add local {FAR[4]} dev lo")
            self.run(name, f"ip -6 route add local {FAR[6]} dev lo")
            self.run(name, f"ip route add 10.0.0.0/24 via {v4}")
            self.run(name, f"ip -6 route add fd00::/64 via {v6}")
        with inside("router"):
            self.wire = Socket()
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()
        for name in self.names:
            command(f"ip netns del {name}", check=False)

    def _wire(self, left: str, right: str, v4: str, v6: str) -> None:
        """Connect two hosts by a pair of devices, each with the other's name."""
        command(f"ip -n {left} link add {right} type veth peer name {left} netns {right}")
        for host, other, last in ((left, right, 2), (right, left, 1)):
            command(f"ip -n {host} addr add {v4}.{last}/24 dev {other}")
            command(f"ip -n {host} -6 addr add {v6}:{last}/64 dev {other} nodad")
            command(f"ip -n {host} link set {other} up")

    def run(self, host: str, words: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program on a host."""
        return command(f"ip netns exec {host} {words}", check=check)

    def make_link(self, options: str = "") -> None:
        """Make the device, and send through it what comes from the client's networks."""
        self.run("router", f"ip link add {LINK} type nld {options}")
        self.run("router", f"ip link set {LINK} up")
        self.run("router", f"ip route add default dev {LINK} table {TABLE}")
        self.run("router", f"ip -6 route add default dev {LINK} table {TABLE}")
        self.rule("add")

    def rule(self, verb: str) -> None:
        """Add or delete the rules by which traffic comes to the device."""
        for family in FAMILIES:
            self.run("router", f"ip -{family} rule {verb} to {FAR[family]} lookup {TABLE}")

    def device(self, name: str) -> int:
        """Return the index of a device of the router."""
        with inside("router"):
            return socket.if_nametoindex(name)

    def new(self, family: int, gate: int = 0, **attributes: Any) -> None:
        """Put a record for all the far addresses into the module, by a gateway if none else is said."""
        if not attributes.keys() & {"type", "nexthops", "oif", "gateway"}:
            attributes |= {"gateway": GATE[family][gate], "oif": self.device(self.names[2 + gate])}
        self.wire.new(FAR[family], flags=0x500, **attributes)  # CREATE | REPLACE

    def ping(self, family: int, *, host: str = "client", options: str = "") -> str:
        """Return what ping says of three packets to the far address."""
        words = f"ping -{family} -n -c 3 -i 0.1 -W 2 {options} {TARGET[family]}"
        done = self.run(host, words, check=False)
        return done.stdout + done.stderr

    def counted(self) -> dict[str, int]:
        """Return the device's own counters, by name."""
        lines = self.run("router", f"ethtool -S {LINK}").stdout.splitlines()[1:]
        return {name.strip(): int(value) for name, _, value in (line.partition(":") for line in lines)}

    def link(self) -> dict[str, Any]:
        """Return what ip says of the device."""
        found = json.loads(self.run("router", f"ip -d -s -j link show {LINK}").stdout)
        assert isinstance(found, list)
        return dict(found[0])


@pytest.fixture
def hosts(module: None) -> Iterator[Hosts]:
    """The hosts, with the device made."""
    with Hosts() as made:
        made.make_link()
        yield made
