"""The repairer: reads again what is in doubt of a kernel table, and reconciles it with the mirror.

Doubts gather in a *repair* while the one before is under way; one task makes them one after the other.  What
it finds is entered into the mirror like news, with its cause in words.  An IPv6 table that never stands still
while it is read may lack something afterwards: it is looked at again when it does.

Does not belong here: where doubts come from, and who is told of what was found (``view.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from nld.broker.covered import Covered
from nld.broker.repair import Repair
from nld.errors import KernelRefused, NldError
from nld.kernel.dump import CutShort
from nld.kernel.selection import Selection
from nld.kernel.shape import Shape
from nld.kernel.suspicion import concerning
from nld.kernel.table import KernelTable
from nld.netlink.registry import AF
from nld.rib.mirror import Difference, Mirror
from nld.rib.reconciliation import FAMILY_AT, TABLE_LENGTH, Reconciliation

log = structlog.get_logger("nld.view")

RETRY = 1.0
"""Seconds before a repair that failed is tried again."""

LONGEST_PAUSE = 0.5
"""Seconds at most between two repairs that nobody waits for; else as long as the last one took, so that
events without end cost half of the time at most."""

LAG = 0.003
"""Seconds in which the kernel surely tells of a change that a dump may have met."""

UNIONS = 3
"""Dumps in a row that must show nothing new, where a table does not stand still for the length of one."""

MOST_UNIONS = 20
"""Dumps at most of such a table."""

STILL = 0.05
"""Seconds without news after which a table is said to stand still; if its dump takes long, half of that."""

LOOK_AGAIN = 60.0
"""Seconds at most between two looks at a table that never stands still; the first is a second after."""

_FAMILIES = (int(AF.INET), int(AF.INET6))


class Repairer:
    """Makes the repairs of one kernel table.

    ``found``  called with a repair and differences that it found, which are in the mirror already.
    ``whole``  awaited when all that there is has been read again.
    """

    def __init__(
        self,
        table: KernelTable,
        mirror: Mirror[Shape],
        found: Callable[[Repair, list[Difference[Shape]]], None],
        whole: Callable[[], Awaitable[None]],
    ) -> None:
        self._table = table
        self._mirror = mirror
        self._found = found
        self._whole = whole
        self.reconciliation: Reconciliation[Shape] | None = None
        """Of the dump that is under way; it wants to know of all news."""
        self.covered = Covered()
        self.hidden: dict[int, KernelRefused] = {}
        """Families of which the kernel cannot show all, and its error.  Known is what it shows and tells."""
        self.missing: dict[bytes, str | None] = {}
        """IPv6 tables that may lack something, or hold too much: to be looked at when they stand still."""
        self.next: Repair | None = None
        """What gathers."""
        self.current: Repair | None = None
        """What is under way."""
        self._work = asyncio.Event()
        self._news_at: dict[bytes, float] = {}
        """When there was news of a table that is missing."""
        self._lasted = 0.0
        """Seconds that the last repair took."""
        self._ended_at = 0.0
        self._patience = 1.0
        """Seconds until tables that do not stand still are looked at again all the same."""

    # -- what is in doubt

    def gathering(self) -> Repair:
        """The repair that is to come."""
        if self.next is None:
            self.next = Repair()
            self._work.set()
        return self.next

    def doubt(self, key: bytes, cause: str | None) -> None:
        """What stands at a key is to be read again."""
        self.gathering().keys.setdefault(key, cause)

    def doubt_everything(self, cause: str | None) -> Repair:
        """All is to be read again."""
        gathering = self.gathering()
        for family in _FAMILIES:
            gathering.everything.setdefault(family, cause)
        return gathering

    def heard(self, tables: Iterable[bytes]) -> None:
        """There is news of these tables (first bytes of a key): they do not stand still."""
        now = time.monotonic()
        self._news_at.update((table, now) for table in tables)

    def forget(self) -> None:
        """The kernel table is gone: there is nothing to read."""
        if self.next is not None:
            self.next.end()
            self.next = None
        self.missing.clear()
        self.covered.empty()

    # -- one repair after the other

    async def run(self) -> None:
        """Repair for ever."""
        while True:
            repair = await self._next_repair()
            self.next, self.current = None, repair
            self._work.clear()
            began = time.monotonic()
            try:
                await self._repair(repair)
            except NldError as error:
                self.current = None
                if self._table.unavailable is not None:
                    repair.end()  # when it is there again, all is in doubt
                    continue
                log.error("repair failed", table=self._table.name, **error.parameters())
                self.gathering().take_over(repair)
                repair.end(error)
                await asyncio.sleep(RETRY)
                continue
            self.current = None
            self._ended_at = time.monotonic()
            self._lasted = self._ended_at - began
            repair.end()

    async def _next_repair(self) -> Repair:
        """The next one, when there is one, not at once if nobody waits for it and the last took long."""
        while self.next is None:
            delay = self._until_look()
            if delay == 0:
                self.gathering().tables = dict(self.missing)
                if self.hidden:
                    self.doubt_everything("found again: the kernel could not show it")
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._work.wait()
        assert self.next is not None
        pause = self._ended_at + min(self._lasted, LONGEST_PAUSE) - time.monotonic()
        if pause > 0 and not self.next.waiters:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.next.wanted.wait()
        return self.next

    def _until_look(self) -> float | None:
        """Seconds until the missing are looked for again: when their tables stand still. None: none is.

        What is hidden is looked for all the time, at a tenth of it.
        """
        now = time.monotonic()
        if self.hidden:
            return max(0.0, self._ended_at + max(RETRY, 9 * self._lasted) - now)
        if not self.missing:
            return None
        still = max(STILL, self._lasted / 2)
        last = max((self._news_at.get(table, 0.0) for table in self.missing), default=0.0)
        return max(0.0, min(last + still, self._ended_at + self._patience) - now)

    async def _repair(self, repair: Repair) -> None:
        if repair.lost:
            await self._table.learn()
        elif any(one.objects for one in repair.suspicions):
            await self._table.learn(everything=False)
        if repair.suspicions or repair.everything:
            await self._table.caught_up()
        for family in _FAMILIES:
            await self._reread(repair, family)
        if repair.everything:
            await self._whole()

    async def _reread(self, repair: Repair, family: int) -> None:
        """Dump what is in doubt of one family, and reconcile; several times where once is not enough."""
        whole = family in repair.everything
        shapes = () if whole else list(self._table.shapes())
        about = [] if whole else repair.about(family, shapes)
        selections, wide = repair.selections(family, about, shapes)
        if not selections:
            return
        tables = frozenset(table for table in repair.tables if table[FAMILY_AT] == family)
        concerns = concerning(about, family) if about or (not tables and not whole) else None
        if whole:
            concerns = _of_family(family)
        elif tables:
            concerns = _either(concerns, tables)
        keys = frozenset(key for key in repair.keys if key[FAMILY_AT] == family)
        nothing_new = 0
        for _ in range(MOST_UNIONS):
            reconciliation = Reconciliation(self._mirror, concerns, keys, wide)
            restless = await self._reconcile(repair, reconciliation, selections, family)
            nothing_new = 0 if reconciliation.added else nothing_new + 1
            if not whole or not restless or nothing_new >= UNIONS or reconciliation.cut:
                break
        if whole and not reconciliation.cut and self.hidden.pop(family, None) is not None:
            log.info("nothing is hidden any more", kernel=self._table.name, family=AF(family).name)
        for key in reconciliation.doubts:
            self.doubt(key, repair.keys.get(key))
        if reconciliation.cut:
            return
        for key in keys - reconciliation.doubts if self.covered else ():
            self.covered.shown(key, self._mirror.at(key))
        unproven = reconciliation.unproven | (restless if whole else restless & tables)
        for table in tables - unproven:
            self.missing.pop(table, None)
        if not unproven:
            if whole:
                for table in [table for table in self.missing if table[FAMILY_AT] == family]:
                    del self.missing[table]
            return
        self._patience = min(2 * self._patience, LOOK_AGAIN) if tables else 1.0
        now = time.monotonic()
        for table in unproven:
            self._news_at.setdefault(table, now)
            cause = repair.tables.get(table) or repair.everything.get(family)
            self.missing.setdefault(table, cause or (about[0].cause if about else None))

    async def _reconcile(
        self,
        repair: Repair,
        reconciliation: Reconciliation[Shape],
        selections: list[Selection],
        family: int,
    ) -> frozenset[bytes]:
        """One dump; the IPv6 tables that did not stand still meanwhile."""
        self.reconciliation = reconciliation
        try:
            for selection in selections:
                try:
                    async for rows in self._table.dump(selection, consistent=False):
                        reconciliation.rows(rows)
                except CutShort as error:
                    reconciliation.cut = True
                    if family not in self.hidden:
                        log.error("routes are hidden", kernel=self._table.name, **error.parameters())
                    self.hidden[family] = error
                except KernelRefused as error:
                    # The device of a suspicion may be gone: then no route goes out by it.
                    if error.errno != "ENODEV" or selection.device is None:
                        raise
            await self._table.drained()
            await asyncio.sleep(LAG)
            await self._table.drained()
            restless = reconciliation.end()
            for differences in reconciliation.differences():
                if differences:
                    self._found(repair, differences)
                await asyncio.sleep(0)
        finally:
            self.reconciliation = None
        return restless


def _of_family(family: int) -> Callable[[Shape], bool]:
    return lambda shape: shape.family == family


def _either(concerns: Callable[[Shape], bool] | None, tables: frozenset[bytes]) -> Callable[[Shape], bool]:
    """What is concerned, and everything in these tables."""
    return lambda shape: shape.place[:TABLE_LENGTH] in tables or (concerns is not None and concerns(shape))
