"""The daemon and the module: found, missing, let go, back again, under load, without rights."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from nld.client import Client
from nld.errors import ConnectionFailed, KernelRefused, KernelUnavailable
from nld.kernel.channel import Channel
from nld.kernel.socket import NetlinkSocket
from nld.netlink import module as message
from nld.netlink.header import Flag, frame
from nld.netlink.module import NLD_F, NLD_MSG, PROTOCOL, Entry
from nld.netlink.registry import AF
from tests.contract import suite

from .loaded import PARAMETERS, load, module, remove, unload
from .service import PREFIXES, available, daemon, listed, refused, until
from .wire import namespace

__all__ = ["module"]

# On one kernel, as a daemon takes its time to start there; make kmod-check runs them on the other.
pytestmark = pytest.mark.machine("6.12")

FOREIGN = str(suite.FOREIGN)
REQUESTS = 5_000
AT_ONCE = 100
BURST = 8_000
MANY = 5_000


@pytest.fixture
def network() -> Iterator[None]:
    """A namespace of its own, with loopback up."""
    with namespace():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=60)
        yield


@pytest.fixture
def nothing() -> Iterator[None]:
    """The module is not loaded, before and afterwards."""
    unload()
    yield
    unload()


def foreign(verb: str, dst: str, gateway: str = "192.0.2.9") -> None:
    """Somebody else's change, past nld."""
    subprocess.run([sys.executable, FOREIGN, verb, dst, gateway], check=True, timeout=120)


# -- there or not


def test_an_installed_module_is_loaded_by_root_and_not_by_a_socket(
    nothing: None, network: None, tmp_path: Path
) -> None:
    with daemon(tmp_path) as client:
        assert "no netlink protocol 31" in str(available(client))
        assert not PARAMETERS.exists()
        load()
        until(lambda: available(client) is None, "the module to be found")
        assert client.greet("Hello") == message.GREETING
        assert client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"}, kernel="module") == 1


