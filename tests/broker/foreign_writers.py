"""Somebody else's programs: one a family, which write routes past nld, and ``ip monitor`` beside them.

python foreign_writers.py WRITES

A program of its own, run in the stand.  Its routes go by gateways that nld's clients do not use, so that
the monitor's lines tell whose a route is, whatever its protocol.  Prints a JSON object when all is written:
how many of its routes the writers deleted, and the monitor's lines.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
from ipaddress import ip_address, ip_network
from pathlib import Path

from nld.kernel.socket import NetlinkSocket
from nld.netlink.extack import parse_error
from nld.netlink.header import Flag, frame, split
from nld.netlink.registry import AF, NETLINK_ROUTE, RTM
from nld.netlink.route import Route, encode

KEYS = {
    4: [f"10.{number}.0.0/16" for number in range(6)],
    6: [f"2001:db8:{number + 16:x}::/48" for number in range(6)],
}
THEIRS = {4: ("192.0.2.4", "192.0.2.5"), 6: ("2001:db8::4", "2001:db8::5")}
PROTOCOLS = (186, 186, 4, 131)
"""Mostly a foreign one; also one that nld's clients use, and nld's own: who takes that is taken for nld."""

_NEW = Flag.REQUEST | Flag.ACK | Flag.CREATE


def write(version: int, count: int, seed: int) -> int:
    """Do ``count`` random writes, as fast as the kernel answers; how many foreign routes were deleted."""
    rng = random.Random(seed)
    socket = NetlinkSocket(NETLINK_ROUTE)
    family = AF.INET if version == 4 else AF.INET6
    deleted = 0
    for sequence in range(1, count + 1):
        network = ip_network(rng.choice(KEYS[version]))
        protocol = rng.choice(PROTOCOLS)
        route = Route(
            family, network.prefixlen, dst=network.network_address.packed, protocol=protocol,
            gateway=ip_address(rng.choice(THEIRS[version])).packed, type=1,
        )  # fmt: skip
        verb = rng.choice(("add", "delete", "delete", "replace"))
        if verb == "delete":
            kind, flags = RTM.DELROUTE, Flag.REQUEST | Flag.ACK
        else:
            kind, flags = RTM.NEWROUTE, _NEW | (Flag.EXCL if verb == "add" else Flag.REPLACE)
        socket.send(frame(kind, flags, sequence, encode(route)))
        datagram = socket.receive()
        assert datagram is not None
        said = parse_error(next(split(datagram)))
        deleted += verb == "delete" and not said.errno and protocol != 131
    return deleted


def seen(lines: Path, mark: str) -> str:
    """Write a route until the monitor has told of it, and so of everything before; what it told so far."""
    text = ""
    while mark not in text:
        for verb in ("add", "del"):
            subprocess.run(["ip", "route", verb, "blackhole", mark, "proto", "187"], check=True)
        # Opened anew each time: the monitor's own descriptor has the place where it writes.
        text = lines.read_text()
    return text


def main(count: int) -> None:
    """Write, and print what the monitor saw."""
    with tempfile.TemporaryDirectory() as directory:
        lines = Path(directory) / "lines"
        # Numbers, as this host's files may have names for them.
        with lines.open("wb") as output:
            monitor = subprocess.Popen(
                ["ip", "-N", "monitor", "route"], stdout=output, stderr=subprocess.STDOUT
            )
        seen(lines, "198.51.100.98")
        with multiprocessing.Pool(2) as pool:
            deleted = pool.starmap(write, [(4, count, 1), (6, count, 2)])
        told = seen(lines, "198.51.100.99")
        monitor.terminate()
        monitor.wait()
        # A line that the monitor was writing when the file was read is one of the last mark's.
        whole = told[: told.rindex("\n") + 1]
        print(json.dumps({"deleted": sum(deleted), "lines": whole.splitlines()}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
