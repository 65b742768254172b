"""Figures of traffic through the module's table, beside the kernel's own in the same machine and run.

``NLD_SECONDS`` is how long streams last, ``NLD_ROUNDS`` how often each figure is taken; ``make kmod-bench``
asks for much. Only there figures are held to something: a machine that does other work tells nothing of
speed. ``pytest -rP`` shows what was measured.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import socket
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from .hosts import FAMILIES, FAR, GATE, LINK, TABLE, TARGET, Hosts, hosts, inside
from .loaded import module, program
from .service import daemon
from .wire import CREATE, PROTOCOL, Msg, Socket, Type, body

__all__ = ["hosts", "module"]

SECONDS = float(os.environ.get("NLD_SECONDS", "3"))
ROUNDS = int(os.environ.get("NLD_ROUNDS", "1"))
HELD = "NLD_ROUNDS" in os.environ
RATE = 10_000
"""Changes of the table in a second."""
PACKETS = 20_000
"""How many are sent for one figure."""
PORT = 7000
_SOCKET = {4: socket.AF_INET, 6: socket.AF_INET6}
# Destinations that no rule leads to the device: the router's own table has them.
PLAIN = {4: "203.0.113.0/24", 6: "2001:db8:200::/48"}
PLAIN_TARGET = {4: "203.0.113.7", 6: "2001:db8:200::7"}

pytestmark = pytest.mark.machine("6.12", timeout=900)
families = pytest.mark.parametrize("family", FAMILIES)


# -- streams while the table changes


def around() -> list[str]:
    """Prefixes beside the target, next to it inside the same prefix, and one that covers it."""
    return [
        "198.51.0.0/16",
        *(f"198.51.{at}.0/24" for at in range(101, 150)),
        *(f"198.51.100.{at}/32" for at in range(8, 58)),
        "2001:db8::/32",
        *(f"2001:db8:{at:x}::/48" for at in range(0x101, 0x132)),
        *(f"2001:db8:100::{at:x}/128" for at in range(8, 58)),
    ]


def change(until: float, told: Any) -> None:
    """Make and delete blackholes round the target at the rate asked for; tell how many changes that were."""
    with inside("router"), Socket() as wire:
        prefixes = around()
        batches = [
            [
                wire.compose(Msg.ROUTE_NEW, CREATE, body(prefix, type=Type.BLACKHOLE))[1]
                for prefix in prefixes
            ],
            [wire.compose(Msg.ROUTE_DEL, 0, body(prefix))[1] for prefix in reversed(prefixes)],
        ]
        changes, began = 0, time.monotonic()
        while time.monotonic() < until:
            for batch in batches:
                wire.send_all(batch)
                changes += len(batch)
            if (ahead := changes / RATE - (time.monotonic() - began)) > 0:
                time.sleep(ahead)
        assert wire.queued() == []  # a failure would have been answered
        told.send((changes, time.monotonic() - began))


@contextmanager
def changing(seconds: float) -> Iterator[Callable[[], tuple[int, float]]]:
    """Change the table for so long, in a process of its own; what is yielded waits for its figures."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=change, args=(time.monotonic() + seconds, theirs))
    process.start()

    def figures() -> tuple[int, float]:
        assert ours.poll(60), "the writer failed"
        made: tuple[int, float] = ours.recv()
        return made

    try:
        yield figures
    finally:
        process.join()


