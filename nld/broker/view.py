"""The view: what nld knows of one kernel table, kept true, and numbered for watchers.

A view is the ``Sink`` of its kernel table.  News goes into the mirror at once and in order; every
difference gets a generation in the history, and the watchers wake.  What news cannot tell (suspicions,
doubts, overruns) becomes *repairs*: parts of the table that one task reads again, one after the other,
and reconciles with the mirror.  The differences that a repair finds are changes like any other, with
their cause in words.

An answer must not be older than its question.  So whoever answers first calls :meth:`settled`: it
takes in what has happened by now, and waits for repairs under way.

Does not belong here: who may do what (the broker), and what watchers see of a change (``watch.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncGenerator
from typing import Any

import structlog

from nld.broker.reinstall import reinstall
from nld.errors import KernelRefused, NldError
from nld.kernel.selection import Row, Selection
from nld.kernel.shape import Shape, place
from nld.kernel.surroundings import Suspicion
from nld.kernel.table import KernelTable, News
from nld.netlink.header import Flag
from nld.netlink.registry import AF
from nld.rib.history import History
from nld.rib.history import Row as Entry
from nld.rib.mirror import Doubt, Mirror, Position, Reconciliation

log = structlog.get_logger("nld.view")

RETRY = 1.0
"""Seconds before a repair that failed is tried again."""


class View:
    """The mirror and history of one kernel table.

    ``history``  changes kept for watchers that lag or come back.
    """

    def __init__(self, table: KernelTable, history: int) -> None:
        self.table = table
        self.mirror: Mirror[Shape] = Mirror()
        self.history: History[Shape] = History(history, secrets.token_hex(4))
        self.resyncs = 0
        self.failure: BaseException | None = None
        """Why :attr:`failed` is set."""
        self.ours: dict[bytes, int] = {}
        """Keys of routes that nld wrote under another protocol than its own, and that protocol."""
        self.writers = asyncio.Lock()
        """Held for one piece of a write: what was seen before it is still so when it is sent."""
        self._suspicions: list[Suspicion] = []
        self._doubts: set[bytes] = set()
        self._everything: str | None = "start"
        self._lost: list[Row] = []
        """Routes of ours that went with the table, to be put in again when it is back."""
        self._reconciliation: Reconciliation[Shape] | None = None
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._work.set()
        self._news: asyncio.Future[None] | None = None
        self._repairer: asyncio.Task[None] | None = None
        self.failed = asyncio.Event()
        """Set when a part that must run for ever has ended; the daemon then ends too."""

    async def start(self) -> None:
        """Open the table, listen, and read it for the first time."""
        await self.table.open(self)
        if self.table.unavailable is not None:
            self._everything = None
            self._work.clear()
            self._idle.set()
        self._repairer = asyncio.create_task(self._repair_forever(), name=f"{self.table.name} repairs")
        for task in (self._repairer, *self.table.tasks):
            task.add_done_callback(self._ended)
        await self._idle.wait()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.failure = task.exception()
            self.failed.set()

    async def close(self) -> None:
        """Stop repairing and close the table."""
        if self._repairer is not None:
            self._repairer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._repairer
        await self.table.close()

    # -- what the broker asks

    async def settled(self) -> None:
        """Return when the mirror shows everything that has happened up to this call."""
        self.table.drain()
        while self._work.is_set():
            await self._idle.wait()
            self.table.drain()

    async def news_after(self, generation: int) -> None:
        """Return as soon as there is a change later than ``generation``."""
        while self.history.generation <= generation:
            if self._news is None:
                self._news = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._news)

    def foreign(self, key: bytes, shape: Shape, protocol: int) -> bool:
        """Whether a route is somebody else's: not under nld's ``protocol``, and not written by nld."""
        return shape.protocol != protocol and self.ours.get(key) != shape.protocol

    async def rows(self, selection: Selection) -> AsyncGenerator[list[Row], None]:
        """The selected routes as they are in the kernel now, at the reader's pace, in its order.

        Where the table tells that it never stood still for the length of a dump, the mirror answers: it
        is told every change.
        """
        dump = self.table.dump(selection)
        try:
            async for rows in dump:
                yield rows
        except InterruptedError:
            await self.settled()
            found = [row for row in self.mirror.routes() if selection.takes(*row)]
            found.sort(key=lambda row: (row[0].family, row[0].table, row[1], row[0].length, row[0].rank))
            yield found
        finally:
            await dump.aclose()

    def longest(self, table: int, address: bytes) -> tuple[Shape, bytes] | None:
        """The route with the longest prefix of one table that covers an address, or None."""
        family = AF.INET if len(address) == 4 else AF.INET6
        width = 8 * len(address)
        number = int.from_bytes(address, "big")
        for length in range(width, -1, -1):
            shift = width - length
            destination = (number >> shift << shift).to_bytes(len(address), "big") if length else b""
            found = self.mirror.at(place(table, family, length) + destination)
            if found:
                return found[0], destination
        return None

    def status(self) -> dict[str, Any]:
        """What is known, in numbers."""
        return {
            "routes": len(self.mirror),
            "generation": self.history.generation,
            "resyncs": self.resyncs,
            "capabilities": self.table.capabilities.words(),
            **self.table.status(),
        }

    # -- what the kernel table says

    def news(self, news: list[News]) -> None:
        """Take notifications about routes, in order."""
        mirror = self.mirror
        reconciliation = self._reconciliation
        rows: list[Entry[Shape]] = []
        for deleted, flags, port_id, shape, destination, cause in news:
            key = shape.place + destination
            if reconciliation is not None:
                reconciliation.touch(key, shape.rank)
            if deleted:
                if mirror.clear(key, shape):
                    self._forget(key)
                    rows.append((destination, shape, None, port_id, cause))
                    continue
            elif mirror.fill(key, shape):
                rows.append((destination, None, shape, port_id, cause))
                continue
            try:
                if deleted:
                    difference = mirror.delete(shape, destination)
                    self._forget(key)
                else:
                    difference = mirror.new(shape, destination, _position(flags, shape.family))
            except Doubt as doubt:
                self._doubts.add(doubt.key)
                self._work.set()
                self._idle.clear()
                continue
            if difference is not None:
                rows.append((destination, difference.old, difference.new, port_id, cause))
        self.history.extend(rows)
        self._announce()

    def suspect(self, suspicion: Suspicion) -> None:
        """Something happened that may have changed routes silently."""
        if suspicion not in self._suspicions:
            self._suspicions.append(suspicion)
        self._work.set()
        self._idle.clear()

    def overrun(self) -> None:
        """Notifications were lost: everything must be read again."""
        if self._everything is None:
            log.warning("notifications were lost", kernel=self.table.name)
        self._everything = "notifications were lost"
        self.resyncs += 1
        self._work.set()
        self._idle.clear()

    def gone(self, cause: str) -> None:
        """The table went, and all its routes; ours are remembered."""
        lost = list(self.mirror.routes())
        self._lost = [
            (shape, destination)
            for shape, destination in lost
            if not self.foreign(shape.place + destination, shape, self.table.protocol)
        ]
        self.mirror.empty()
        self.ours.clear()
        self.history.extend((destination, shape, None, None, cause) for shape, destination in lost)
        self._everything = None
        self._suspicions.clear()
        self._doubts.clear()
        self._announce()

    def present(self) -> None:
        """The table is there again: read it, and put our routes in."""
        self._everything = "the table was not there"
        self._work.set()
        self._idle.clear()

    # -- repairs

    async def _repair_forever(self) -> None:
        while True:
            await self._work.wait()
            try:
                await self._repair()
            except NldError as error:
                if self.table.unavailable is not None:
                    self._everything = None  # present() will say when there is something to read again
                    continue
                log.error("repair failed", table=self.table.name, **error.parameters())
                self._everything = self._everything or "an earlier repair failed"
                await asyncio.sleep(RETRY)
                continue
            if not (self._everything or self._suspicions or self._doubts):
                self._work.clear()
                self._idle.set()

    async def _repair(self) -> None:
        if self._everything:
            cause, self._everything = self._everything, None
            self._suspicions.clear()
            self._doubts.clear()
            try:
                if cause != "start":
                    await self.table.learn()
                await self._reread(Selection(), None if cause == "start" else f"found again: {cause}")
            except NldError:
                self._everything = cause
                raise
            if self._lost:
                lost, self._lost = self._lost, []
                await reinstall(self.table, [row for row in lost if not self._taken(*row)])
                self.table.drain()
            return
        if self._suspicions:
            suspicion = self._suspicions.pop(0)
            await self._reread(_concerned(suspicion), suspicion.cause)
            return
        # All at once: the kernel cannot dump one key, so that each would cost a whole table.
        doubts, self._doubts = frozenset(self._doubts), set()
        tables = {int.from_bytes(key[:4], sys.byteorder) for key in doubts}
        families = tuple(sorted({key[4] for key in doubts}))
        selection = Selection(families, table=tables.pop() if len(tables) == 1 else None)
        await self._reread(selection, None, doubts)

    def _taken(self, shape: Shape, destination: bytes) -> bool:
        """Whether something stands where this route stood."""
        return any(other.rank == shape.rank for other in self.mirror.at(shape.place + destination))

    async def _reread(
        self, selection: Selection, cause: str | None, only: frozenset[bytes] | None = None
    ) -> None:
        """Dump what is selected and reconcile; ``only`` narrows it to some keys."""
        reconciliation = Reconciliation(self.mirror, selection.takes_shape, only)
        self._reconciliation = reconciliation
        try:
            try:
                async for rows in self.table.dump(selection, consistent=False):
                    reconciliation.rows(rows)
            except KernelRefused as error:
                # The device of a suspicion may be gone: then no route goes out by it.
                if error.errno != "ENODEV" or selection.device is None:
                    raise
            self.table.drain()
            for differences in reconciliation.differences():
                for difference in differences:
                    if difference.new is None and difference.old is not None:
                        self._forget(difference.old.place + difference.destination)
                self.history.extend(
                    (difference.destination, difference.old, difference.new, None, cause)
                    for difference in differences
                )
                self._announce()
                await asyncio.sleep(0)
        finally:
            self._reconciliation = None

    def _forget(self, key: bytes) -> None:
        """A route is gone: when it was the last of its key, nothing there is nld's."""
        if key in self.ours and not self.mirror.at(key):
            del self.ours[key]

    def _announce(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set_result(None)


# Plain numbers: arithmetic with enums is slow, and this is done for every notification.
# EXCL: the kernel had none of this rank; one that the mirror still has went in silence.
_INSTEAD_OF = int(Flag.REPLACE | Flag.EXCL)
_APPEND = int(Flag.APPEND)
_INET6 = int(AF.INET6)


def _position(flags: int, family: int) -> Position:
    """Where the kernel put a new route, by the flags of its notification."""
    if flags & _INSTEAD_OF:
        return _INSTEAD
    return _LAST if flags & _APPEND or family == _INET6 else _FIRST


_FIRST, _LAST, _INSTEAD = Position.FIRST, Position.LAST, Position.INSTEAD


def _concerned(suspicion: Suspicion) -> Selection:
    """The routes that a suspicion is about."""
    if suspicion.nhid:
        return Selection(shape_test=lambda shape: shape.nhid is not None)
    if suspicion.device:
        return Selection(device=suspicion.device)
    return Selection((AF.INET,))
