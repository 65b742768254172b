"""The view: what nld knows of one kernel table, kept true, and numbered for watchers.

A view is the ``Sink`` of its kernel table.  News goes into the mirror at once and in order; every
difference gets a generation in the history, and the watchers wake.  What news cannot tell (suspicions,
doubts, overruns) is gathered in a *repair*: parts of the table that one task reads again and reconciles with
the mirror, while the next repair gathers.  The differences that it finds are changes like any other, with
their cause in words.

An answer must not be older than its question.  So whoever answers first calls :meth:`settled`: it
takes in what has happened by now, and waits for the repairs that the answer depends on.

Does not belong here: who may do what (the broker), and what watchers see of a change (``watch.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import structlog

from nld.broker.covered import CAUSE
from nld.broker.ownership import Ownership
from nld.broker.reinstall import reinstall
from nld.broker.repair import Repair
from nld.broker.repairer import Repairer
from nld.broker.witness import Witness
from nld.errors import KernelRefused, NldError
from nld.kernel.selection import Row
from nld.kernel.shape import Shape, place
from nld.kernel.suspicion import Suspicion
from nld.kernel.table import KernelTable, News
from nld.netlink.header import Flag
from nld.netlink.registry import AF, RTPROT
from nld.rib.history import History
from nld.rib.intermediate import Row as Entry
from nld.rib.mirror import Difference, Doubt, Mirror, Position
from nld.rib.reconciliation import TABLE_LENGTH
from nld.rib.roster import Rosters

log = structlog.get_logger("nld.view")

ATTEMPTS = 5
"""How often a repair may fail before the start does."""


class View:
    """The mirror and history of one kernel table.

    ``history``  changes kept for watchers that lag or come back.
    """

    def __init__(self, table: KernelTable, history: int) -> None:
        self.table = table
        self.mirror: Mirror[Shape] = Mirror()
        self.history: History[Shape] = History(history, secrets.token_hex(4))
        self.rosters = Rosters(self.mirror, self.history)
        self.resyncs = 0
        self.failure: BaseException | None = None
        """Why :attr:`failed` is set."""
        self.ownership = Ownership(table.protocol)
        """Which routes are nld's."""
        self.writers = asyncio.Lock()
        """Held for one piece of a write: what was seen before it is still so when it is sent."""
        self._lost: list[Row] = []
        """Routes of ours that went with the table, to be put in again when it is back."""
        self._repairs = Repairer(table, self.mirror, self._enter, self._put_in_again)
        self._witnesses: list[Witness] = []
        self._news: asyncio.Future[None] | None = None
        self._repairer: asyncio.Task[None] | None = None
        self.failed = asyncio.Event()
        """Set when a part that must run for ever has ended; the daemon then ends too."""

    async def start(self) -> None:
        """Open the table, listen, and read it for the first time."""
        await self.table.open(self)
        first = None if self.table.unavailable is not None else self._repairs.doubt_everything(None)
        self._repairer = asyncio.create_task(self._repairs.run(), name=f"{self.table.name} repairs")
        for task in (self._repairer, *self.table.tasks):
            task.add_done_callback(self._ended)
        for attempt in range(ATTEMPTS):
            if first is None:
                break
            try:
                await first.done()
                break
            except NldError:
                if attempt == ATTEMPTS - 1:
                    raise
            first = self._repairs.next or self._repairs.current

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

    async def settled(self, keys: Iterable[bytes] | None = None, *, suspected: bool = True) -> None:
        """Return when the mirror shows everything that has happened up to this call.

        ``keys``       at these keys; None is everywhere.
        ``suspected``  False: everything that the kernel tells; what it does in silence may come later.

        Raises the error of a repair that the answer depends on.
        """
        await self.table.drained()
        await self.repaired(keys, suspected=suspected)

    async def repaired(self, keys: Iterable[bytes] | None = None, *, suspected: bool = True) -> None:
        """As :meth:`settled`, where the news has just been taken in."""
        for repair in (self._repairs.current, self._repairs.next):
            if repair is not None and repair.matters(keys, self.mirror, suspected):
                await repair.done()

    async def news_after(self, generation: int) -> None:
        """Return as soon as there is a change later than ``generation``."""
        while self.history.generation <= generation:
            if self._news is None:
                self._news = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._news)

    @contextlib.contextmanager
    def witness(self) -> Iterator[Witness]:
        """Who sees in which tables something happens meanwhile."""
        witness = Witness()
        self._witnesses.append(witness)
        try:
            yield witness
        finally:
            self._witnesses.remove(witness)

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
        hidden = self._repairs.hidden
        return {
            "routes": len(self.mirror),
            "generation": self.history.generation,
            "resyncs": self.resyncs,
            **({"hidden": next(iter(hidden.values())).message} if hidden else {}),
            "capabilities": self.table.capabilities.words(),
            **self.table.status(),
        }

    def hidden(self, family: int, operation: str, key: str) -> KernelRefused | None:
        """The error for a key at which nothing is known though something may be; None if nothing is there."""
        error = self._repairs.hidden.get(family)
        if error is None:
            return None
        return KernelRefused(
            f"{operation} {key}: no such route is known, but {error.message}",
            operation=operation,
            key=key,
            errno=error.errno,
        )

    # -- what the kernel table says

    def news(self, news: list[News]) -> None:
        """Take notifications about routes, in order."""
        mirror = self.mirror
        repairs = self._repairs
        reconciliation, covered = repairs.reconciliation, repairs.covered
        ownership, own = self.ownership, self.table.port_id
        seen: Shape | None = None
        naming = self.table.naming
        for witness in self._witnesses:
            witness.restless.update(one[3].place[:TABLE_LENGTH] for one in news)
        if repairs.missing:
            repairs.heard(one[3].place[:TABLE_LENGTH] for one in news)
        rows: list[Entry[Shape]] = []
        for deleted, flags, port_id, shape, destination, cause in news:
            key = shape.place + destination
            if port_id != own and port_id and shape is not seen:
                seen = shape
                ownership.other(shape)
            if reconciliation is not None:
                reconciliation.touch(key, deleted, shape, _position(flags, shape.family))
            if covered and key in covered:
                repairs.doubt(key, CAUSE)
                continue
            if deleted:
                if mirror.clear(key, shape):
                    if ownership:
                        ownership.changed(key, shape, None, port_id, own)
                    rows.append((destination, shape, None, port_id, cause, naming))
                    continue
            elif mirror.fill(key, shape):
                rows.append((destination, None, shape, port_id, cause, naming))
                if shape.protocol == _RA:
                    repairs.doubt(key, "a router advertisement gave it metrics")
                continue
            try:
                if deleted:
                    difference = mirror.delete(shape, destination)
                else:
                    if shape.legs and shape.merges:
                        shape = self._aligned(key, shape)  # noqa: PLW2901
                    difference = mirror.new(shape, destination, _position(flags, shape.family))
            except Doubt as doubt:
                repairs.doubt(doubt.key, None)
                continue
            if ownership:
                old, new = (shape, shape) if difference is None else (difference.old, difference.new)
                ownership.changed(key, old, new, port_id, own)
            if difference is not None:
                rows.append((destination, difference.old, difference.new, port_id, cause, naming))
                if not deleted and shape.family == _INET6 and covered.told(key, mirror.at(key)):
                    repairs.doubt(key, CAUSE)
        self.history.extend(rows)
        self._announce()

    def _aligned(self, key: bytes, shape: Shape) -> Shape:
        """A multipath route that is told, with its legs in the order of what stands there."""
        for before in self.mirror.at(key):
            if before.merges and before.rank == shape.rank:
                aligned = self.table.aligned(shape, before)
                if aligned is not None:
                    return aligned
                self._repairs.doubt(key, None)
        return shape

    def suspect(self, suspicion: Suspicion) -> None:
        """Something happened that may have changed routes silently."""
        if suspicion.renamed:
            self._renamed(suspicion)
            return
        self._repairs.gathering().suspicions.add(suspicion)

    def _renamed(self, suspicion: Suspicion) -> None:
        """A device has another name, or an object is another: so are the records of the routes by it."""
        concerned = {shape for shape in self.table.shapes() if suspicion.concerns(shape)}
        if not concerned:
            return
        naming = self.table.naming
        self.history.extend(
            (destination, shape, shape, None, suspicion.cause, naming)
            for shape, destination in self.mirror.routes()
            if shape in concerned
        )
        self._announce()

    def overrun(self) -> None:
        """Notifications were lost: everything must be read again."""
        gathering = self._repairs.next
        if gathering is None or not gathering.everything:
            log.warning("notifications were lost", kernel=self.table.name)
        self.resyncs += 1
        for witness in self._witnesses:
            witness.lost = True
        self._repairs.doubt_everything("found again: notifications were lost").lost = True

    def gone(self, cause: str) -> None:
        """The table went, and all its routes; ours are remembered."""
        lost = list(self.mirror.routes())
        self._lost = [
            (shape, destination)
            for shape, destination in lost
            if not self.ownership.foreign(shape.place + destination, shape)
        ]
        self.mirror.empty()
        self.ownership.forget()
        naming = self.table.naming
        self.history.extend((destination, shape, None, None, cause, naming) for shape, destination in lost)
        self._repairs.forget()
        self._announce()

    def present(self) -> None:
        """The table is there again: read it, and put our routes in."""
        self._repairs.doubt_everything("found again: the table was not there").lost = True

    # -- repairs

    async def _put_in_again(self) -> None:
        """All has been read again: what was ours, when the table went, and is not there is put in."""
        if not self._lost:
            return
        lost, self._lost = self._lost, []
        there_again = await reinstall(self.table, [row for row in lost if not self._taken(*row)])
        await self.table.drained()
        for shape, destination in there_again:
            self.wrote(shape, destination)

    @contextlib.contextmanager
    def several_steps(self, keys: Iterable[bytes]) -> Iterator[None]:
        """What happens at these keys meanwhile is told to watchers as what it comes to."""
        self.history.hold(keys)
        try:
            yield
        finally:
            self.history.release()
            self._announce()

    def wrote(self, shape: Shape, destination: bytes) -> None:
        """nld has written this route: what stands there like it is nld's."""
        key = shape.place + destination
        for route in self.mirror.at(key):
            if route.rank == shape.rank and route.protocol == shape.protocol:
                self.ownership.written(key, route)

    def _taken(self, shape: Shape, destination: bytes) -> bool:
        """Whether something stands where this route stood."""
        return any(other.rank == shape.rank for other in self.mirror.at(shape.place + destination))

    def _enter(self, repair: Repair, differences: list[Difference[Shape]]) -> None:
        """Tell of what was found changed."""
        if self.ownership:
            self._follow(differences)
        naming, later = self.table.naming, self._repairs.next
        self.history.extend(
            (one.destination, one.old, one.new, None, repair.cause(one, _key(one), later), naming)
            for one in differences
        )
        self._announce()

    def _follow(self, differences: list[Difference[Shape]]) -> None:
        """What was found changed: is it still nld's?"""
        for difference in differences:
            if difference.old is not None:
                key = difference.old.place + difference.destination
                self.ownership.changed(key, difference.old, difference.new, None, self.table.port_id)

    def _announce(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set_result(None)


# Plain numbers: arithmetic with enums is slow, and this is done for every notification.
# EXCL: the kernel had none of this rank; one that the mirror still has went in silence.
_INSTEAD_OF = int(Flag.REPLACE | Flag.EXCL)
_APPEND = int(Flag.APPEND)
_INET6 = int(AF.INET6)
_RA = int(RTPROT.RA)


def _position(flags: int, family: int) -> Position:
    """Where the kernel put a new route, by the flags of its notification."""
    if flags & _INSTEAD_OF:
        return _INSTEAD
    return _LAST if flags & _APPEND or family == _INET6 else _FIRST


_FIRST, _LAST, _INSTEAD = Position.FIRST, Position.LAST, Position.INSTEAD


def _key(difference: Difference[Shape]) -> bytes:
    shape = difference.new or difference.old
    assert shape is not None
    return shape.place + difference.destination
