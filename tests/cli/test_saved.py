"""What is read as saved routes, and what is told of a text that is something else."""

from __future__ import annotations

import json
import struct

import pytest

from nld.cli.saved import NotSaved, read


def test_a_list_of_destinations_is_a_record_for_each() -> None:
    text = json.dumps(
        [{"dst": ["10.0.0.0/8", "11.0.0.0/8"], "dev": "nld0"}, {"dst": "default", "dev": "nld1"}]
    )
    assert [record["dst"] for record in read(text.encode())] == ["10.0.0.0/8", "11.0.0.0/8", "default"]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b"\xef\xbb\xbf[]") == []


def test_the_raw_name_of_a_device_is_spelled_as_nld_has_it() -> None:
    (record,) = read(b'[{"dst":"10.0.0.0/8","dev":"a\x1b\xff"}]')
    assert record["dev"] == "a\\x1b\\xff"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("<I", 0x45311224) + bytes(60), "binary form of ip route save"),
        (struct.pack(">I", 0x45311224) + bytes(60), "binary form of ip route save"),
        (b"", "not JSON"),
        (b"\xfe\xff\x00", "not JSON"),
        (b"default via 192.0.2.1 dev nld0", "not JSON"),
        (b"[" * 100000, "not JSON"),
        (b'{"dst":"default"}', "not a list of routes"),
        (b'[{"dst":"default"},7]', "item 2 of standard input is not a route: 7"),
    ],
)
def test_what_is_not_saved_routes_is_told(data: bytes, words: str) -> None:
    with pytest.raises(NotSaved, match=words):
        read(data)
