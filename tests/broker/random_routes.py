"""Random routes from a seed, as words for ``ip -batch`` and ``nld -batch``: the same seed, the same routes.

Only what every kernel has; the devices are nld0 and nld1 with the sandbox's addresses.
"""

from __future__ import annotations

import ipaddress
import random

GATEWAYS = {4: ("192.0.2.2", "192.0.2.3", "192.0.3.2"), 6: ("2001:db8::2", "2001:db8::3", "2001:db8:0:1::2")}
TYPES = ("unicast", "unicast", "unicast", "unicast", "blackhole", "unreachable", "prohibit", "throw")


def prefix(source: random.Random, version: int, under: str | None = None) -> str:
    """A random prefix without host bits, inside ``under`` if that is given."""
    network = ipaddress.ip_network(under or ("10.0.0.0/8" if version == 4 else "2001:db8:8000::/33"))
    length = source.randint(network.prefixlen + 1, network.max_prefixlen)
    address = int(network.network_address) + source.getrandbits(network.max_prefixlen - network.prefixlen)
    made = ipaddress.ip_network((address, length), strict=False)
    return str(made.network_address) if length == network.max_prefixlen else str(made)


def words(seed: int, count: int) -> list[str]:
    """``count`` lines such as ``route add 10.1.0.0/16 via 192.0.2.2 metric 7``; no key occurs twice."""
    source = random.Random(seed)
    seen: set[tuple[str, str, int]] = set()
    lines: list[str] = []
    while len(lines) < count:
        version = source.choice((4, 6))
        kind = source.choice(TYPES)
        table = source.choice(("main", "main", "100", "70000"))
        metric = source.randint(1, 2000)
        destination = prefix(source, version)
        if (destination, table, metric) in seen:
            continue
        seen.add((destination, table, metric))
        parts = ["route", "add", kind, destination]
        if kind == "unicast":
            parts += _next_hop(source, version)
        parts += ["table", table, "metric", str(metric), "proto", source.choice(("static", "186", "nld"))]
        if kind == "unicast" and source.random() < 0.3:
            parts += ["mtu", str(source.randint(1280, 9000)), "advmss", str(source.randint(536, 1460))]
        lines.append(" ".join(_hops_last(parts)).replace("proto nld", "proto 131"))
    return lines


def _next_hop(source: random.Random, version: int) -> list[str]:
    gateways = GATEWAYS[version]
    if source.random() < 0.2:
        first, second = source.sample(gateways, 2)
        return ["nexthop", "via", first, "weight", str(source.randint(1, 20)), "nexthop", "via", second]
    if source.random() < 0.2:
        return ["dev", source.choice(("nld0", "nld1"))]
    chosen = ["via", source.choice(gateways)]
    return chosen if version == 6 or source.random() < 0.7 else [*chosen, "src", "192.0.2.1"]


def _hops_last(parts: list[str]) -> list[str]:
    """``ip`` takes nothing behind the first ``nexthop`` but next hops."""
    if "nexthop" not in parts:
        return parts
    start = parts.index("nexthop")
    end = parts.index("table")
    return parts[:start] + parts[end:] + parts[start:end]
