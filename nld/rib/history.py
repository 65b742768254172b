"""The history: the last changes of a table, numbered, so that a watcher can go on where it stopped.

Every change gets the next *generation*.  A watcher's *cursor* is the generation that it has seen, and
the daemon's *epoch*, because a restarted daemon counts from 0 again.  The history is bounded: a
watcher that falls further behind than that is told so and starts from a snapshot, instead of growing
the daemon's memory.

All watchers read the same list, each at its own pace; a change is rendered once, for all of them.
Who waits for news, and how, belongs to the broker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

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


class History(Generic[S]):
    """The last ``limit`` changes (at least that many are kept, at most twice as many).

    ``epoch``  tells this daemon's generations from another's; no colon in it.
    """

    def __init__(self, limit: int, epoch: str) -> None:
        self.limit = max(1, limit)
        self.epoch = epoch
        self.generation = 0
        self._changes: list[Change[S]] = []

    def append(self, difference: Difference[S], port_id: int | None, cause: str | None = None) -> Change[S]:
        """Number a change and keep it."""
        self.generation += 1
        change = Change(self.generation, difference, port_id, cause)
        self._changes.append(change)
        if len(self._changes) >= 2 * self.limit:
            del self._changes[: self.limit]
        return change

    def since(self, after: int, most: int) -> list[Change[S]] | None:
        """At most ``most`` changes later than generation ``after``; None when some are not kept any more."""
        start = after - (self.generation - len(self._changes))
        if start < 0:
            return None
        return self._changes[start : start + most]

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
