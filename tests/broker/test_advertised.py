"""Routes of router advertisements: the kernel gives them metrics, and renews them, after it has told of them.

A router is played by the other end of a link.  Addresses are left to a DHCPv6 server: its prefix makes none.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import pytest

from nld.broker.view import View
from nld.kernel.fib import FibTable
from nld.records import Names
from tests.broker.happenings import SETTING
from tests.broker.test_truth import Batch, Watcher, assert_equal
from tests.kernel.inside import inside

pytestmark = pytest.mark.namespace

ROUTER = socket.inet_pton(socket.AF_INET6, "fe80::99")
ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
ICMPV6 = 58


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def advertise(device: str, hop_limit: int, mtu: int, prefix: str | None) -> None:
    """Send a router advertisement (RFC 4861) out by a device."""
    body = struct.pack("!BxHBxHII", 134, 0, hop_limit, 1800, 0, 0) + struct.pack("!BBxxI", 5, 1, mtu)
    if prefix is not None:
        on_link = 0x80
        body += struct.pack("!BBBBIIxxxx", 3, 4, 64, on_link, 5000, 4000)
        body += socket.inet_pton(socket.AF_INET6, prefix)
    pseudo_header = ROUTER + ALL_NODES + struct.pack("!II", len(body), ICMPV6)
    body = body[:2] + checksum(pseudo_header + body).to_bytes(2) + body[4:]
    ethernet = bytes.fromhex("333300000001020000000099") + b"\x86\xdd"
    packet = struct.pack("!IHBB", 6 << 28, len(body), ICMPV6, 255) + ROUTER + ALL_NODES + body
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((device, 0))
        out.send(ethernet + packet)


def listening() -> Batch:
    """t0 listens to routers."""
    batch = Batch()
    batch.run(list(SETTING))
    batch.run(["link set t0 addrgenmode eui64", "link set t0 down", "link set t0 up"])
    Path("/proc/sys/net/ipv6/conf/t0/accept_ra").write_text("2")
    return batch


async def advertised() -> None:
    """A watcher has the metrics and lifetimes, of the first advertisement and of later ones."""
    batch = listening()
    view = View(FibTable(Names(), protocol=131, notification_buffer=4 << 20), 65536)
    await view.start()
    watcher = Watcher(view)
    await assert_equal(watcher, [])
    for hop_limit, mtu, prefix in (
        (64, 1400, None),
        (64, 1400, "2001:db8:aa::"),
        (32, 1300, "2001:db8:aa::"),
    ):
        advertise("t0p", hop_limit, mtu, prefix)
        wanted = f'"mtu": {mtu}, "hoplimit": {hop_limit}'
        async with asyncio.timeout(10):
            while not any(wanted in one for one in watcher.told):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        await assert_equal(watcher, [str(mtu)])
    await watcher.close()
    await view.close()
    batch.close()


def test_what_a_router_advertises_is_told_as_it_is_listed() -> None:
    inside(advertised)
