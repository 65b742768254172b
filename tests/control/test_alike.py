"""Invariant: what was read before makes no difference to what a frame is read as."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nld.control import alike as module
from nld.control.alike import Alike
from nld.control.call import CallReader, _authorize
from nld.control.interface import Call, RefusalError
from nld.control.reply import encode_error
from nld.control.routes import interface
from nld.control.service import Service
from nld.errors import PermissionDenied
from nld.prefix import DestinationError
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


class Counting(Alike):
    """Notes what is parsed."""

    def __init__(self, reader: CallReader) -> None:
        self.parsed: list[bytes] = []

        def parse(frame: bytes, peer: Peer) -> Call:
            self.parsed.append(frame)
            return reader._parse(frame, peer)

        super().__init__(parse, _authorize)


@pytest.fixture
def alike(reader: CallReader) -> Counting:
    """One that has read nothing yet."""
    return Counting(reader)


def frame_of(records: list[dict[str, Any]], **others: Any) -> bytes:
    """The call that adds these."""
    parameters = {"routes": records, **others}
    return json.dumps({"method": "io.nld.Add", "parameters": parameters}, separators=(",", ":")).encode()


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
    records = [record] * draw(st.sampled_from([1, 1, 1, 1, 0, 2, 100]))
    if len(records) > 50:
        other = draw(texts)
        records[draw(st.integers(0, 99))] = {"dst": other} | draw(members)
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


SHAM = {
    "a brace in a string": b'{"dst":"10.0.0.0/8","dev":"a},{"dst":"11.0.0.0/8","dev":"a}"}]}}',
    "a record in an object": b'{"dst":"10.0.0.0/8","x":{"y":1},{"dst":"11.0.0.0/8","x":{"y":1}}]}}',
    "a record in an encap": (
        b'{"dst":"10.0.0.0/8","dev":"a","encap":{"type":"ip","id":5},'
        b'{"dst":"11.0.0.0/8","dev":"a","encap":{"type":"ip","id":5}}]}}'
    ),
    "a record in a record": b'{"dst":"10.0.0.0/8","x":{"dst":"1","y":2}},{"dst":"11.0.0.0/8","dev":"a"}]}}',
    "something between": b'{"dst":"10.0.0.0/8","dev":"a"},5,{"dst":"11.0.0.0/8","dev":"a"}]}}',
    "nothing between": b'{"dst":"10.0.0.0/8","dev":"a"}{"dst":"11.0.0.0/8","dev":"a"}]}}',
    "an end in the middle": b'{"dst":"10.0.0.0/8","dev":"a"}]}},{"dst":"11.0.0.0/8","dev":"a"}]}}',
    "no end": b'{"dst":"10.0.0.0/8","dev":"a"},{"dst":"11.0.0.0/8","dev":"a"}',
}
"""What may look like records of one kind, and is none."""
ELSEWHERE = b'"parameters":{"routes":[{"dev":"d","dst":"%b"}]},"x":[{"dst":"%b"}]}'
NOWHERE = b'"parameters":{"routes":[]},"x":[{"dst":"%b"}]}'
METHOD = b'{"method":"io.nld.Add",'
MANY = frame_of([{"dst": f"10.{number}.0.0/16", "type": "blackhole"} for number in range(100)])
MANY6 = frame_of([{"dst": f"2001:{number}::/32", "type": "blackhole"} for number in range(100)])


@given(st.lists(st.tuples(frames(), st.sampled_from([ROOT, USER])), min_size=2, max_size=6))
@example([(PLAIN, ROOT), (PLAIN.replace(b"10.0.0.0/8", b"::/0"), ROOT)])
@example([(PLAIN, ROOT), (PLAIN.replace(b"10.0.0.0/8", b"default"), ROOT)])
@example([(PLAIN, ROOT), (PLAIN.replace(b"10.0.0.0/8", b"10.0.0.0/8\\"), ROOT)])
@example([(PLAIN, ROOT), (PLAIN, USER)])
@example([(PLAIN.replace(b'"gateway":"192.0.2.7"', b'"dev":"d","family":"inet6"'), ROOT), (PLAIN, ROOT)])
@example([(METHOD + ELSEWHERE % (b"10.0.0.0/8", text), ROOT) for text in (b"10.0.0.0/8", b"11.0.0.0/8")])
@example([(METHOD + NOWHERE % text, ROOT) for text in (b"10.0.0.0/8", b"11.0.0.0/8")])
@example([(MANY, ROOT), (MANY6, ROOT), (MANY, USER)])
def test_no_frame_changes_another(reader: CallReader, calls: list[tuple[bytes, Peer]]) -> None:
    reader._alike = Alike(reader._parse, _authorize)
    for frame, peer in calls:
        assert said(reader.read, frame, peer) == said(reader._parse, frame, peer)


@pytest.mark.parametrize("sham", SHAM.values(), ids=SHAM.keys())
def test_sham(reader: CallReader, sham: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHARE", 0)
    reader._alike = Alike(reader._parse, _authorize)
    frame = METHOD + b'"parameters":{"routes":[' + sham
    for _ in range(2):
        assert said(reader.read, frame, ROOT) == said(reader._parse, frame, ROOT)


scraps = st.sampled_from([
    '{"dst":"', "10.0.0.0/8", "11.0.0.0/8", '"', ',"dev":"a', ',"dev":"a"', ',"type":"blackhole"', '"},',
    '"}', "}", "},", "{", "[", "]", ",", "]}}", '"}]}}', ',"flags":["onlink"]',
    ',"encap":{"type":"ip","id":5',
    ',"dst":"1.0.0.0/8"', '{"dst":"10.0.0.0/8","dev":"a"},', '{"dst":"10.1.0.0/16","dev":"a"}]}}',
    '{"dst":"10.2.0.0/16","type":"blackhole"},',
])  # fmt: skip


@settings(max_examples=1000)
@given(st.lists(scraps, max_size=12), st.booleans())
def test_scraps_of_calls(reader: CallReader, parts: list[str], ended: bool) -> None:
    """Most are no JSON at all, and look as if they were."""
    text = METHOD.decode() + '"parameters":{"routes":[' + "".join(parts) + ("]}}" if ended else "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SHARE", 0)
        reader._alike = Alike(reader._parse, _authorize)
        for _ in range(2):
            assert said(reader.read, text.encode(), ROOT) == said(reader._parse, text.encode(), ROOT)


@pytest.mark.parametrize("destination", [b"11.0.0.0/8", b"10.1.2.3", b"10.255.0.0/16"])
def test_one_record_is_read_once(alike: Counting, destination: bytes) -> None:
    alike.read(PLAIN, ROOT)
    call = alike.read(PLAIN.replace(b"10.0.0.0/8", destination), ROOT)
    assert alike.parsed == [PLAIN]
    assert call.parameters.routes.destinations == [destination.decode()]
    assert call.parameters.routes[0].gateway == "192.0.2.7"


def test_many_records_are_read_once_for_each_of_their_kinds(alike: Counting) -> None:
    kinds = [{"gateway": "192.0.2.1"}, {"gateway": "192.0.2.2"}, {"type": "blackhole"}]
    records = [{"dst": f"10.{number}.0.0/16"} | kinds[number % 3] for number in range(200)]
    call = alike.read(frame_of(records, takeover=True), ROOT)
    assert sorted(alike.parsed) == sorted(
        frame_of([{"dst": "10.0.0.0/16"} | kind], takeover=True) for kind in kinds
    )
    assert [record.model_dump(exclude_none=True) for record in call.parameters.routes] == records
    assert call.parameters.takeover is True
    alike.parsed.clear()
    alike.read(frame_of(records[7:], takeover=True), ROOT)
    assert alike.parsed == []
    alike.read(frame_of(records), ROOT)
    assert len(alike.parsed) == len(kinds)  # not for what else the call says


NOT_ALIKE = {
    "another list around it": PLAIN.replace(b"}]", b'},{"dst":"10.0.0.0/8"}]').replace(b"}}", b"}]}"),
    "a list of destinations": PLAIN.replace(b'"10.0.0.0/8"', b'["10.0.0.0/8"]'),
    "no family": PLAIN.replace(b"10.0.0.0/8", b"default"),
    "the default route": PLAIN.replace(b"10.0.0.0/8", b"0.0.0.0/0"),
    "an escape": PLAIN.replace(b"192.0.2.7", b"192.0.2.\\u0037"),
    "another dst": PLAIN[:-1] + b',"x":{"a":1,"dst":"10.0.0.0/8"}}',
    "much else": PLAIN[:-1] + b',"x":"' + b"x" * 512 + b'"}',
    "another order": PLAIN.replace(b'{"dst":"10.0.0.0/8"', b'{"metric":1,"dst":"10.0.0.0/8"'),
}


@pytest.mark.parametrize("frame", NOT_ALIKE.values(), ids=NOT_ALIKE.keys())
def test_what_may_mean_more_is_parsed_each_time(alike: Counting, frame: bytes) -> None:
    for _ in range(2):
        with contextlib.suppress(RefusalError):
            alike.read(frame, ROOT)
    assert alike.parsed == [frame, frame]


def test_both_families_are_remembered(alike: Counting) -> None:
    one, one6 = (frame_of([{"dst": dst, "type": "blackhole"}]) for dst in ("10.0.0.0/8", "2001:db8::/32"))
    for frame in (one, one6, MANY, MANY6):
        alike.read(frame, ROOT)
    alike.parsed.clear()
    for frame in (one, one6, MANY, MANY6, one):
        alike.read(frame, ROOT)
    assert alike.parsed == []


@pytest.mark.parametrize("destination", ["2001:db8::/32", "default", "0.0.0.0/0", "10.0.0.1/8", "x", ""])
@pytest.mark.parametrize("others", [0, 99])
def test_what_is_no_place_of_the_family_is_parsed(alike: Counting, destination: str, others: int) -> None:
    records = [{"dst": f"10.{number}.0.0/16", "dev": "nld0"} for number in range(others + 1)]
    alike.read(frame_of(records), ROOT)
    alike.parsed.clear()
    frame = frame_of([*records[:-1], {"dst": destination, "dev": "nld0"}])
    with contextlib.suppress(RefusalError):
        alike.read(frame, ROOT)
    assert alike.parsed == [frame]


NOT_FLAT: list[dict[str, Any]] = [
    {"nexthops": [{"dev": "nld0"}, {"dev": "nld1"}]},
    {"dev": "nld0", "encap": {"type": "mpls", "dst": "100"}},
    {"dev": "nld0", "metrics": [{"mtu": 1400}]},
]


@pytest.mark.parametrize("rest", NOT_FLAT)
def test_many_records_that_hold_others_are_parsed(alike: Counting, rest: dict[str, Any]) -> None:
    frame = frame_of([{"dst": f"10.{number}.0.0/16"} | rest for number in range(100)])
    for _ in range(2):
        alike.read(frame, ROOT)
    assert alike.parsed == [frame, frame]


def test_many_kinds_are_parsed(alike: Counting) -> None:
    frame = frame_of([{"dst": f"10.{number}.0.0/16", "metric": number} for number in range(100)])
    alike.read(frame, ROOT)
    assert alike.parsed == [frame]


def test_a_peer_that_may_not_write_is_refused_all_the_same(reader: CallReader) -> None:
    many = frame_of([{"dst": f"10.{number}.0.0/16", "dev": "nld0"} for number in range(100)])
    for frame in (PLAIN, many):
        reader.read(frame, ROOT)
        with pytest.raises(RefusalError) as refused:
            reader.read(frame, USER)
        assert isinstance(refused.value.error, PermissionDenied)


def test_memory_is_bounded(alike: Counting) -> None:
    for number in range(2500):
        alike.read(frame_of([{"dst": "10.0.0.0/8", "dev": "nld0", "metric": number}]), ROOT)
    assert len(alike._known) <= 1024
    few = [
        {"dst": f"10.0.{number % 256}.0/24", "dev": "nld0", "metric": number % 40} for number in range(2000)
    ]
    call = alike.read(frame_of(few), ROOT)
    assert [record.metric for record in call.parameters.routes] == [record["metric"] for record in few]
