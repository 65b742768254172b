"""Reconciliation: one dump of the kernel's table against the mirror, while notifications go on.

What a dump shows was there.  What it does not show is gone only where the dump can be trusted:

* IPv4 is walked by destination.  Only at a destination that changed meanwhile may a row be passed over.
* IPv6 is walked by count: when a route is added to a table meanwhile, the walk begins again and leaves out
  as many as it had given, so that it repeats some and passes over others, and nothing says so.  Where a
  notification came for the table during the dump, absence proves nothing; what is missing stays, and is
  told in :attr:`Reconciliation.unproven`, to be looked at again.

A row that is given twice is one route.  What notifications touched is settled by replaying them: if what
the mirror holds is what the dump shows plus the latest of the news, both are right.  If not, the news was
applied to something stale, and the key goes to :attr:`Reconciliation.doubts`.

Does not belong here: what may have changed, and why (``nld/broker/repair.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeAlias

from nld.rib.mirror import Difference, Doubt, Identity, Mirror, Position, Rank, S, identity

STEP = 512
"""Keys that are reconciled in one step: some milliseconds, where each of them has changed."""

REPLAYED = 16
"""Notifications about one key that are replayed at most; after more than that it is simply read again."""

FAMILY_AT = 4
"""Index of the address family in a key, after the table."""

TABLE_LENGTH = 5
"""Bytes of a key that tell table and family."""

IPV6 = 10

Report: TypeAlias = tuple[bool, S, Position]
"""What a notification said of a key: whether the route is gone, the route, where it stands."""


class Reconciliation(Generic[S]):
    """One dump and the mirror.

    Begin it before the dump is asked for, tell it of every notification, give it the dump's rows, say when
    the dump ended, then take the differences step by step.

    ``concerns``  what may have changed: every key is settled at which the mirror or the dump has such a
                  route.  None: no key but those in ``keys``.
    ``keys``      keys to settle beside those.
    ``whole``     the dump shows all that there is at a key, and all of the key is settled.  Else it shows
                  what has become of the routes that are concerned, and others maybe not: only what is
                  concerned or shown is settled.
    """

    def __init__(
        self,
        mirror: Mirror[S],
        concerns: Callable[[S], bool] | None,
        keys: frozenset[bytes] = frozenset(),
        whole: bool = True,
    ) -> None:
        self._mirror = mirror
        self._concerns = concerns
        self._keys = keys
        self._whole = whole
        self._found: dict[bytes, S | dict[Identity, S]] = {}
        self._news: dict[bytes, list[Report[S]]] = {}
        self._restless: set[bytes] = set()
        self._ended = False
        self.doubts: set[bytes] = set()
        """Keys at which the news does not fit what the dump shows."""
        self.unproven: set[bytes] = set()
        """IPv6 tables (the first bytes of a key) in which the dump left something out that may be there."""
        self.cut = False
        """The dump did not get to its end: what it does not show may be there, and stays."""
        self.added = 0
        """Routes that the mirror did not have."""

    def touch(self, key: bytes, deleted: bool, shape: S, position: Position) -> None:
        """A notification came."""
        self._news.setdefault(key, []).append((deleted, shape, position))
        if not self._ended:
            self._restless.add(_walked(key))

    def rows(self, rows: Iterable[tuple[S, bytes]]) -> None:
        """Rows of the dump, in the kernel's order."""
        found = self._found
        for shape, destination in rows:
            key = shape.place + destination
            before = found.get(key)
            if before is None:
                if self._is_concerned(key, shape):
                    found[key] = shape
            elif before is not shape:
                if not isinstance(before, dict):
                    before = found[key] = {identity(before): before}
                before[identity(shape)] = shape  # the same route once more is the latest of it

    def end(self) -> frozenset[bytes]:
        """The dump is complete, and so are the notifications of what happened meanwhile.

        The IPv6 tables (first bytes of a key) in which something did: the dump may have left out routes.
        """
        self._ended = True
        return frozenset(walked for walked in self._restless if len(walked) == TABLE_LENGTH)

    def differences(self, step: int = STEP) -> Iterator[list[Difference[S]]]:
        """What must change, applied to the mirror as it is yielded; at most ``step`` keys at a time.

        Between two steps the event loop may run: notifications that come meanwhile are respected.
        """
        found = self._found
        known = iter(self._keys if self._concerns is None else self._mirror.keys())
        while chunk := list(islice(known, step)):
            yield self._settled(key for key in chunk if key not in found)
        shown = iter(list(found))
        while chunk := list(islice(shown, step)):
            yield self._settled(chunk)

    def _settled(self, keys: Iterable[bytes]) -> list[Difference[S]]:
        return [difference for key in keys for difference in self._settle(key)]

    def _is_concerned(self, key: bytes, shape: S) -> bool:
        concerns = self._concerns
        if key in self._keys or (concerns is not None and concerns(shape)):
            return True
        return concerns is not None and any(map(concerns, self._mirror.at(key)))

    def _settle(self, key: bytes) -> list[Difference[S]]:
        shown = self._shown(key)
        current = self._mirror.at(key)
        if shown == current and key not in self._news:
            return []  # as nearly always
        concerns = self._concerns
        if not shown and key not in self._keys and (concerns is None or not any(map(concerns, current))):
            return []
        touched = {shape.rank for _, shape, _ in self._news.get(key, ())}
        if touched and not self._explained(key, touched):
            self.doubts.add(key)

        given = frozenset(shown)

        def scope(shape: S) -> bool:
            # What is shown may be what a concerned route has become, and itself concerned no more.
            within = self._whole or concerns is None or concerns(shape) or shape in given
            return within and shape.rank not in touched

        wanted = tuple(filter(scope, shown))
        if self.cut or _walked(key) in self._restless:
            kept = _left(tuple(filter(scope, current)), wanted)
            if kept:
                wanted = (*kept, *wanted)
                if self.cut:
                    pass  # whoever asked knows
                elif key[FAMILY_AT] == IPV6:
                    self.unproven.add(key[:TABLE_LENGTH])
                else:
                    self.doubts.add(key)
        differences = self._mirror.settle(key, wanted, scope)
        self.added += sum(difference.old is None for difference in differences)
        return differences

    def _shown(self, key: bytes) -> tuple[S, ...]:
        """What the dump shows at a key."""
        found = self._found.get(key)
        if isinstance(found, dict):
            return tuple(found.values())
        return () if found is None else (found,)

    def _explained(self, key: bytes, ranks: set[Rank]) -> bool:
        """Whether what the mirror holds of these ranks is what the latest news made of what is shown."""
        news = self._news[key]
        now = Counter(shape for shape in self._mirror.at(key) if shape.rank in ranks)
        shown = tuple(shape for shape in self._shown(key) if shape.rank in ranks)
        for start in range(len(news), max(-1, len(news) - REPLAYED), -1):
            replayed = _replayed(key, shown, news[start:])
            if replayed is not None and Counter(replayed) == now:
                return True
        return False


