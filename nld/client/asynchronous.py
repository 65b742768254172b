"""The asyncio client, on any event loop (uvloop too).

    async with AsyncClient() as nld:
        await nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"})
        async for route in nld.list({"table": "main"}):
            print(route["dst"])

Tasks may share a client: a call has a connection of its own while it lasts, and at most 16 are under way at
the same time.  Calls that are under way together may be done in any order.  ``list`` and ``watch`` have a
connection each, too; they take from the socket only as fast as their loop runs, so a slow reader holds
little in memory.

**A call that is cancelled, or times out, may have been done** if it had been sent; its answer is dropped
with its connection.  A call that waits for its turn has not been sent.  After Unreachable nothing of the
call was done, after NoAnswer perhaps; the next call makes a new connection.  Nothing is repeated by itself,
because only the caller knows whether that is safe.

A client belongs to the event loop that first used it, until that one is closed.

The blocking client, ``blocking.py``, is made from this file (``twin.py``).
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from nld.client.async_connection import AsyncConnections
from nld.client.async_replies import AsyncReplies
from nld.client.described import answers_of, routes_of, status_of, text_of, watched
from nld.client.protocol import (
    TIMEOUT,
    Destination,
    FilterLike,
    LookupAnswers,
    Reply,
    RouteLike,
    Watched,
    as_list,
    default_socket,
    encode_call,
    patience,
)
from nld.client.write import WINDOW, Write, all_told, alone, done_of
from nld.errors import InvalidRecord, LimitExceeded, NldError

if TYPE_CHECKING:
    from nld.client.async_mirror import AsyncMirror
    from nld.client.route import Route

LOOKUP_ADDRESSES = 4096
"""Addresses that the daemon takes in one Lookup."""

T = TypeVar("T")


class AsyncClient:
    """An asyncio client of nld.

    ``path``     the daemon's socket; by default ``NLD_SOCKET``, or /run/nld/io.nld.
    ``timeout``  seconds to wait for the connection, and for each reply; 45 by default, None for ever.

    Making a client does nothing yet. Every method raises the classes of ``nld.errors``.  A ``timeout``,
    here and elsewhere, is above 0 and at most 10^9: ValueError for any other number, TypeError for what is
    not a number (True, "5").
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, timeout: float | None = TIMEOUT
    ) -> None:
        self.path = default_socket() if path is None else os.fspath(path)
        self.timeout = patience(timeout)
        self._connections = AsyncConnections(self.path, self.timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections that are not in use. The client may be used again, with new ones."""
        await self._connections.close()

    # -- writing

    async def add(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes that are not there yet; the number added.

        ``routes``    one or many, as ``ip -j route`` prints them; ``dst`` may be a list of destinations
                      that share all the rest, which is by far the fastest way to add many.
        ``takeover``  also change routes of other owners.
        ``kernel``    the kernel's routing table manager, ``fib`` or ``module``; by default the daemon's.

        Raises RouteExists, InvalidRecord, and others of ``nld.errors``; the error's ``done`` says how
        many routes were written all the same, ``failed`` how many were not, and ``failures`` what is wrong
        with each: of bad records all, of what the kernel refused the first 100. A long list goes in several
        calls (``write.py``): those before the one with a bad record are done; ``validate`` finds that
        out beforehand.
        """
        return await self._write("io.nld.Add", routes, takeover=takeover, kernel=kernel)

    async def append(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes after those with the same key (IPv4), or as further next hops (IPv6). See ``add``."""
        return await self._write("io.nld.Append", routes, takeover=takeover, kernel=kernel)

    async def prepend(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes before those with the same key. See ``add``."""
        return await self._write("io.nld.Prepend", routes, takeover=takeover, kernel=kernel)

    async def replace(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Add routes, or put them in the place of those with the same key. See ``add``."""
        return await self._write("io.nld.Replace", routes, takeover=takeover, kernel=kernel)

    async def change(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Put routes in the place of those with the same key, which must be there. See ``add``."""
        return await self._write("io.nld.Change", routes, takeover=takeover, kernel=kernel)

    async def delete(
        self, routes: RouteLike | Iterable[RouteLike], *, takeover: bool = False, kernel: str | None = None
    ) -> int:
        """Delete routes; the fields that are given must match. Raises RouteNotFound. See ``add``."""
        return await self._write("io.nld.Delete", routes, takeover=takeover, kernel=kernel)

    async def validate(
        self,
        routes: RouteLike | Iterable[RouteLike],
        operation: str = "add",
        *,
        kernel: str | None = None,
    ) -> Sequence[NldError]:
        """All that is wrong with these routes, and nothing is written; empty when all are right.

        ``operation``  the name of the method that would write them.

        Each of the errors has the ``index`` of its record in ``routes`` (and ``destination_index`` where
        ``dst`` is a list), ``field`` and ``message``.  Of one record's fields 100 are told, then one more
        error says that there are more; of its next hops the first that is wrong.  What only the kernel can
        refuse (a gateway that is not reachable, a route that exists) is not found.  A record that is too
        long is a LimitExceeded among the errors: 256 KiB without its destinations, or 32 KiB where the
        caller may not write.
        """
        return await self._complaints(operation, as_list(routes), kernel)

    # -- reading

    async def get(
        self,
        key: Destination | Mapping[str, Any],
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
        parts = dict(key) if isinstance(key, Mapping) else {"dst": key}
        named = {"table": table, "metric": metric, "tos": tos}
        parts |= {name: value for name, value in named.items() if value is not None}
        parameters = {"key": parts, "form": form, "kernel": kernel}
        return routes_of(text_of(await self.call("io.nld.Get", parameters)))

    async def lookup(
        self,
        addresses: Destination | Iterable[Destination],
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
        several = isinstance(addresses, Iterable) and not isinstance(addresses, str)
        every = list(cast("Iterable[Destination]", addresses)) if several else [addresses]
        rest = {**options, "from": options.get("from_", options.get("from")), "from_": None}
        answers: LookupAnswers = []
        for start in range(0, max(len(every), 1), LOOKUP_ADDRESSES):
            part = every[start : start + LOOKUP_ADDRESSES]
            parameters = {"addresses": part, **rest, "form": form, "kernel": kernel}
            answers += answers_of(await self.call("io.nld.Lookup", parameters), len(part))
        return answers

    async def list(
        self,
        filter: FilterLike | None = None,  # noqa: A002 - the parameter's name on the wire
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
                for route in routes_of(text):
                    yield route

    def list_text(
        self,
        filter: FilterLike | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        form: str | None = None,
        with_table: bool | None = None,
        kernel: str | None = None,
    ) -> AsyncReplies[bytes]:
        """As ``list``, but each item is the JSON text of an array of routes, as the daemon sent it."""
        parameters = {"filter": filter, "form": form, "with_table": with_table, "kernel": kernel}
        return self._replies("io.nld.List", parameters, text_of, self.timeout)

    def watch(
        self,
        filter: FilterLike | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        cursor: str | None = None,
        snapshot: bool | None = None,
        form: str | None = None,
        kernel: str | None = None,
        timeout: float | None = None,
    ) -> AsyncReplies[Watched]:
        """What is there (``snapshot``), then every change in order, for ever; see ``protocol.Watched``.

        ``cursor``    go on after this point of an earlier watch. Raises CursorExpired when the daemon
                      does not remember that far.
        ``snapshot``  whether to begin with what is there; by default unless there is a cursor.
        ``timeout``   seconds to wait for each reply; by default for ever. Then NoAnswer is raised, and the
                      watch may be asked again: nothing is lost.

        ``aclose`` of what this returns ends it, from another thread or task too. A copy that is kept up to
        date is ``mirror``.
        """
        parameters = {
            "filter": filter, "cursor": cursor, "snapshot": snapshot, "form": form, "kernel": kernel,
        }  # fmt: skip
        return self._replies("io.nld.Watch", parameters, watched, timeout)

    def watch_text(
        self,
        filter: FilterLike | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        cursor: str | None = None,
        snapshot: bool | None = None,
        form: str | None = None,
        kernel: str | None = None,
        timeout: float | None = None,
    ) -> AsyncReplies[bytes]:
        """As ``watch``, but each item is JSON text, as the daemon sent it."""
        parameters = {
            "filter": filter, "cursor": cursor, "snapshot": snapshot, "form": form, "kernel": kernel,
        }  # fmt: skip
        return self._replies("io.nld.Watch", parameters, lambda reply: reply.text, timeout)

    def mirror(
        self,
        filter: FilterLike | None = None,  # noqa: A002 - the parameter's name on the wire
        *,
        kernel: str | None = None,
        timeout: float | None = None,
    ) -> AsyncMirror:
        """A copy of the routes that a filter takes, kept up to date; also while the daemon restarts.

        ``timeout``  seconds to wait for a change; by default for ever. The copy is waited for as any other
                     answer is: with the client's own.
        """
        from nld.client.async_mirror import AsyncMirror  # noqa: PLC0415 (most programs need it not)

        return AsyncMirror(
            lambda cursor: self.watch(filter, cursor=cursor, kernel=kernel, timeout=self.timeout),
            timeout=patience(timeout),
            first_timeout=self.timeout,
        )

    async def status(self) -> dict[str, Any]:
        """How the daemon is: version, kernel tables, counters."""
        return status_of(await self.call("io.nld.Status", {}))

    async def greet(self, text: str) -> str:
        """What the kernel module answers to a greeting of at most 255 bytes."""
        return (await self.call("io.nld.Greet", {"text": text})).parameter("text", str)

    async def release(self, kernel: str) -> None:
        """Have the daemon close its sockets to ``module``, so that the module can be unloaded.

        The daemon attaches again when the module is loaded anew, and puts its routes in again; or after
        60 s, when nobody has unloaded it.
        """
        await self.call("io.nld.Release", {"kernel": kernel})

    # -- any method

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Reply:
        """Call any method that has one reply, by its full name."""
        answer = await self._ask(encode_call(method, parameters))
        if isinstance(answer, NldError):
            raise answer
        return answer

    def stream(
        self, method: str, parameters: Mapping[str, Any], *, endless: bool = False
    ) -> AsyncReplies[Reply]:
        """Call any method that has many replies, on a connection of its own.

        ``endless``  wait for ever for each reply.
        """
        return self._replies(method, parameters, lambda reply: reply, None if endless else self.timeout)

    def _replies(
        self,
        method: str,
        parameters: Mapping[str, Any],
        convert: Callable[[Reply], T],
        timeout: float | None,
    ) -> AsyncReplies[T]:
        frame = encode_call(method, parameters, more=True)
        return AsyncReplies(self.path, frame, convert, connect_timeout=self.timeout, timeout=timeout)

    async def _ask(self, frame: bytes) -> Reply | NldError:
        """Send a call, and wait for its reply or the error in its place."""
        connection = await self._connections.begin(frame)
        try:
            answer = await connection.answer()
        except BaseException:  # a cancellation or a signal, too: the reply must not answer the next call
            self._connections.drop(connection)
            raise
        self._connections.keep(connection)
        return answer

    async def _write(
        self, method: str, routes: RouteLike | Iterable[RouteLike], *, takeover: bool, kernel: str | None
    ) -> int:
        every, parameters = as_list(routes), {"takeover": takeover or None, "kernel": kernel}
        frame = alone(method, every, parameters)
        if frame is not None:
            answer = await self._ask(frame)
            if isinstance(answer, InvalidRecord) and (
                complaints := await self._all_complaints(method, every, kernel)
            ):
                answer = all_told(complaints)
            return done_of(method, answer)
        write = Write(method, every, parameters)
        frames = write.frames()
        connection = await self._connections.begin(next(frames))
        try:
            for frame in frames:
                await connection.send(frame, write.absorb)
                if write.in_flight >= WINDOW:
                    write.absorb(await connection.answer())
            while write.in_flight:
                write.absorb(await connection.answer())
        except BaseException as error:
            self._connections.drop(connection)
            if isinstance(error, NldError):
                raise write.broken_off(error) from error
            raise
        self._connections.keep(connection)
        if write.complained:
            write.complain(await self._all_complaints(method, every, kernel))
        return write.result()

    async def _all_complaints(
        self, method: str, routes: Sequence[RouteLike], kernel: str | None
    ) -> Sequence[NldError]:
        """As ``_complaints``; none where the daemon has no room to be asked."""
        try:
            return await self._complaints(method, routes, kernel)
        except LimitExceeded:
            return ()

    async def _complaints(
        self, method: str, routes: Sequence[RouteLike], kernel: str | None
    ) -> Sequence[NldError]:
        from nld.client.check import Check  # noqa: PLC0415 (most programs need it not)

        check = Check(routes, method.rpartition(".")[2].lower(), kernel)
        for question in check.questions():
            try:
                answer = await self._ask(encode_call("io.nld.Validate", question))
            except LimitExceeded as error:
                answer = error
            check.absorb(answer)
        return check.found
