"""A server to test against: a stub broker under the io.nld interface, on a socket, in its own thread.

The blocking clients need a server that runs beside them; the asyncio tests run theirs in their own
loop and use ``StubBroker`` only.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvloop

from nld.broker.broker import Broker
from nld.broker.pacing import Pause
from nld.control.budget import Limits
from nld.control.routes import interface
from nld.control.server import Server, listen, may_write
from nld.control.service import Service
from nld.errors import CursorExpired, InvalidRecord, RouteExists, RouteNotFound
from nld.kernel.table import Operation
from nld.prefix import DestinationError, parse_prefix
from nld.records import LookupQuestion, RouteFilter, RouteKey, RouteRecord
from nld.records.peer import Peer


class StubBroker(Broker):
    """Keeps records by destination, and knows nothing of kernels.

    ``batches``  what List streams; ``watched`` what Watch streams before it waits for ever.
    ``expired``  whether every cursor is of before.
    ``taken``    how many items of a stream were asked for so far.
    """

    def __init__(self) -> None:
        self.routes: dict[str, RouteRecord] = {}
        self.batches: list[bytes] = []
        self.watched: list[bytes] = [b'{"kind":"synced","cursor":"1"}']
        self.expired = False
        self.taken = 0
        self.ended = 0
        self.written: list[tuple[Operation, int]] = []
        self.calls: list[Any] = []

    async def write(
        self,
        peer: Peer,
        operation: Operation,
        records: Sequence[RouteRecord],
        takeover: bool = False,
        kernel: str | None = None,
    ) -> int:
        self.calls.append((peer, operation, takeover, kernel))
        done = 0
        failures: list[RouteExists] = []
        for index, record in enumerate(records):
            for position, destination in enumerate(record.destinations):
                if operation is Operation.DELETE:
                    if self.routes.pop(destination, None) is None:
                        raise RouteNotFound("not there", operation=operation, index=index, done=done)
                elif destination in self.routes and operation is Operation.ADD:
                    failures.append(
                        RouteExists(
                            "there already",
                            operation=operation,
                            index=index,
                            destination_index=position if isinstance(record.dst, list) else None,
                            field=f"routes[{index}].dst",
                            errno="EEXIST",
                        )
                    )
                    continue
                else:
                    self.routes[destination] = record
                done += 1
        self.written.append((operation, done))
        if failures:
            failures[0].done = done
            failures[0].failed = len(failures)
            failures[0].failures = tuple(failure.parameters() for failure in failures[:100])
            raise failures[0]
        return done

    async def validate(
        self, peer: Peer, operation: Operation, records: Sequence[RouteRecord], kernel: str | None = None
    ) -> int:
        self.calls.append((peer, "validate", operation, kernel))
        found: list[InvalidRecord] = []
        for index, record in enumerate(records):
            for place, text in enumerate(record.destinations):
                try:
                    parse_prefix(text, record.address_family)
                except DestinationError as error:
                    field = f"routes[{index}].dst[{place}]"
                    found.append(
                        InvalidRecord(f"{field}: {error}", field=field, index=index, destination_index=place)
                    )
        if found:
            found[0].failures = tuple(error.parameters() for error in found[:100])
            raise found[0]
        return len(records)

    async def get(self, peer: Peer, key: RouteKey, form: str, kernel: str | None = None) -> bytes:
        if key.dst not in self.routes:
            raise RouteNotFound(f"no route {key.text()}", operation="get", key=key.text())
        return b"[%b]" % self.routes[key.dst].model_dump_json(by_alias=True, exclude_none=True).encode()

    async def lookup(
        self, peer: Peer, questions: Iterable[LookupQuestion], form: str, kernel: str | None = None
    ) -> AsyncGenerator[bytes | Pause, None]:
        asked = list(questions)
        self.calls.append(asked)
        yield b"[%b]" % b",".join(b'{"address":"%b"}' % question.address.encode() for question in asked)

    async def list(
        self,
        peer: Peer,
        filter: RouteFilter,  # noqa: A002 - the broker's word
        form: str,
        with_table: bool | None,
        kernel: str | None = None,
    ) -> AsyncGenerator[bytes | Pause, None]:
        self.calls.append((filter, form, with_table, kernel))
        texts = self.batches or [
            b"[%b]" % record.model_dump_json(by_alias=True, exclude_none=True).encode()
            for record in self.routes.values()
        ]
        try:
            for text in texts:
                self.taken += 1
                yield text
        finally:
            self.ended += 1

    async def watch(  # noqa: PLR0917 - the broker's order
        self,
        peer: Peer,
        filter: RouteFilter,  # noqa: A002 - the broker's word
        cursor: str | None,
        snapshot: bool,
        form: str,
        kernel: str | None = None,
    ) -> AsyncGenerator[bytes | Pause, None]:
        self.calls.append((filter, cursor, snapshot, form, kernel))
        if cursor == "old" or (cursor and self.expired):
            raise CursorExpired("too long ago")
        try:
            for text in self.watched:
                self.taken += 1
                yield text
            yield Pause(asyncio.Event().wait)
        finally:
            self.ended += 1

    async def greet(self, peer: Peer, text: str) -> str:
        self.calls.append((peer, "greet", text))
        return f"{text} to you"

    async def release(self, peer: Peer, kernel: str) -> None:
        self.calls.append((peer, "release", kernel))

    async def status(self, peer: Peer) -> dict[str, Any]:
        return {"version": "1", "uid": peer.uid}


def serve(
    broker: StubBroker, limits: Limits | None = None, *, writers: bool = True, extra: tuple[Any, ...] = ()
) -> Server:
    """A server over a broker, not started yet. ``writers``: whether this user may write."""
    may = may_write if writers else (lambda peer: False)
    return Server(Service([interface(broker, may_write=may), *extra], version="0"), limits, writes=may)


@asynccontextmanager
async def running(server: Server, path: Path) -> AsyncIterator[str]:
    """Run a server in the test's own loop; the path of its socket."""
    await server.start(listen(path))
    try:
        yield str(path)
    finally:
        await server.close()


class Stand:
    """A server in a thread. ``path`` is its socket."""

    def __init__(self, path: Path, *, writers: bool = True) -> None:
        self.path = str(path)
        self.broker = StubBroker()
        self.server = serve(self.broker, writers=writers)


@contextmanager
def stand(path: Path, *, writers: bool = True) -> Iterator[Stand]:
    """Run a server in a thread until the block ends. ``writers``: whether this user may write."""
    made = Stand(path, writers=writers)
    started = threading.Event()
    stop: list[Any] = []

    async def main() -> None:
        await made.server.start(listen(path))
        end = asyncio.Event()
        stop.append((asyncio.get_running_loop(), end))
        started.set()
        await end.wait()
        await made.server.close()

    thread = threading.Thread(target=uvloop.run, args=(main(),))
    thread.start()
    started.wait(10)
    try:
        yield made
    finally:
        [(loop, end)] = stop
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
