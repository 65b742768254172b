"""The history: the last changes of a table, numbered, so that a watcher can go on where it stopped.

Every change gets the next *generation*.  A watcher's *cursor* is the generation that it has seen, and
the daemon's *epoch*, because a restarted daemon counts from 0 again.  The history is bounded: a
watcher that falls further behind than that is told so and starts from a snapshot, instead of growing
the daemon's memory.

All watchers read the same list, each at its own pace; a change is rendered once, for all of them, as long as
it is among the last that were read: texts take ten times the memory of a change.
Until one reads it, and afterwards, a change is a line of six columns: most are never read.  An object for
each would be one more for the garbage collector, which looks at all that are new while everybody waits.
Who waits for news, and how, belongs to the broker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic

from nld.errors import CursorExpired, InvalidRecord
from nld.rib.intermediate import Intermediate, Row
from nld.rib.mirror import Difference, S

READ = 4096
"""Changes that keep their texts, about 1 KiB each: watchers are mostly abreast of each other."""

PART = 4096
"""Changes that are entered together."""

DIGITS = 20
"""The longest generation in a cursor; int() raises an error of its own for thousands of digits."""


@dataclass(slots=True)
class Change(Generic[S]):
    """One numbered change.

    ``generation``  from 1 up.
    ``port_id``     netlink address of the program that made it, 0 for the kernel itself, None when the
                    change was found by reading and nobody knows who made it.
    ``cause``       why a route went without a notification, such as ``device nld0 went down``.
    ``naming``      when it was, as far as names go: texts of it are made with the names of that time.
    ``texts``       the JSON texts made of it so far, by form; None for a form in which it does not show.
    """

    generation: int
    difference: Difference[S]
    port_id: int | None
    cause: str | None
    naming: int = 0
    texts: dict[str, str | None] | None = None


class History(Generic[S]):
    """The last ``limit`` changes (at least that many are kept, at most twice as many).

    ``epoch``  tells this daemon's generations from another's; no colon in it.
    """

    def __init__(self, limit: int, epoch: str) -> None:
        self.limit = max(1, limit)
        self.epoch = epoch
        self.generation = 0
        self._columns: tuple[list[Any], ...] = ([], [], [], [], [], [])
        """The members of a row, each of all changes that are kept."""
        self._read: dict[int, Change[S]] = {}
        """Those that were read last, by their generation, in the order in which they were."""
        self._intermediate: Intermediate[S] | None = None

    def hold(self, keys: Iterable[bytes]) -> None:
        """From now on what happens at these keys of the mirror is intermediate, until :meth:`release`."""
        self.release()
        self._intermediate = Intermediate(keys)

    def catch_up(self) -> None:
        """Tell what is kept back, so that the mirror is the sum of what was told: before a snapshot of it."""
        held, self._intermediate = self._intermediate, None
        if held is not None:
            self.extend(held.sum())
            self._intermediate = held

    def keeps_back(self, keys: Iterable[bytes] | None = None) -> bool:
        """Whether something that happened at one of these keys, or anywhere, may not have been told yet."""
        held = self._intermediate
        return held is not None and bool(held) and (keys is None or held.about(keys))

    def release(self) -> None:
        """Tell the sum of what was kept back."""
        self.catch_up()
        self._intermediate = None

    def extend(self, rows: Iterable[Row[S]]) -> None:
        """Number changes and keep them."""
        if self._intermediate is not None:
            rows = self._intermediate.keep(rows)
        columns, some = self._columns, iter(rows)
        while part := list(islice(some, PART)):
            for column, values in zip(columns, zip(*part, strict=True), strict=True):
                column.extend(values)
            self.generation += len(part)
            kept = len(columns[0])
            if kept >= 2 * self.limit:
                for column in columns:
                    del column[: kept - self.limit]

    def since(self, after: int, most: int) -> list[Change[S]] | None:
        """At most ``most`` changes later than generation ``after``; None when some are not kept any more."""
        start = after - self.generation + len(self._columns[0])
        if start < 0:
            return None
        read = self._read
        found: list[Change[S]] = []
        rows = zip(*(column[start : start + most] for column in self._columns), strict=True)
        for generation, (destination, old, new, port_id, cause, naming) in enumerate(rows, after + 1):
            change = read.get(generation)
            if change is None:
                difference = Difference(destination, old, new)
                change = read[generation] = Change(generation, difference, port_id, cause, naming)
            found.append(change)
        for generation in list(islice(read, max(0, len(read) - READ))):
            del read[generation]
        return found

    def rows(self, after: int, most: int) -> list[tuple[bytes, S | None, S | None]] | None:
        """As :meth:`since`, each change as destination, old and new alone."""
        start = after - self.generation + len(self._columns[0])
        if start < 0:
            return None
        return list(zip(*(column[start : start + most] for column in self._columns[:3]), strict=True))

    def cursor(self, generation: int) -> str:
        """The cursor text for having seen everything up to ``generation``."""
        return f"{self.epoch}:{generation}"

    def position(self, cursor: str) -> int:
        """The generation that a cursor stands for.

        Raises :class:`InvalidRecord` for what is no cursor, :class:`CursorExpired` for one of another
        daemon or older than what is kept.
        """
        epoch, _, number = cursor.rpartition(":")
        if not epoch or not number.isdecimal() or len(number) > DIGITS:
            raise InvalidRecord(
                f"'{cursor[:60]}' is not a cursor; pass one that a watch gave",
                operation="watch",
                field="cursor",
            )
        generation = int(number)
        if epoch != self.epoch:
            raise CursorExpired(
                "the cursor is from before the daemon's last start; watch without it for a snapshot",
                operation="watch",
                field="cursor",
            )
        if generation > self.generation or self.since(generation, 0) is None:
            raise CursorExpired(
                f"the cursor's generation {generation} is not among those kept "
                f"({self.generation - len(self._columns[0])} to {self.generation}); "
                "watch without it for a snapshot",
                operation="watch",
                field="cursor",
            )
        return generation