def _walked(key: bytes) -> bytes:
    """What is one to the kernel's walk: of IPv6 the table, of IPv4 the destination."""
    return key[:TABLE_LENGTH] if key[FAMILY_AT] == IPV6 else key[TABLE_LENGTH + 1 :] or bytes(4)


def _left(current: tuple[S, ...], shown: tuple[S, ...]) -> tuple[S, ...]:
    """What the mirror holds, the dump does not show, and nothing that is shown has taken the place of."""
    before, now = frozenset(current), frozenset(shown)
    heirs = Counter(identity(shape) for shape in shown if shape not in before)
    left = []
    for shape in current:
        if shape in now:
            continue
        which = identity(shape)
        if heirs[which]:
            heirs[which] -= 1
        else:
            left.append(shape)
    return tuple(left)


def _replayed(key: bytes, shown: tuple[S, ...], news: list[Report[S]]) -> tuple[S, ...] | None:
    """What the news makes of the routes shown; None when it does not fit them."""
    mirror: Mirror[S] = Mirror()
    mirror.settle(key, shown, lambda _: True)
    for deleted, shape, position in news:
        destination = key[len(shape.place) :]
        try:
            if deleted:
                mirror.delete(shape, destination)
            else:
                mirror.new(shape, destination, position)
        except Doubt:
            return None
    return mirror.at(key)
