"""Replies from bytes: however the stream is cut, whoever wrote it."""

from __future__ import annotations

import errno
import json
import os

import pytest

from nld.client.protocol import (
    Reply,
    ReplyDecoder,
    array_of,
    decode_reply,
    default_socket,
    encode_call,
    error_of,
    unreachable,
)
from nld.errors import (
    WIRE_ERRORS,
    Extack,
    InvalidRecord,
    NldError,
    PermissionDenied,
    ProtocolBroken,
    RouteExists,
    Unsupported,
)

STREAM = (
    b'{"parameters":{"routes":[{"dst":"10.0.0.0/8"}]},"continues":true}\0'
    b'{"error":"io.nld.RouteNotFound","parameters":{"message":"no","fault":"client"}}\0'
    b'{"parameters":{}}\0'
)


def answers(decoder: ReplyDecoder) -> list[object]:
    """Replies and error names until more bytes are needed."""
    found: list[object] = []
    while True:
        try:
            reply = decoder.take()
        except NldError as error:
            found.append(error.name)
            continue
        if reply is None:
            return found
        found.append(reply)


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_cut_anywhere_changes_nothing(cut: int) -> None:
    decoder = ReplyDecoder()
    decoder.feed(STREAM[:cut])
    found = answers(decoder)
    decoder.feed(STREAM[cut:])
    assert found + answers(decoder) == [
        Reply(b'{"routes":[{"dst":"10.0.0.0/8"}]}', True),
        "io.nld.RouteNotFound",
        Reply(b"{}", False),
    ]
    assert decoder.pending == 0


@pytest.mark.parametrize(
    ("frame", "values", "continues"),
    [
        (b'{"parameters":{"a":1},"continues":true}', {"a": 1}, True),
        (b'{"parameters":{"a":{"b":1,"continues":true}}}', {"a": {"b": 1, "continues": True}}, False),
        (b'{"parameters":{"b":1,"continues":true}}', {"b": 1, "continues": True}, False),
        (b'{ "continues": true, "parameters": {"a": 1} }', {"a": 1}, True),
        (b'{"parameters":{"a":1},"continues":false}', {"a": 1}, False),
        (b'{"parameters":null}', {}, False),
        (b"{}", {}, False),
    ],
)
def test_replies_of_any_writer(frame: bytes, values: object, continues: bool) -> None:
    reply = decode_reply(frame)
    assert (reply.values(), reply.continues) == (values, continues)


@pytest.mark.parametrize("frame", [b"", b"x", b"[]", b'{"parameters":', b'"\xff"', b"[" * 100_000])
def test_what_is_no_reply(frame: bytes) -> None:
    with pytest.raises(ProtocolBroken):
        decode_reply(frame).values()


@pytest.mark.parametrize("name", WIRE_ERRORS)
def test_every_error_survives_the_wire(name: str) -> None:
    sent = WIRE_ERRORS[name](
        "why", operation="add", key="10.0.0.0/8", field="routes[0].dst", index=0, errno="EEXIST",
        extack=Extack("words", "RTA_DST", 4), done=3, failed=1, failures=({"index": 0},),
    )  # fmt: skip
    frame = json.dumps({"error": sent.name, "parameters": sent.parameters()}).encode()
    with pytest.raises(type(sent)) as caught:
        decode_reply(frame)
    assert type(caught.value) is type(sent)
    assert caught.value.parameters() == sent.parameters()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("InvalidParameter", InvalidRecord),
        ("PermissionDenied", PermissionDenied),
        ("MethodNotFound", Unsupported),
        ("InterfaceNotFound", Unsupported),
        ("ExpectedMore", ProtocolBroken),
    ],
)
def test_errors_of_the_protocol(name: str, expected: type[NldError]) -> None:
    error = error_of(f"org.varlink.service.{name}", {"parameter": "kernel"})
    assert type(error) is expected
    assert name in str(error)


def test_a_call() -> None:
    assert json.loads(encode_call("io.nld.List", {"form": None, "filter": {}}, more=True)[:-1]) == {
        "method": "io.nld.List",
        "more": True,
        "parameters": {"filter": {}},
    }
    assert encode_call("a.B", {}).startswith(b'{"method":"a.B"')
    with pytest.raises(TypeError, match="object"):
        encode_call("a.B", {"x": object()})


def test_an_array_is_cut_out_of_its_reply_or_parsed() -> None:
    assert array_of(Reply(b'{"routes":[{"dst":"x"}]}', True), "routes") == b'[{"dst":"x"}]'
    assert array_of(Reply(b'{ "routes": [ 1 ] }', True), "routes") == b"[1]"


def test_where_the_socket_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NLD_SOCKET", raising=False)
    assert default_socket() == "/run/nld/io.nld"
    monkeypatch.setenv("NLD_SOCKET", "/tmp/x")
    assert default_socket() == "/tmp/x"


@pytest.mark.parametrize(
    "number", [errno.ENOENT, errno.ECONNREFUSED, errno.EACCES, errno.ETIMEDOUT, errno.EIO]
)
def test_an_unreachable_daemon_is_named_with_a_way_on(number: int) -> None:
    error = unreachable("/run/nld/io.nld", OSError(number, os.strerror(number)))
    assert "/run/nld/io.nld" in str(error)
    assert os.strerror(number) in str(error)
    assert len(str(error).split("; ")) == 2


def test_errors_of_other_kinds_keep_their_words() -> None:
    assert isinstance(error_of("io.nld.RouteExists", {"message": "there"}), RouteExists)
    assert "io.example.Odd" in str(error_of("io.example.Odd", {}))
