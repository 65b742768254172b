"""Packets through the module's table: what the record says is what becomes of them, and only of those."""

from __future__ import annotations

import errno
import os
import select
import socket
import subprocess
import threading
from contextlib import ExitStack

import pytest

from .hosts import FAMILIES, FAR, GATE, LINK, TARGET, Hosts, hosts, inside
from .loaded import load, module, unload
from .wire import Socket, Stats, Type, command, nexthops

__all__ = ["hosts", "module"]

PORT = 7000
FLOWS = int(os.environ.get("NLD_FLOWS", "2500"))
_IP_RECVTTL = 12  # ip(7); Python has no name for it
_SO_RCVBUFFORCE = 33  # socket(7)
_SOCKET = {4: socket.AF_INET, 6: socket.AF_INET6}
# One kernel of the two that all else runs on, because emulated hosts cost much; NLD_VM_MACHINES=6.1 asks
# for the other.
pytestmark = pytest.mark.machine("6.12")
families = pytest.mark.parametrize("family", FAMILIES)


def udp(host: str, family: int, port: int = 0) -> socket.socket:
    """Open a datagram socket on a host."""
    with inside(host):
        made = socket.socket(_SOCKET[family], socket.SOCK_DGRAM)
        made.settimeout(10)
        made.bind(("", port))
    return made


@families
def test_traffic_goes_through_and_the_rule_alone_brings_it_there(hosts: Hosts, family: int) -> None:
    hosts.new(family)
    assert " 0% packet loss" in hosts.ping(family)
    before = hosts.counted()["sent"]
    assert before >= 3
    # By the rule's removal everything is as it was: the router knows no way.
    hosts.rule("del")
    assert " 100% packet loss" in hosts.ping(family)
    assert hosts.counted()["sent"] == before
    hosts.rule("add")
    assert " 0% packet loss" in hosts.ping(family)


@families
def test_a_forwarded_packet_loses_one_hop(hosts: Hosts, family: int) -> None:
    hosts.new(family)
    level, option, name = {
        4: (socket.IPPROTO_IP, _IP_RECVTTL, socket.IP_TTL),
        6: (socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, socket.IPV6_HOPLIMIT),
    }[family]
    with udp("gate1", family, PORT) as there, udp("client", family) as here:
        there.setsockopt(level, option, 1)
        here.sendto(b"x", (TARGET[family], PORT))
        _, ancillary, _, _ = there.recvmsg(10, 100)
    [(_, kind, data)] = ancillary
    assert (kind, int.from_bytes(data, "little")) == (name, 63)


@families
def test_local_output_goes_through_too(hosts: Hosts, family: int) -> None:
    hosts.new(family)
    source = {4: "10.0.1.1", 6: "fd00:1::1"}[family]
    assert " 0% packet loss" in hosts.ping(family, host="router", options=f"-I {source}")


@families
@pytest.mark.parametrize(
    ("type_", "words", "number"),
    [
        (Type.BLACKHOLE, None, errno.EINVAL),
        (Type.UNREACHABLE, {4: "Destination Host Unreachable", 6: "No route"}, errno.EHOSTUNREACH),
        (Type.PROHIBIT, {4: "Packet filtered", 6: "Administratively prohibited"}, errno.EACCES),
    ],
)
def test_refusals_are_seen_by_sender_and_counted(
    hosts: Hosts, family: int, type_: Type, words: dict[int, str] | None, number: int
) -> None:
    hosts.new(family, type=type_)
    said = hosts.ping(family)
    assert " 100% packet loss" in said
    assert ("From" in said) == (words is not None)
    if words is not None:
        assert words[family] in said
    assert hosts.counted()[type_.name.lower()] == 3
    assert hosts.counted()["sent"] == 0
    with udp("router", family) as here, pytest.raises(OSError) as caught:
        here.sendto(b"x", (TARGET[family], PORT))
    assert caught.value.errno == number


def test_the_namespace_counts_what_all_its_devices_did(hosts: Hosts) -> None:
    hosts.new(4)
    hosts.run("router", "ip link add via1 type nld")
    assert hosts.wire.stats()[Stats.LINKS] == 2
    assert " 0% packet loss" in hosts.ping(4)
    hosts.new(4, type=Type.PROHIBIT)
    hosts.ping(4)
    counted = hosts.counted()
    names = {"bytes" if name == "sent_bytes" else name: value for name, value in counted.items()}
    assert (names["sent"], names["bytes"], names["prohibit"]) == (3, 3 * 84, 3)
    # What a device counted stays when it goes.
    hosts.run("router", f"ip link del {LINK}")
    stats = hosts.wire.stats()
    assert stats[Stats.LINKS] == 1
    assert {name: stats[Stats[name.upper()]] for name in counted} == counted


