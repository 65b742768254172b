"""Invariant: a long call says in portions what it says as a whole, and each step towards that is short."""

from __future__ import annotations

import gc
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.control import portions
from nld.control.interface import Call, RefusalError
from nld.control.portions import LONG, LONGEST, NoCallError, Portions
from nld.control.routes import interface
from nld.control.service import Service
from nld.records.peer import Peer
from tests.control.stand import StubBroker

SERVICE = Service([interface(StubBroker(), may_write=lambda peer: True)], version="0")
PEER = Peer(0, 0, 1)
STEP = 0.1
"""Seconds of processor time for one step: far below what reads all at once, far above what a step takes."""

addresses = st.sampled_from(["10.0.0.0/8", "192.0.2.7", "default", "2001:db8::/32", "::1", "10.0.0.1/8", "x"])
destinations = st.one_of(addresses, st.lists(addresses, max_size=5), st.none(), st.just([["x"]]))
others = st.fixed_dictionaries(
    {},
    optional={
        "gateway": st.sampled_from(["192.0.2.1", "2001:db8::1", "no \\u0041 gateway", 5]),
        "dev": st.sampled_from(["nld0", "t\u00fcr", 'a"]},{[b']),
        "metrics": st.just([{"mtu": 1400}]),
        "nexthops": st.lists(st.just({"gateway": "192.0.2.1", "weight": 2}), min_size=1, max_size=2),
        "unknown": st.just([]),
    },
)
records = st.tuples(destinations, others).map(lambda pair: {"dst": pair[0], **pair[1]})


def said(read: Any) -> Any:
    """What a frame says, or what is wrong with it."""
    try:
        call: Call = read()
    except RefusalError as refusal:
        error: Any = refusal.error
        if refusal.broken:
            return "broken"
        if getattr(error, "index", None) is None:
            return error.name
        return [one["field"] for one in error.failures] or [error.field]
    routes = call.parameters.routes
    try:
        columns = routes.columns
    except ValueError:
        columns = None
    else:
        columns = [list(column) for column in columns]
    return call.method.name, call.oneway, call.parameters.takeover, routes.destinations, list(routes), columns


def in_steps(frame: bytes, took: list[float] | None = None) -> Call:
    """What reads a frame to its end; ``took`` gets the processor time of each step."""
    reading = SERVICE.read_long(frame, PEER)
    while True:
        began = time.thread_time()
        try:
            next(reading)
        except StopIteration as end:
            call: Call = end.value
            return call
        finally:
            if took is not None:
                took.append(time.thread_time() - began)


