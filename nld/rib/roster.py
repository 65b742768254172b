"""The roster: what stood in a mirror at one moment, walked in pieces while the mirror goes on.

A snapshot takes as long as its reader takes, and there may be a thousand readers, so none gets a copy.  They
share a list of the keys of some moment, the roster.  A walk goes through it, and asks the mirror what
stands at each key; where something has changed since the walk's own moment, the history says what it was, and
that is undone.  Keys that came after the roster and before the walk are walked after it.

So a walk yields exactly the routes of its moment, and holds nothing but its place.  A roster holds a list of
keys, and an index of the changes since, of which only walks that go on make it take notice.  It is kept
for as long as somebody walks it, and no longer than the history reaches back to it: a walk that is overtaken
is *lost*, and its reader begins again, as with any reader that falls behind the history.

Does not belong here: which routes are wanted, and when the next piece is due.
"""

from __future__ import annotations

import weakref
from typing import Generic

from nld.rib.history import History
from nld.rib.mirror import Entry, Mirror, S, in_order, several

INDEXED = 4096
"""Changes that are taken notice of in one step."""
LATER = 8
"""How many keys of the beginning one late key costs as much as."""
FRESH = 4
"""A walk takes a roster that is younger than this part of the history, and else makes a new one."""


class LostError(Exception):
    """The history does not reach back to the walk's moment any more."""


class Roster(Generic[S]):
    """The keys of one moment, and what has changed since. See :class:`Rosters`."""

    def __init__(self, mirror: Mirror[S], history: History[S]) -> None:
        self.generation = history.generation
        self.keys = mirror.keys()
        self.late: list[bytes] = []
        """Keys at which nothing stood at the roster's moment, and something has since."""
        self.lost = False
        self._mirror = mirror
        self._history = history
        self._indexed = history.generation
        self._changes: dict[bytes, list[tuple[int, S | None, S | None]]] = {}

    def drop(self) -> None:
        """Hold nothing any more; walks are lost."""
        self.lost = True
        self.keys.clear()
        self.late.clear()
        self._changes.clear()

    def catch_up(self) -> bool:
        """Take notice of some changes; whether that was all of them. Raises LostError."""
        if self.lost:
            raise LostError
        if self._indexed == self._history.generation:
            return True
        rows = self._history.rows(self._indexed, INDEXED)
        if rows is None:
            self.drop()
            raise LostError
        changes = self._changes
        for number, (destination, old, new) in enumerate(rows, self._indexed + 1):
            shape = old if old is not None else new
            assert shape is not None
            key = shape.place + destination
            known = changes.get(key)
            if known is None:
                changes[key] = [(number, old, new)]
                if old is None:
                    self.late.append(key)  # perhaps: others may stand there, see was_empty
            else:
                known.append((number, old, new))
        self._indexed += len(rows)
        return self._indexed == self._history.generation

    def behind(self, keys: list[bytes]) -> bool:
        """Whether the history has kept back what happened at some of these keys; it is told now."""
        kept_back = self._history.keeps_back(keys)
        if kept_back:
            self._history.catch_up()
        return kept_back

    def entries(self, keys: list[bytes], generation: int) -> list[Entry[S]]:
        """What stood at each of these keys at a generation; all changes must have been taken notice of."""
        found = self._mirror.entries(keys)
        if self._changes:
            for place, key in enumerate(keys):
                known = self._changes.get(key)
                if known is not None and known[-1][0] > generation:
                    found[place] = self._undone(found[place], known, generation)
        return found

    def was_empty(self, key: bytes) -> bool:
        """Whether nothing stood at a late key at the roster's moment."""
        return not self._undone(self._mirror.entries([key])[0], self._changes[key], self.generation)

    @staticmethod
    def _undone(entry: Entry[S], changes: list[tuple[int, S | None, S | None]], generation: int) -> Entry[S]:
        shapes = list(several(entry))
        for number, old, new in reversed(changes):
            if number <= generation:
                break
            if new is not None:
                shapes.remove(new)
            if old is not None:
                shapes.append(old)
        return tuple(in_order(shapes)) or None


class Walk(Generic[S]):
    """One reader's way through a roster.

    ``generation``  of the moment whose routes it yields.
    """

    def __init__(self, roster: Roster[S], generation: int) -> None:
        self.generation = generation
        self._roster = roster
        self._at = 0
        self._late = 0

    def step(self, most: int) -> list[tuple[S, bytes]] | None:
        """The routes at the next ``most`` keys, maybe none; None at the end. Raises LostError.

        Where much has changed since the last step it takes notice of some of that only, and yields nothing.
        """
        roster = self._roster
        if not roster.catch_up():
            return []
        keys = roster.keys[self._at : self._at + most]
        if not keys:  # of a late one all changes are looked at
            keys = roster.late[self._late : self._late + max(1, most // LATER)]
        if not keys:
            return None
        if roster.behind(keys):
            return []
        if self._at < len(roster.keys):
            self._at += len(keys)
        else:
            self._late += len(keys)
            keys = list(filter(roster.was_empty, keys))
        rows: list[tuple[S, bytes]] = []
        for key, entry in zip(keys, roster.entries(keys, self.generation), strict=True):
            for shape in several(entry):
                rows.append((shape, key[len(shape.place) :]))
        return rows


class Rosters(Generic[S]):
    """Begins walks, and lets go of rosters that are too old."""

    def __init__(self, mirror: Mirror[S], history: History[S]) -> None:
        self._mirror = mirror
        self._history = history
        self._alive: weakref.WeakSet[Roster[S]] = weakref.WeakSet()
        self._newest: weakref.ref[Roster[S]] | None = None

    def walk(self) -> Walk[S]:
        """A walk through what is in the mirror now."""
        generation = self._history.generation
        roster = None if self._newest is None else self._newest()
        if roster is None or roster.lost or generation - roster.generation > self._history.limit // FRESH:
            for old in list(self._alive):
                if self._history.rows(old.generation, 0) is None:
                    old.drop()
            roster = Roster(self._mirror, self._history)
            self._alive.add(roster)
            self._newest = weakref.ref(roster)
        return Walk(roster, generation)
