"""Each golden vector decodes to the object written beside it and encodes to the same bytes."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from nld.errors import MalformedMessage
from nld.netlink import route
from nld.netlink.catalogue import MESSAGES
from nld.netlink.extack import parse_done, parse_error
from nld.netlink.header import MessageType, split
from nld.netlink.registry import AF
from nld.netlink.shape import cut, walk_cuts

from .vector import Vector, describe, load

VECTORS = load()
MESSAGE_VECTORS = [vector for vector in VECTORS if vector.type in MESSAGES]
ROUTE_VECTORS = [vector for vector in MESSAGE_VECTORS if MESSAGES[vector.type].decode is route.decode]


def names(vectors: list[Vector]) -> dict[str, Any]:
    return {"argvalues": vectors, "ids": [vector.name for vector in vectors]}


def test_there_are_vectors_of_everything() -> None:
    assert len(VECTORS) > 90
    assert {MESSAGES[vector.type].form for vector in MESSAGE_VECTORS} == {
        entry.form for entry in MESSAGES.values()
    }


@pytest.mark.parametrize("vector", **names(VECTORS))
def test_decodes_to_what_is_written(vector: Vector) -> None:
    (message,) = split(vector.data)
    if message.type in MESSAGES:
        meaning = MESSAGES[message.type].decode(bytes(message.payload))
    elif message.type == MessageType.ERROR:
        meaning = parse_error(message)
    else:
        meaning = parse_done(message)
    assert describe(meaning) == vector.meaning


@pytest.mark.parametrize("vector", **names(MESSAGE_VECTORS))
def test_encodes_to_the_same_bytes(vector: Vector) -> None:
    entry = MESSAGES[vector.type]
    assert entry.encode(entry.decode(vector.payload)) == vector.payload


@pytest.mark.parametrize("vector", **names(VECTORS))
def test_a_stream_cut_at_any_byte_gives_whole_messages_then_the_offset(vector: Vector) -> None:
    stream = vector.data * 2
    size = len(vector.data)
    for end in range(len(stream)):
        found = []
        if end % size == 0:
            found = list(split(stream[:end]))
        else:
            with pytest.raises(MalformedMessage) as caught:
                found.extend(split(stream[:end]))
            assert caught.value.offset == end // size * size
        assert len(found) == (end // size if end % size == 0 else len(found))
        assert all(message.payload == vector.payload for message in found)


@pytest.mark.parametrize("vector", **names(MESSAGE_VECTORS))
def test_a_payload_cut_at_any_byte_is_shorter_or_malformed(vector: Vector) -> None:
    entry = MESSAGES[vector.type]
    for end in range(len(vector.payload)):
        part = vector.payload[:end]
        try:
            again = entry.encode(entry.decode(part))
        except MalformedMessage as error:
            assert 0 <= error.offset <= end
        else:
            # At most the padding that the cut took away is back.
            assert again[:end] == part
            assert len(again) - end < 4


@pytest.mark.parametrize("vector", **names(ROUTE_VECTORS))
def test_a_cut_route_is_the_route_without_its_destination(vector: Vector) -> None:
    whole = route.decode(vector.payload)
    shape, destination = cut(vector.payload)
    assert (destination or None) == whole.dst
    rest = route.decode(shape)
    assert rest.dst is None
    rest.dst = whole.dst
    assert rest == whole
    message = next(split(vector.data))
    assert walk_cuts(vector.data) == [(*message[:4], shape, destination)]


@pytest.mark.parametrize("vector", **names([v for v in ROUTE_VECTORS if v.witness]))
def test_ip_says_the_same(vector: Vector) -> None:
    witness = vector.witness
    assert witness is not None
    found = route.decode(vector.payload)
    assert int(witness["type"]) == found.type
    assert int(witness["protocol"]) == found.protocol
    assert int(witness["table"]) == found.table
    if "scope" in witness:
        assert int(witness["scope"]) == found.scope
    if "metric" in witness:
        assert witness["metric"] == found.priority
    if found.family in (AF.INET, AF.INET6):
        if "encap" not in witness:  # ip prints a tunnel's dst under the same key
            address = socket.inet_ntop(found.family, found.dst) if found.dst else "default"
            assert witness["dst"].partition("/")[0] == address
        if found.gateway:
            assert witness["gateway"] == socket.inet_ntop(found.family, found.gateway)
    for metrics in witness.get("metrics", ()):
        assert found.metrics is not None
        assert metrics.get("mtu") == found.metrics.mtu
        assert metrics.get("advmss") == found.metrics.advmss
        assert metrics.get("congestion") == found.metrics.cc_algo
    for hop, legs in zip(found.multipath or (), witness.get("nexthops", ()), strict=False):
        assert legs["weight"] == hop.hops + 1 if "weight" in legs else hop.hops == 0
