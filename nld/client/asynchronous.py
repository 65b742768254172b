"""The asyncio client, on any event loop (uvloop too).

    async with AsyncClient() as nld:
        await nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"})
        async for route in nld.list({"table": "main"}):
            print(route["dst"])

Tasks may share a client: their calls go down one connection, made when the first call needs it, and
are answered in order.  ``list`` and ``watch`` have a connection each, which leaving the loop closes;
they take from the socket only as fast as their loop runs, so a slow reader holds little in memory.

A call that is cancelled or times out is still done by the daemon; its answer is dropped.  After
ConnectionFailed the connection is gone, and the next call makes a new one; nothing is repeated.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, cast

from nld.client import methods
from nld.client.protocol import (
    ENDS,
    TIMEOUT,
    Answers,
    Reply,
    ReplyDecoder,
    Route,
    RouteLike,
    Watched,
    array_of,
    as_list,
    broken,
    default_socket,
    encode_call,
    unreachable,
)
from nld.client.write import WINDOW, Write, alone, done_of
from nld.errors import NldError

AHEAD_BYTES = 256 * 1024
"""Bytes of replies that are read from the socket before somebody asks for them."""


class Connection(asyncio.Protocol):
    """One connection: calls out, replies in the same order. Made by ``Connection.open``."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._decoder = ReplyDecoder()
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._ready: deque[Reply | NldError] = deque()
        self._ready_bytes = 0
        self._paused = False
        self._writable: asyncio.Event = asyncio.Event()
        self._writable.set()
        self._end: NldError | None = None
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, path: str, timeout: float | None) -> Connection:  # noqa: ASYNC109
        """Connect. Raises ConnectionFailed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                _, connection = await loop.create_unix_connection(lambda: cls(path), path)
        except OSError as error:  # TimeoutError is one
            raise unreachable(path, error) from error
        return connection

    @property
    def usable(self) -> bool:
        """Whether calls may still be sent."""
        return self._end is None

    async def send(self, frame: bytes) -> None:
        """Send one call, when the daemon has taken what was sent before."""
        await self._writable.wait()
        if self._end is None:
            self._transport.write(frame)

    def reply(self) -> asyncio.Future[Reply]:
        """The reply to the next call that is sent, or the next one of a stream."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if self._ready:
            answer = self._ready.popleft()
            if isinstance(answer, Reply):
                self._ready_bytes -= len(answer.text)
                future.set_result(answer)
            else:
                future.set_exception(answer)
            self._pace()
        elif self._end is not None:
            future.set_exception(self._end)
        else:
            self._waiting.append(future)
        return future

    def close(self) -> None:
        """Close the connection; again does nothing."""
        self._fail(broken(self.path, "was closed by this program"))

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Give the replies to those who wait, in order."""
        self._decoder.feed(data)
        while self._end is None:
            answer: Reply | NldError | None
            try:
                answer = self._decoder.take()
            except ENDS as error:
                self._fail(error)
                return
            except NldError as error:
                answer = error
            if answer is None:
                break
            self._hand_over(answer)
        self._pace()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._fail(broken(self.path, f"broke: {exc}" if exc else "was closed by the daemon"))

    def pause_writing(self) -> None:
        """The daemon does not read: senders wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The daemon reads again."""
        self._writable.set()

    # -- replies

    def _hand_over(self, answer: Reply | NldError) -> None:
        if not self._waiting:
            self._ready.append(answer)
            self._ready_bytes += len(answer.text) if isinstance(answer, Reply) else 0
            return
        future = self._waiting.popleft()
        if future.done():  # its call was cancelled; the answer belongs to nobody
            return
        if isinstance(answer, Reply):
            future.set_result(answer)
        else:
            future.set_exception(answer)

    def _pace(self) -> None:
        """Read on only while little is waiting to be asked for."""
        paused = self._ready_bytes > AHEAD_BYTES
        if paused is not self._paused and self._end is None:
            self._paused = paused
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def _fail(self, error: NldError) -> None:
        if self._end is not None:
            return
        self._end = error
        self._transport.close()
        self._writable.set()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)


class AsyncClient:
    """An asyncio client of nld.

    ``path``     the daemon's socket; by default ``NLD_SOCKET``, or /run/nld/io.nld.
    ``timeout``  seconds to wait for each reply, and for the connection; 45 by default, None for ever.

    Making a client does nothing yet. Every method raises the classes of ``nld.errors``.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, timeout: float | None = TIMEOUT
    ) -> None:
        self.path = default_socket() if path is None else os.fspath(path)
        self.timeout = timeout
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._sending = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection. The client may be used again, with a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await asyncio.sleep(0)

    # -- writing

    async def add(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes that are not there yet; the number added.

        ``routes``    one or many, as ``ip -j route`` prints them; ``dst`` may be a list of destinations
                      that share all the rest, which is by far the fastest way to add many.
        ``takeover``  let nld take a route that belongs to somebody else.
        ``kernel``    the kernel's routing table manager, ``fib`` or ``module``; by default the daemon's.

        Raises RouteExists, InvalidRecord, and others of ``nld.errors``; the error's ``done`` says how
        many routes were written all the same. A long list goes in several calls (``write.py``).
        """
        return await self._write(methods.ADD, routes, takeover=takeover, kernel=kernel)

    async def append(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes after those with the same key (IPv4), or as further next hops (IPv6). See ``add``."""
        return await self._write(methods.APPEND, routes, takeover=takeover, kernel=kernel)

    async def prepend(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes before those with the same key. See ``add``."""
        return await self._write(methods.PREPEND, routes, takeover=takeover, kernel=kernel)

    async def replace(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes, or put them in the place of those with the same key. See ``add``."""
        return await self._write(methods.REPLACE, routes, takeover=takeover, kernel=kernel)

    async def change(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Put routes in the place of those with the same key, which must be there. See ``add``."""
        return await self._write(methods.CHANGE, routes, takeover=takeover, kernel=kernel)

    async def delete(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Delete routes; the fields that are given must match. Raises RouteNotFound. See ``add``."""
        return await self._write(methods.DELETE, routes, takeover=takeover, kernel=kernel)

    # -- reading

    async def get(
        self,
        key: str | Mapping[str, Any],
        *,
        table: str | int | None = None,
        metric: int | None = None,
        tos: str | int | None = None,
        form: str | None = None,
        kernel: str | None = None,
    ) -> Sequence[Route]:
        """The routes with exactly this key; more than one where routes were appended.

        ``key``    a destination such as ``10.0.0.0/8`` or ``default``, or a mapping of all the parts.
        ``table``  ``main`` by default.
        ``form``   ``full`` (default), ``ip_details`` (as ``ip -j -d`` prints) or ``ip`` (as ``ip -j``).

        Raises RouteNotFound.
        """
        parameters = methods.get(key, table=table, metric=metric, tos=tos, form=form, kernel=kernel)
        routes: Sequence[Route] = (await self.call(methods.GET, parameters)).values()["routes"]
        return routes

    async def lookup(
        self,
        addresses: str | Sequence[str],
        *,
        form: str | None = None,
        kernel: str | None = None,
        **options: Any,
    ) -> Sequence[dict[str, Any]]:
        """Which route each address takes, and why: an answer for each address, in order.

        ``options``  what else decides, as in ``ip route get``: ``from_``, ``iif``, ``oif``, ``mark``,
                     ``tos``, ``uid``, ``ipproto``, ``sport``, ``dport``, ``vrf``.

        An answer has ``address``, ``route`` (as ``ip route get`` prints it), ``rule``, ``table`` and
        ``match`` (the route of the table that matched), or ``error``.
        """
        answers: Answers = []
        for parameters in methods.lookups(addresses, options, form=form, kernel=kernel):
            answers += (await self.call(methods.LOOKUP, parameters)).values()["answers"]
        return answers

    async def list(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        form: str | None = None,
        with_table: bool | None = None,
        kernel: str | None = None,
    ) -> AsyncGenerator[Route, None]:
        """The routes of the kernel, one by one, while they arrive.

        ``filter``      which; all by default. Such as {"family": "inet", "table": "main", "dev": "eth0"},
                        {"root": "10.0.0.0/8"} (it and its more-specifics), {"match": "10.1.2.3"}.
        ``form``        as in ``get``.
        ``with_table``  whether form ``ip`` shows ``table``; by default as ``ip`` does.
        """
        texts = self.list_text(filter, form=form, with_table=with_table, kernel=kernel)
        async with aclosing(texts):
            async for text in texts:
                for route in json.loads(text):
                    yield route

    async def list_text(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        form: str | None = None,
        with_table: bool | None = None,
        kernel: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """As ``list``, but each item is the JSON text of an array of routes, as the daemon sent it."""
        parameters = methods.list_(filter, form=form, with_table=with_table, kernel=kernel)
        replies = self.stream(methods.LIST, parameters)
        async with aclosing(replies):
            async for reply in replies:
                yield array_of(reply, "routes")

    async def watch(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        cursor: str | None = None,
        snapshot: bool | None = None,
        form: str | None = None,
        kernel: str | None = None,
    ) -> AsyncGenerator[Watched, None]:
        """What is there (``snapshot``), then every change in order, for ever; see ``protocol.Watched``.

        ``cursor``    go on after this point of an earlier watch. Raises CursorExpired when the daemon
                      does not remember that far.
        ``snapshot``  whether to begin with what is there; by default unless there is a cursor.

        Waits for ever; the client's timeout counts for the connection only.
        """
        parameters = methods.watch(filter, cursor=cursor, snapshot=snapshot, form=form, kernel=kernel)
        replies = self.stream(methods.WATCH, parameters, endless=True)
        async with aclosing(replies):
            async for reply in replies:
                yield cast(Watched, reply.values())

    async def status(self) -> dict[str, Any]:
        """How the daemon is: version, kernel tables, counters."""
        return (await self.call(methods.STATUS, {})).values()

    async def greet(self, text: str) -> str:
        """What the kernel module answers to a greeting of at most 255 bytes."""
        return str((await self.call(methods.GREET, {"text": text})).values()["text"])

    async def release(self, kernel: str) -> None:
        """Have the daemon close its sockets to ``module``, so that the module can be unloaded.

        The daemon attaches again when the module is loaded anew, and puts its routes in again; or after
        60 s, when nobody has unloaded it.
        """
        await self.call(methods.RELEASE, {"kernel": kernel})

    # -- any method

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Reply:
        """Call any method that has one reply, by its full name."""
        return await self._wait(await self._send(encode_call(method, parameters)))

    async def stream(
        self, method: str, parameters: Mapping[str, Any], *, endless: bool = False
    ) -> AsyncGenerator[Reply, None]:
        """Call any method that has many replies, on a connection of its own.

        ``endless``  wait for ever for each reply.
        """
        connection = await Connection.open(self.path, self.timeout)
        try:
            await connection.send(encode_call(method, parameters, more=True))
            continues = True
            while continues:
                future = connection.reply()
                reply = await (future if endless else self._wait(future))
                continues = reply.continues
                yield reply
        finally:
            connection.close()

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.usable:
            self._connection = await Connection.open(self.path, self.timeout)
        return self._connection

    async def _wait(self, future: asyncio.Future[Reply]) -> Reply:
        try:
            async with asyncio.timeout(self.timeout):
                return await future
        except TimeoutError as error:
            raise broken(self.path, "gave no answer in time") from error

    async def _send(self, frame: bytes) -> asyncio.Future[Reply]:
        """Send a call; what its reply will be."""
        async with self._sending:
            connection = await self._connected()
            future = connection.reply()
            try:
                await connection.send(frame)
            except BaseException:
                future.cancel()
                raise
            return future

    async def _write(
        self,
        method: str,
        routes: RouteLike | Iterable[RouteLike],
        *,
        takeover: bool,
        kernel: str | None,
    ) -> int:
        every, parameters = as_list(routes), methods.write(takeover=takeover, kernel=kernel)
        frame = alone(method, every, parameters)
        if frame is not None:
            return done_of(method, await self._answer(await self._send(frame)))
        write = Write(method, every, parameters)
        waiting: deque[asyncio.Future[Reply]] = deque()
        try:
            for frame in write.frames():
                waiting.append(await self._send(frame))
                if len(waiting) >= WINDOW:
                    write.absorb(await self._answer(waiting.popleft()))
            while waiting:
                write.absorb(await self._answer(waiting.popleft()))
        finally:
            for future in waiting:
                future.cancel()
        return write.result()

    async def _answer(self, future: asyncio.Future[Reply]) -> Reply | NldError:
        """The reply, or the error that the daemon sent in its place. Raises what ends the connection."""
        try:
            return await self._wait(future)
        except ENDS:
            raise
        except NldError as error:
            return error