def test_a_missing_one_is_said_and_taken_up_when_it_comes(
    nothing: None, network: None, tmp_path: Path
) -> None:
    with daemon(tmp_path, number=30) as client:
        assert "no netlink protocol 30" in str(available(client))
        error = refused(lambda: client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"}, kernel="module"))
        assert isinstance(error, KernelUnavailable)
        assert "no netlink protocol 30" in error.message
        assert [*client.list({"table": "local"}, kernel="fib")]
        load("protocol=30")
        until(lambda: available(client) is None, "the module to be found")
        assert client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"}, kernel="module") == 1


def test_somebody_elses_protocol_is_not_taken_for_ours(network: None, tmp_path: Path) -> None:
    with daemon(tmp_path, number=16) as client:  # NETLINK_GENERIC
        assert "belongs to another kernel module" in str(available(client))


def test_it_is_let_go_and_comes_back_with_our_routes(nothing: None, network: None, tmp_path: Path) -> None:
    load()
    ours = {prefix: f"192.0.2.{2 + index % 3}" for index, prefix in enumerate(PREFIXES[:500])}
    events: list[tuple[str, str, str | None]] = []
    synced, complete = threading.Event(), threading.Event()

    def follow(path: str) -> None:
        with Client(path, timeout=300) as other:
            for reply in other.watch(kernel="module"):
                if reply["kind"] == "synced":
                    synced.set()
                for change in reply.get("changes", ()):
                    events.append((change["event"], change["route"]["dst"], change.get("cause")))
                if len(events) >= 1001:
                    complete.set()
                    return

    with daemon(tmp_path) as client:
        records = [{"dst": dst, "gateway": gateway} for dst, gateway in ours.items()]
        assert client.add(records, kernel="module") == len(ours)
        foreign("add", "172.16.0.0/12")
        assert len(listed(client)) == len(ours) + 1
        watcher = threading.Thread(target=follow, args=(str(tmp_path / "io.nld"),), daemon=True)
        watcher.start()
        assert synced.wait(120)

        assert "in use" in remove()
        assert len(listed(client)) == len(ours) + 1
        client.release("module")
        until(lambda: available(client) is not None, "the release")
        error = refused(lambda: listed(client))
        assert isinstance(error, KernelUnavailable)
        assert "released" in error.message
        until(lambda: not remove(), "the module to go")
        assert "released" in str(available(client))

        load()
        until(lambda: available(client) is None, "the module to be found again")
        until(lambda: listed(client) == ours, "our routes to be back")
        assert complete.wait(120)
    gone, come = events[:501], events[501:]
    assert {event for event, _, _ in gone} == {"delete"}
    assert {dst for _, dst, _ in gone} == {*ours, "172.16.0.0/12"}
    assert all("released" in str(cause) for _, _, cause in gone)
    assert sorted(event[:2] for event in come) == sorted(("new", dst) for dst in ours)


# -- the device for packets


def devices() -> dict[str, bool]:
    """The devices of kind nld, and whether they are up."""
    words = ["ip", "-json", "-details", "link", "show", "type", "nld"]
    done = subprocess.run(words, check=True, capture_output=True, timeout=60)
    return {link["ifname"]: "UP" in link["flags"] for link in json.loads(done.stdout or b"[]") if link}


def test_the_device_is_made_outlives_the_daemon_and_goes_with_its_key(
    nothing: None, network: None, tmp_path: Path
) -> None:
    load()
    subprocess.run(["ip", "link", "add", "mine", "type", "nld"], check=True, timeout=60)
    with daemon(tmp_path, device="via0"):
        assert devices() == {"mine": False, "via0": True}
    assert devices() == {"mine": False, "via0": True}
    with daemon(tmp_path, device="mine"):
        assert devices() == {"mine": True}


def test_the_device_comes_back_with_the_module(nothing: None, network: None, tmp_path: Path) -> None:
    with daemon(tmp_path, device="via0") as client:
        for _ in range(2):
            load()
            until(lambda: available(client) is None, "the module to be found")
            until(lambda: devices() == {"via0": True}, "the device")
            client.release("module")
            until(lambda: not remove(), "the module to go")
            assert devices() == {}


def test_a_device_of_another_kind_is_left_alone(module: None, network: None, tmp_path: Path) -> None:
    with daemon(tmp_path, device="lo") as client:
        assert available(client) is None
        assert devices() == {}
        assert "lo is a device of another kind" in (tmp_path / "log").read_text()


# -- under load


def test_every_one_of_many_requests_finds_its_answer(module: None, network: None) -> None:
    """nld's own sender and receiver tasks, a hundred requests at a time of which half are refused."""

    async def ask(channel: Channel, number: int) -> None:
        known = message.encode(Entry(AF.INET, 8, dst=bytes([10, 0, 0, 0])))
        missing = message.encode(Entry(AF.INET, 8, dst=bytes([11, 0, 0, 0])))
        for turn in range(REQUESTS // AT_ONCE):
            there = (number + turn) % 2 == 0
            answer = await channel.request(NLD_MSG.ROUTE_GET, 0, known if there else missing)
            assert bool(answer.replies) == there
            assert bool(answer.acknowledgement.errno) != there

    async def all_of_them() -> None:
        channel = Channel(PROTOCOL, receive_buffer=4 << 20, send_buffer=1 << 20)
        new = message.encode(Entry(AF.INET, 8, dst=bytes([10, 0, 0, 0]), gateway=bytes([192, 0, 2, 2])))
        await channel.request(NLD_MSG.ROUTE_NEW, Flag.CREATE, new)
        await asyncio.gather(*(ask(channel, number) for number in range(AT_ONCE)))
        assert channel.exchange.unmatched == 0
        assert channel.exchange.malformed == 0
        assert channel.counters.sent == REQUESTS + 1
        assert not channel.exchange.pending
        await channel.close()

    uvloop.run(all_of_them())


class Churn(threading.Thread):
    """Moves a marker from prefix to prefix, so that at each moment one or two of them are there."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.socket = NetlinkSocket(PROTOCOL)
        self.turns = 0

    def run(self) -> None:
        last = None
        while not self.stop.is_set():
            # Far from each other in the order of a dump.
            here = (
                bytes([203, 0, self.turns * 97 % 256, 0])
                if self.turns % 2
                else bytes([9, 0, self.turns % 256, 0])
            )
            self._send(NLD_MSG.ROUTE_NEW, Flag.CREATE | Flag.REPLACE, here)
            if last is not None and last != here:
                self._send(NLD_MSG.ROUTE_DEL, 0, last)
            last = here
            self.turns += 1
        self.socket.close()

    def _send(self, kind: int, flags: int, where: bytes) -> None:
        entry = Entry(AF.INET, 24, dst=where, protocol=4 if kind == NLD_MSG.ROUTE_NEW else None)
        if kind == NLD_MSG.ROUTE_NEW:
            entry.gateway = bytes([192, 0, 2, 9])
        self.socket.send(frame(kind, Flag.REQUEST | flags, 1, message.encode(entry)))


def test_an_interrupted_dump_is_made_again(module: None, network: None, tmp_path: Path) -> None:
    with daemon(tmp_path) as client:
        assert client.add({"dst": PREFIXES[:MANY], "gateway": "192.0.2.2"}, kernel="module") == MANY
        churn = Churn()
        churn.start()
        try:
            until(lambda: churn.turns > 2, "the churn to begin")
            for _ in range(5):
                found = listed(client)
                markers = [dst for dst in found if dst.startswith(("203.", "9."))]
                assert len(markers) in (1, 2), "no moment's state"
                assert len(found) == MANY + len(markers)
        finally:
            churn.stop.set()
            churn.join(60)
        assert churn.turns > 100


@pytest.mark.parametrize("buffer", [4096, 65536])
def test_what_a_tiny_buffer_loses_is_noticed_and_mended(
    module: None, network: None, tmp_path: Path, buffer: int
) -> None:
    state: dict[str, str | None] = {}
    synced = threading.Event()

    def follow(path: str) -> None:
        with contextlib.suppress(ConnectionFailed), Client(path, timeout=300) as other:
            for reply in other.watch(kernel="module"):
                if reply["kind"] == "resync":
                    state.clear()
                if reply["kind"] == "synced":
                    synced.set()
                for route in reply.get("routes", ()):
                    state[route["dst"]] = route.get("gateway")
                for change in reply.get("changes", ()):
                    route = change["route"]
                    if change["event"] == "delete":
                        del state[route["dst"]]
                    else:
                        state[route["dst"]] = route.get("gateway")

    with daemon(tmp_path, notification_buffer=buffer) as client:
        watcher = threading.Thread(target=follow, args=(str(tmp_path / "io.nld"),), daemon=True)
        watcher.start()
        assert synced.wait(120)
        pid = client.status()["pid"]
        os.kill(pid, signal.SIGSTOP)  # however slow the machine, it falls behind
        try:
            _burst(BURST)
        finally:
            os.kill(pid, signal.SIGCONT)
        found = listed(client)
        assert len(found) == BURST // 2
        until(lambda: state == found, "the watcher to see what is there")
        (status,) = [entry for entry in client.status()["kernels"] if entry["name"] == "module"]
        assert status["resyncs"] > 0
        assert status["routes"] == len(found)


def _burst(changes: int) -> None:
    """So many changes as fast as one process can; every other one replaces what the one before made."""
    socket = NetlinkSocket(PROTOCOL, send_buffer=1 << 20)
    for start in range(0, changes, 200):
        messages = []
        for number in range(start, start + 200):
            address = bytes([10, *((number // 2) % 0x10000).to_bytes(2, "big"), 0])
            gateway = bytes([192, 0, 2, 2 + number % 2])
            entry = Entry(AF.INET, 24, dst=address, gateway=gateway, protocol=4)
            flags = Flag.REQUEST | Flag.CREATE | Flag.REPLACE
            messages.append(frame(NLD_MSG.ROUTE_NEW, flags, 1, message.encode(entry)))
        socket.send(b"".join(messages))
    socket.close()


# -- without rights


def test_without_the_capability_reading_works_and_writing_says_why(
    module: None, network: None, tmp_path: Path
) -> None:
    foreign("add", "10.0.0.0/8")
    bare = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    with daemon(tmp_path, before=bare) as client:
        assert listed(client) == {"10.0.0.0/8": "192.0.2.9"}
        (answer,) = client.lookup("10.1.2.3", kernel="module")
        assert answer["match"]["dst"] == "10.0.0.0/8"
        error = refused(lambda: client.add({"dst": "10.1.0.0/16", "gateway": "192.0.2.2"}, kernel="module"))
        assert isinstance(error, KernelRefused)
        assert error.errno == "EPERM"
        assert "CAP_NET_ADMIN" in error.message
        assert error.extack is not None
        assert error.extack.message
        assert listed(client) == {"10.0.0.0/8": "192.0.2.9"}


def test_another_namespace_has_its_own_empty_table(module: None, network: None, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with daemon(here) as client:
        client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"}, kernel="module")
        with namespace(), daemon(there) as other:
            assert listed(other) == {}
            other.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.3"}, kernel="module")
            assert listed(other) == {"10.0.0.0/8": "192.0.2.3"}
        assert listed(client) == {"10.0.0.0/8": "192.0.2.2"}


def test_the_exact_key_and_the_longest_prefix_at_the_wire(module: None, network: None) -> None:
    """LOOKUP is a flag of the header, not another message: both are asked of the same record."""

    async def ask() -> None:
        channel = Channel(PROTOCOL)
        entry = Entry(
            AF.INET, 8, dst=bytes([10, 0, 0, 0]), gateway=bytes([192, 0, 2, 2]), owner=b"vpn\0agent"
        )
        await channel.request(NLD_MSG.ROUTE_NEW, Flag.CREATE, message.encode(entry))
        host = Entry(AF.INET, 32, dst=bytes([10, 1, 2, 3]))
        exact = await channel.request(NLD_MSG.ROUTE_GET, 0, message.encode(host))
        host.flags = NLD_F.LOOKUP
        longest = await channel.request(NLD_MSG.ROUTE_GET, 0, message.encode(host))
        await channel.close()
        assert not exact.replies
        found = message.decode(longest.replies[0].payload)
        assert (found.dst, found.dst_len, found.owner) == (bytes([10, 0, 0, 0]), 8, b"vpn\0agent")

    asyncio.run(ask())
