"""The roster: what stood in a mirror at one moment, walked in pieces while the mirror goes on.

A snapshot takes as long as its reader takes, and there may be a thousand readers, so none gets a copy.  They
share the keys of some moment, the roster.  A walk goes through it, and asks the mirror what stands at each
key; where something has changed since the walk's own moment, the history says what it was, and that is
undone.  Keys that came after the roster and before the walk are walked after it.

So a walk yields exactly the routes of its moment, and holds nothing but its place.  A roster holds keys, and
an index of the changes since, of which only walks that go on make it take notice.  Everybody would wait for
a copy of a million keys; so the keys of a part of the mirror are copied when the first walk comes there, and
the changes until then are undone.  A roster is kept for as long as somebody walks it, and no longer than the
history reaches back to it: a walk that is overtaken is *lost*, and its reader begins again, as with any
reader that falls behind the history.

Does not belong here: which routes are wanted, and when the next piece is due.
"""

from __future__ import annotations

import weakref
from itertools import filterfalse
from typing import Generic

from nld.rib.history import History
from nld.rib.mirror import PARTS, Entry, Mirror, S, in_order, part_of, several

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
        self._parts: list[list[bytes] | None] = [None] * PARTS
        self._changed: tuple[list[bytes], ...] = tuple([] for _ in range(PARTS))
        """Keys at which something has changed, of the parts that are not copied yet."""
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
        self._parts = []
        self._changed = ()
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
                part = part_of(key)
                if self._parts[part] is None:
                    self._changed[part].append(key)
                if old is None:
                    self.late.append(key)  # perhaps: others may stand there, see was_empty
            else:
                known.append((number, old, new))
        self._indexed += len(rows)
        return self._indexed == self._history.generation

    def part(self, number: int) -> list[bytes] | None:
        """The keys of a part at the roster's moment; all changes must have been taken notice of.

        None: more has happened in the mirror than the history had told; it is told now.
        """
        keys = self._parts[number]
        if keys is None:
            if self._history.keeps_back():
                self._history.catch_up()
                return None
            keys = self._mirror.part(number)
            changed = self._changed[number]
            if changed:
                keys = list(filterfalse(self._changes.__contains__, keys))
                keys += filterfalse(self.was_empty, changed)
                changed.clear()
            self._parts[number] = keys
        return keys

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
        """Whether nothing stood at a key that has changed at the roster's moment."""
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
        self._part = 0
        self._at = 0
        self._late = 0

    def step(self, most: int) -> list[tuple[S, bytes]] | None:
        """The routes at the next ``most`` keys, maybe none; None at the end. Raises LostError.

        Where much has changed since the last step it takes notice of some of that only, and yields nothing.
        """
        roster = self._roster
        if not roster.catch_up():
            return []
        part, at = self._part, self._at
        keys: list[bytes] = []
        while part < PARTS and len(keys) < most:
            there = roster.part(part)
            if there is None:
                return []
            some = there[at : at + most - len(keys)]
            keys += some
            at += len(some)
            if at >= len(there):
                part, at = part + 1, 0
        late = [] if keys else roster.late[self._late : self._late + max(1, most // LATER)]
        if not keys and not late:
            return None
        if roster.behind(keys or late):
            return []
        self._part, self._at = part, at
        self._late += len(late)
        keys += filter(roster.was_empty, late)  # of a late one all changes are looked at
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
