"""Watching: a snapshot, then every change in order, for one watcher at its own pace.

The snapshot and the generation it belongs to are taken in the same moment, so that the changes that
follow are exactly those that it does not show.  A watcher that reads slowly falls behind in the
history, which is shared; one that falls behind the history itself gets a ``resync`` and a new snapshot.
The daemon never keeps anything for one watcher but its place.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from itertools import islice

from nld.broker.view import View
from nld.kernel.selection import Selection
from nld.kernel.shape import Shape
from nld.rib.history import Change


async def watch(  # noqa: PLR0917 - the order of the control channel
    view: View, selection: Selection, cursor: str | None, snapshot: bool, form: str, batch: int
) -> AsyncGenerator[bytes, None]:
    """JSON objects, each the parameters of one reply; ends only when it is closed.

    ``cursor``    go on after it; None begins now.
    ``snapshot``  whether to begin with what is there.
    ``batch``     most routes or changes in one reply.

    Raises CursorExpired and InvalidRecord, before anything is given.
    """
    await view.settled()
    seen = view.history.generation if cursor is None else view.history.position(cursor)
    if snapshot:
        seen = view.history.generation
        for part in _snapshot(view, selection, form, batch):
            yield part
    yield _synced(view, seen)
    while True:
        changes = view.history.since(seen, batch)
        if changes is None:
            await view.settled()
            yield b'{"kind":"resync"}'
            seen = view.history.generation
            for part in _snapshot(view, selection, form, batch):
                yield part
            yield _synced(view, seen)
        elif not changes:
            await view.news_after(seen)
        else:
            seen = changes[-1].generation
            texts = [text for change in changes if (text := _text(view, selection, change, form)) is not None]
            if texts:
                yield (
                    f'{{"kind":"changes","changes":[{",".join(texts)}],"cursor":"{view.history.cursor(seen)}"}}'
                ).encode()


def _snapshot(view: View, selection: Selection, form: str, batch: int) -> Iterator[bytes]:
    rows = (row for row in view.mirror.routes() if selection.takes(*row))
    while part := list(islice(rows, batch)):
        texts = view.table.texts(part, form, True)
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
    kept = change.texts.get(form)
    if kept is None:
        kept = change.texts[form] = _render(view, change, old, new, form)
    return kept


def _render(view: View, change: Change[Shape], old: Shape | None, new: Shape | None, form: str) -> str:
    destination = change.difference.destination
    parts = []
    if old is not None and new is not None:
        route, previous = view.table.texts([(new, destination), (old, destination)], form, True)
        parts += ['"event":"replace"', f'"route":{route}', f'"previous":{previous}']
    else:
        shape = new or old
        assert shape is not None
        (route,) = view.table.texts([(shape, destination)], form, True)
        parts += [f'"event":"{"delete" if new is None else "new"}"', f'"route":{route}']
    parts.append(f'"generation":{change.generation}')
    if change.port_id is not None:
        parts.append(f'"port_id":{change.port_id}')
    if change.cause is not None:
        parts.append(f'"cause":{json.dumps(change.cause)}')
    return "{" + ",".join(parts) + "}"
