"""Invariant: what was read before makes no difference to what a frame is read as."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nld.control.alike import Alike
from nld.control.call import CallReader, RefusalError
from nld.control.interface import Call
from nld.control.reply import encode_error
from nld.control.routes import interface
from nld.control.service import Service
from nld.errors import PermissionDenied
from nld.records.destination import DestinationError
from nld.records.peer import Peer
from tests.control.stand import StubBroker

ROOT = Peer(0, 0, 1)
USER = Peer(1000, 1000, 2)

BEFORE = b'{"method":"io.nld.Add","parameters":{"routes":[{'
BEHIND = b',"gateway":"192.0.2.7"}]}}'
PLAIN = BEFORE + b'"dst":"10.0.0.0/8"' + BEHIND


@pytest.fixture(scope="module")
def reader() -> CallReader:
    """A reader; to make one takes long, so that it is the same for all tests."""
    return CallReader(
        Service([interface(StubBroker(), may_write=lambda peer: peer.uid == 0)], version="0").interfaces
    )


def said(read: Callable[[bytes, Peer], Call], frame: bytes, peer: Peer) -> Any:
    """What a frame asks for, or the error as it is sent."""
    try:
        call = read(frame, peer)
    except RefusalError as refusal:
        return None if refusal.error is None else encode_error(refusal.error)
    given = call.parameters
    if not hasattr(given, "routes"):
        return call
    try:
        columns: Any = given.routes.columns[2:]
    except DestinationError as error:
        columns = str(error)
    rests = [rest.model_dump(exclude={"dst"}) for rest in given.routes.rests]
    families = [rest.address_family for rest in given.routes.rests]
    return (
        call.method.name, call.oneway, given.takeover, given.kernel, rests, families,
        given.routes.destinations, columns, [record.model_dump() for record in given.routes],
    )  # fmt: skip


destinations = st.sampled_from([
    "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.3/8", "10.0.0.0/33", "10.0.0.0/08", "0.0.0.0/0", "::/0",
    "default", "any", "", "2001:db8::/32", "2001:db8::1", "fe80::/10", "x", "10.0.0.0/8 ", "\u00b2", '"',
    "\\", "10.0.0.0/8\\", '10.0.0.0/8","type":"blackhole', "1" * 600,
])  # fmt: skip
texts = destinations | st.text(max_size=12)
members: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {}, {"gateway": "192.0.2.7"}, {"gateway": "2001:db8::7"}, {"dev": "eth0"}, {"metric": 5}, {"metric": -1},
    {"type": "blackhole"}, {"protocol": 'a"dst":"b'}, {"family": "inet6", "dev": "d"}, {"comment": "dst"},
    {"dev": "d", "encap": {"type": "mpls", "dst": "100"}},
])  # fmt: skip
envelopes: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {}, {}, {"oneway": True}, {"more": True}, {"x": {"dst": "10.0.0.0/8"}},
])  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Calls as clients write them, and as nobody does."""
    destination: Any = draw(texts)
    if draw(st.integers(0, 9)) == 0:
        destination = [destination, *draw(st.lists(texts, max_size=2))]
    others = draw(members)
    record = {"dst": destination} | others if draw(st.booleans()) else others | {"dst": destination}
    records = [record] * draw(st.sampled_from([1, 1, 1, 1, 0, 2]))
    parameters: dict[str, Any] = {"routes": records} | draw(st.sampled_from([{}, {"takeover": True}]))
    method = draw(st.sampled_from(["Add", "Delete", "Get"]))
    if method == "Get":
        parameters = {"key": record}
    call: dict[str, Any] = {"method": f"io.nld.{method}", "parameters": parameters}
    call |= draw(envelopes)
    compact = draw(st.booleans())
    text = json.dumps(
        call, separators=(",", ":") if compact else None, ensure_ascii=draw(st.booleans())
    ).encode()
    return text if draw(st.integers(0, 9)) else text.replace(b"dst", b"d\\u0073t", 1)


@given(st.lists(st.tuples(frames(), st.sampled_from([ROOT, USER])), min_size=2, max_size=6))
@example([(PLAIN, ROOT), (PLAIN.replace(b"10.0.0.0/8", b"::/0"), ROOT)])
@example([(PLAIN, ROOT), (PLAIN.replace(b"10.0.0.0/8", b"default"), ROOT)])
@example([(PLAIN, ROOT), (PLAIN.replace(b"10.0.0.0/8", b"10.0.0.0/8\\"), ROOT)])
@example([(PLAIN, ROOT), (PLAIN, USER)])
def test_no_frame_changes_another(reader: CallReader, calls: list[tuple[bytes, Peer]]) -> None:
    reader._alike = Alike()
    for frame, peer in calls:
        assert said(reader.read, frame, peer) == said(reader._parse, frame, peer)


@pytest.mark.parametrize("destination", [b"11.0.0.0/8", b"10.1.2.3", b"10.255.0.0/16"])
def test_a_call_with_another_destination_is_told_again(reader: CallReader, destination: bytes) -> None:
    alike = Alike()
    call = reader._parse(PLAIN, ROOT)
    alike.keep(PLAIN, call)
    found = alike.find(PLAIN.replace(b"10.0.0.0/8", destination))
    assert found == (call, destination)
    again = alike.retell(*found)
    assert isinstance(again, Call)
    assert again.parameters.routes.destinations == [destination.decode()]
    assert again.parameters.routes.rests[0] is call.parameters.routes.rests[0]


@pytest.mark.parametrize(
    "frame",
    [
        PLAIN.replace(b"}]", b'},{"dst":"10.0.0.0/8"}]'),
        PLAIN.replace(b'"10.0.0.0/8"', b'["10.0.0.0/8"]'),
        PLAIN.replace(b"10.0.0.0/8", b"default"),
        PLAIN.replace(b"10.0.0.0/8", b"0.0.0.0/0"),
        PLAIN.replace(b"192.0.2.7", b"192.0.2.\\u0037"),
        PLAIN[:-1] + b',"x":{"dst":"10.0.0.0/8"}}',
        PLAIN[:-1] + b',"x":"' + b"x" * 512 + b'"}',
    ],
)
def test_what_may_mean_more_is_not_remembered(reader: CallReader, frame: bytes) -> None:
    call = reader._parse(frame, ROOT)
    alike = Alike()
    alike.keep(frame, call)
    assert alike.find(frame) is None


def test_a_peer_that_may_not_write_is_refused_all_the_same(reader: CallReader) -> None:
    reader.read(PLAIN, ROOT)
    with pytest.raises(RefusalError) as refused:
        reader.read(PLAIN, USER)
    assert isinstance(refused.value.error, PermissionDenied)


def test_memory_is_bounded(reader: CallReader) -> None:
    alike = Alike()
    call = reader._parse(PLAIN, ROOT)
    for number in range(3000):
        alike.keep(PLAIN.replace(b"7", b"%d" % number), call)
    assert len(alike._calls) <= 1024
