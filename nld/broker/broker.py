"""The broker: what a peer asks for, done with a kernel table and its view, one function a use case.

Writing keeps three promises:

* A foreign route is not altered.  Before a route is replaced, changed or deleted the mirror says whose
  it is; somebody else's is left alone unless the request says ``takeover``.
* What is deleted is exactly one known route: the kernel would take unset fields as wildcards, so the
  request is completed with everything that the mirror knows of the route that was meant.
* Success means that the kernel acknowledged it and the route read back is the route asked for.

A call is worked through in pieces that are small enough not to hold up anybody else; between pieces
other peers get their turn.  Each route of a call succeeds or fails by itself, as in the kernel; the
error of a call tells how many were done, and what was wrong with each of the others.

Does not belong here: what a peer may do at all (``nld.policy``), JSON (the table's listing).
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from importlib import metadata
from itertools import islice
from typing import Any

import structlog

from nld.broker.answer import answer
from nld.broker.failures import Failures
from nld.broker.lifetime import current
from nld.broker.pacing import BREATH, Pace, Pause
from nld.broker.requests import RequestLog
from nld.broker.rows import rows
from nld.broker.view import View
from nld.broker.watch import watch
from nld.broker.wishes import Wishes
from nld.broker.writing import Writing
from nld.errors import KernelUnavailable, NldError, RouteNotFound
from nld.kernel.module import ModuleTable
from nld.kernel.shape import place, rank
from nld.kernel.table import Operation
from nld.records import LookupQuestion, RouteFilter, RouteKey, RouteRecord
from nld.records.many import Records
from nld.records.peer import Peer

log = structlog.get_logger("nld.broker")

LOOKUPS_AT_ONCE = 8
"""Look-ups of one call that are under way in the kernel together: about a millisecond of work."""


class Broker:
    """Everything that the control channel offers, over the views of the kernel tables.

    ``views``    by the name of their kernel table: ``fib``, ``module``.
    ``default``  the one that is meant when a request names none.
    ``batch``    most routes or changes in one reply of a stream.
    """

    def __init__(self, views: dict[str, View], default: str, batch: int) -> None:
        self._views = views
        self._writing = {name: Writing(view) for name, view in views.items()}
        self._default = default
        self._batch = batch
        self._started = time.monotonic()
        self._watchers = 0
        self._requests = 0
        self._log = RequestLog()
        self._memory = _Memory()
        self._pace = Pace()
        self._version = metadata.version("nld")

    def close(self) -> None:
        """Write what is still to be logged, and let go of what is open."""
        self._log.flush()
        self._memory.close()

    # -- writing

    async def write(
        self,
        peer: Peer,
        operation: Operation,
        records: Sequence[RouteRecord],
        takeover: bool = False,
        kernel: str | None = None,
    ) -> int:
        """Write records and return the number of routes done.

        Nothing is written when a record is invalid.  Raises the first route's error otherwise, with
        ``done``, ``failed`` and ``failures``.
        """
        view = self._view(kernel)
        self._requests += 1
        await view.table.drained()
        many = records if isinstance(records, Records) else Records.of(records)
        wishes = await self._resolved(view, operation, many)
        failures = Failures(operation, wishes.where)
        writing = self._writing[kernel or self._default]
        done = 0
        for piece in wishes.pieces(view.table.piece):
            if piece.start:
                await asyncio.sleep(0)  # also where nothing had to be waited for
            try:
                failed = await writing.write(piece, takeover)
            except NldError as error:
                error.done = done
                raise
            for at, why in failed:
                failures.add(why, piece.start + at)
            done += len(piece.keys) - len(failed)
        self._log.note(peer, operation, many, done, failures)
        if failures.count:
            raise failures.error(done)
        return done

    async def validate(
        self,
        peer: Peer,
        operation: Operation,
        records: Sequence[RouteRecord],
        kernel: str | None = None,
    ) -> int:
        """Raise what ``write`` would before it writes; else the number of routes."""
        view = self._view(kernel)
        await view.table.drained()
        many = records if isinstance(records, Records) else Records.of(records)
        return len((await self._resolved(view, operation, many)).patterns)

    async def _resolved(self, view: View, operation: Operation, records: Records) -> Wishes:
        """What is to be written."""
        wishes = Wishes(view.table, operation, records)
        await self._pace.go(wishes.resolve())
        return wishes

    # -- reading

    async def get(self, peer: Peer, key: RouteKey, form: str, kernel: str | None = None) -> bytes:
        """The routes with exactly this key, as a JSON array. Raises RouteNotFound."""
        view = self._view(kernel)
        await view.table.drained()
        route = view.table.key(key)
        destination = (route.dst or b"") if route.dst_len else b""
        where = place(route.table, route.family, route.dst_len) + destination
        await view.repaired([where])
        wanted = rank(route)
        found = [shape for shape in view.mirror.at(where) if shape.rank == wanted]
        if not found:
            raise view.hidden(route.family, "get", key.text()) or _no_route(key)
        there = await current(view, [(shape, destination) for shape in found])
        if not there:
            raise _no_route(key)
        return _array(view.table.texts(there, form, None if form != "ip" else True))

    async def lookup(
        self, peer: Peer, questions: Iterable[LookupQuestion], form: str, kernel: str | None = None
    ) -> AsyncGenerator[bytes | Pause, None]:
        """Which way packets go, and why, as one JSON array with an object for each question."""
        view = self._view(kernel)
        await view.table.drained()
        texts: list[str] = []
        asked = iter(questions)
        while part := list(islice(asked, LOOKUPS_AT_ONCE)):
            if len(part) == 1:
                texts.append(await answer(view, part[0], form))
            else:
                texts += await asyncio.gather(*(answer(view, question, form) for question in part))
                yield BREATH
        yield _array(texts)

    async def list(
        self,
        peer: Peer,
        filter: RouteFilter,  # noqa: A002 - the field's word
        form: str,
        with_table: bool | None,
        kernel: str | None = None,
    ) -> AsyncGenerator[bytes | Pause, None]:
        """The routes as they are in the kernel now, as JSON arrays of bounded length."""
        view = self._view(kernel)
        selection = view.table.select(filter)
        texts: list[str] = []
        stream = rows(view, selection)
        try:
            async for some in stream:
                texts += view.table.texts(some, form, with_table)
                if len(texts) < self._batch:
                    yield BREATH
                while len(texts) >= self._batch:
                    yield _array(texts[: self._batch])
                    del texts[: self._batch]
        finally:
            await stream.aclose()
        if texts:
            yield _array(texts)

    async def watch(  # noqa: PLR0917 - the control channel's order
        self,
        peer: Peer,
        filter: RouteFilter,  # noqa: A002 - the field's word
        cursor: str | None,
        snapshot: bool,
        form: str,
        kernel: str | None = None,
    ) -> AsyncGenerator[bytes | Pause, None]:
        """What is there (if asked for), then every change, for ever, as JSON objects."""
        view = self._view(kernel)
        selection = view.table.select(filter)
        self._watchers += 1
        stream = watch(view, selection, cursor, snapshot, form, self._batch)
        try:
            async for text in stream:
                yield text
        finally:
            self._watchers -= 1
            await stream.aclose()

    async def status(self, peer: Peer) -> dict[str, Any]:
        """How the daemon is."""
        default = self._views[self._default]
        return {
            "version": self._version,
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - self._started, 3),
            "memory_bytes": self._memory.resident(),
            "requests": self._requests,
            "kernels": [
                {"name": name, "available": view.table.unavailable is None}
                | ({} if view.table.unavailable is None else {"reason": view.table.unavailable})
                | view.status()
                for name, view in self._views.items()
            ],
            "watchers": self._watchers,
            "generation": default.history.generation,
        }

    async def greet(self, peer: Peer, text: str) -> str:
        """What the module answers to a greeting."""
        return await self._module().greet(text)

    async def release(self, peer: Peer, kernel: str) -> None:
        """Let go of the module, so that it can be unloaded."""
        await self._module().release()
        log.info("released", kernel=kernel, uid=peer.uid, peer_pid=peer.pid, unit=peer.unit)

    def _module(self) -> ModuleTable:
        table = self._view("module").table
        assert isinstance(table, ModuleTable)
        return table

    def _view(self, kernel: str | None) -> View:
        name = kernel or self._default
        view = self._views.get(name)
        if view is None:
            advice = "; set kernel.module.enabled = true" if name == "module" else ""
            raise KernelUnavailable(
                f"this daemon does not drive the kernel table {name}; it drives"
                f" {', '.join(self._views)}{advice}",
                field="kernel",
            )
        if view.table.unavailable is not None:
            raise KernelUnavailable(
                f"the kernel table {name} cannot be used now: {view.table.unavailable}", field="kernel"
            )
        view.table.refresh()
        return view


def _array(texts: Sequence[str]) -> bytes:
    return ("[" + ",".join(texts) + "]").encode()


def _no_route(key: RouteKey) -> RouteNotFound:
    return RouteNotFound(
        f"get {key.text()}: no such route is in the table", operation="get", key=key.text(), errno="ESRCH"
    )


class _Memory:
    """The memory that the daemon holds (statm, proc(5)).

    Open from the start, for the status is wanted when there are no descriptors left, too.
    """

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def resident(self) -> int:
        """Bytes of it now."""
        return int(os.pread(self._statm, 256, 0).split()[1]) * resource.getpagesize()

    def close(self) -> None:
        """Let go of it."""
        os.close(self._statm)
