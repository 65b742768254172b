"""The blocking client: plain sockets, no event loop, no threads of its own.

    with Client() as nld:
        nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"})
        for route in nld.list({"table": "main"}):
            print(route["dst"])

A client has one connection for its calls, made when the first call needs it.  ``list`` and ``watch``
have a connection each, so that calls may be made while they run; leaving the loop closes it.

After ConnectionFailed the connection is gone, and the next call makes a new one; nothing is repeated
by itself, because only the caller knows whether that is safe.

A client is for one thread at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from collections.abc import Generator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

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
from nld.errors import ConnectionFailed, NldError

READ_BYTES = 128 * 1024
"""Bytes asked of the socket at a time: about one batch of a list."""

_TIMEVAL = struct.Struct("@ll")
"""``struct timeval``: seconds and microseconds; 0 waits for ever (socket(7))."""


class Connection:
    """One connection: frames out, replies in.

    ``path``     the daemon's socket.
    ``timeout``  seconds to wait for the connection and for each send and receive; None waits for ever.

    Raises ConnectionFailed.
    """

    def __init__(self, path: str, timeout: float | None) -> None:
        self.path = path
        self._decoder = ReplyDecoder()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise unreachable(path, error) from error
        self._wait(timeout)

    def send(self, frame: bytes) -> None:
        """Send one call. A daemon that hung up may have said why: then that error is raised."""
        try:
            self._socket.sendall(frame)
        except BlockingIOError as error:
            raise broken(self.path, "does not take the call: timed out") from error
        except OSError as error:
            self._last_words()
            raise broken(self.path, f"broke: {error.strerror or error}") from error

    def receive(self) -> Reply:
        """The next reply. Raises the daemon's error in its place."""
        while (reply := self._decoder.take()) is None:
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError as error:
                raise broken(self.path, "gave no answer in time") from error
            except OSError as error:
                raise broken(self.path, f"broke: {error.strerror or error}") from error
            if not size:
                raise broken(self.path, "was closed by the daemon")
            self._decoder.feed(self._buffer[:size])
        return reply

    def answer(self) -> Reply | NldError:
        """The next reply, or the error that the daemon sent in its place. Raises what ends the connection."""
        try:
            return self.receive()
        except ENDS:
            raise
        except NldError as error:
            return error

    def settle(self) -> None:
        """From here on wait for ever."""
        self._wait(None)

    def close(self) -> None:
        """Close the connection; again does nothing."""
        self._socket.close()

    def _wait(self, timeout: float | None) -> None:
        """Have the kernel bound each send and receive; Python would ask poll(2) first, each time."""
        microseconds = 0 if timeout is None else max(1, round(timeout * 1e6))
        value = _TIMEVAL.pack(*divmod(microseconds, 1_000_000))
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)

    def _last_words(self) -> None:
        """Raise the error that the daemon sent before it hung up, if it sent one."""
        with contextlib.suppress(ConnectionFailed):
            self.receive()