@families
def test_a_device_begins_anew(hosts: Hosts, family: int) -> None:
    """What was kept for packets to a device does not outlive it, its number's next bearer, or its IPv6."""
    hosts.new(family)
    assert " 0% packet loss" in hosts.ping(family)
    hosts.run("router", "sysctl -qw net.ipv6.conf.gate1.disable_ipv6=1")
    assert (" 0% packet loss" in hosts.ping(family)) == (family == 4)
    hosts.run("router", "sysctl -qw net.ipv6.conf.gate1.disable_ipv6=0")
    hosts.run("router", "ip -6 addr add fd00:1::1/64 dev gate1 nodad", check=False)
    assert " 0% packet loss" in hosts.ping(family)
    # Too small for IPv6: all that IPv6 had of the device is given up, and made again.
    hosts.run("router", "ip link set gate1 mtu 1000")
    assert (" 0% packet loss" in hosts.ping(family)) == (family == 4)
    hosts.run("router", "ip link set gate1 mtu 1500")
    hosts.run("router", "ip -6 addr add fd00:1::1/64 dev gate1 nodad", check=False)
    assert " 0% packet loss" in hosts.ping(family)
    number = hosts.device("gate1")
    hosts.run("router", "ip link del gate1")
    words = f"ip link add gate1 index {number} type veth peer name router netns gate1"
    hosts.run("router", words)
    for host, name, last in (("gate1", "router", 2), ("router", "gate1", 1)):
        hosts.run(host, f"ip addr add 10.0.1.{last}/24 dev {name}")
        hosts.run(host, f"ip -6 addr add fd00:1::{last}/64 dev {name} nodad")
        hosts.run(host, f"ip link set {name} up")
    hosts.run("gate1", "ip route add 10.0.0.0/24 via 10.0.1.1")
    hosts.run("gate1", "ip -6 route add fd00::/64 via fd00:1::1")
    assert hosts.device("gate1") == number
    hosts.new(family)
    assert " 0% packet loss" in hosts.ping(family)


@families
def test_what_no_record_covers_is_unreachable(hosts: Hosts, family: int) -> None:
    said = hosts.ping(family)
    assert {4: "Destination Net Unreachable", 6: "No route"}[family] in said
    assert hosts.counted()["no_route"] == 3


@families
def test_the_longest_prefix_and_the_lowest_metric_win(hosts: Hosts, family: int) -> None:
    hosts.new(family, type=Type.BLACKHOLE, metric=5)
    hosts.new(family, metric=4, gateway=GATE[family][0], oif=hosts.device("gate1"))
    assert " 0% packet loss" in hosts.ping(family)
    whole = f"{TARGET[family]}/{ {4: 32, 6: 128}[family] }"
    hosts.wire.new(whole, type=Type.UNREACHABLE)
    assert " 100% packet loss" in hosts.ping(family)


@families
def test_a_device_that_is_down_is_passed_over(hosts: Hosts, family: int) -> None:
    # The same prefix by the other gateway at a higher metric, as a spare.
    hosts.new(family, 0, metric=1, gateway=GATE[family][0], oif=hosts.device("gate1"))
    hosts.new(family, 1, metric=2, gateway=GATE[family][1], oif=hosts.device("gate2"))
    with udp("gate1", family, PORT) as first, udp("gate2", family, PORT) as second:
        with udp("client", family) as here:
            here.sendto(b"1", (TARGET[family], PORT))
            assert first.recv(10) == b"1"
            hosts.run("router", "ip link set gate1 down")
            here.sendto(b"2", (TARGET[family], PORT))
            assert second.recv(10) == b"2"
            # And without carrier: the other end is down.
            hosts.run("router", "ip link set gate1 up")
            hosts.run("gate2", "ip link set router down")
            hosts.run("gate2", "ip link set router up")
        hosts.run("gate1", "ip link set router down")
        hosts.run("router", "ip link set gate2 down")
    assert {4: "Destination Net Unreachable", 6: "No route"}[family] in hosts.ping(family)


@families
def test_a_gateway_without_a_device_is_found_by_the_kernels_own_tables(hosts: Hosts, family: int) -> None:
    hosts.new(family, gateway=GATE[family][1])
    with udp("gate2", family, PORT) as there, udp("client", family) as here:
        here.sendto(b"x", (TARGET[family], PORT))
        assert there.recv(10) == b"x"


