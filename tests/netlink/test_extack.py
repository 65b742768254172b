"""Acknowledgements with and without NETLINK_CAP_ACK, ends of dumps, and what is malformed in them."""

from __future__ import annotations

import errno

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import pack
from nld.netlink.extack import Acknowledgement, Policy, build_error, parse_done, parse_error
from nld.netlink.header import HEADER, Flag, Message, frame, split

REQUEST = next(split(frame(24, 5, 7, b"request!!", 99)))
REFUSED = Acknowledgement(
    errno.EINVAL, "Nexthop has invalid gateway", 36, 5, 44, b"cookie", Policy(type=3, minimum=1, maximum=9)
)


def message(payload: bytes, flags: int = 0) -> Message:
    return Message(2, flags, 1, 1, memoryview(payload))


@pytest.mark.parametrize("capped", [True, False])
@pytest.mark.parametrize(
    "acknowledgement",
    [
        Acknowledgement(0),
        Acknowledgement(errno.EEXIST),
        Acknowledgement(0, "a warning", cookie=b"\0\1"),
        REFUSED,
    ],
)
def test_both_forms_say_the_same(capped: bool, acknowledgement: Acknowledgement) -> None:
    (answer,) = split(build_error(REQUEST, acknowledgement, capped=capped))
    assert (answer.type, answer.sequence, answer.port_id) == (2, 7, 99)
    assert bool(answer.flags & Flag.CAPPED) is capped
    assert parse_error(answer) == acknowledgement


def test_attributes_without_their_flag_are_not_read() -> None:
    data = b"\xef\xff\xff\xff" + HEADER.pack(16, 24, 0, 1, 1) + b"\0\0\1\0"
    assert parse_error(message(data, Flag.CAPPED)) == Acknowledgement(errno.EEXIST)


@pytest.mark.parametrize("inner", [0, 15, 17, 2**32 - 1])
def test_the_request_inside_must_fit(inner: int) -> None:
    with pytest.raises(MalformedMessage, match="the request inside claims") as caught:
        parse_error(message(bytes(4) + HEADER.pack(inner, 24, 0, 1, 1)))
    assert caught.value.offset == 4


@pytest.mark.parametrize("size", [0, 4, 19])
def test_an_acknowledgement_has_a_header_inside(size: int) -> None:
    with pytest.raises(MalformedMessage, match="it has at least 20"):
        parse_error(message(bytes(size)))


def test_an_end_of_a_dump() -> None:
    assert parse_done(message(b"")) == Acknowledgement(0)
    assert parse_done(message(bytes(4))) == Acknowledgement(0)
    assert parse_done(message(b"\xfe\xff\xff\xff")) == Acknowledgement(errno.ENOENT)
    told = b"\xfe\xff\xff\xff" + pack(1, b"gone\0")
    assert parse_done(message(told, Flag.ACK_TLVS)) == Acknowledgement(errno.ENOENT, "gone")
    with pytest.raises(MalformedMessage, match="with 3 bytes"):
        parse_done(message(bytes(3)))


@pytest.mark.parametrize("tail", [b"\0\0\1\0", b"\x09\0\1\0hi\0\0", pack(2, b"\1\2"), b"\1"])
def test_malformed_attributes(tail: bytes) -> None:
    capped = b"\xef\xff\xff\xff" + HEADER.pack(16, 24, 0, 1, 1) + tail
    with pytest.raises(MalformedMessage):
        parse_error(message(capped, Flag.CAPPED | Flag.ACK_TLVS))
    with pytest.raises(MalformedMessage):
        parse_done(message(bytes(4) + tail, Flag.ACK_TLVS))


def test_the_largest_errno_is_positive() -> None:
    assert parse_done(message(b"\0\0\0\x80")).errno == 2**31
