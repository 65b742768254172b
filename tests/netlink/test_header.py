"""Messages in a datagram: padding, lengths, and where broken bytes are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.errors import MalformedMessage
from nld.netlink.header import HEADER, Flag, Message, MessageType, align, frame, split

messages = st.lists(
    st.tuples(
        st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1),
        st.binary(max_size=30), st.integers(0, 2**32 - 1),
    ),
    max_size=5,
)  # fmt: skip


def test_the_length_leaves_the_padding_out() -> None:
    data = frame(24, Flag.REQUEST | Flag.ACK, 7, b"abcde", 9)
    assert len(data) == 24
    assert HEADER.unpack_from(data) == (21, 24, 5, 7, 9)
    assert data[21:] == b"\0\0\0"


@given(messages)
def test_split_is_the_inverse_of_frame(parts: list[tuple[int, int, int, bytes, int]]) -> None:
    found = list(split(b"".join(frame(*part) for part in parts)))
    assert [(m.type, m.flags, m.sequence, bytes(m.payload), m.port_id) for m in found] == parts


def test_the_padding_behind_the_last_message_may_be_missing() -> None:
    (message,) = split(frame(24, 0, 1, b"abcde")[:21])
    assert bytes(message.payload) == b"abcde"


@given(messages, st.binary(max_size=60))
def test_any_bytes_end_in_messages_or_an_offset(
    parts: list[tuple[int, int, int, bytes, int]], rest: bytes
) -> None:
    whole = b"".join(frame(*part) for part in parts)
    found: list[Message] = []
    try:
        found.extend(split(whole + rest))
    except MalformedMessage as error:
        assert len(whole) <= error.offset <= len(whole + rest)
    else:
        assert len(found) >= len(parts)


@pytest.mark.parametrize(
    ("data", "offset", "words"),
    [
        (b"\x10", 0, "1 bytes left"),
        (frame(1, 0, 0) + bytes(15), 16, "15 bytes left"),
        (HEADER.pack(0, 24, 0, 0, 0), 0, "length 0 is under"),
        (HEADER.pack(15, 24, 0, 0, 0), 0, "length 15 is under"),
        (HEADER.pack(17, 24, 0, 0, 0), 0, "length 17 is past"),
        (frame(24, 0, 1, b"x") + HEADER.pack(0xFFFFFFFF, 24, 0, 0, 0), 20, "is past"),
        (frame(24, 0, 1, b"x")[:17] + HEADER.pack(16, 24, 0, 0, 0), 20, "bytes left"),
    ],
)
def test_broken_lengths(data: bytes, offset: int, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words) as caught:
        list(split(data))
    assert caught.value.offset == offset


def test_messages_before_the_break_are_given() -> None:
    walk = split(frame(24, 0, 1, b"good") + b"bad")
    assert bytes(next(walk).payload) == b"good"
    with pytest.raises(MalformedMessage):
        next(walk)


@pytest.mark.parametrize("numbers", [(65536, 0, 0), (0, 65536, 0), (0, 0, 2**32), (-1, 0, 0)])
def test_numbers_that_do_not_fit(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        frame(*numbers)


def test_alignment_and_names() -> None:
    assert [align(length) for length in (0, 1, 4, 5)] == [0, 4, 4, 8]
    assert [kind.name for kind in MessageType] == ["NOOP", "ERROR", "DONE", "OVERRUN"]
    assert Flag.DUMP == Flag.ROOT | Flag.MATCH