class Stream:
    """A TCP stream from the client to the far address: bytes that tell their place, until it is stopped."""

    def __init__(self, family: int) -> None:
        with inside("gate1"):
            self._listener = socket.create_server(("", PORT), family=_SOCKET[family])
        with inside("client"):
            self._here = socket.create_connection((TARGET[family], PORT), timeout=60)
        self._there, _ = self._listener.accept()
        self.sent = self.received = 0
        self.stalls: list[float] = []
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        self._stop = threading.Event()
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def _send(self) -> None:
        block = b"".join(struct.pack("=Q", at) for at in range(1024))
        while not self._stop.is_set():
            self._here.sendall(block)
            self.sent += len(block)
        self._here.shutdown(socket.SHUT_WR)

    def _receive(self) -> None:
        block = b"".join(struct.pack("=Q", at) for at in range(1024))
        pending, last = b"", time.monotonic()
        while data := self._there.recv(1 << 16):
            now = time.monotonic()
            self.stalls.append(now - last)
            last = now
            self.received += len(data)
            pending += data
            while len(pending) >= len(block):
                assert pending[: len(block)] == block, "the stream is not what was sent"
                pending = pending[len(block) :]

    def stop(self) -> None:
        """Wait until all of it has come."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for one in (self._here, self._there, self._listener):
            one.close()
        assert self.received == self.sent > 0


def test_nothing_is_lost_while_the_table_changes_round_it(hosts: Hosts) -> None:
    for family in FAMILIES:
        hosts.new(family)
        assert " 0% packet loss" in hosts.ping(family)  # neighbours are known
    pings = {}
    with changing(SECONDS) as figures:
        streams = [Stream(family) for family in FAMILIES]
        for family in FAMILIES:
            words = f"ip netns exec client ping -{family} -n -q -i 0.02 -w {int(SECONDS)} {TARGET[family]}"
            pings[family] = subprocess.Popen(words.split(), stdout=subprocess.PIPE, text=True)
        said = {family: ping.communicate()[0] for family, ping in pings.items()}
        changes, took = figures()
        for stream in streams:
            stream.stop()
    rate = changes / took
    print(f"{changes} changes in {took:.1f} s, {rate:.0f}/s")
    for family, stream in zip(FAMILIES, streams, strict=True):
        print(f"IPv{family}: {stream.received} bytes, longest wait {max(stream.stalls) * 1000:.0f} ms")
        print(said[family])
        assert " 0% packet loss" in said[family]
    # None of the records that came and went was ever obeyed.
    counted = hosts.counted()
    assert {name: value for name, value in counted.items() if not name.startswith("sent") and value} == {}
    assert rate > 0.9 * RATE or not HELD


# -- fail-over by nld


class Beacon:
    """The client sends the time to an address, again and again; a gateway tells what reached it."""

    def __init__(self, family: int, target: str, stack: ExitStack) -> None:
        self._far = {}
        for name in ("gate1", "gate2"):
            with inside(name):
                self._far[name] = stack.enter_context(socket.socket(_SOCKET[family], socket.SOCK_DGRAM))
                self._far[name].bind(("", PORT))
                self._far[name].settimeout(10)
        process = multiprocessing.get_context("fork").Process(target=self._send, args=(family, target))
        process.start()
        stack.callback(process.join)
        stack.callback(process.terminate)

    @staticmethod
    def _send(family: int, target: str) -> None:
        with inside("client"), socket.socket(_SOCKET[family], socket.SOCK_DGRAM) as here:
            here.connect((target, PORT))
            while True:
                here.send(struct.pack("=Q", time.monotonic_ns()))
                time.sleep(0.0005)

    def first(self, name: str, after: int) -> float:
        """Wait for a packet that was sent after this time; return how much later that was, in ms."""
        while True:
            (sent,) = struct.unpack("=Q", self._far[name].recv(8))
            if sent > after:
                return float(sent - after) / 1e6

    def drain(self) -> None:
        """Forget what came so far."""
        for far in self._far.values():
            far.setblocking(False)
            try:
                while True:
                    far.recv(8)
            except BlockingIOError:
                far.settimeout(10)


# Where changes are announced: protocol, and groups (RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE; NLD_GROUP_ROUTE).
ANNOUNCED = {"fib": (socket.NETLINK_ROUTE, 0x440), "module": (PROTOCOL, 1)}


class Announced:
    """When the kernel said that it changed a route of one of its tables."""

    def __init__(self, kernel: str, stack: ExitStack) -> None:
        protocol, groups = ANNOUNCED[kernel]
        self._socket = stack.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol))
        self._socket.bind((0, groups))
        self._socket.settimeout(10)
        self._times: queue.SimpleQueue[int] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):  # it was closed
            while self._socket.recv(1 << 16):
                self._times.put(time.monotonic_ns())

    def first(self, after: int) -> float:
        """Wait for the first change after a time; return how much later that was, in ms."""
        while (when := self._times.get(timeout=10)) < after:
            pass
        return (when - after) / 1e6


def fail_over(
    replace: Callable[[dict[str, Any]], object], family: int, beacon: Beacon, announced: Announced
) -> list[tuple[float, float]]:
    """Change the next hop by nld, again and again.

    Return the ms from each call until the kernel had changed it, and until the first packet that was sent
    after the call had gone the new way.
    """
    found = []
    for turn in range(1 + 5 * ROUNDS):
        to = (turn + 1) % 2
        hop = {"gateway": GATE[family][to], "dev": f"gate{to + 1}"}
        beacon.drain()
        began = time.monotonic_ns()
        replace(hop)
        found.append((announced.first(began), beacon.first(f"gate{to + 1}", began)))
    return found[1:]  # the first finds nothing resolved yet, and nothing read


@families
def test_a_fail_over_by_nld_reaches_the_traffic(hosts: Hosts, family: int, tmp_path: Path) -> None:
    for gate in ("gate1", "gate2"):
        hosts.run(gate, f"ip -{family} route add local {PLAIN[family]} dev lo")
    medians = {}
    with inside("router"), daemon(tmp_path) as client:
        for kernel, dst, target in (
            ("module", FAR[family], TARGET[family]),
            ("fib", PLAIN[family], PLAIN_TARGET[family]),
        ):
            client.add({"dst": dst, "gateway": GATE[family][0], "dev": "gate1"}, kernel=kernel)

            def replace(hop: dict[str, Any], dst: str = dst, kernel: str = kernel) -> None:
                client.replace({"dst": dst, **hop}, kernel=kernel)

            with ExitStack() as stack:
                announced = Announced(kernel, stack)
                took = fail_over(replace, family, Beacon(family, target, stack), announced)
            changed, reached = ([turn[at] for turn in took] for at in range(2))
            medians[kernel] = statistics.median(reached)
            print(
                f"IPv{family} {kernel}: changed after {told(changed)}; reached the traffic after"
                f" {told(reached)}, {sum(ms > 50 for ms in reached)} of {len(reached)} after more than 50 ms;"
                f" from the one to the other {told([way - ms for ms, way in took])}"
            )
    assert medians["module"] < 50 or not HELD


def told(values: list[float]) -> str:
    """Return the median and the extremes, in ms."""
    return f"{statistics.median(values):.1f} ms ({min(values):.1f} to {max(values):.1f})"


# -- packets a second


def flood(family: int) -> float:
    """Microseconds for one packet from the client through the router."""
    with inside("client"):
        done = program("flood", family, TARGET[family], PORT, PACKETS)
    assert done.returncode == 0, done.stderr
    told: dict[str, float] = json.loads(done.stdout)
    return told["packet_us"]


def profile(family: int) -> str:
    """Say where the processors are while packets go through the router."""
    with inside("client"):
        done = program("profile", 25, "programs/flood", family, TARGET[family], PORT, 10 * PACKETS)
    assert done.returncode == 0, done.stderr
    return done.stderr


@families
def test_packets_a_second_beside_the_kernels_own_table(hosts: Hosts, family: int) -> None:
    """The same route, rule and hosts; only what the rule's table says differs: the device, or the gateway."""
    hosts.new(family)
    # Here they end without an answer: what is measured is the way there.
    for gate in ("gate1", "gate2"):
        hosts.run(gate, f"ip -{family} route replace blackhole {FAR[family]}")
        hosts.run(gate, f"ip -{family} route del local {FAR[family]} dev lo")
    default = f"ip -{family} route replace default"
    ways = {
        "device": f"{default} dev {LINK} table {TABLE}",
        "gateway": f"{default} via {GATE[family][0]} dev gate1 table {TABLE}",
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(1 + 3 * ROUNDS):
        for name, words in ways.items():
            hosts.run("router", words)
            before = hosts.counted()["sent"]
            one = flood(family)
            went = hosts.counted()["sent"] - before
            assert went == (PACKETS if name == "device" else 0), (name, went)
            if turn:
                took[name].append(one)
    for name, values in took.items():
        best, usual = min(values), statistics.median(values)
        print(
            f"IPv{family} by {name}: {usual:.2f} us a packet, {1e6 / usual:.0f} a second; best {best:.2f} us"
        )
    if HELD:
        for name, words in ways.items():
            hosts.run("router", words)
            print(f"IPv{family} by {name}, where the time goes:\n{profile(family)}")
    ratio = statistics.median(took["gateway"]) / statistics.median(took["device"])
    print(f"IPv{family}: {ratio:.2f} of the packets a second that the kernel's own table forwards")
    assert ratio > 0.5 or not HELD
