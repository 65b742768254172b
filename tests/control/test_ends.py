"""How connections end: half-closed, hung up, read from or not. Nothing sent is lost, and nothing stays."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nld.control import credentials
from nld.control.budget import Limits
from nld.control.server import Server
from nld.control.state import End, State
from nld.records.peer import Peer
from tests.control.stand import StubBroker, running, serve
from tests.control.test_server import LIST, STATUS, WATCH, Gates, until


@pytest.fixture(params=[False, True], ids=["task", "prompt"])
def gates(request: pytest.FixtureRequest) -> Gates:
    return Gates(request.param)


def add(number: int, **members: Any) -> bytes:
    parameters = {"routes": [{"dst": f"10.0.{number >> 8}.{number & 255}"}]}
    return json.dumps({"method": "io.nld.Add", "parameters": parameters} | members).encode() + b"\0"


def connected(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    made.setblocking(False)
    return made


async def read(one: socket.socket) -> bytes:
    """All there is until the end."""
    loop = asyncio.get_running_loop()
    found = b""
    while part := await asyncio.wait_for(loop.sock_recv(one, 1 << 16), 20):
        found += part
    return found


@pytest.mark.parametrize("count", [1, 2, 50, 3000])
async def test_what_was_sent_before_the_end_of_input_is_answered_in_order(tmp_path: Path, count: int) -> None:
    async with running(serve(StubBroker()), tmp_path / "s") as path:
        with connected(path) as one:
            calls = b"".join(add(number) if number % 2 else STATUS for number in range(count))
            await asyncio.get_running_loop().sock_sendall(one, calls)
            one.shutdown(socket.SHUT_WR)
            answers = [json.loads(text)["parameters"] for text in (await read(one)).split(b"\0")[:-1]]
    assert [answer.get("done") for answer in answers] == [
        1 if number % 2 else None for number in range(count)
    ]


@pytest.mark.parametrize("count", [1, 50])
async def test_calls_that_want_no_answer_are_done_although_nobody_waits(tmp_path: Path, count: int) -> None:
    broker = StubBroker()
    server = serve(broker)
    async with running(server, tmp_path / "s") as path:
        with connected(path) as one:
            one.sendall(b"".join(add(number, oneway=True) for number in range(count)))
        await until(lambda: len(broker.routes) == count)
        await until(lambda: server.connections == 0)


@pytest.mark.parametrize("count", [1, 50, 3000])
async def test_calls_of_one_who_hangs_up_are_done_although_their_answers_go_nowhere(
    tmp_path: Path, count: int
) -> None:
    """Those behind the first answer that nobody takes, too."""
    broker = StubBroker()
    server = serve(broker)
    async with running(server, tmp_path / "s") as path:
        with connected(path) as one:
            calls = b"".join(add(number) for number in range(count))
            await asyncio.get_running_loop().sock_sendall(one, calls)
        await until(lambda: len(broker.routes) == count)
        await until(lambda: server.connections == 0)


async def quiet(server: Server, broker: StubBroker, begun: int) -> None:
    """Every connection and stream has gone."""
    await until(lambda: server.connections == 0)
    assert broker.ended == begun
    assert server.held_bytes == 0


async def test_an_endless_stream_does_not_begin_after_the_end_of_input(tmp_path: Path) -> None:
    broker = StubBroker()
    server = serve(broker)
    async with running(server, tmp_path / "s") as path:
        for _ in range(50):
            with connected(path) as one:
                one.sendall(LIST + WATCH + STATUS)
                one.shutdown(socket.SHUT_WR)
                answer = await read(one)
                assert answer.endswith(b'{"parameters":{"routes":[]}}\0')  # the list, and then the end
        await quiet(server, broker, 50)


@pytest.mark.parametrize("shut", [False, True], ids=["hung up", "shut"])
async def test_a_watch_ends_with_its_peer_although_nothing_is_read(tmp_path: Path, shut: bool) -> None:
    broker = StubBroker()
    server = serve(broker)
    async with running(server, tmp_path / "s") as path:
        crowd = [connected(path) for _ in range(20)]
        for one in crowd:
            one.sendall(WATCH + b"x" * 70_000)
        await until(lambda: broker.taken == len(crowd))
        connections = list(server._budget)
        await until(lambda: not any(connection._reading for connection in connections))
        for one in crowd:
            if shut:
                one.shutdown(socket.SHUT_WR)
            else:
                one.close()
        await quiet(server, broker, 20)
        for one in crowd:
            one.close()


async def test_a_watch_behind_a_call_and_junk_does_not_begin_when_nobody_is_there(
    tmp_path: Path, gates: Gates
) -> None:
    broker = StubBroker()
    server = serve(broker, extra=(gates.interface,))
    async with running(server, tmp_path / "s") as path:
        with connected(path) as one:
            one.sendall(gates.call("a") + WATCH + b"x" * 70_000)
            await until(lambda: gates.order == ["a"])
            [connection] = server._budget
            await until(lambda: not connection._reading)
        await until(lambda: connection._end is End.GONE)
        gates.open["a"].set()
        await quiet(server, broker, 0)
    assert gates.order == ["a", "a done"]


async def test_what_only_reads_ends_with_its_peer(tmp_path: Path, gates: Gates) -> None:
    server = serve(StubBroker(), extra=(gates.interface,))
    async with running(server, tmp_path / "s") as path:
        with connected(path) as one:
            one.sendall(gates.call("a").replace(b"Pass", b"Look"))
            await until(lambda: gates.order == ["a"])
        await until(lambda: server.connections == 0)
    assert gates.cancelled == ["a"]


async def test_what_only_reads_goes_on_for_who_shut_one_end(tmp_path: Path, gates: Gates) -> None:
    server = serve(StubBroker(), extra=(gates.interface,))
    async with running(server, tmp_path / "s") as path:
        with connected(path) as one:
            one.sendall(gates.call("a").replace(b"Pass", b"Look"))
            one.shutdown(socket.SHUT_WR)
            await until(lambda: gates.order == ["a"])
            [connection] = server._budget
            await until(lambda: connection._end is End.SHUT)
            gates.open["a"].set()
            assert await read(one) == b'{"parameters":{"name": "a"}}\0'
    assert gates.cancelled == []


async def test_an_unfinished_message_has_a_deadline_and_a_short_one_has_time(tmp_path: Path) -> None:
    server = serve(StubBroker(), Limits(message_seconds=1))
    async with running(server, tmp_path / "s") as path:
        with connected(path) as slow, connected(path) as long:
            slow.sendall(STATUS[:9])
            long.sendall(b'{"method":"' + b"x" * 10_000)
            answer = await read(long)
            assert b"io.nld.LimitExceeded" in answer
            assert b"message_seconds" in answer
            slow.sendall(STATUS[9:])
            slow.shutdown(socket.SHUT_WR)
            assert b"version" in await read(slow)


@pytest.fixture
async def strangers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[int]]:
    """Who connects next has the last of these uids, as long as there is one; then it is root's turn."""
    uids: list[int] = []

    def read_peer(connection: socket.socket) -> Peer:
        return Peer(uid=uids.pop() if uids else 0, gid=0, pid=os.getpid())

    monkeypatch.setattr("nld.control.server.read_peer", read_peer)
    assert credentials.read_peer is not read_peer
    yield uids


