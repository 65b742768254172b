"""An answer reaches whoever asked, or nobody: under cancellation, threads, forks and event loops.

The server answers a look-up with the address that was asked about, so a wrong answer is seen at once.
"""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import uvloop

from nld.client import AsyncClient, Client
from nld.errors import Misused, NldError, NoAnswer, Unreachable
from tests.control.stand import Stand

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


def run(make: Callable[[], asyncio.AbstractEventLoop], main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main)


def address(number: int) -> str:
    return f"192.0.{number >> 8}.{number & 255}"


@pytest.mark.parametrize("make", LOOPS)
def test_cancelled_calls_leave_no_answer_to_others(
    running: Stand, make: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    chance = random.Random(5)

    async def main() -> None:
        async with AsyncClient(running.path) as nld:
            for number in range(500):
                asked = asyncio.ensure_future(nld.lookup([address(number)] * chance.choice([1, 500])))
                for _ in range(chance.randrange(6)):
                    await asyncio.sleep(0)
                asked.cancel()
                if number % 5 == 0:
                    [answer] = await nld.lookup(address(number))
                    assert answer["address"] == address(number)
                await asyncio.gather(asked, return_exceptions=True)
            answers = await asyncio.gather(*(nld.lookup(address(number)) for number in range(500)))
            assert [found["address"] for [found] in answers] == list(map(address, range(500)))

    run(make, main())


@pytest.mark.parametrize("make", LOOPS)
def test_a_call_that_is_cancelled_half_sent_is_not_done(
    tmp_path: Path, make: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """The server reads nothing until the call is cancelled: then it finds a part of a frame and the end."""

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            client = AsyncClient(tmp_path / "s")
            asked = asyncio.ensure_future(client.lookup(["2001:db8::1"] * 4096 * 30))
            listener.settimeout(10)
            accepted, _ = await asyncio.to_thread(listener.accept)
            for _ in range(10):
                await asyncio.sleep(0)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            with accepted:
                accepted.settimeout(10)
                received = b"".join(iter(lambda: accepted.recv(1 << 20), b""))
            assert received.count(b"\0") <= 1

    run(make, main())


def test_threads_share_a_client(running: Stand) -> None:
    def asks(thread: int) -> int:
        wrong = 0
        for number in range(thread * 250, thread * 250 + 250):
            [answer] = client.lookup(address(number))
            wrong += answer["address"] != address(number)
        return wrong

    with Client(running.path) as client, ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(asks, range(8))) == 0


def in_child(what: Callable[[], bool]) -> int:
    """Fork; the process, which ends with status 0 when ``what`` says True."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if what() else 1
        finally:
            os._exit(status)
    return child


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_that_fork_share_a_client(running: Stand) -> None:
    with Client(running.path) as client:
        client.lookup("192.0.2.1")

        def asks(first: int) -> bool:
            numbers = range(first, first + 100)
            return all(client.lookup(address(n))[0]["address"] == address(n) for n in numbers)

        children = [in_child(partial(asks, first)) for first in (0, 1000, 2000, 3000)]
        assert asks(4000)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
        assert asks(5000)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_watch_is_not_read_by_two_processes(running: Stand) -> None:
    running.broker.watched = [b'{"kind":"synced","cursor":"%d"}' % number for number in range(50)]
    with Client(running.path) as client:
        watch = client.watch()
        assert next(watch)["cursor"] == "0"

        def refused() -> bool:
            try:
                next(watch)
            except Misused as error:
                watch.close()  # leaves the parent's alone
                return "begin anew" in str(error)
            return False

        assert os.waitpid(in_child(refused), 0)[1] == 0
        assert [reply["cursor"] for reply in islice(watch, 49)] == [str(number) for number in range(1, 50)]
        watch.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_asyncio_client_may_be_used_after_a_fork(running: Stand) -> None:
    client = AsyncClient(running.path)
    asyncio.run(client.status(), debug=False)
    asked: list[int] = []

    async def parent() -> None:
        await client.status()

        def child() -> bool:
            asyncio.events._set_running_loop(None)  # as multiprocessing does in a child
            return bool(asyncio.run(client.lookup("192.0.2.9"))[0]["address"] == "192.0.2.9")

        asked.append(in_child(child))
        assert (await client.lookup("192.0.2.8"))[0]["address"] == "192.0.2.8"

    asyncio.run(parent())
    assert os.waitpid(asked[0], 0)[1] == 0


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_within_a_running_loop_is_told(running: Stand) -> None:
    """The child goes on in the middle of a coroutine, and the loop around it is its parent's."""
    client = AsyncClient(running.path)

    async def parent() -> int:
        await client.status()

        def child() -> bool:
            try:
                client.status().send(None)
            except NldError as error:
                return isinstance(error, Misused) and "asyncio.run" in str(error)
            return False

        return in_child(child)

    assert os.waitpid(asyncio.run(parent()), 0)[1] == 0


def test_a_client_goes_to_other_processes(running: Stand) -> None:
    """As pools send it that start theirs anew: by pickle, and whether it was used before or not."""
    client = Client(running.path, timeout=7)
    in_asyncio = AsyncClient(running.path, timeout=7)
    for _ in range(2):
        other: Client = pickle.loads(pickle.dumps(client))
        assert (other.path, other.timeout) == (running.path, 7)
        assert copy.copy(other).status() == client.status()
        other.close()
        asyncio.run(_looks_up(pickle.loads(pickle.dumps(in_asyncio)), "192.0.2.1"))
        asyncio.run(_looks_up(in_asyncio, "192.0.2.2"))
    client.close()


def test_an_asyncio_client_goes_on_in_the_next_loop(running: Stand) -> None:
    client = AsyncClient(running.path)
    for make in (*LOOPS, *LOOPS):
        run(make, _looks_up(client, "192.0.2.1"))


async def _looks_up(client: AsyncClient, asked: str) -> None:
    assert (await client.lookup(asked))[0]["address"] == asked


def test_two_loops_at_once_are_refused(running: Stand) -> None:
    client = AsyncClient(running.path)
    first = asyncio.new_event_loop()
    first.run_until_complete(_looks_up(client, "192.0.2.1"))
    with pytest.raises(Misused, match="an AsyncClient for each loop"):
        asyncio.run(_looks_up(client, "192.0.2.2"))
    first.run_until_complete(_looks_up(client, "192.0.2.3"))
    first.run_until_complete(client.aclose())
    first.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the signal may come before it has a name
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # or within a finaliser
def test_a_signal_in_the_middle_of_a_call(running: Stand) -> None:
    """The exception of a signal's handler leaves an answer behind that nobody may get.

    Within a finaliser Python prints such an exception and goes on, so the handler also says that it has run.
    """
    came = threading.Event()

    def interrupt(number: int, frame: object) -> None:
        came.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Client(running.path) as client:
            for number in range(200):
                came.clear()
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0001 + number * 0.00001)
                    while not came.is_set():
                        client.lookup(["192.0.2.1"] * 50)
                except KeyboardInterrupt:
                    pass
                assert client.lookup(address(number))[0]["address"] == address(number)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_idle_connection_that_the_daemon_closed_is_replaced(tmp_path: Path) -> None:
    """As after a restart: the daemon's end of every kept connection is gone."""
    answered: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for _ in range(3):
            connection, _ = listener.accept()
            with connection:
                answered.append(connection.recv(65536))
                connection.sendall(b'{"parameters":{"version":"1"}}\0')

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with Client(tmp_path / "s") as client:
            for count in range(1, 4):
                while True:
                    try:
                        assert client.status() == {"version": "1"}
                        break
                    except NoAnswer:  # sent in the moment in which the daemon closed
                        pytest.fail("a call was sent on a connection that had ended")
                wait_for(partial(closed, client))
                assert len(answered) == count
        thread.join(10)
    assert len(answered) == 3


