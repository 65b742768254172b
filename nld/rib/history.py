"""The history: the last changes of a table, numbered, so that a watcher can go on where it stopped.

Every change gets the next *generation*.  A watcher's *cursor* is the generation that it has seen, and
the daemon's *epoch*, because a restarted daemon counts from 0 again.  The history is bounded: a
watcher that falls further behind than that is told so and starts from a snapshot, instead of growing
the daemon's memory.

All watchers read the same list, each at its own pace; a change is rendered once, for all of them.
Until one reads it, a change is a bare tuple: most are never read.
Who waits for news, and how, belongs to the broker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeAlias

from nld.errors import CursorExpired, InvalidRecord
from nld.rib.mirror import Difference, S

DIGITS = 20
"""The longest generation in a cursor; int() raises an error of its own for thousands of digits."""


@dataclass(slots=True)
class Change(Generic[S]):
    """One numbered change.

    ``generation``  from 1 up.
    ``port_id``     netlink address of the program that made it, 0 for the kernel itself, None when the
                    change was found by reading and nobody knows who made it.
    ``cause``       why a route went without a notification, such as ``device nld0 went down``.
    ``texts``       the JSON texts made of it so far, by form; None before the first.
    """

    generation: int
    difference: Difference[S]
    port_id: int | None
    cause: str | None
    texts: dict[str, str] | None = None


Row: TypeAlias = tuple[bytes, S | None, S | None, int | None, str | None]
"""A change that nobody has read yet: destination, old, new, port id, cause."""


class History(Generic[S]):
    """The last ``limit`` changes (at least that many are kept, at most twice as many).

    ``epoch``  tells this daemon's generations from another's; no colon in it.
    """

    def __init__(self, limit: int, epoch: str) -> None:
        self.limit = max(1, limit)
        self.epoch = epoch
        self.generation = 0
        self._changes: list[Change[S] | Row[S]] = []

    def extend(self, rows: Iterable[Row[S]]) -> None:
        """Number changes and keep them."""
        kept = self._changes
        before = len(kept)
        kept.extend(rows)
        self.generation += len(kept) - before
        if len(kept) >= 2 * self.limit:
            del kept[: len(kept) - self.limit]

    def since(self, after: int, most: int) -> list[Change[S]] | None:
        """At most ``most`` changes later than generation ``after``; None when some are not kept any more."""
        first = self.generation - len(self._changes)
        start = after - first
        if start < 0:
            return None
        found: list[Change[S]] = []
        for place in range(start, min(start + most, len(self._changes))):
            change = self._changes[place]
            if isinstance(change, tuple):
                destination, old, new, port_id, cause = change
                change = Change(first + place + 1, Difference(destination, old, new), port_id, cause)
                self._changes[place] = change
            found.append(change)
        return found

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
                f"({self.generation - len(self._changes)} to {self.generation}); "
                "watch without it for a snapshot",
                operation="watch",
                field="cursor",
            )
        return generation
