"""Bulk encoding equals encoding one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.netlink.header import Flag, frame, split
from nld.netlink.registry import AF, RTM
from nld.netlink.route import Metrics, Route, decode, encode
from nld.netlink.template import Template, for_route, frames

V4 = Route(AF.INET, dst_len=24, dst=bytes(4), table=1000, gateway=b"\xc0\0\2\1", oif=3, protocol=131)
OTHER = replace(V4, gateway=b"\xc0\0\2\2")
LONGER = replace(V4, priority=7)
DEFAULT = replace(V4, dst_len=0, dst=None)
V6 = Route(AF.INET6, dst_len=64, dst=bytes(16), priority=5, metrics=Metrics(cc_algo="reno"), oif=3)
ROUTES = (V4, OTHER, LONGER, DEFAULT, V6)
NEW = Flag.REQUEST | Flag.CREATE | Flag.EXCL


@given(
    which=st.lists(st.sampled_from(ROUTES), max_size=20),
    first=st.integers(0, 2**32 - 21),
    ack=st.booleans(),
    data=st.data(),
)
def test_equals_one_by_one(which: list[Route], first: int, ack: bool, data: st.DataObject) -> None:
    """Of one layout and of several, in any order."""
    templates = {id(route): for_route(RTM.NEWROUTE, NEW | Flag.ACK, route) for route in ROUTES}
    destinations = []
    expected = b""
    for index, route in enumerate(which):
        size = len(route.dst or b"")
        destination = data.draw(st.binary(min_size=size, max_size=size))
        destinations.append(destination)
        last = ack and index + 1 == len(which)
        payload = encode(replace(route, dst=destination or None))
        expected += frame(RTM.NEWROUTE, NEW | (Flag.ACK if last else 0), first + index, payload)
    assert bytes(frames([templates[id(route)] for route in which], destinations, first, ack)) == expected


def test_a_default_route_is_a_template_too() -> None:
    template = for_route(RTM.DELROUTE, Flag.REQUEST, DEFAULT)
    (message,) = split(template.frames([b""], 9))
    assert decode(message.payload).dst is None
    assert (message.sequence, message.flags) == (9, Flag.REQUEST | Flag.ACK)


@pytest.mark.parametrize("destinations", [[b"\x0a\0\0"], [bytes(4), bytes(5)], [b""], [bytes(16)]])
def test_destinations_of_another_size(destinations: list[bytes]) -> None:
    with pytest.raises(ValueError, match="destination"):
        for_route(RTM.NEWROUTE, NEW, V4).frames(destinations, 1)


def test_columns_of_another_length() -> None:
    with pytest.raises(ValueError, match="1 destinations for 2 templates"):
        frames([for_route(RTM.NEWROUTE, NEW, V4)] * 2, [bytes(4)], 1)


@pytest.mark.parametrize("first", [-1, 2**32 - 1])
def test_sequence_numbers_must_fit(first: int) -> None:
    with pytest.raises(ValueError, match="sequence numbers"):
        for_route(RTM.NEWROUTE, NEW, V4).frames([bytes(4)] * 2, first)


def test_the_last_sequence_number_is_good() -> None:
    messages = list(split(for_route(RTM.NEWROUTE, NEW, V4).frames([bytes(4)] * 2, 2**32 - 2)))
    assert [message.sequence for message in messages] == [2**32 - 2, 2**32 - 1]


@pytest.mark.parametrize(("offset", "size"), [(32, 3), (30, 4)])
def test_an_odd_place_holder_is_refused(offset: int, size: int) -> None:
    with pytest.raises(ValueError, match="not a multiple of 4"):
        Template(bytes(40), offset, size)
