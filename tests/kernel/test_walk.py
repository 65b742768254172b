"""The walk's order against the kernel's own: random nested prefixes, with and without a source."""

from __future__ import annotations

import random
from ipaddress import IPv6Network

import pytest

from nld.kernel.fib import FibTable
from nld.kernel.selection import Selection
from nld.kernel.walk import walked
from nld.names import Names
from nld.netlink.registry import AF
from tests.kernel.inside import inside, ip
from tests.kernel.quiet import Quiet

pytestmark = pytest.mark.namespace


async def random_tree() -> None:
    source = random.Random(5)
    lines = set()
    for _ in range(400):
        length = source.choice((0, 1, 16, 17, 20, 33, 48, 64, 65, 127, 128))
        bits = source.choice((0, 0, source.getrandbits(128), source.getrandbits(4) << 124)) & ~1
        prefix = IPv6Network((bits >> (128 - length) << (128 - length) if length else 0, length))
        if prefix.is_multicast:
            continue
        origin = ""
        if source.random() < 0.4:
            origin = f" from {IPv6Network((source.getrandbits(128) >> 96 << 96, 32))}"
        lines.add(f"route add {prefix}{origin} dev veth0 table 77")
    ip(*sorted(lines))
    table = FibTable(Names(), protocol=131)
    await table.open(Quiet())
    found = [row async for part in table.dump(Selection((AF.INET6,), table=77)) for row in part]
    assert len(found) == len(lines)
    places = [walked(*row) for row in found]
    assert places == sorted(places)
    await table.close()


def test_the_kernel_walks_in_this_order() -> None:
    inside(random_tree)
