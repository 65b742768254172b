"""Invariant: however a stream is cut, the decoder gives what ``bytes.split`` gives, and holds no more
than one frame of the limit and the last piece."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nld.control.frame import FrameDecoder, FrameTooLongError

STREAM = b'{"method":"io.nld.Status"}\0\0{"x":"\xc3\xa9"}\0{}\0half'


def frames(decoder: FrameDecoder) -> list[bytes]:
    """All whole frames that are there."""
    return list(iter(decoder.take, None))


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_cut_anywhere_changes_nothing(cut: int) -> None:
    decoder = FrameDecoder()
    decoder.feed(STREAM[:cut])
    found = frames(decoder)
    decoder.feed(STREAM[cut:])
    found += frames(decoder)
    assert found == STREAM.split(b"\0")[:-1]
    assert decoder.pending == len(b"half")


def test_a_byte_at_a_time() -> None:
    decoder = FrameDecoder()
    found = []
    for byte in STREAM:
        decoder.feed(bytes([byte]))
        found += frames(decoder)
    assert found == STREAM.split(b"\0")[:-1]


@given(st.lists(st.binary(max_size=40)), st.integers(1, 60), st.booleans())
@example([b"ab\0", b"", b"\0", b"c", b"d\0", b"e\0f\0"], 4, True)
@example([b"abcde\0", b"a\0"], 4, True)
def test_any_stream_in_any_pieces(pieces: list[bytes], limit: int, at_once: bool) -> None:
    expected = b"".join(pieces).split(b"\0")
    decoder = FrameDecoder(limit)
    found: list[bytes] = []
    try:
        for piece in pieces:
            whole = decoder.whole(piece) if at_once else None
            if whole is not None:
                found.append(whole)
                continue
            decoder.feed(piece)
            found += frames(decoder)
            assert decoder.pending <= limit
    except FrameTooLongError:
        assert decoder.pending == 0
        assert any(len(frame) > limit for frame in expected)
        assert found == expected[: len(found)]
    else:
        assert found == expected[:-1]
        assert all(len(frame) <= limit for frame in expected)


def test_exactly_the_limit_is_not_too_long() -> None:
    decoder = FrameDecoder(4)
    decoder.feed(b"1234\0")
    assert decoder.take() == b"1234"


@pytest.mark.parametrize("sent", [b"12345", b"12345\0", b"12345\0ok\0"])
def test_too_long_is_the_end(sent: bytes) -> None:
    decoder = FrameDecoder(4)
    decoder.feed(b"ok\0" + sent)
    assert decoder.take() == b"ok"
    for _ in range(2):
        with pytest.raises(FrameTooLongError) as caught:
            decoder.take()
        decoder.feed(b"more\0")
    assert caught.value.limit == 4
    assert decoder.pending == 0


def test_no_byte_is_searched_twice() -> None:
    """With the scan position at the end of what was seen, feeding stays linear in all bytes."""
    decoder = FrameDecoder()
    for _ in range(1000):
        decoder.feed(b"x" * 10)
        assert decoder.take() is None
        assert decoder._scanned == decoder.pending


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        FrameDecoder(0)
