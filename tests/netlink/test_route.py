"""The route message: table ids, addresses of the right size, and every attribute of the specification."""

from __future__ import annotations

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import pack
from nld.netlink.registry import AF, RTA, RTAX
from nld.netlink.route import METRICS, ROUTE, MplsEncap, NextHop, Route, Via, decode, encode

# Documentation/netlink/specs/rt-route.yaml, without those marked "not used" and the padding.
SPECIFIED = set(RTA) - {RTA.UNSPEC, RTA.PROTOINFO, RTA.SESSION, RTA.MP_ALGO, RTA.PAD}


def test_every_attribute_of_the_specification_has_a_row() -> None:
    assert set(ROUTE.by_number) == SPECIFIED
    assert set(METRICS.by_number) == set(RTAX) - {RTAX.UNSPEC}


@pytest.mark.parametrize(
    ("table", "byte", "attribute"),
    [(0, 0, b""), (254, 254, b""), (255, 255, b""), (256, 0, b"\0\1\0\0"), (2**32 - 1, 0, b"\xff" * 4)],
)
def test_a_table_over_255_goes_in_an_attribute(table: int, byte: int, attribute: bytes) -> None:
    payload = encode(Route(AF.INET, table=table))
    assert payload[4] == byte
    assert payload[12:] == (pack(RTA.TABLE, attribute) if attribute else b"")
    assert decode(payload).table == table


@pytest.mark.parametrize("byte", [0, 252, 254])
def test_the_table_attribute_wins_and_the_byte_is_kept(byte: int) -> None:
    payload = bytes([2, 0, 0, 0, byte, 0, 0, 1, 0, 0, 0, 0]) + pack(RTA.TABLE, b"\xe8\3\0\0")
    route = decode(payload)
    assert route.table == 1000
    assert encode(route) == payload
    route.table = 7
    assert decode(encode(route)).table == 7


@pytest.mark.parametrize("flags", [0, 0x4000, 0x8000])
def test_a_table_attribute_that_was_not_needed_is_kept_with_its_flags(flags: int) -> None:
    payload = bytes([2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0]) + pack(RTA.TABLE | flags, b"\x11\0\0\0")
    assert decode(payload).table == 17
    assert encode(decode(payload)) == payload


def test_a_short_header_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="11 bytes, the message's header has 12"):
        decode(bytes(11))


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (Route(AF.INET, dst=bytes(16)), "dst of 16 bytes"),
        (Route(AF.INET6, gateway=bytes(4)), "gateway of 4 bytes"),
        (Route(AF.INET, prefsrc=b""), "prefsrc of 0 bytes"),
        (Route(AF.INET, dst_len=33), "prefix length over 32"),
        (Route(AF.INET6, src_len=129), "prefix length over 128"),
        (Route(AF.INET, multipath=(NextHop(gateway=bytes(16)),)), "gateway of 16 bytes"),
        (Route(AF.INET, via=Via(AF.INET6, bytes(4))), "an address of 4 bytes for family 10"),
    ],
)
def test_addresses_have_the_size_of_their_family(route: Route, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        decode(encode(route))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\1", "1 bytes left, a next hop"),
        (b"\0\0\0\0\0\0\0\0", "next hop length 0 is under"),
        (b"\x09\0\0\0\0\0\0\0", "next hop length 9 is past"),
        (b"\x0c\0\0\0\0\0\0\0\3\0\5\0", "attribute length 3 is under"),
    ],
)
def test_malformed_next_hops(value: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        decode(encode(Route(AF.INET)) + pack(RTA.MULTIPATH, value))


def test_the_type_of_a_tunnel_is_filled_in_and_the_object_left_alone() -> None:
    route = Route(AF.INET, encap=MplsEncap((16,)), multipath=(NextHop(encap=MplsEncap((17,))),))
    again = decode(encode(route))
    assert again.encap_type == 1
    assert again.multipath is not None
    assert again.multipath[0].encap_type == 1
    assert route.encap_type is None


@pytest.mark.parametrize("field", ["family", "dst_len", "tos", "protocol", "scope", "type", "flags"])
def test_a_header_field_out_of_range_is_named(field: str) -> None:
    route = Route(AF.INET)
    setattr(route, field, 2**32)
    with pytest.raises(ValueError, match=f"out of range.*{field}"):
        encode(route)


def test_an_attribute_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match="RTA_PRIORITY"):
        encode(Route(AF.INET, priority=2**32))
