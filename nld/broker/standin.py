"""Stand-ins: how a route of nld's is replaced where other programs write too.

NLM_F_REPLACE takes the place of whatever is there when the kernel gets to it: a route that another program
has put there since nld looked would be overwritten.  So where others have been seen to write, nld asks for
nothing that could hit another's route:

1. the new route is added beside the old one, with the next free metric: the *stand-in*;
2. the old route is deleted, by all that is known of it, and the new one added in its place, if that is free;
3. the stand-in is deleted.

At no moment is there no route, and each step fails where somebody else was quicker.  What the kernel does
not take in step 1 has changed nothing.  If step 2 leaves the place empty, the old route is put back.

Does not belong here: whose the old route is (``writing.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from nld.broker.meaning import exactly
from nld.broker.view import View
from nld.errors import NldError, OutcomeUnknown, RouteExists
from nld.kernel.shape import Rank, Shape
from nld.kernel.table import Operation, Pattern
from nld.netlink.route import Route, copied

_HIGHEST = 2**32 - 1
"""RTA_PRIORITY is a U32."""


class Swap(NamedTuple):
    """One route to be replaced: ``place`` in its piece, and the one that stands there now."""

    place: int
    pattern: Pattern
    destination: bytes
    old: Shape


class Swapped(NamedTuple):
    """What became of them, by place; those in none of the three are done.

    ``again``   somebody else was quicker: what stands there must be looked at again.
    ``plain``   the kernel takes the new route only while the old one is there: it leads to its own gateway.
    """

    errors: dict[int, NldError]
    again: list[int]
    plain: list[int]


_Step = tuple[Pattern, bytes]


class _Patterns:
    """The patterns of the steps; of thousands of routes a few are asked for."""

    def __init__(self, view: View) -> None:
        self._table = view.table
        self._made: dict[tuple[Any, ...], Pattern] = {}

    def added(self, pattern: Pattern, metric: int | None = None) -> Pattern:
        """To add the route, with this metric instead of its own."""

        def make() -> Pattern:
            route = pattern.route if metric is None else copied(pattern.route, priority=metric)
            return self._pattern(pattern, route, Operation.ADD)

        return self._one(("add", pattern, metric), make)

    def deleted(self, pattern: Pattern) -> Pattern:
        """To delete what :meth:`added` has added."""

        def make() -> Pattern:
            return self._pattern(pattern, copied(pattern.route, expires=None), Operation.DELETE)

        return self._one(("delete", pattern), make)

    def out(self, one: Swap) -> Pattern:
        """To delete the old route."""
        return self._one(
            ("out", one.pattern, one.old), lambda: exactly(self._table, one.pattern, one.old).exactly
        )

    def _pattern(self, pattern: Pattern, route: Route, how: Operation) -> Pattern:
        return self._table.pattern(pattern.operation, pattern.record, route, how)

    def _one(self, key: tuple[Any, ...], make: Callable[[], Pattern]) -> Pattern:
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = make()
        return made


async def swap(view: View, swaps: Sequence[Swap]) -> Swapped:
    """Replace these. Raises KernelUnavailable."""
    result = Swapped({}, [], [])
    patterns = _Patterns(view)
    placed: list[tuple[Swap, Pattern]] = []
    standins = [(one, patterns.added(one.pattern, _free_metric(view, one))) for one in swaps]
    answers = await _write(view, [(pattern, one.destination) for one, pattern in standins])
    for (one, pattern), error in zip(standins, answers, strict=True):
        if error is None or (isinstance(error, OutcomeUnknown) and _at(view, one, pattern.rank)):
            placed.append((one, pattern))
        elif isinstance(error, RouteExists):
            result.again.append(one.place)
        else:
            result.errors[one.place] = error
    await _write(view, [(patterns.out(one), one.destination) for one, _ in placed])
    said = await _write(view, [(patterns.added(one.pattern), one.destination) for one, _ in placed])
    failed = [one for (one, _), error in zip(placed, said, strict=True) if error is not None]
    await _put_back(view, patterns, failed)
    await _write(view, [(patterns.deleted(pattern), one.destination) for one, pattern in placed])
    for (one, _), error in zip(placed, said, strict=True):
        if error is None:
            continue
        if isinstance(error, OutcomeUnknown):
            result.errors[one.place] = error
        elif isinstance(error, RouteExists) or one.old not in _at(view, one, one.old.rank):
            result.again.append(one.place)
        else:
            result.plain.append(one.place)
    return result


def _at(view: View, one: Swap, rank: Rank) -> list[Shape]:
    """What stands at the key with this rank."""
    there = view.mirror.at(one.pattern.place + one.destination)
    return [shape for shape in there if shape.rank == rank]


def _free_metric(view: View, one: Swap) -> int:
    """The nearest metric that nothing has at the key."""
    tos, metric, source = one.pattern.rank
    there = view.mirror.at(one.pattern.place + one.destination)
    taken = {shape.rank[1] for shape in there if (shape.rank[0], shape.rank[2]) == (tos, source)}
    free = metric
    while free in taken and free < _HIGHEST:
        free += 1
    while free in taken:
        free -= 1
    return free


async def _put_back(view: View, patterns: _Patterns, failed: Iterable[Swap]) -> None:
    """Where nothing stands now, what stood there is added again, and is nld's as before."""
    empty = [one for one in failed if not _at(view, one, one.old.rank)]
    steps = [(patterns.added(patterns.out(one)), one.destination) for one in empty]
    for one, error in zip(empty, await _write(view, steps), strict=True):
        if error is None:
            view.wrote(one.old, one.destination)


async def _write(view: View, steps: Sequence[_Step]) -> list[NldError | None]:
    """The error of each step, once the mirror shows what they did."""
    errors: list[NldError | None] = [None] * len(steps)
    most = view.table.piece
    for start in range(0, len(steps), most):
        part = steps[start : start + most]
        for answer in await view.table.write([step[0] for step in part], [step[1] for step in part]):
            errors[start + answer.index] = answer.error
        await view.settled([step[0].place + step[1] for step in part], suspected=False)
    return errors
