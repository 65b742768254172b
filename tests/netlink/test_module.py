"""The messages of nld.ko: against its header, in both directions, and cut apart."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.errors import MalformedMessage
from nld.netlink import module
from nld.netlink.attribute import TYPE_MASK, pack
from nld.netlink.form import Form
from nld.netlink.module import (
    ENTRY_FORM,
    NLD_A,
    NLD_CAUSE,
    NLD_F,
    NLD_FEATURE,
    NLD_GREET,
    NLD_GROUP,
    NLD_INFO,
    NLD_MSG,
    NLD_NEXTHOPS,
    NLD_NH,
    NLD_STATS,
    NLD_TYPE,
    Entry,
    cut,
    decode,
    encode,
)
from nld.netlink.registry import AF

from .strategies import message, module_entry

HEADER = (Path(__file__).parents[2] / "kmod/uapi/nld.h").read_text()
ENUMS = (
    NLD_MSG, NLD_GROUP, NLD_F, NLD_TYPE, NLD_CAUSE, NLD_A, NLD_NEXTHOPS, NLD_NH, NLD_GREET, NLD_FEATURE,
    NLD_INFO, NLD_STATS,
)  # fmt: skip
FAMILIES = pytest.mark.parametrize("family", [AF.INET, AF.INET6])

ELSEWHERE = {"NLD_NEXTHOPS_ENTRY": "NLD_NH_ENTRY"}
"""What the header files under another prefix."""
LIMITS = {
    "NETLINK_NLD": module.PROTOCOL, "NLD_MAGIC": module.MAGIC, "NLD_ABI_VERSION": module.ABI_VERSION,
    "NLD_TABLE_MAIN": module.TABLE_MAIN, "NLD_MAX_OWNER": module.MAX_OWNER,
    "NLD_MAX_METRICS": module.MAX_METRICS,
    "NLD_MAX_NEXTHOPS": module.MAX_NEXTHOPS, "NLD_MAX_WEIGHT": module.MAX_WEIGHT,
    "NLD_MAX_GREETING": module.MAX_GREETING, "NLD_MAX_EXPIRES": module.MAX_EXPIRES,
}  # fmt: skip

PLAIN = Entry(AF.INET, 8, dst=bytes((10, 0, 0, 0)), gateway=bytes((192, 0, 2, 2)), protocol=131)
OTHERS: tuple[Form[Any], ...] = (module.GREETING_FORM, module.INFO_FORM, module.STATISTICS_FORM)
PASSING = {NLD_A.PAD, NLD_A.AS_OF}


def enumerators() -> dict[str, int]:
    """The names of the header's enums with their values, counted as a C compiler does."""
    found: dict[str, int] = {}
    text = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)
    for body in re.findall(r"enum[^{;]*\{(.*?)\}", text, re.S):
        value = -1
        for item in filter(None, (part.strip() for part in body.split(","))):
            name, _, given_value = map(str.strip, item.partition("="))
            value = eval(given_value, {}, found) if given_value else value + 1
            found[name] = value
    for name, value_text in re.findall(r"^#define\s+(\w+)\s+(0x[0-9a-fA-F]+|\d+)\s*$", text, re.M):
        found[name] = int(value_text, 0)
    return found


def ours() -> dict[str, int]:
    """Our numbers by the header's names."""
    names = {f"{enum.__name__}_{member.name}": int(member) for enum in ENUMS for member in enum}
    return {ELSEWHERE.get(name, name): number for name, number in names.items()} | LIMITS


def test_the_numbers_are_the_headers() -> None:
    theirs = enumerators()
    assert {name: theirs.get(name) for name in ours()} == ours()
    assert f'"{module.GREETING}"' in HEADER


def test_nothing_of_the_header_is_missing() -> None:
    marks = ("_UNSPEC", "_NONE", "_MAX")
    theirs = {name for name in enumerators() if name.startswith("NLD_") and not name.endswith(marks)}
    assert theirs - set(ours()) == set()


def test_every_attribute_has_a_row() -> None:
    for table, numbers in (
        (module.ENTRY, NLD_A), (module.NEXT_HOP, NLD_NH), (module.GREET, NLD_GREET), (module.INFO, NLD_INFO),
        (module.STATISTICS, NLD_STATS),
    ):  # fmt: skip
        assert set(table.by_number) == {number for number in numbers if number.name != "PAD"}


# -- records of both families, whose sizes are looked at


@FAMILIES
@given(data=st.data())
def test_decode_is_the_inverse_of_encode(family: int, data: st.DataObject) -> None:
    entry = data.draw(module_entry(family))
    wire = encode(entry)
    again = decode(wire)
    assert again == entry
    assert encode(again) == wire


