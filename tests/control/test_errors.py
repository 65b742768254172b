"""Every bad request gets its typed error, and the server serves on as before."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from nld.client import Client
from tests.control.errors import ALL, PROTOCOL, RECORDS, BadRequest
from tests.control.stand import Stand


@pytest.fixture
def connection(running: Stand) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(30)
        made.connect(running.path)
        yield made


def replies(connection: socket.socket) -> Iterator[bytes]:
    """Frames until the daemon closes."""
    held = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:  # what was sent and never read is lost with the connection
            return
        if not data:
            return
        *whole, held = (held + data).split(b"\0")
        yield from whole


@pytest.mark.parametrize("bad", [*PROTOCOL, *RECORDS], ids=lambda bad: bad.name)
def test_is_refused_with_its_error(bad: BadRequest, connection: socket.socket, running: Stand) -> None:
    try:
        connection.sendall(bad.frame + b"\0")
    except OSError:
        assert bad.closes  # the daemon hung up in the middle of a message that is too long
    answers = replies(connection)
    answer = json.loads(next(answers))
    assert answer["error"] == bad.error
    parameters = answer["parameters"]
    assert {name: parameters.get(name) for name in bad.expected} == bad.expected
    said = json.dumps(parameters)
    assert [word for word in bad.words if word not in said] == []
    if bad.closes:
        assert list(answers) == []
    else:
        connection.sendall(b'{"method":"io.nld.Status"}\0')
        assert b"version" in next(answers)
    assert running.broker.written == []
    with Client(running.path) as client:
        assert client.status()["version"] == "1"


def test_there_are_enough_of_them() -> None:
    assert len(ALL) >= 40
    assert len({bad.name for bad in ALL}) == len(ALL)
