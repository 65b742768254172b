"""Rows: the selected routes of a table, at the reader's pace, each that stays exactly once.

They come from a dump, as the kernel gives them.  Its walk of an IPv6 table cannot be trusted any more once
the table changes (``nld/rib/reconciliation.py`` says why).  So the news is watched meanwhile: what came
before is right, what comes after of that table is passed over, and when the dump ends, the mirror gives the
rest, from where the walk was left; it is told every change.

A table that tells that it never stood still for the length of a dump is given by the mirror altogether.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Iterator
from itertools import count, islice
from typing import NamedTuple

from nld.broker.view import View
from nld.broker.witness import Witness
from nld.kernel.selection import Row, Selection
from nld.kernel.shape import Rank
from nld.kernel.walk import walked
from nld.netlink.registry import AF
from nld.rib.reconciliation import TABLE_LENGTH
from nld.rib.roster import LostError

STEP = 2000
"""Rows that are looked at before the event loop gets a turn."""


class _Place(NamedTuple):
    """Where a walk was left: the last route that was given, and all that were given beside it.

    Their flags and lifetimes may be others by now, as when a carrier comes and goes; they are still the same.
    """

    walked: bytes
    beside: frozenset[tuple[bytes, bytes]]


async def rows(view: View, selection: Selection) -> AsyncGenerator[list[Row], None]:
    """The selected routes as they are in the kernel now, in its order as long as nothing changes."""
    for family in selection.families:
        part = selection.of(family)
        stream = _six(view, part) if family == AF.INET6 else _given(view, part)
        try:
            async for some in stream:
                yield some
        finally:
            await stream.aclose()


async def _given(view: View, selection: Selection) -> AsyncGenerator[list[Row], None]:
    """As the kernel gives them; from the mirror where it cannot."""
    dump = view.table.dump(selection)
    try:
        async for some in dump:
            yield some
    except InterruptedError:
        await view.settled()
        yield sorted((row for row in view.mirror.routes() if selection.takes(*row)), key=_order)
    finally:
        await dump.aclose()


def _order(row: Row) -> tuple[int, bytes, int, Rank]:
    shape, destination = row
    return shape.table, destination, shape.length, shape.rank


async def _six(view: View, selection: Selection) -> AsyncGenerator[list[Row], None]:
    left: dict[bytes, _Place] = {}
    with view.witness() as witness:
        stream = _given(view, selection)
        try:
            async for some in stream:
                await view.table.drained()
                if witness.saw_any(AF.INET6):
                    some = [row for row in some if not witness.saw(row[0].place)]  # noqa: PLW2901
                if some:
                    _note(left, some)
                    yield some
        finally:
            await stream.aclose()
        await view.table.drained()
        if not witness.saw_any(AF.INET6):
            return
    await view.settled()
    rest = _rest(view, selection, witness, left)
    try:
        async for part in rest:
            yield part
    finally:
        await rest.aclose()


def _note(left: dict[bytes, _Place], given: list[Row]) -> None:
    """Keep the place where the walk of each table is."""
    last = {shape.place[:TABLE_LENGTH]: at for at, (shape, _) in enumerate(given)}
    for table, at in last.items():
        place = walked(*given[at])
        beside: set[tuple[bytes, bytes]] = set()
        for row in reversed(given[: at + 1]):
            if not row[0].place.startswith(table) or walked(*row) != place:
                break
            beside.add(_same(row))
        before = left.get(table)
        earlier = before.beside if before is not None and before.walked == place else frozenset()
        left[table] = _Place(place, earlier | beside)


def _same(row: Row) -> tuple[bytes, bytes]:
    """What is equal of a route that is the same but for what the kernel changes by itself."""
    shape, destination = row
    return shape.stable, destination


async def _rest(
    view: View, selection: Selection, witness: Witness, left: dict[bytes, _Place]
) -> AsyncGenerator[list[Row], None]:
    """What the mirror has behind the places where the walks were left, in the kernel's order.

    Empty lists come first, while it is looked for: others may come in between.
    """
    runs: list[list[tuple[bytes, bytes, int, Row]]] = []
    numbers = count()
    for moment in (_shared(view), _copied(view)):
        runs.clear()
        try:
            for some in moment:
                runs.append(sorted(_behind(some, numbers, selection, witness, left)))
                yield []
        except LostError:
            continue
        break
    merged = (entry[3] for entry in heapq.merge(*runs))
    while part := list(islice(merged, STEP)):
        yield part


def _behind(
    some: list[Row], numbers: Iterator[int], selection: Selection, witness: Witness, left: dict[bytes, _Place]
) -> Iterator[tuple[bytes, bytes, int, Row]]:
    """Those of some routes that are behind the places, each with what it is sorted by."""
    for row in some:
        shape, destination = row
        table = shape.place[:TABLE_LENGTH]
        if not (shape.family == AF.INET6 and witness.saw(table) and selection.takes(*row)):
            continue
        place, at = walked(shape, destination), left.get(table)
        if at is None or place > at.walked or (place == at.walked and _same(row) not in at.beside):
            yield table, place, next(numbers), row


def _shared(view: View) -> Iterator[list[Row]]:
    """The routes of this moment, some at a time; a hundred who want them at once share what that takes.

    Raises LostError when more has happened meanwhile than the history keeps.
    """
    view.history.catch_up()
    walk = view.rosters.walk()
    while (some := walk.step(STEP)) is not None:
        yield some


def _copied(view: View) -> Iterator[list[Row]]:
    """The same of a copy, which nothing can outrun."""
    routes = view.mirror.routes()
    while some := list(islice(routes, STEP)):
        yield some