@given(
    st.lists(records, min_size=1, max_size=12),
    st.sampled_from(["Add", "Delete", "Get"]),
    st.booleans(),
    st.sampled_from([1, 40, 200]),
    st.sampled_from([None, 1, 3]),
)
def test_in_portions_it_says_the_same(
    routes: list[Any], method: str, last: bool, size: int, indent: int | None
) -> None:
    members = {"method": f"io.nld.{method}", "oneway": False, "x": {"routes": [1], "y": "]}"}}
    parameters = {"takeover": True, "routes": routes, "kernel": "fib"}
    call = {"parameters": parameters, **members} if last else {**members, "parameters": parameters}
    frame = json.dumps(call, indent=indent, ensure_ascii=bool(size % 3)).encode()
    whole = said(lambda: SERVICE.read(frame, PEER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portions, "PORTION", size)
        for record in [None, *routes]:
            longest = len(frame) if record is None else max(1, len(json.dumps(record, indent=indent)) // 2)
            patch.setattr(portions, "LONGEST", max(longest, 300))
            parts = said(lambda: in_steps(frame))
            if parts == "broken":  # something is too long for it, or the method takes no routes
                assert record is not None or method == "Get" or isinstance(whole, str | list)
            else:
                assert parts == whole


@given(st.binary(max_size=60), st.integers(0, 200), st.sampled_from([1, 40]))
def test_whatever_is_no_call_is_none_in_portions(junk: bytes, at: int, size: int) -> None:
    routes = [{"dst": "10.0.0.0/8", "dev": "lo"}, {"dst": ["10.0.0.0/8", "10.1.0.0/16"]}]
    frame = json.dumps({"method": "io.nld.Add", "parameters": {"routes": routes}}).encode()
    frame = frame[:at] + junk + frame[at:]
    whole = said(lambda: SERVICE.read(frame, PEER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portions, "PORTION", size)
        parts = said(lambda: in_steps(frame))
    if parts != "broken":
        assert parts == whole


BIG = 4 << 20


def call(routes: bytes, behind: bytes = b"") -> bytes:
    return b'{"method":"io.nld.Add","parameters":{"routes":[' + routes + b"]" + behind + b"}}"


def legs(count: int) -> bytes:
    return b",".join([b'{"dev":"lo"}'] * count)


@pytest.mark.parametrize(
    ("frame", "outcome"),
    [
        (call(b",".join([b'{"dst":"10.0.0.0/8","gateway":"192.0.2.1"}'] * (BIG // 44))), "Add"),
        (call(b'{"dst":[' + b",".join([b'"10.0.0.0/8"'] * (BIG // 13)) + b'],"dev":"lo"}'), "Add"),
        (call(b",".join([b'{"dst":"10.0.0.0/8","nexthops":[{"dev":"lo"}]}'] * (BIG // 50))), "Add"),
        (call(b",".join([b'{"dst":"10.0.0.1/8","gateway":"x"}'] * (BIG // 40))), "routes[0].dst"),
        (call(b"[" * (BIG // 2) + b"]" * (BIG // 2)), "broken"),
        (call(b'{"dst":"' + b"x" * BIG + b'"}'), "broken"),
        (call(b"{" + b",".join(b'"n%d":1' % n for n in range(BIG // 12)) + b"}"), "broken"),
        (call(b'{"dst":"10.0.0.0/8"}', b',"kernel":"fib"' * (BIG // 15)), "broken"),
        (call(b'{"dst":"10.0.0.0/8","nexthops":[' + legs(4000) + b"]}"), "Add"),
        (call(b'{"dst":"10.0.0.0/8","nexthops":[' + b"{}," * 4999 + b"{}]}"), "routes[0].nexthops"),
        (call(b'{"dst":"10.0.0.0/8","nexthops":[' + legs(6000) + b"]}"), "broken"),
        (call(b'{"dst":"10.0.0.0/8","nexthops":[' + b"1," * 80_000 + b"1]}"), "broken"),
        (b"{" * BIG, "broken"),
        (b'"' + b"\\\\" * (BIG // 2), "broken"),
        (call(b'{"dst":"10.0.0.0/8"}' + b" " * 4 * BIG), "broken"),
    ],
    ids=[
        "records",
        "list",
        "legs",
        "bad",
        "deep",
        "text",
        "names",
        "beside",
        "many legs",
        "more legs",
        "too many legs",
        "numbers",
        "junk",
        "escapes",
        "blanks",
    ],
)
def test_each_step_is_short(frame: bytes, outcome: str) -> None:
    longest: list[float] = []
    gc.disable()  # it looks through all that the tests before have left
    try:
        while len(longest) < 3 and (not longest or min(longest) >= STEP):
            took: list[float] = []
            try:
                found = in_steps(frame, took).method.name
            except RefusalError as refusal:
                found = "broken" if refusal.broken else getattr(refusal.error, "field", "")
            assert found == outcome
            longest.append(max(took))
    finally:
        gc.enable()
    assert min(longest) < STEP  # of three, as others may have had the processor's caches


def test_a_long_question_is_one_portion() -> None:
    addresses = [f"2001:db8:{number:x}::{number:x}:1234:5678:9abc" for number in range(4096)]
    frame = json.dumps({"method": "io.nld.Lookup", "parameters": {"addresses": addresses}}).encode()
    assert len(frame) > 2 * LONG
    call = in_steps(frame)
    assert (call.method.name, len(call.parameters.addresses)) == ("Lookup", 4096)
    spaced = frame.replace(b", ", b"," + b" " * 40)
    assert len(spaced) > LONGEST
    with pytest.raises(RefusalError, match=f"at most {LONGEST} bytes"):
        in_steps(spaced)


def test_no_member_is_given_twice() -> None:
    for routes in (b'"routes":[{"dst":"10.0.0.0/8"}]', b'"routes":[]', b'"r\\u006futes":[]'):
        with pytest.raises(NoCallError):
            list(Portions(call(b'{"dst":"::/0"}', b"," + routes)))
    long = b",".join([b'"10.0.0.0/8"'] * (LONGEST // 12))
    for again in (b'"dst":"::/0"', b'"\\u0064st":"::/0"'):
        with pytest.raises(NoCallError):
            list(Portions(call(b'{"dst":[' + long + b"]," + again + b"}")))