def test_an_ipv4_packet_goes_by_an_ipv6_gateway(hosts: Hosts) -> None:
    hosts.new(4, gateway=GATE[6][0], oif=hosts.device("gate1"))
    assert " 0% packet loss" in hosts.ping(4)


@families
def test_a_record_by_a_device_alone_means_that_the_target_is_there(hosts: Hosts, family: int) -> None:
    hosts.new(family, oif=hosts.device("gate1"))
    # Nobody at gate1 answers for that address on the link until its address is on it.
    hosts.run("gate1", f"ip -{family} addr add {TARGET[family]} dev router")
    assert " 0% packet loss" in hosts.ping(family)


@families
def test_flows_are_spread_by_weight(hosts: Hosts, family: int) -> None:
    flows = FLOWS
    hosts.new(
        family,
        nexthops=nexthops(
            {"gateway": GATE[family][0], "oif": hosts.device("gate1"), "weight": 3},
            {"gateway": GATE[family][1], "oif": hosts.device("gate2"), "weight": 1},
        ),
    )
    got: dict[str, int] = {}
    with ExitStack() as stack:
        far = {name: stack.enter_context(udp(name, family, PORT)) for name in ("gate1", "gate2")}
        for there in far.values():
            there.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        for _ in range(flows // 500):
            with ExitStack() as few:
                for _ in range(500):
                    here = few.enter_context(udp("client", family))
                    here.sendto(b"a", (TARGET[family], PORT))
                    here.sendto(b"b", (TARGET[family], PORT))  # the same flow, the same way
        for name, there in far.items():
            seen: dict[tuple[str, int], int] = {}
            there.settimeout(2)
            try:
                while True:
                    _, sender = there.recvfrom(10)
                    seen[sender[:2]] = seen.get(sender[:2], 0) + 1
            except TimeoutError:
                pass
            # A port may have come twice: then it is the same flow again.
            assert all(number % 2 == 0 for number in seen.values())
            got[name] = sum(seen.values()) // 2
    assert sum(got.values()) == flows
    assert abs(got["gate1"] / flows - 0.75) < 0.05 * 0.75


@families
def test_a_way_back_into_the_device_is_dropped_and_counted(hosts: Hosts, family: int) -> None:
    hosts.new(family, oif=hosts.device(LINK))
    assert " 100% packet loss" in hosts.ping(family)
    assert hosts.counted()["loop"] == 3
    # Through the kernel's tables: the gateway is behind the device.
    hosts.new(family, gateway=TARGET[family])
    assert " 100% packet loss" in hosts.ping(family)
    assert hosts.counted()["loop"] == 6


@families
def test_path_mtu_is_learned(hosts: Hosts, family: int) -> None:
    hosts.new(family)
    hosts.run("router", "ip link set gate1 mtu 1300")
    said = hosts.ping(family, options="-M do -s 1400")
    assert "mtu" in said.lower()
    assert "1300" in said
    assert " 0% packet loss" in hosts.ping(family, options="-M do -s 1200")
    assert copied(family, 300_000) == 300_000


def test_an_ipv4_packet_that_may_be_is_fragmented(hosts: Hosts) -> None:
    hosts.new(4)
    hosts.run("router", "ip link set gate1 mtu 700")
    hosts.run("gate1", "ip link set router mtu 700")
    assert " 0% packet loss" in hosts.ping(4, options="-M dont -s 1400")


def copied(family: int, size: int, *, source: str = "") -> int:
    """Send so many bytes over TCP from the client to the far address; return how many came."""
    with inside("gate1"):
        listener = socket.create_server(("", PORT), family=_SOCKET[family])
    came = 0

    def serve() -> None:
        nonlocal came
        connection, peer = listener.accept()
        with connection:
            if source:
                assert peer[0] == source
            while data := connection.recv(1 << 16):
                came += len(data)
            connection.sendall(b"!")

    with listener:
        listener.settimeout(60)
        server = threading.Thread(target=serve)
        server.start()
        with inside("client"):
            here = socket.socket(_SOCKET[family])
        with here:
            here.settimeout(60)
            here.connect((TARGET[family], PORT))
            here.sendall(bytes(size))
            here.shutdown(socket.SHUT_WR)
            assert here.recv(1) == b"!"
        server.join()
    return came


@families
def test_masquerading_takes_the_address_of_the_device_by_which_a_packet_leaves(
    hosts: Hosts, family: int
) -> None:
    hosts.new(family)
    # The gateway has no way back to the client: only a translated packet is answered.
    hosts.run("gate1", f"ip -{family} route del {'10.0.0.0/24' if family == 4 else 'fd00::/64'}")
    assert " 100% packet loss" in hosts.ping(family)
    rules = (
        "table inet nat { chain out { type nat hook postrouting priority srcnat;"
        " oifname gate1 masquerade; }; }"
    )
    subprocess.run(["ip", "netns", "exec", "router", "nft", "-f", "-"], input=rules, text=True, check=True)
    assert " 0% packet loss" in hosts.ping(family)
    own = {4: "10.0.1.1", 6: "fd00:1::1"}[family]
    assert copied(family, 300_000, source=own) == 300_000


@families
def test_a_stream_goes_on_while_the_table_changes_round_it(hosts: Hosts, family: int) -> None:
    hosts.new(family)
    stop = threading.Event()
    changes = 0

    def change() -> None:
        nonlocal changes
        base = {4: "198.51.{}.0/24", 6: "2001:db8:{:x}::/48"}[family]
        while not stop.is_set():
            for at in range(101, 200):
                hosts.wire.new(base.format(at), type=Type.BLACKHOLE)
            for at in range(101, 200):
                hosts.wire.delete(base.format(at))
            changes += 198

    writer = threading.Thread(target=change)
    writer.start()
    try:
        assert copied(family, 3_000_000) == 3_000_000
        assert " 0% packet loss" in hosts.ping(family, options="-c 50 -i 0.02")
    finally:
        stop.set()
        writer.join()
    assert changes > 0
    assert hosts.counted()["blackhole"] == 0


@families
def test_a_next_hop_is_changed_under_traffic(hosts: Hosts, family: int) -> None:
    with udp("gate1", family, PORT) as first, udp("gate2", family, PORT) as second:
        with udp("client", family) as here:
            for round_ in range(20):
                hosts.new(family, round_ % 2)
                here.sendto(bytes([round_]), (TARGET[family], PORT))
                assert (first, second)[round_ % 2].recv(10) == bytes([round_])
        for one in (first, second):
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(10)


def test_the_device_has_a_table(hosts: Hosts) -> None:
    assert hosts.link()["linkinfo"]["info_kind"] == "nld"
    hosts.wire.new(FAR[4], table=7, gateway=GATE[4][0], oif=hosts.device("gate1"))
    assert " 100% packet loss" in hosts.ping(4)
    hosts.new(4)
    assert " 0% packet loss" in hosts.ping(4)


def test_it_stays_in_its_namespace(hosts: Hosts) -> None:
    assert hosts.run("router", f"ip link set {LINK} netns client", check=False).returncode
    assert hosts.link()["ifname"] == LINK


def flood(hosts: Hosts, stack: ExitStack) -> None:
    """Keep packets coming by the device until the stack ends."""
    process = stack.enter_context(
        subprocess.Popen(
            ["ip", "netns", "exec", "client", "ping", "-n", "-q", "-f", TARGET[4]],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(process.terminate)
    before = hosts.counted()["sent"]
    while hosts.counted()["sent"] < before + 100:
        select.select([], [], [], 0.05)


def test_devices_go_under_traffic(hosts: Hosts) -> None:
    hosts.new(4)
    with ExitStack() as stack:
        flood(hosts, stack)
        hosts.run("router", "ip link del gate1")  # the next hop's
        assert hosts.wire.dump().records == []
        hosts.run("router", f"ip link del {LINK}")
        hosts.make_link()


def test_the_namespace_ends_under_traffic(hosts: Hosts) -> None:
    hosts.new(4)
    with ExitStack() as stack:
        flood(hosts, stack)
        hosts.wire.close()
        command("ip netns del router")


def test_the_module_goes_under_traffic(hosts: Hosts) -> None:
    hosts.new(4)
    with ExitStack() as stack:
        flood(hosts, stack)
        hosts.wire.close()
        unload()
        assert command(f"ip -n router link show {LINK}", check=False).returncode
        load("greet_protocol=25")


@families
def test_another_namespaces_table_is_not_asked(hosts: Hosts, family: int) -> None:
    hosts.new(family)
    with inside("client"), Socket() as other:
        other.new(FAR[family], type=Type.BLACKHOLE)
    assert " 0% packet loss" in hosts.ping(family)
