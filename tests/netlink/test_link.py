"""The link, and the VRF table that hides in its driver's bytes."""

from __future__ import annotations

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import pack
from nld.netlink.link import Link, LinkInfo, decode, encode
from nld.netlink.registry import LinkFlag

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
