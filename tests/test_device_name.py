"""The name of a device as text: whatever the bytes, it is printable, and stands for these bytes alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.device_name import name_of, size, spelled

pieces = st.sampled_from(
    [b"\\", b"\\x", b"x", b"4", b"f", b"\xff", b"\x1b[2J", "é".encode(), "é".encode()[:1]]
)
names = st.binary(min_size=1, max_size=15) | st.lists(pieces, min_size=1, max_size=6).map(b"".join)


@given(names)
def test_a_text_is_printable_and_stands_for_its_name_alone(packed: bytes) -> None:
    name = packed.decode("utf-8", "surrogateescape")
    text = spelled(name)
    assert text.isprintable()
    assert json.loads(json.dumps(text).encode()) == text
    assert name_of(text) == name
    assert size(name) == len(packed)


@given(names, names)
def test_two_names_have_two_texts(one: bytes, other: bytes) -> None:
    texts = [spelled(packed.decode("utf-8", "surrogateescape")) for packed in (one, other)]
    assert (texts[0] == texts[1]) == (one == other)


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (b"nld0", "nld0"),
        ("größe".encode(), "größe"),
        (b"a\\b", "a\\b"),
        (b"isp\xff", "isp\\xff"),
        (b"\x1b[2J", "\\x1b[2J"),
        (b"isp\\xff", "isp\\x5cxff"),
    ],
)
def test_spelling(packed: bytes, text: str) -> None:
    assert spelled(packed.decode("utf-8", "surrogateescape")) == text