def closed(client: Client) -> bool:
    """Whether the daemon has closed the kept connection."""
    [connection] = client._connections._idle
    try:
        return connection._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        os.sched_yield()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A listener whose queue is full."""
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(path)
        with waiting:
            yield listener, path


def answer_all(listener: socket.socket, count: int) -> None:
    for _ in range(count):
        connection, _ = listener.accept()
        with connection:
            if connection.recv(65536):
                connection.sendall(b'{"parameters":{"version":"1"}}\0')
                connection.recv(1)


def test_a_full_queue_is_waited_for(full: tuple[socket.socket, str]) -> None:
    listener, path = full
    asked: list[dict[str, Any]] = []
    with Client(path) as client:
        thread = threading.Thread(target=lambda: asked.append(client.status()))
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()  # it waits, and has not failed
        first, _ = listener.accept()
        first.close()
        server = threading.Thread(target=answer_all, args=(listener, 1))
        server.start()
        thread.join(30)
        client.close()
        server.join(30)
    assert asked == [{"version": "1"}]


def test_a_signal_while_a_full_queue_is_waited_for(full: tuple[socket.socket, str]) -> None:
    """Its handler returns, so that the wait goes on; the third one makes room."""
    listener, path = full
    handled: list[int] = []
    server = threading.Thread(target=answer_all, args=(listener, 1))

    def handle(number: int, frame: object) -> None:
        handled.append(number)
        if len(handled) == 3:
            signal.setitimer(signal.ITIMER_REAL, 0)
            listener.accept()[0].close()
            server.start()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        with Client(path) as client:
            assert client.status() == {"version": "1"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    server.join(30)
    assert len(handled) == 3


async def test_a_full_queue_is_waited_for_by_asyncio(full: tuple[socket.socket, str]) -> None:
    listener, path = full
    async with AsyncClient(path) as client:
        asked = asyncio.ensure_future(client.status())
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not asked.done()
        first, _ = listener.accept()
        first.close()
        server = threading.Thread(target=answer_all, args=(listener, 1))
        server.start()
        assert await asked == {"version": "1"}
    server.join(30)


def test_a_queue_that_stays_full(full: tuple[socket.socket, str]) -> None:
    with pytest.raises(Unreachable, match="timed out; the daemon takes no new connections"):
        Client(full[1], timeout=0.05).status()


async def test_a_queue_that_stays_full_for_asyncio(full: tuple[socket.socket, str]) -> None:
    with pytest.raises(Unreachable, match="timed out; the daemon takes no new connections"):
        await AsyncClient(full[1], timeout=0.05).status()


def test_a_watch_is_stopped_from_another_thread(running: Stand) -> None:
    seen: list[str] = []
    watch = Client(running.path).watch()
    thread = threading.Thread(target=lambda: seen.extend(reply["kind"] for reply in watch))
    thread.start()
    wait_for(lambda: bool(seen))
    watch.close()
    thread.join(30)
    assert not thread.is_alive()
    assert seen == ["synced"]
    assert list(watch) == []


def test_a_watch_with_a_timeout_goes_on(running: Stand) -> None:
    watch = Client(running.path).watch(timeout=0.02)
    assert next(watch)["kind"] == "synced"
    for _ in range(3):
        with pytest.raises(NoAnswer, match="in time"):
            next(watch)
    watch.close()
    assert list(watch) == []


async def test_a_watch_with_a_timeout_goes_on_in_asyncio(running: Stand) -> None:
    watch = AsyncClient(running.path).watch(timeout=0.02)
    assert (await anext(watch))["kind"] == "synced"
    for _ in range(3):
        with pytest.raises(NoAnswer, match="in time"):
            await anext(watch)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await anext(watch)
    waits = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await waits


async def test_two_who_wait_for_one_watch(running: Stand) -> None:
    """The second is refused, and the first still gets what comes."""
    watch = AsyncClient(running.path).watch()
    assert (await anext(watch))["kind"] == "synced"
    first = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    with pytest.raises(Misused, match="a call of its own"):
        await anext(watch)
    assert not first.done()
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await first
