"""Connections over real sockets: order, flow control, limits, ends. Nothing sleeps: each step waits for
a condition that the step before makes true."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nld.control.budget import Limits
from nld.control.connection import READ_AHEAD, WRITE_AHEAD, Connection
from nld.control.intake import Intake
from nld.control.interface import STREAM_BYTES, Interface, Method, NoParameters, Parameters, Stream
from nld.control.reply import RawReply, Reply
from nld.control.server import listen
from nld.control.state import End
from nld.errors import ConfigInvalid
from nld.records.peer import Peer
from tests.control.stand import StubBroker, running, serve

STATUS = b'{"method":"io.nld.Status"}\0'
LIST = b'{"method":"io.nld.List","more":true}\0'
WATCH = b'{"method":"io.nld.Watch","more":true}\0'


Dial = Callable[[str], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    """Connects to a path; what was connected is closed when the test ends."""
    writers: list[asyncio.StreamWriter] = []

    async def connect(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(path)
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells when it becomes so
            await asyncio.sleep(0)


async def frame(reader: asyncio.StreamReader) -> Any:
    return json.loads((await reader.readuntil(b"\0"))[:-1])


class Gate(Parameters):
    name: str


class Gates:
    """An interface whose calls wait until the test lets them go."""

    def __init__(self, prompt: bool) -> None:
        self.open: dict[str, asyncio.Event] = {}
        self.order: list[str] = []
        self.cancelled: list[str] = []
        self.interface = Interface(
            "io.gate",
            (
                Method("Pass", Gate, NoParameters, self._pass, prompt=prompt, changes=True),
                Method("Look", Gate, NoParameters, self._pass, prompt=prompt),
                Method("Break", NoParameters, NoParameters, self._break, prompt=prompt),
                Stream("Fail", NoParameters, NoParameters, self._fail, last=RawReply(b"{}")),
            ),
        )

    async def _pass(self, peer: Peer, parameters: Gate) -> Reply:
        self.order.append(parameters.name)
        try:
            await self.open.setdefault(parameters.name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(parameters.name)
            raise
        self.order.append(f"{parameters.name} done")
        return RawReply(json.dumps({"name": parameters.name}).encode())

    async def _break(self, peer: Peer, parameters: NoParameters) -> Reply:
        raise ZeroDivisionError("a bug")

    async def _fail(self, peer: Peer, parameters: NoParameters) -> AsyncGenerator[Reply, None]:
        yield RawReply(b"{}")
        raise ZeroDivisionError("a bug")

    @staticmethod
    def call(name: str, **members: Any) -> bytes:
        return json.dumps({"method": "io.gate.Pass", "parameters": {"name": name}} | members).encode() + b"\0"


@pytest.fixture(params=[False, True], ids=["task", "prompt"])
def gates(request: pytest.FixtureRequest) -> Gates:
    """Whether a task runs its calls, or they begin without one, is nothing that a peer can tell."""
    return Gates(request.param)


async def test_pipelined_calls_are_answered_in_order_one_at_a_time(
    tmp_path: Path, dial: Dial, gates: Gates
) -> None:
    async with running(serve(StubBroker(), extra=(gates.interface,)), tmp_path / "s") as path:
        reader, writer = await dial(path)
        writer.write(gates.call("a") + gates.call("b") + STATUS)
        await until(lambda: gates.order == ["a"])
        gates.open["b"] = asyncio.Event()
        gates.open["b"].set()
        gates.open["a"].set()
        assert [await frame(reader) for _ in range(3)] == [
            {"parameters": {"name": "a"}},
            {"parameters": {"name": "b"}},
            {"parameters": {"version": "1", "uid": os.getuid()}},
        ]
        assert gates.order == ["a", "a done", "b", "b done"]


async def test_who_sends_many_calls_at_once_does_not_hold_up_the_others(
    tmp_path: Path, dial: Dial, gates: Gates
) -> None:
    many = [f"a{number}" for number in range(50)]
    for name in [*many, "b"]:
        gates.open[name] = asyncio.Event()
        gates.open[name].set()
    async with running(serve(StubBroker(), extra=(gates.interface,)), tmp_path / "s") as path:
        reader, writer = await dial(path)
        other_reader, other_writer = await dial(path)
        writer.write(b"".join(map(gates.call, many)))
        other_writer.write(gates.call("b"))
        assert [(await frame(reader))["parameters"]["name"] for _ in many] == many
        assert (await frame(other_reader))["parameters"]["name"] == "b"
    assert gates.order.index("b done") < len(many)


async def test_a_oneway_call_runs_and_is_not_answered(tmp_path: Path, dial: Dial, gates: Gates) -> None:
    async with running(serve(StubBroker(), extra=(gates.interface,)), tmp_path / "s") as path:
        reader, writer = await dial(path)
        unknown = b'{"method":"io.gate.Unknown","oneway":true}\0'
        wrong = b'{"method":"io.gate.Pass","parameters":{"name":5},"oneway":true}\0'
        list_ = b'{"method":"io.nld.List","oneway":true}\0'
        writer.write(gates.call("a", oneway=True) + unknown + wrong + list_ + STATUS)
        await until(lambda: gates.order == ["a"])
        gates.open["a"].set()
        assert await frame(reader) == {"parameters": {"version": "1", "uid": os.getuid()}}


async def test_a_busy_or_stalled_peer_delays_nobody(tmp_path: Path, dial: Dial, gates: Gates) -> None:
    async with running(serve(StubBroker(), extra=(gates.interface,)), tmp_path / "s") as path:
        stalled = [await dial(path) for _ in range(3)]
        stalled[0][1].write(gates.call("a"))
        stalled[1][1].write(STATUS[:7])  # a byte now and then, and never the end
        await until(lambda: gates.order == ["a"])
        reader, writer = await dial(path)
        for byte in STATUS:
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await frame(reader))["parameters"]["version"] == "1"
        gates.open["a"].set()


async def test_input_that_comes_while_a_call_runs_is_bounded(
    tmp_path: Path, dial: Dial, gates: Gates
) -> None:
    server = serve(StubBroker(), extra=(gates.interface,))
    async with running(server, tmp_path / "s") as path:
        reader, writer = await dial(path)
        writer.write(gates.call("a"))
        await until(lambda: gates.order == ["a"])
        [connection] = server._budget
        count = 200_000  # 5 MB of calls
        writer.write(STATUS * count)
        await until(lambda: not connection._reading)
        for _ in range(100):
            await asyncio.sleep(0)
        assert READ_AHEAD < connection.held <= READ_AHEAD + 256 * 1024
        gates.open["a"].set()
        await frame(reader)
        for _ in range(1000):
            await frame(reader)
        writer.transport.abort()


async def test_a_slow_reader_of_a_list_holds_up_only_its_own_list(tmp_path: Path, dial: Dial) -> None:
    broker = StubBroker()
    batch = b"[" + b",".join([b'{"dst":"10.0.0.0/8"}'] * 1000) + b"]"
    broker.batches = [batch] * 500  # 10 MB
    server = serve(broker)
    async with running(server, tmp_path / "s") as path:
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(path)
        slow.sendall(LIST)
        await until(lambda: len(server._budget) == 1)
        [connection] = server._budget
        await until(lambda: connection._writable is not None)
        taken = broker.taken
        for _ in range(100):
            await asyncio.sleep(0)
        assert broker.taken == taken < 50  # nobody asks the broker for what nobody reads
        assert connection.held <= WRITE_AHEAD + len(batch) + 64
        assert connection.held < server.held_bytes == STREAM_BYTES  # what a stream may hold is set aside
        reader, writer = await dial(path)
        writer.write(STATUS)
        assert "version" in (await frame(reader))["parameters"]
        slow.setblocking(False)
        received = 0
        loop = asyncio.get_running_loop()
        ended = False
        tail = b""
        while not ended:
            data = await loop.sock_recv(slow, 1 << 18)
            received += len(data)
            tail = (tail + data)[-40:]
            ended = tail.endswith(b'{"parameters":{"routes":[]}}\0')
        assert received > 500 * len(batch)
        assert broker.taken == 500
        await until(lambda: server.held_bytes == 0)
        slow.close()


async def test_a_stream_ends_with_its_peer(tmp_path: Path, dial: Dial) -> None:
    broker = StubBroker()
    server = serve(broker)
    async with running(server, tmp_path / "s") as path:
        reader, writer = await dial(path)
        writer.write(WATCH)
        assert (await frame(reader))["parameters"]["kind"] == "synced"
        writer.transport.abort()
        await until(lambda: broker.ended == 1)
        await until(lambda: server.connections == 0)


async def test_a_call_is_finished_although_its_peer_is_gone(tmp_path: Path, dial: Dial, gates: Gates) -> None:
    server = serve(StubBroker(), extra=(gates.interface,))
    async with running(server, tmp_path / "s") as path:
        _, writer = await dial(path)
        writer.write(gates.call("a") + gates.call("b"))
        await until(lambda: gates.order == ["a"])
        [connection] = server._budget
        writer.transport.abort()
        await until(lambda: connection._end is not End.OPEN)
        gates.open["a"].set()
        await until(lambda: gates.order == ["a", "a done", "b"])
        gates.open["b"].set()
        await until(lambda: server.connections == 0)
    assert gates.cancelled == []


async def test_end_of_input_still_gets_its_answers(tmp_path: Path, dial: Dial) -> None:
    broker = StubBroker()
    async with running(serve(broker), tmp_path / "s") as path:
        reader, writer = await dial(path)
        writer.write(STATUS + LIST + STATUS)
        writer.write_eof()
        answers = (await reader.read()).split(b"\0")
        assert [b"version" in answer for answer in answers] == [True, False, True, False]
        reader, writer = await dial(path)
        writer.write(WATCH)
        await frame(reader)
        writer.write_eof()
        assert await reader.read() == b""  # an endless stream ends with the input
        assert broker.ended == 2


async def test_too_many_connections_are_told_so(tmp_path: Path, dial: Dial) -> None:
    server = serve(StubBroker(), Limits(connections_per_uid=2))
    async with running(server, tmp_path / "s") as path:
        kept = [await dial(path) for _ in range(2)]
        await until(lambda: server.connections == 2)
        reader, _writer = await dial(path)
        answer = await frame(reader)
        assert answer["error"] == "io.nld.LimitExceeded"
        assert answer["parameters"]["field"] == "connections_per_uid"
        assert await reader.read() == b""
        kept[0][1].close()
        await until(lambda: server.connections == 1)
        reader, writer = await dial(path)
        writer.write(STATUS)
        assert "parameters" in await frame(reader)


async def test_half_messages_share_a_budget(tmp_path: Path, dial: Dial) -> None:
    server = serve(StubBroker(), Limits(partial_bytes=1 << 20))
    async with running(server, tmp_path / "s") as path:
        peers = []
        for number in range(4):
            peers.append(await dial(path))
            peers[-1][1].write(b'{"x":"' + b"x" * (200_000 + number))
        await until(lambda: server.held_bytes > 800_000)
        reader, writer = await dial(path)
        writer.write(b'{"x":"' + b"x" * 300_000)
        answer = await frame(reader)  # the largest pays
        assert answer["error"] == "io.nld.LimitExceeded"
        assert answer["parameters"]["field"] == "partial_bytes"
        await until(lambda: server.connections == 4)
        assert server.held_bytes < 1 << 20
        for _, other in peers:
            other.write(b'"}\0')
        for reader, _ in peers:
            assert (await frame(reader))["parameters"]["parameter"] == "method"
        await until(lambda: server.held_bytes == 0)


async def test_who_only_reads_may_send_less(tmp_path: Path, dial: Dial) -> None:
    limits = Limits(message_bytes=4096, reader_message_bytes=1024)
    long = b'{"method":"io.nld.Status","x":"' + b"x" * 2000 + b'"}\0'
    for writers, expected in ((True, "parameters"), (False, "error")):
        async with running(serve(StubBroker(), limits, writers=writers), tmp_path / "s") as path:
            reader, writer = await dial(path)
            writer.write(long)
            assert expected in await frame(reader)


async def test_who_may_not_write_is_refused_before_parameters_are_read(tmp_path: Path, dial: Dial) -> None:
    broker = StubBroker()
    async with running(serve(broker, writers=False), tmp_path / "s") as path:
        reader, writer = await dial(path)
        for routes in ([{"dst": "10.0.0.0/8"}], "nonsense"):
            writer.write(
                json.dumps({"method": "io.nld.Add", "parameters": {"routes": routes}}).encode() + b"\0"
            )
            answer = await frame(reader)
            assert answer["error"] == "io.nld.PermissionDenied"
            assert answer["parameters"]["errno"] == "EPERM"
        assert broker.calls == []


async def test_a_bug_is_an_error_and_not_the_end(tmp_path: Path, dial: Dial, gates: Gates) -> None:
    async with running(serve(StubBroker(), extra=(gates.interface,)), tmp_path / "s") as path:
        reader, writer = await dial(path)
        writer.write(b'{"method":"io.gate.Break"}\0{"method":"io.gate.Fail","more":true}\0' + STATUS)
        answer = await frame(reader)
        assert answer["error"] == "io.nld.InternalError"
        assert answer["parameters"]["operation"].startswith("Break #")
        assert await frame(reader) == {"parameters": {}, "continues": True}
        assert (await frame(reader))["error"] == "io.nld.InternalError"
        assert "version" in (await frame(reader))["parameters"]


async def test_close_ends_streams_and_lets_calls_finish(tmp_path: Path, dial: Dial, gates: Gates) -> None:
    broker = StubBroker()
    server = serve(broker, extra=(gates.interface,))
    await server.start(listen(tmp_path / "s"))
    idle, watching, calling = [await dial(str(tmp_path / "s")) for _ in range(3)]
    watching[1].write(WATCH)
    await frame(watching[0])
    calling[1].write(gates.call("a"))
    await until(lambda: gates.order == ["a"])
    closing = asyncio.ensure_future(server.close())
    assert await idle[0].read() == b""
    assert await watching[0].read() == b""
    assert broker.ended == 1
    gates.open["a"].set()
    assert await frame(calling[0]) == {"parameters": {"name": "a"}}
    assert await calling[0].read() == b""
    await closing
    assert server.connections == 0
    assert not (tmp_path / "s").exists()


async def test_the_peer_is_who_the_kernel_says(tmp_path: Path, dial: Dial) -> None:
    broker = StubBroker()
    async with running(serve(broker), tmp_path / "s") as path:
        reader, writer = await dial(path)
        writer.write(b'{"method":"io.nld.Add","parameters":{"routes":[{"dst":"10.0.0.0/8"}]}}\0')
        assert await frame(reader) == {"parameters": {"done": 1}}
        [(peer, _, takeover, kernel)] = broker.calls
        assert (peer.uid, peer.gid, peer.pid) == (os.geteuid(), os.getegid(), os.getpid())
        assert set(peer.groups) == set(os.getgroups())
        assert (takeover, kernel) == (False, None)


async def test_a_socket_file_that_was_removed_is_made_again(
    tmp_path: Path, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nld.control.server.LOOK", 0.01)
    server = serve(StubBroker())
    path = tmp_path / "s"
    async with running(server, path):
        reader, writer = await dial(str(path))
        writer.write(WATCH)
        assert (await frame(reader))["parameters"]["kind"] == "synced"
        for _ in range(2):
            path.unlink()
            await until(path.exists)
            assert path.stat().st_mode & 0o777 == 0o666
            again, other = await dial(str(path))
            other.write(WATCH)
            assert (await frame(again))["parameters"]["kind"] == "synced"
        assert server.connections == 3  # who was connected still is
        path.unlink()
        another = listen(path)  # is quicker, and its file is left alone
        taken = path.stat().st_ino
    another.close()
    assert path.stat().st_ino == taken


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listen(path).close()
    assert path.is_socket()
    with listen(path, 0o600) as second:
        assert path.stat().st_mode & 0o777 == 0o600
        assert not second.getblocking()
        with pytest.raises(ConfigInvalid, match="another daemon"):
            listen(path)
    plain = tmp_path / "file"
    plain.write_text("mine")
    with pytest.raises(ConfigInvalid, match="no socket"):
        listen(plain)
    assert plain.read_text() == "mine"
    with pytest.raises(ConfigInvalid, match="No such file"):
        listen(tmp_path / "missing" / "s")
    with pytest.raises(ConfigInvalid, match="too long"):
        listen(tmp_path / ("x" * 200))


async def test_what_came_with_a_new_peer_is_read_by_the_intake_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which does so for a bounded time in each turn: the transport would take all there is of each."""
    read: list[int] = []
    monkeypatch.setattr(Connection, "data_received", lambda connection, data: read.append(len(data)))
    monkeypatch.setattr(Intake, "_read", staticmethod(lambda descriptor, reader: None))
    server = serve(StubBroker())
    path = str(tmp_path / "nld")
    listener = listen(path)
    peers = [socket.socket(socket.AF_UNIX) for _ in range(50)]
    for peer in peers:
        peer.connect(path)
        peer.sendall(b"x" * 50_000)
    await server.start(listener)
    await until(lambda: server.connections == len(peers) and not server.turns._queues)
    for _ in range(10):
        await asyncio.sleep(0)
    assert read == []
    for peer in peers:
        peer.close()
    await server.close()
