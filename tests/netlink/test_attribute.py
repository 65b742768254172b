"""Attributes: what reading tolerates and keeps, what it refuses, and what writing refuses."""

from __future__ import annotations

from enum import IntEnum

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import (
    FLAG,
    NESTED,
    NET_BYTEORDER,
    STRING,
    U8,
    U32,
    Attribute,
    AttributeSet,
    Table,
    Wire,
    fixed,
    pack,
    walk,
)
from nld.netlink.registry import RTA, RTAX
from nld.netlink.route import METRICS, ROUTE, Route, decode, encode


class Some(IntEnum):
    ONE = 1
    TWO = 2
    THREE = 3
    FOUR = 4


TABLE = Table(
    (
        Attribute(Some.ONE, "one", U32),
        Attribute(Some.TWO, "two", STRING),
        Attribute(Some.THREE, "three", FLAG),
        Attribute(Some.FOUR, "four", U8, NESTED),
    )
)
ONE = pack(1, b"\1\0\0\0")


def test_padding_follows_the_value_and_does_not_count() -> None:
    assert pack(2, b"ab") == b"\6\0\2\0ab\0\0"
    assert list(walk(pack(2, b"ab") + ONE, 0, 16)) == [(2, 4, 6), (1, 12, 16)]


def test_the_padding_behind_the_last_may_be_missing() -> None:
    assert list(walk(b"\5\0\4\0\7", 0, 5)) == [(4, 4, 5)]


@pytest.mark.parametrize("flags", [NESTED, NET_BYTEORDER, NESTED | NET_BYTEORDER])
def test_flag_bits_are_masked_and_kept(flags: int) -> None:
    data = pack(1 | flags, b"\1\0\0\0")
    reading = TABLE.read(data, 0, len(data))
    assert reading.values == {"one": 1}
    assert TABLE.write(reading.values, reading.unknown, reading.types) == data


def test_unknown_ones_are_kept_in_their_place_with_their_bits() -> None:
    data = pack(77 | NESTED, b"x") + ONE + pack(78, b"yy") + pack(0, b"")
    reading = TABLE.read(data, 0, len(data))
    assert reading.values == {"one": 1}
    assert reading.unknown == ((77 | NESTED, b"x"), (78, b"yy"), (0, b""))
    assert TABLE.write(reading.values, reading.unknown, reading.types) == data


def test_of_repeated_ones_the_last_counts_and_all_are_kept() -> None:
    data = ONE + pack(2, b"a\0") + pack(1, b"\2\0\0\0")
    reading = TABLE.read(data, 0, len(data))
    assert reading.values == {"one": 2, "two": "a"}
    assert TABLE.write(reading.values, reading.unknown, reading.types) == data


def test_a_changed_value_is_written_in_the_old_place_and_a_new_one_behind() -> None:
    data = pack(2, b"a\0") + ONE
    reading = TABLE.read(data, 0, len(data))
    values = {**reading.values, "two": "bc", "four": 9}
    assert TABLE.write(values, (), reading.types) == pack(2, b"bc\0") + ONE + pack(4 | NESTED, b"\x09")
    assert TABLE.write({**values, "two": None}, (), reading.types) == ONE + pack(4 | NESTED, b"\x09")


def test_false_is_absent_and_zero_is_not() -> None:
    assert TABLE.write({"three": False, "one": 0}) == pack(1, bytes(4))
    assert TABLE.write({"three": True}) == pack(3, b"")


@pytest.mark.parametrize(
    ("data", "offset", "words"),
    [
        (b"\4", 0, "1 bytes left"),
        (ONE + b"\0\0\0", 8, "3 bytes left"),
        (b"\0\0\1\0", 0, "length 0 is under"),
        (ONE + b"\3\0\1\0", 8, "length 3 is under"),
        (b"\x09\0\1\0\1\0\0\0", 0, "length 9 is past"),
        (ONE + b"\xff\xff\1\0", 8, "length 65535 is past"),
        (pack(1, b"\1"), 4, "a u32 of 1 bytes, must be 4"),
        (pack(1, bytes(8)), 4, "a u32 of 8 bytes"),
        (pack(3, b"x"), 4, "a flag of 1 bytes"),
        # Misaligned: the next header is looked for on a multiple of 4, not right behind the value.
        (b"\5\0\4\0\7" + ONE, 8, "is past|is under|bytes left"),
    ],
)
def test_malformed(data: bytes, offset: int, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words) as caught:
        TABLE.read(data, 0, len(data))
    assert caught.value.offset == offset


def test_the_offset_of_a_nested_fault_counts_from_the_start_of_the_payload() -> None:
    inside = pack(RTAX.MTU, b"\1\0\0\0") + b"\3\0\3\0"
    payload = encode(Route(2)) + pack(RTA.OIF, bytes(4)) + pack(RTA.METRICS, inside)
    with pytest.raises(MalformedMessage) as caught:
        decode(payload)
    assert caught.value.offset == 12 + 8 + 4 + 8


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"one": -1}, "Some_ONE: -1 is no u32"),
        ({"one": 2**32}, "Some_ONE"),
        ({"one": "1"}, "Some_ONE"),
        ({"four": 256}, "Some_FOUR: 256 is no u8"),
        ({"two": "x" * 65535}, "at most 65531 fit"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TABLE.write(values)


def test_a_fixed_size_is_checked_in_both_directions() -> None:
    kind = fixed("IPv4 address", 4)
    with pytest.raises(ValueError, match="3 bytes, must be 4"):
        kind.pack(b"abc")
    with pytest.raises(MalformedMessage, match="a IPv4 address of 3 bytes"):
        kind.unpack(b"abc", 0, 3)


def test_strings_survive_whatever_bytes_they_hold() -> None:
    for raw in (b"eth0\0", b"\0", b"\xff\xfe\0", "naïve\0".encode()):
        assert STRING.pack(STRING.unpack(raw, 0, len(raw))) == raw
    assert STRING.unpack(b"eth0", 0, 4) == "eth0"


def test_two_rows_of_one_number_are_refused() -> None:
    with pytest.raises(ValueError, match="share a number"):
        Table((Attribute(Some.ONE, "a", U8), Attribute(Some.ONE, "b", U8)))


def test_the_wire_is_not_part_of_what_a_set_means() -> None:
    assert AttributeSet(wire=Wire((1, 2))) == AttributeSet()
    assert AttributeSet(unknown=((9, b""),)) != AttributeSet()


def test_rows_have_the_kernels_names() -> None:
    assert ROUTE.by_number[RTA.GATEWAY].kernel_name == "RTA_GATEWAY"
    assert METRICS.by_number[RTAX.CC_ALGO].kernel_name == "RTAX_CC_ALGO"