async def test_a_crowd_leaves_room_for_those_who_may_write(tmp_path: Path, strangers: list[int]) -> None:
    server = serve(StubBroker(), Limits(connections=64, connections_per_uid=32))
    server._writes = lambda peer: peer.uid == 0
    async with running(server, tmp_path / "s") as path:
        strangers += [1000 + number % 4 for number in range(100)]
        crowd = [connected(path) for _ in range(100)]
        await until(lambda: not strangers)
        assert server.connections == 60
        with connected(path) as root:
            root.sendall(STATUS)
            root.shutdown(socket.SHUT_WR)
            assert b"version" in await read(root)
        for one in crowd:
            one.close()
        await until(lambda: server.connections == 0)


async def test_readers_with_half_messages_do_not_close_the_writer(
    tmp_path: Path, strangers: list[int]
) -> None:
    limits = Limits(partial_bytes=1 << 20, reader_bytes=1 << 18, message_bytes=1 << 20)
    server = serve(StubBroker(), limits)
    server._writes = lambda peer: peer.uid == 0
    async with running(server, tmp_path / "s") as path:
        with connected(path) as root:
            call = add(1).replace(b"io.nld.Add", b"io.nld.Replace")
            call = call.replace(b"[", b"[" + b'{"dst": "10.0.0.1"}, ' * 29_999)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(root, call[:-1])
            await until(lambda: server.held_bytes > 500_000)
            strangers += range(1000, 1063)
            crowd = [connected(path) for _ in range(63)]
            await until(lambda: not strangers)
            for one in crowd:
                await loop.sock_sendall(one, b'{"method":"' + b"x" * 20_000)
            await until(lambda: 0 < server.connections < 30)
            await loop.sock_sendall(root, b"\0")
            root.shutdown(socket.SHUT_WR)
            assert await read(root) == b'{"parameters":{"done":30000}}\0'
        for one in crowd:
            one.close()


async def test_stalled_streams_of_one_user_are_bounded_and_the_oldest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nld.control.room.PATIENCE", 1000)  # the test says when it is over
    broker = StubBroker()
    broker.batches = [b"[" + b",".join([b'{"dst":"10.0.0.0/8"}'] * 5000) + b"]"] * 20
    server = serve(broker, Limits(uid_bytes=1 << 20))
    async with running(server, tmp_path / "s") as path:
        crowd = [connected(path) for _ in range(10)]
        for one in crowd:
            one.sendall(LIST)
        await until(lambda: sum(one.stalled for one in server._budget) == 4)  # 4 times 256 KiB
        assert server.held_bytes <= (1 << 20) + 4096  # and the questions that wait
        with connected(path) as other:
            other.sendall(LIST)
            other.shutdown(socket.SHUT_WR)
            reading = asyncio.ensure_future(read(other))
            while not reading.done():
                assert server.held_bytes <= (1 << 20) + 4096  # and the questions that wait
                server.room._impatient()
                await asyncio.sleep(0)
            assert reading.result().endswith(b'{"parameters":{"routes":[]}}\0')
        for one in crowd:
            one.close()
        await until(lambda: server.connections == 0)
        assert server.held_bytes == 0


async def test_the_state_is_in_the_repr(tmp_path: Path) -> None:
    server = serve(StubBroker())
    async with running(server, tmp_path / "s") as path:
        with connected(path) as one:
            one.sendall(WATCH)
            await until(lambda: any(c._state is State.WATCHING for c in server._budget))
            [connection] = server._budget
            assert repr(connection).startswith("<watching, its end is open, of Peer(uid=")
