"""Every bad request gets its typed error from the real daemon, which serves on as before."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from nld.client import Client
from tests.control.errors import ALL
from tests.control.test_errors import replies
from tests.stand import Stand

pytestmark = pytest.mark.namespace

ROUNDS = 5
GROWTH = 8 * 1024 * 1024
"""Bytes in three rounds: a leak of one 17 MiB frame would be more."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Stand]:
    with Stand(log_level="error") as made:
        yield made


def ask(path: str, frames: list[bytes]) -> list[bytes]:
    """Send frames on one connection; the last answer, and what came behind it until the daemon closed."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(120)
        connection.connect(path)
        answers = replies(connection)
        for frame in frames[:-1]:
            connection.sendall(frame + b"\0")
            assert b'"error"' not in next(answers)
        with contextlib.suppress(OSError):  # it hangs up in the middle of a message that is too long
            connection.sendall(frames[-1] + b"\0")
        return [next(answers)]


def test_all_of_them_and_memory_stays_flat(daemon: Stand) -> None:
    path = daemon.socket
    before = daemon.routes("ip")
    sizes = []
    with Client(path, timeout=120) as steady:
        for _ in range(ROUNDS):
            for bad in ALL:
                (said,) = ask(path, [*bad.before, bad.frame])
                answer = json.loads(said)
                assert answer.get("error") == bad.error, (bad.name, answer)
                parameters = answer["parameters"]
                found = {name: parameters.get(name) for name in bad.expected}
                assert found == bad.expected, (bad.name, parameters)
                missing = [word for word in bad.words if word not in json.dumps(parameters)]
                assert missing == [], (bad.name, parameters)
                if bad.before:
                    mine = [
                        route
                        for route in steady.list({"protocol": "131"})
                        if route["protocol"] in {"131", "nld"}
                    ]
                    steady.delete(mine)
            assert steady.status()["version"]
            sizes.append(steady.status()["memory_bytes"])
    assert daemon.routes("ip") == before
    # The allocator keeps what the largest frame of the first round took.
    assert sizes[-1] - sizes[1] < GROWTH, sizes