@FAMILIES
@given(data=st.data())
def test_the_pieces_are_those_of_the_whole(family: int, data: st.DataObject) -> None:
    entry = data.draw(module_entry(family))
    pieces = cut(encode(entry))
    assert pieces.destination == (entry.dst or b"")
    assert pieces.generation == (entry.generation or 0)
    assert pieces.expires == (entry.expires or 0)
    assert pieces.cause == entry.cause
    kept = tuple(item for item in entry.unknown if item[0] & TYPE_MASK not in PASSING)
    assert decode(pieces.shape) == replace(
        entry, dst=None, generation=None, expires=None, cause=None, as_of=None, unknown=kept
    )


@FAMILIES
@given(data=st.data())
def test_what_the_module_alone_says_is_not_of_the_shape(family: int, data: st.DataObject) -> None:
    entry = data.draw(module_entry(family))
    other = replace(
        entry,
        generation=data.draw(st.integers(0, 2**64 - 1)),
        expires=data.draw(st.integers(0, 2**32 - 1)),
        cause=data.draw(st.integers(0, 255)),
        as_of=data.draw(st.integers(0, 2**64 - 1)),
    )
    assert cut(encode(other)).shape == cut(encode(entry)).shape


@FAMILIES
@given(data=st.data())
def test_changed_bytes_are_malformed_or_understood(family: int, data: st.DataObject) -> None:
    wire = bytearray(encode(data.draw(module_entry(family))))
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    del wire[data.draw(st.integers(0, len(wire))) :]
    for read in (decode, cut):
        try:
            read(bytes(wire))
        except MalformedMessage as error:
            assert 0 <= error.offset <= max(len(wire), module.HEADER_SIZE)


@given(st.binary(max_size=64))
def test_any_bytes_are_malformed_or_understood(wire: bytes) -> None:
    for read in (decode, cut, *(form.decode for form in OTHERS)):
        try:
            read(wire)
        except MalformedMessage as error:
            assert 0 <= error.offset <= max(len(wire), module.HEADER_SIZE)


WRONG = {
    "short": b"\2\0\0",
    "destination of another size": ENTRY_FORM.encode(replace(PLAIN, dst=bytes(16))),
    "generation of another size": encode(PLAIN) + pack(NLD_A.GENERATION, bytes(4)),
    "attribute past the end": encode(PLAIN) + b"\x20\0\4\0",
}
ONLY_WHOLE = {
    "preferred source of another size": ENTRY_FORM.encode(replace(PLAIN, prefsrc=bytes(16))),
    "gateway of no size": ENTRY_FORM.encode(replace(PLAIN, gateway=bytes(5))),
    "gateway of no size in a list": ENTRY_FORM.encode(
        replace(PLAIN, gateway=None, nexthops=(module.NextHop(gateway=b""),))
    ),
    "prefix length": ENTRY_FORM.encode(replace(PLAIN, dst_len=33)),
    "not a next hop": encode(PLAIN) + pack(NLD_A.NEXTHOPS, pack(2, b"")),
}


@pytest.mark.parametrize("wire", [*WRONG.values(), *ONLY_WHOLE.values()], ids=[*WRONG, *ONLY_WHOLE])
def test_a_malformed_record(wire: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(wire)


@pytest.mark.parametrize("wire", WRONG.values(), ids=WRONG)
def test_a_malformed_record_is_not_cut(wire: bytes) -> None:
    with pytest.raises(MalformedMessage):
        cut(wire)


@pytest.mark.parametrize("wire", ONLY_WHOLE.values(), ids=ONLY_WHOLE)
def test_what_cutting_does_not_look_at_is_still_malformed_in_the_shape(wire: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(cut(wire).shape)


def test_a_record_of_no_known_family() -> None:
    entry = Entry(AF.UNSPEC, table=100)
    assert decode(encode(entry)) == entry  # such as a request for a dump of both
    with pytest.raises(MalformedMessage):
        cut(encode(entry))


def test_a_value_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="NLD_A_TABLE"):
        encode(replace(PLAIN, table=2**32))
    with pytest.raises(ValueError, match="dst_len"):
        encode(replace(PLAIN, dst_len=256))


# -- the other messages


@pytest.mark.parametrize("form", OTHERS)
@given(data=st.data())
def test_the_other_messages_come_back(form: Form[Any], data: st.DataObject) -> None:
    subject = data.draw(message(form))
    assert form.decode(form.encode(subject)) == subject
