"""Cutting routes: the fast way and the general one agree, and every broken datagram is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.errors import MalformedMessage
from nld.netlink.attribute import pack
from nld.netlink.header import HEADER, MessageType, frame, split
from nld.netlink.registry import AF, RTA, RTM
from nld.netlink.route import Route, decode, encode
from nld.netlink.shape import cut, walk_cuts

TABLE = pack(RTA.TABLE, b"\xe8\3\0\0")
DST = pack(RTA.DST, b"\x0a\1\2\0")
GATEWAY = pack(RTA.GATEWAY, b"\xc0\0\2\1")
HEAD = encode(Route(AF.INET, dst_len=24))


def test_the_shape_is_the_rest() -> None:
    assert cut(HEAD + TABLE + DST + GATEWAY) == (HEAD + TABLE + GATEWAY, b"\x0a\1\2\0")
    assert cut(HEAD + TABLE + DST) == (HEAD + TABLE, b"\x0a\1\2\0")


@pytest.mark.parametrize(
    "payload", [HEAD + DST + TABLE + GATEWAY, HEAD + GATEWAY + TABLE + DST, HEAD + TABLE + GATEWAY + DST]
)
def test_any_order(payload: bytes) -> None:
    shape, destination = cut(payload)
    assert destination == b"\x0a\1\2\0"
    assert decode(shape) == Route(AF.INET, dst_len=24, table=1000, gateway=b"\xc0\0\2\1")
    assert walk_cuts(frame(24, 0, 0, payload)) == [(24, 0, 0, 0, shape, destination)]


def test_a_default_route_has_an_empty_destination() -> None:
    payload = encode(Route(AF.INET, table=1000, gateway=b"\xc0\0\2\1", oif=3, priority=4, pref=0))
    assert cut(payload) == (payload, b"")
    assert walk_cuts(frame(24, 2, 5, payload, 6)) == [(24, 2, 5, 6, payload, b"")]


def test_flag_bits_on_the_destination_do_not_hide_it() -> None:
    payload = HEAD + TABLE + pack(RTA.DST | 0x4000, b"\x0a\1\2\0") + GATEWAY
    assert cut(payload) == (HEAD + TABLE + GATEWAY, b"\x0a\1\2\0")


def test_bytes_that_look_like_a_destination_inside_another_attribute() -> None:
    disguised = pack(RTA.METRICS, bytes(4) + DST + bytes(4))
    payload = HEAD + disguised + DST
    assert cut(payload) == (HEAD + disguised, b"\x0a\1\2\0")
    assert walk_cuts(frame(24, 0, 0, payload))[0][4:] == (HEAD + disguised, b"\x0a\1\2\0")


def test_other_messages_are_given_whole() -> None:
    datagram = (
        frame(MessageType.NOOP, 0, 1)
        + frame(MessageType.ERROR, 0x100, 2, bytes(20), 9)
        + frame(RTM.NEWLINK, 0, 3, bytes(60))
        + frame(RTM.GETROUTE, 0, 3, HEAD + TABLE + DST + GATEWAY)
        + frame(MessageType.DONE, 2, 4, bytes(4))
    )
    found = walk_cuts(datagram)
    assert [entry[:4] for entry in found] == [
        (2, 0x100, 2, 9), (16, 0, 3, 0), (26, 0, 3, 0), (3, 2, 4, 0)
    ]  # fmt: skip
    assert [(len(entry[4]), entry[5]) for entry in found] == [(20, b""), (60, b""), (36, b""), (4, b"")]


routes = st.builds(
    lambda family, length, table, number, more, kind: (
        kind,
        encode(
            Route(
                family,
                dst_len=length,
                table=table,
                dst=number.to_bytes(16, "big")[-4 if family == AF.INET else 0 :] if length else None,
                priority=more,
            )
        ),
    ),
    st.sampled_from((AF.INET, AF.INET6)), st.integers(0, 32), st.sampled_from((254, 1000)),
    st.integers(0, 2**128 - 1), st.none() | st.integers(0, 9), st.sampled_from((24, 25, 26)),
)  # fmt: skip


@given(st.lists(routes, max_size=12))
def test_a_datagram_is_the_sum_of_its_messages(parts: list[tuple[int, bytes]]) -> None:
    datagram = b"".join(frame(kind, 2, 7, payload, 8) for kind, payload in parts)
    expected = [(kind, 2, 7, 8, *(cut(payload) if kind != 26 else (payload, b""))) for kind, payload in parts]
    assert walk_cuts(datagram) == expected
    for (_, payload), entry in zip(parts, walk_cuts(datagram), strict=True):
        rest = decode(entry[4])
        rest.dst = entry[5] or rest.dst
        assert rest == decode(payload)


@given(
    st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=8),
    st.sampled_from((AF.INET, AF.INET6)),
    st.data(),
)
def test_messages_of_one_length_are_no_less_looked_at(
    destinations: list[bytes], family: AF, data: st.DataObject
) -> None:
    """Whatever a byte of one of them is turned into, the others are read as before."""
    messages = [
        frame(
            24,
            0,
            7,
            encode(Route(family, dst_len=9, table=1000, dst=some * (4 if family == AF.INET6 else 1))),
        )
        for some in destinations
    ]
    spoilt = data.draw(st.integers(0, len(messages) - 1))
    message = bytearray(messages[spoilt])
    message[data.draw(st.integers(4, len(message) - 1))] = data.draw(st.integers(0, 255))
    messages[spoilt] = bytes(message)
    try:
        expected = [entry for message in messages for entry in walk_cuts(message)]
    except MalformedMessage:
        with pytest.raises(MalformedMessage):
            walk_cuts(b"".join(messages))
    else:
        assert walk_cuts(b"".join(messages)) == expected


@given(st.lists(routes, min_size=1, max_size=3), st.data())
def test_a_cut_datagram_is_found_where_the_plain_walk_finds_it(
    parts: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    datagram = b"".join(frame(kind, 2, 7, payload, 8) for kind, payload in parts)
    datagram = datagram[: data.draw(st.integers(0, len(datagram)))]
    try:
        plain = [message[:4] for message in split(datagram)]
    except MalformedMessage as error:
        with pytest.raises(MalformedMessage) as caught:
            walk_cuts(datagram)
        assert caught.value.offset == error.offset
    else:
        assert [entry[:4] for entry in walk_cuts(datagram)] == plain


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (bytes(11), "a route's header has 12"),
        (HEAD + pack(RTA.DST, b"\x0a"), "a destination of 1 bytes for family 2"),
        (HEAD + TABLE + pack(RTA.DST, bytes(16)) + bytes(20), "a destination of 16 bytes|under"),
        (HEAD + b"\3\0\1\0", "attribute length 3 is under"),
        (HEAD + b"\x0c\0\1\0\0\0\0\0", "attribute length 12 is past"),
    ],
)
def test_malformed_payloads(payload: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        cut(payload)
    with pytest.raises(MalformedMessage, match=words):
        walk_cuts(frame(24, 0, 0, payload))


def test_a_length_that_lies_about_a_fast_message() -> None:
    good = frame(24, 0, 0, HEAD + TABLE + DST + GATEWAY)
    for length, words in ((0, "under"), (15, "under"), (43, "past|left|length"), (len(good) + 1, "past")):
        with pytest.raises(MalformedMessage, match=words):
            walk_cuts(HEADER.pack(length, 24, 0, 0, 0) + good[16:])
