"""The nexthop object: groups, flags, and nests that bear NLA_F_NESTED in requests."""

from __future__ import annotations

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import NESTED, pack, walk
from nld.netlink.nexthop import Member, Nexthop, ResilientGroup, decode, encode
from nld.netlink.registry import NHA
from nld.netlink.route import IpEncap


def test_a_group_of_a_wrong_size() -> None:
    with pytest.raises(MalformedMessage, match="nexthop_grp of 9 bytes"):
        decode(encode(Nexthop()) + pack(NHA.GROUP, bytes(9)))


def test_a_blackhole_is_a_flag() -> None:
    payload = encode(Nexthop(id=1, blackhole=True))
    assert payload.endswith(pack(NHA.BLACKHOLE, b""))
    assert decode(payload).blackhole is True
    assert decode(encode(Nexthop(id=1))).blackhole is False


def test_nests_are_marked_in_new_messages() -> None:
    payload = encode(
        Nexthop(id=1, group=(Member(2, 1),), res_group=ResilientGroup(buckets=8), encap=IpEncap(id=5))
    )
    types = {kind for kind, *_ in walk(payload, 8, len(payload))}
    assert {NHA.RES_GROUP | NESTED, NHA.ENCAP | NESTED, int(NHA.GROUP)} <= types