class Client:
    """A blocking client of nld.

    ``path``     the daemon's socket; by default ``NLD_SOCKET``, or /run/nld/io.nld.
    ``timeout``  seconds to wait for the daemon in each step of a call; 45 by default, None for ever.

    Making a client does nothing yet. Every method raises the classes of ``nld.errors``.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, timeout: float | None = TIMEOUT
    ) -> None:
        self.path = default_socket() if path is None else os.fspath(path)
        self.timeout = timeout
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The client may be used again, with a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # -- writing

    def add(
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
        return self._write(methods.ADD, routes, takeover, kernel)

    def append(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes after those with the same key (IPv4), or as further next hops (IPv6). See ``add``."""
        return self._write(methods.APPEND, routes, takeover, kernel)

    def prepend(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes before those with the same key. See ``add``."""
        return self._write(methods.PREPEND, routes, takeover, kernel)

    def replace(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes, or put them in the place of those with the same key. See ``add``."""
        return self._write(methods.REPLACE, routes, takeover, kernel)

    def change(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Put routes in the place of those with the same key, which must be there. See ``add``."""
        return self._write(methods.CHANGE, routes, takeover, kernel)

    def delete(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Delete routes; the fields that are given must match. Raises RouteNotFound. See ``add``."""
        return self._write(methods.DELETE, routes, takeover, kernel)

    # -- reading

    def get(
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
        routes: Sequence[Route] = self.call(methods.GET, parameters).values()["routes"]
        return routes

    def lookup(
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
            answers += self.call(methods.LOOKUP, parameters).values()["answers"]
        return answers

    def list(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        form: str | None = None,
        with_table: bool | None = None,
        kernel: str | None = None,
    ) -> Generator[Route, None, None]:
        """The routes of the kernel, one by one, while they arrive.

        ``filter``      which; all by default. Such as {"family": "inet", "table": "main", "dev": "eth0"},
                        {"root": "10.0.0.0/8"} (it and its more-specifics), {"match": "10.1.2.3"}.
        ``form``        as in ``get``.
        ``with_table``  whether form ``ip`` shows ``table``; by default as ``ip`` does.
        """
        for text in self.list_text(filter, form=form, with_table=with_table, kernel=kernel):
            yield from json.loads(text)

    def list_text(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        form: str | None = None,
        with_table: bool | None = None,
        kernel: str | None = None,
    ) -> Generator[bytes, None, None]:
        """As ``list``, but each item is the JSON text of an array of routes, as the daemon sent it."""
        parameters = methods.list_(filter, form=form, with_table=with_table, kernel=kernel)
        for reply in self.stream(methods.LIST, parameters):
            yield array_of(reply, "routes")

    def watch(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        cursor: str | None = None,
        snapshot: bool | None = None,
        form: str | None = None,
        kernel: str | None = None,
    ) -> Generator[Watched, None, None]:
        """What is there (``snapshot``), then every change in order, for ever; see ``protocol.Watched``.

        ``cursor``    go on after this point of an earlier watch. Raises CursorExpired when the daemon
                      does not remember that far.
        ``snapshot``  whether to begin with what is there; by default unless there is a cursor.

        Waits for ever; the client's timeout counts for the connection only.
        """
        for text in self.watch_text(filter, cursor=cursor, snapshot=snapshot, form=form, kernel=kernel):
            yield json.loads(text)

    def watch_text(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        cursor: str | None = None,
        snapshot: bool | None = None,
        form: str | None = None,
        kernel: str | None = None,
    ) -> Generator[bytes, None, None]:
        """As ``watch``, but each item is JSON text, as the daemon sent it."""
        parameters = methods.watch(filter, cursor=cursor, snapshot=snapshot, form=form, kernel=kernel)
        for reply in self.stream(methods.WATCH, parameters, endless=True):
            yield reply.text

    def status(self) -> dict[str, Any]:
        """How the daemon is: version, kernel tables, counters."""
        return self.call(methods.STATUS, {}).values()

    def greet(self, text: str) -> str:
        """What the kernel module answers to a greeting of at most 255 bytes."""
        return str(self.call(methods.GREET, {"text": text}).values()["text"])

    def release(self, kernel: str) -> None:
        """Have the daemon close its sockets to ``module``, so that the module can be unloaded.

        The daemon attaches again when the module is loaded anew, and puts its routes in again; or after
        60 s, when nobody has unloaded it.
        """
        self.call(methods.RELEASE, {"kernel": kernel})

    # -- any method

    def call(self, method: str, parameters: Mapping[str, Any]) -> Reply:
        """Call any method that has one reply, by its full name."""
        answer = self._ask(encode_call(method, parameters))
        if isinstance(answer, NldError):
            raise answer
        return answer

    def stream(
        self, method: str, parameters: Mapping[str, Any], *, endless: bool = False
    ) -> Generator[Reply, None, None]:
        """Call any method that has many replies, on a connection of its own.

        ``endless``  wait for ever for each reply.
        """
        connection = Connection(self.path, self.timeout)
        try:
            connection.send(encode_call(method, parameters, more=True))
            if endless:
                connection.settle()
            continues = True
            while continues:
                reply = connection.receive()
                continues = reply.continues
                yield reply
        finally:
            connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self.path, self.timeout)
        return self._connection

    def _ask(self, frame: bytes) -> Reply | NldError:
        """Send a call, and wait for its reply or the error in its place."""
        connection = self._connected()
        try:
            connection.send(frame)
            return connection.answer()
        except BaseException:  # a signal, too: the reply must not answer the next call
            self.close()
            raise

    def _write(
        self, method: str, routes: RouteLike | Iterable[RouteLike], takeover: bool, kernel: str | None
    ) -> int:
        every, parameters = as_list(routes), methods.write(takeover=takeover, kernel=kernel)
        frame = alone(method, every, parameters)
        if frame is not None:
            return done_of(method, self._ask(frame))
        write = Write(method, every, parameters)
        connection = self._connected()
        try:
            for frame in write.frames():
                connection.send(frame)
                if write.in_flight >= WINDOW:
                    write.absorb(connection.answer())
            while write.in_flight:
                write.absorb(connection.answer())
        except BaseException:
            self.close()
            raise
        return write.result()
