"""Bulk encoding equals encoding one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.netlink.header import Flag, frame, split
from nld.netlink.registry import AF, RTM
from nld.netlink.route import Metrics, Route, decode, encode
from nld.netlink.template import Template, for_size

V4 = Route(AF.INET, dst_len=24, dst=bytes(4), table=1000, gateway=b"\xc0\0\2\1", oif=3, protocol=131)
V6 = Route(AF.INET6, dst_len=64, dst=bytes(16), priority=5, metrics=Metrics(cc_algo="reno"), oif=3)
NEW = Flag.REQUEST | Flag.CREATE | Flag.EXCL


@pytest.mark.parametrize("route", [V4, V6])
@given(data=st.data())
def test_equals_one_by_one(route: Route, data: st.DataObject) -> None:
    assert route.dst is not None
    size = len(route.dst)
    destinations = data.draw(st.lists(st.binary(min_size=size, max_size=size), max_size=20))
    first = data.draw(st.integers(0, 2**32 - 21))
    ack = data.draw(st.booleans())
    template = Template(RTM.NEWROUTE, NEW | Flag.ACK, route)
    expected = b""
    for index, destination in enumerate(destinations):
        last = ack and index + 1 == len(destinations)
        payload = encode(replace(route, dst=destination))
        expected += frame(RTM.NEWROUTE, NEW | (Flag.ACK if last else 0), first + index, payload)
    assert bytes(template.frames(destinations, first, ack)) == expected
    joined = b"".join(destinations)
    for form in (joined, bytearray(joined), memoryview(joined)):
        assert bytes(template.frames(form, first, ack)) == expected
    assert len(expected) == template.message_size * len(destinations)


def test_a_default_route_is_a_template_too() -> None:
    template = for_size(RTM.DELROUTE, Flag.REQUEST, V4, 0)
    (message,) = split(template.frames([b""], 9))
    assert decode(message.payload).dst is None
    assert (message.sequence, message.flags) == (9, Flag.REQUEST | Flag.ACK)


def test_a_place_holder_of_any_size() -> None:
    (message,) = split(for_size(RTM.NEWROUTE, NEW, V4, 4).frames([b"\x0a\1\2\0"], 1))
    assert decode(message.payload).dst == b"\x0a\1\2\0"


@pytest.mark.parametrize("destinations", [[b"\x0a\0\0"], [bytes(4), bytes(5)], bytes(5), [b""]])
def test_destinations_of_another_size(destinations: list[bytes] | bytes) -> None:
    with pytest.raises(ValueError, match="destination"):
        Template(RTM.NEWROUTE, NEW, V4).frames(destinations, 1)


def test_bytes_cannot_name_default_routes() -> None:
    with pytest.raises(ValueError, match="0-byte destinations"):
        for_size(RTM.NEWROUTE, NEW, V4, 0).frames(b"", 1)


@pytest.mark.parametrize("first", [-1, 2**32 - 1])
def test_sequence_numbers_must_fit(first: int) -> None:
    with pytest.raises(ValueError, match="sequence numbers"):
        Template(RTM.NEWROUTE, NEW, V4).frames([bytes(4)] * 2, first)


def test_the_last_sequence_number_is_good() -> None:
    messages = list(split(Template(RTM.NEWROUTE, NEW, V4).frames([bytes(4)] * 2, 2**32 - 2)))
    assert [message.sequence for message in messages] == [2**32 - 2, 2**32 - 1]


def test_an_odd_place_holder_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of 4"):
        Template(RTM.NEWROUTE, NEW, Route(AF.INET, dst=b"abc"))
