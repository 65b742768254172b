"""The link, and the VRF table that hides in its driver's bytes."""

from __future__ import annotations

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import pack
from nld.netlink.link import Link, LinkInfo, decode, encode, glance
from nld.netlink.registry import LinkFlag
from tests.kernel.room import GETLINK, Room

TABLE = pack(1, b"\xe8\3\0\0")


def test_what_a_link_says() -> None:
    link = decode(encode(Link(index=3, name="vrf10", flags=LinkFlag.UP, info=LinkInfo("vrf", TABLE))))
    assert (link.kind, link.up, link.vrf_table) == ("vrf", True, 1000)
    assert (Link().kind, Link().up, Link().vrf_table) == (None, False, None)


def test_a_link_in_a_vrf() -> None:
    link = decode(encode(Link(info=LinkInfo("veth", TABLE, "vrf", pack(9, b"") + TABLE))))
    assert link.vrf_table == 1000
    assert Link(info=LinkInfo("veth", TABLE)).vrf_table is None
    assert Link(info=LinkInfo("vrf", b"")).vrf_table is None


@pytest.mark.parametrize("data", [b"\3\0\1\0", pack(1, b"\1"), b"\1"])
def test_a_malformed_vrf_is_found_when_decoding(data: bytes) -> None:
    with pytest.raises(MalformedMessage, match="VRF table"):
        decode(encode(Link(info=LinkInfo("vrf", data))))
    with pytest.raises(MalformedMessage, match="VRF table"):
        glance(encode(Link(info=LinkInfo("vrf", data))))


@pytest.mark.namespace
def test_a_glance_sees_what_routes_depend_on() -> None:
    with Room() as room:
        room.ip("link property add dev veth0 altname isp-a")
        payloads = room.dump(GETLINK)
    assert len(payloads) == 5
    for payload in payloads:
        whole, seen = decode(payload), glance(payload)
        for name in ("family", "type", "index", "flags", "change", "name", "mtu", "info", "altnames", "kind"):
            assert getattr(seen, name) == getattr(whole, name)
    assert ("isp-a",) in [glance(payload).altnames for payload in payloads]


@pytest.mark.parametrize("cut", [3, 15, 18])
def test_a_glance_at_half_a_message(cut: int) -> None:
    with pytest.raises(MalformedMessage):
        glance(encode(Link(name="eth0"))[:cut])
