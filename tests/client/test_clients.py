"""Both clients against a server: the same steps, the same answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any

import pytest

from nld.client import AsyncClient, Client
from nld.errors import (
    ConnectionFailed,
    CursorExpired,
    InvalidRecord,
    LimitExceeded,
    RouteExists,
    RouteNotFound,
)
from nld.records import RouteRecord
from tests.control.stand import Stand

MANY = [{"dst": f"10.{n >> 8}.{n & 255}.0/24", "gateway": f"192.0.2.{n % 3 + 1}"} for n in range(6000)]


def test_blocking(running: Stand) -> None:
    with Client(running.path) as nld:
        assert nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"}) == 1
        assert nld.add([RouteRecord(dst=["10.1.0.0/16", "10.2.0.0/16"], dev="nld0")], takeover=True) == 2
        assert running.broker.calls[-1][2:] == (True, None)
        assert nld.get("10.0.0.0/8") == [{"dst": "10.0.0.0/8", "gateway": "192.0.2.7"}]
        assert nld.get({"dst": "10.0.0.0/8"}, table="main")
        routes = list(nld.list({"table": "main"}, form="ip"))
        assert len(routes) == 3
        assert b"".join(nld.list_text()).count(b"dst") == 3
        # calls go on while a list or a watch runs
        for route in nld.list():
            assert nld.status()["version"] == "1"
            assert route["dst"]
        addresses = ["192.0.2.1", "::1"] * 3000
        assert [answer["address"] for answer in nld.lookup(addresses, mark=5)] == addresses
        assert list(islice(nld.watch(), 1)) == [{"kind": "synced", "cursor": "1"}]
        assert list(islice(nld.watch_text(snapshot=False), 1)) == [b'{"kind":"synced","cursor":"1"}']
        with pytest.raises(CursorExpired):
            next(nld.watch(cursor="old"))
        for method in (nld.append, nld.prepend, nld.replace, nld.change):
            assert method({"dst": "10.3.0.0/16"}) == 1
        assert nld.delete({"dst": "10.3.0.0/16"}) == 1
        with pytest.raises(RouteNotFound, match=r"10\.3\.0\.0/16"):
            nld.get("10.3.0.0/16")
        with pytest.raises(InvalidRecord) as caught:
            nld.add([{"dst": "10.0.0.0/8", "gatway": "x"}])
        assert caught.value.field == "routes[0].gatway"
        assert nld.add(MANY) == len(MANY)
        with pytest.raises(RouteExists) as exists:
            nld.add(MANY)
        assert (exists.value.done, exists.value.failed, len(exists.value.failures)) == (0, len(MANY), 100)
        assert exists.value.failures[50]["index"] == 50


async def test_asynchronous(running: Stand) -> None:

    async with AsyncClient(running.path) as nld:
        assert await nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"}) == 1
        assert await nld.get("10.0.0.0/8") == [{"dst": "10.0.0.0/8", "gateway": "192.0.2.7"}]
        # tasks share the connection; each gets its own answer
        answers = await asyncio.gather(*(nld.lookup(f"192.0.2.{n}") for n in range(50)))
        assert [answer[0]["address"] for answer in answers] == [f"192.0.2.{n}" for n in range(50)]
        running.broker.batches = [b'[{"dst":"10.0.0.0/8"},{"dst":"10.1.0.0/16"}]'] * 300
        count = 0
        async for route in nld.list():
            count += 1
            assert route["dst"]
            if count % 100 == 0:
                assert (await nld.status())["version"] == "1"
        assert count == 600
        watching = nld.watch()
        assert await anext(watching) == {"kind": "synced", "cursor": "1"}
        await watching.aclose()
        with pytest.raises(CursorExpired):
            await anext(nld.watch(cursor="old"))
        for method in (nld.append, nld.prepend, nld.replace, nld.change):
            assert await method({"dst": "10.3.0.0/16"}) == 1
        assert await nld.delete({"dst": "10.3.0.0/16"}) == 1
        with pytest.raises(RouteNotFound):
            await nld.get("10.3.0.0/16")
        assert await nld.add(MANY) == len(MANY)
        with pytest.raises(RouteExists) as exists:
            await nld.add(MANY)
        assert exists.value.failed == len(MANY)
        # a cancelled call does not give its answer to the next
        task = asyncio.ensure_future(nld.lookup("192.0.2.1"))
        await asyncio.sleep(0)
        task.cancel()
        assert (await nld.lookup("192.0.2.2"))[0]["address"] == "192.0.2.2"


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match=r"is nld running.*NLD_SOCKET") as caught:
        Client(tmp_path / "none").status()
    assert str(tmp_path / "none") in str(caught.value)


async def test_nobody_listens_asynchronously(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match="is nld running"):
        await AsyncClient(tmp_path / "none").status()


@pytest.fixture
def rude(tmp_path: Path) -> Any:
    """A listener that does what the test says with its first connection, and hangs up."""
    listener = socket(AF_UNIX)
    listener.bind(str(tmp_path / "rude"))
    listener.listen()
    threads: list[threading.Thread] = []

    def behave(answer: bytes) -> str:
        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        threads.append(threading.Thread(target=run))
        threads[0].start()
        return str(tmp_path / "rude")

    yield behave
    for thread in threads:
        thread.join(10)
    listener.close()


@pytest.mark.parametrize("answer", [b"", b'{"parameters":{"ver'])
def test_the_daemon_hangs_up(rude: Callable[[bytes], str], answer: bytes) -> None:
    with pytest.raises(ConnectionFailed, match="not known"), Client(rude(answer)) as client:
        client.status()


@pytest.mark.parametrize("answer", [b"", b'{"parameters":{"ver'])
async def test_the_daemon_hangs_up_asynchronously(rude: Callable[[bytes], str], answer: bytes) -> None:
    async with AsyncClient(rude(answer)) as client:
        with pytest.raises(ConnectionFailed, match="not known"):
            await client.status()


def test_the_daemon_does_not_answer(tmp_path: Path) -> None:
    with socket(AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(ConnectionFailed, match="in time"), Client(tmp_path / "s", timeout=0.01) as client:
            client.status()


async def test_the_daemon_does_not_answer_asynchronously(tmp_path: Path) -> None:
    with socket(AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        async with AsyncClient(tmp_path / "s", timeout=0.01) as client:
            with pytest.raises(ConnectionFailed, match="in time"):
                await client.status()


def test_a_message_that_is_too_long_gets_the_daemons_own_words(running: Stand) -> None:
    with Client(running.path) as client:
        with pytest.raises(LimitExceeded, match="16777216"):
            client.call("io.nld.Status", {"x": "x" * (17 << 20)})
        assert client.status()["version"] == "1"


def test_importing_the_client_is_cheap() -> None:
    script = "import sys, nld.client; print(sorted({'pydantic', 'asyncio', 'uvloop'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
