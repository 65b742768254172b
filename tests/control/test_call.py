"""Invariant: whatever a frame holds, reading it gives a call, or a refusal with an error that can be sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from nld.control.interface import Call, RefusalError
from nld.control.reply import encode_error
from nld.control.routes import interface
from nld.control.service import Service
from nld.records.peer import Peer
from tests.control.stand import StubBroker

SERVICE = Service([interface(StubBroker(), may_write=lambda peer: True)], version="0")
PEER = Peer(0, 0, 1)
METHODS = [f"{name}.{method.name}" for name, made in SERVICE.interfaces.items() for method in made.methods]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
words = st.sampled_from([
    "routes", "key", "filter", "addresses", "dst", "gateway", "nexthops", "metrics", "encap", "type", "form",
    "takeover", "kernel", "cursor", "interface", "10.0.0.0/8", "192.0.2.7", "default", "full", "fib", "mpls",
])  # fmt: skip
likely = st.recursive(
    words | json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=15,
)


def read(frame: bytes) -> Call | dict[str, Any] | None:
    """The call, or the error as the peer would get it; None where it gets none."""
    try:
        return SERVICE.read(frame, PEER)
    except RefusalError as refusal:
        if refusal.error is None:
            return None
        sent = encode_error(refusal.error)
        assert sent.count(b"\0") == 1
        answer: dict[str, Any] = json.loads(sent[:-1])
        assert answer["error"].rpartition(".")[0] in {"io.nld", "org.varlink.service"}
        return answer


@given(st.binary(max_size=200))
@example(b'{"method":"io.nld.Add","parameters":{"routes":[{"dst":"\xff"}]}}')
@example(b'{"method":"io.nld.Add","parameters":{"routes":[{"dst":"10.0.0.0/8"}]}} x')
def test_any_bytes(frame: bytes) -> None:
    read(frame)


@given(
    st.sampled_from(METHODS),
    likely,
    st.dictionaries(st.sampled_from(["more", "oneway", "upgrade"]), json_values),
)
def test_any_parameters(method: str, parameters: Any, members: dict[str, Any]) -> None:
    first = json.dumps({"method": method, "parameters": parameters} | members).encode()
    last = json.dumps(members | {"parameters": parameters, "method": method}).encode()
    answers = [read(first), read(last)]
    assert repr(answers[0]).partition(" at ")[0] == repr(answers[1]).partition(" at ")[0]


def test_where_the_method_stands_does_not_matter() -> None:
    for frame in (
        b'{"method":"io.nld.Get","parameters":{"key":{"dst":"default"}}}',
        b' \n{ "parameters" : {"key":{"dst":"default"}}, "method" : "io.nld.Get" } ',
        b'{"x":[{}],"method":"io.nld.\\u0047et","parameters":{"key":{"dst":"default"}}}',
    ):
        call = read(frame)
        assert isinstance(call, Call)
        assert call.method.name == "Get"
        assert not call.oneway


def test_a_second_method_does_not_slip_past_the_first() -> None:
    answer = read(b'{"method":"io.nld.Status","method":"io.nld.Delete","parameters":{}}')
    assert isinstance(answer, dict)
    assert "twice" in answer["parameters"]["message"]
