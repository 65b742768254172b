"""Watching: a snapshot, then every change in order, for one watcher at its own pace.

The snapshot is of one moment, and the changes that follow are exactly those after it; it is walked in
pieces (``nld.rib.roster``) and not copied.  A watcher that reads slowly falls behind in the history, which is
shared; one that falls behind the history itself gets a ``resync`` and a new snapshot, in the middle of one
too.  The daemon never keeps anything for one watcher but its place.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from functools import partial

from nld.broker.pacing import BREATH, STEP, Pause
from nld.broker.view import View
from nld.kernel.selection import Row, Selection
from nld.kernel.shape import Shape
from nld.rib.history import Change
from nld.rib.roster import LostError

_CHANGES = 256
"""Changes that are looked at in one step: some milliseconds, where each is to be put into words."""


async def watch(  # noqa: PLR0917 - the order of the control channel
    view: View, selection: Selection, cursor: str | None, snapshot: bool, form: str, batch: int
) -> AsyncGenerator[bytes | Pause, None]:
    """JSON objects, each the parameters of one reply; ends only when it is closed.

    ``cursor``    go on after it; None begins now.
    ``snapshot``  whether to begin with what is there.
    ``batch``     most routes or changes in one reply.

    Raises CursorExpired and InvalidRecord, before anything is given.
    """
    await view.settled()
    seen = view.history.generation if cursor is None else view.history.position(cursor)
    while True:
        if snapshot:
            view.history.catch_up()
            walk = view.rosters.walk()
            seen, naming = walk.generation, view.table.naming
            try:
                while (rows := walk.step(STEP)) is not None:
                    for reply in _snapshot(view, selection.rows(rows), form, batch, naming):
                        yield reply
                    yield BREATH
            except LostError:
                yield b'{"kind":"resync"}'
                continue
            del walk
        yield _synced(view, seen)
        while (changes := view.history.since(seen, min(batch, _CHANGES))) is not None:
            if not changes:
                yield Pause(partial(view.news_after, seen))
                continue
            seen = changes[-1].generation
            texts = [text for change in changes if (text := _text(view, selection, change, form)) is not None]
            if texts:
                yield (
                    f'{{"kind":"changes","changes":[{",".join(texts)}],"cursor":"{view.history.cursor(seen)}"}}'
                ).encode()
            else:
                yield BREATH
        await view.settled()
        yield b'{"kind":"resync"}'
        snapshot = True


def _snapshot(view: View, rows: list[Row], form: str, batch: int, naming: int) -> Iterator[bytes]:
    for start in range(0, len(rows), batch):
        texts = view.table.texts(rows[start : start + batch], form, True, naming)
        yield f'{{"kind":"snapshot","routes":[{",".join(texts)}]}}'.encode()


def _synced(view: View, seen: int) -> bytes:
    return f'{{"kind":"synced","cursor":"{view.history.cursor(seen)}"}}'.encode()


def _text(view: View, selection: Selection, change: Change[Shape], form: str) -> str | None:
    """The change as JSON; None when it is about no route that the watcher wants.

    A replacement by a route that is not wanted is, for this watcher, a deletion, and the other way
    round a new route.
    """
    difference = change.difference
    destination = difference.destination
    old, new = difference.old, difference.new
    if old is not None and not selection.takes(old, destination):
        old = None
    if new is not None and not selection.takes(new, destination):
        new = None
    if old is None and new is None:
        return None
    whole = (old, new) == (difference.old, difference.new)
    if not whole:
        return _render(view, change, old, new, form)
    if change.texts is None:
        change.texts = {}
    if form not in change.texts:
        change.texts[form] = _render(view, change, old, new, form)
    return change.texts[form]


def _render(view: View, change: Change[Shape], old: Shape | None, new: Shape | None, form: str) -> str | None:
    destination = change.difference.destination
    naming = change.naming
    parts = []
    if old is not None and new is not None:
        # A route that is replaced by itself is one of which only the words changed, and not in every form.
        (previous,) = view.table.texts([(old, destination)], form, True, naming - (old is new))
        (route,) = view.table.texts([(new, destination)], form, True, naming)
        if old is new and route == previous:
            return None
        parts += ['"event":"replace"', f'"route":{route}', f'"previous":{previous}']
    else:
        shape = new or old
        assert shape is not None
        (route,) = view.table.texts([(shape, destination)], form, True, naming)
        parts += [f'"event":"{"delete" if new is None else "new"}"', f'"route":{route}']
    parts.append(f'"generation":{change.generation}')
    if change.port_id is not None:
        parts.append(f'"port_id":{change.port_id}')
    if change.cause is not None:
        parts.append(f'"cause":{json.dumps(change.cause)}')
    return "{" + ",".join(parts) + "}"
