"""Loads: the routes that benches write, and the files in which programs read them.

A route is a destination and words, as ``ip route add DESTINATION WORDS`` has them.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.measure import scaled

GATEWAYS = tuple(f"192.0.2.{host}" for host in range(2, 18))
MANY_GATEWAYS = tuple(f"192.0.2.{host}" for host in range(2, 202))
GATEWAYS6 = tuple(f"2001:db8::{host:x}" for host in range(2, 18))

_SHARES = {24: 60, 23: 10, 22: 11, 21: 5, 20: 4.5, 19: 3, 18: 1.5, 17: 1, 16: 2, 15: 0.3, 14: 0.2, 32: 1.5}
"""Prefixes of each length in a hundred, about as in the Internet's table."""


class Load(NamedTuple):
    """Routes, and what they are called in the table."""

    what: str
    routes: Sequence[tuple[str, str]]

    def batch(self, path: Path, verb: str = "add", family: str = "") -> Path:
        """The file that ``ip -batch`` and ``nld -batch`` read."""
        lines = [f"route {verb} {destination} {words}\n" for destination, words in self.routes]
        path.write_text("".join(lines))
        return path

    def bird(self, path: Path) -> Path:
        """The configuration with which BIRD 2 has the same routes installed."""
        lines = [f" route {destination} {words};\n" for destination, words in self.routes]
        path.write_text(
            "router id 192.0.2.1;\nprotocol device { scan time 3600; }\n"
            "protocol kernel { learn off; scan time 3600; ipv4 { import none; export all; }; }\n"
            f"protocol static {{\n ipv4;\n{''.join(lines)}}}\n"
        )
        return path

    def records(self) -> list[dict[str, Any]]:
        """Route records, of routes with a gateway only."""
        return [{"dst": destination, "gateway": words.split()[1]} for destination, words in self.routes]


def alike(count: int = scaled(1_000_000)) -> Load:
    """A million /30, ascending (the order that costs the kernel most), by 16 next hops."""
    ways = cycle([f"via {gateway}" for gateway in GATEWAYS])
    return Load(f"{count:,} IPv4 by 16 next hops", list(zip(destinations(count), ways, strict=False)))


def internet() -> Load:
    """Lengths as in the Internet's table, by 200 next hops, neighbours mostly by the same one."""
    count = scaled(900_000)
    chance = random.Random(12)
    lengths = chance.choices(list(_SHARES), list(_SHARES.values()), k=count)
    prefixes: set[tuple[int, int]] = set()
    for length in lengths:
        while True:
            bits = chance.randrange(0x01000000, 0xC0000000) >> (32 - length) << (32 - length)
            if (bits, length) not in prefixes and not 0x7F000000 <= bits < 0x80000000:
                prefixes.add((bits, length))
                break
    routes = []
    way = MANY_GATEWAYS[0]
    for bits, length in sorted(prefixes):
        if chance.random() < 0.4:
            way = chance.choice(MANY_GATEWAYS)
        routes.append((f"{ipaddress.IPv4Address(bits)}/{length}", f"via {way}"))
    return Load(f"{count:,} of an Internet table's lengths, 200 next hops", routes)


def six() -> Load:
    """IPv6 /48 by 16 next hops."""
    count = scaled(200_000)
    base = int(ipaddress.IPv6Address("2a00::"))
    ways = cycle([f"via {gateway} dev nld0" for gateway in GATEWAYS6])
    texts = [f"{ipaddress.IPv6Address(base + (number << 80))}/48" for number in range(count)]
    return Load(f"{count:,} IPv6 by 16 next hops", list(zip(texts, ways, strict=False)))


def unlike() -> Load:
    """Of which no two say the same: 200 gateways x 100 metrics x 100 mtu."""
    count = scaled(300_000)
    ways = [
        f"via {MANY_GATEWAYS[number % 200]} metric {1 + number // 200 % 100} mtu {1300 + number // 20_000}"
        for number in range(count)
    ]
    return Load(f"{count:,} IPv4 that share nothing", list(zip(destinations(count), ways, strict=True)))


def destinations(count: int) -> list[str]:
    """That many /30 prefixes from 10.0.0.0 on, ascending."""
    base = int(ipaddress.IPv4Address("10.0.0.0"))
    return [f"{ipaddress.IPv4Address(base + 4 * number)}/30" for number in range(count)]
