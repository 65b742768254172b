"""Writing: a piece of a call on its way into the kernel, and what became of each of its routes.

While nobody else writes to the same kernel table through nld: see in the mirror what stands at the keys,
refuse what must not be touched, send the rest, take in the notifications, and compare what stands there now
with what was asked for.

Other programs write to the kernel at the same time.  So what was seen may be different when the kernel gets
to the message, and each message is such that the kernel refuses it then:

* a key that was empty is asked for with CREATE|EXCL, whatever the operation;
* a delete names all that is known of the route (``meaning.py``);
* a route that is there is replaced by way of a stand-in, where others write (``standin.py``).

What was refused because somebody else was quicker is looked at and decided again, a bounded number of times.

Of thousands of routes a few patterns are asked for, and few shapes stand there.  So each question (may
it be altered? is it as asked? which route does a delete mean?) is answered once for each pair of a
pattern and what stands at the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

from nld.broker.failures import Why
from nld.broker.meaning import Meant, meant, missing
from nld.broker.pacing import Pace
from nld.broker.standin import Swap, swap
from nld.broker.view import View
from nld.broker.wishes import Piece
from nld.errors import (
    ForeignRoute,
    InvalidRecord,
    KernelRefused,
    NldError,
    OutcomeUnknown,
    RouteExists,
    RouteNotFound,
)
from nld.kernel.comparison import SHOWN_OF_A_LEG, asked_fields, difference
from nld.kernel.extent import check_joined
from nld.kernel.shape import Shape
from nld.kernel.table import Operation, Pattern
from nld.netlink.registry import AF
from nld.rib.mirror import Entry, several
from nld.rib.reconciliation import FAMILY_AT

_JOINING = (Operation.APPEND, Operation.PREPEND)
"""What may add a leg to an IPv6 route that is there."""

ROUNDS = 16
"""How often a route is decided on again because another program was quicker, before that is the answer."""

SWAPPED = 512
"""Routes that are replaced by way of stand-ins at a time; what happened to them is summed up in one turn."""

_REMEMBERED = 4096
"""Answers remembered before the memory of them is thrown away and built anew."""

_FEW = 16
"""Questions that are answered in one turn of the loop: a tenth of a millisecond each, at the most."""

_Pair: TypeAlias = tuple[Pattern, Entry[Shape]]
"""What is asked for at a key, and what stands there."""

_Value = TypeVar("_Value")


class _Answers(dict[_Pair, _Value]):
    """What was answered for each pair, once and for all; bounded."""

    def __init__(self, answer: Callable[[Pattern, Entry[Shape]], _Value]) -> None:
        super().__init__()
        self._answer = answer

    def steps(self, pairs: set[_Pair]) -> Iterator[None]:
        """As :meth:`settle`, one answer a step."""
        if len(self) + len(pairs) > _REMEMBERED:
            self.clear()
        for pair in pairs:
            if pair not in self:
                self[pair] = self._answer(*pair)
                yield

    def settle(self, pairs: set[_Pair]) -> None:
        """Have an answer for each of these."""
        if len(self) > _REMEMBERED:
            self.clear()
        for pair in pairs:
            if pair not in self:
                self[pair] = self._answer(*pair)

    def one(self, pattern: Pattern, entry: Entry[Shape]) -> _Value:
        """The answer for one pair."""
        self.settle({(pattern, entry)})
        return self[pattern, entry]


class Failed(NamedTuple):
    """A route that was not done, by its place in the piece."""

    place: int
    why: Why


class _Round(NamedTuple):
    """What is sent at once.

    ``indexes``, ``patterns``  places in the piece, and what is sent for each of them.
    ``again``  how the kernel says that somebody else was quicker; none where it cannot be.
    ``swaps``  what is replaced by way of a stand-in.
    """

    indexes: Sequence[int]
    patterns: Sequence[Pattern]
    again: tuple[type[NldError], ...] = ()
    swaps: Sequence[Swap] = ()


class Writing:
    """The writes to one kernel table."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._own = view.table.protocol
        self._verdicts = _Answers(_verdict)
        self._peers = _Answers(_peers)
        self._meant: _Answers[tuple[Meant, ...]] = _Answers(lambda *pair: meant(view.table, *pair))
        self._fresh: dict[Pattern, Pattern] = {}
        self._pace = Pace()

    async def write(self, piece: Piece, takeover: bool) -> list[Failed]:
        """Write one piece; what was not done, in order.

        The news must just have been taken in, and is so again afterwards.

        ``takeover``  routes of others may be altered.
        """
        view = self._view
        operation = piece.patterns[0].operation
        waits = view.writers.locked()
        async with view.writers:
            if operation is not Operation.ADD:
                await view.settled(piece.keys)
            elif waits or len(piece.keys) > 1:
                # An add alters nothing that stands there.  But if its answer is lost, what stood there before
                # tells whether it was refused.  For one route the news was taken in a moment ago.
                await view.table.drained()
            before = view.mirror.entries(piece.keys)
            if _many(piece.patterns, before):
                await self._pace.go(self._asked(piece, before, takeover))
                before = view.mirror.entries(piece.keys)
            errors: dict[int, Why] = {}
            left: Sequence[int] = range(len(piece.keys))
            for _ in range(ROUNDS):
                decided = self._decide(piece, left, before, takeover, errors)
                left = await self._send(piece, decided, before, errors)
                if not left:
                    break
                for index, entry in zip(left, view.mirror.entries(piece.keys[i] for i in left), strict=True):
                    before[index] = entry
            for index in left:
                errors[index] = partial(self._outrun, piece.patterns[index], piece.destinations[index])
            after = view.mirror.entries(piece.keys)
            if operation is not Operation.DELETE and _many(piece.patterns, after):
                await self._pace.go(self._verdicts.steps(set(zip(piece.patterns, after, strict=True))))
            self._read_back(piece, before, after, errors)
        return [Failed(index, errors[index]) for index in sorted(errors)]

    # -- before

    def _asked(self, piece: Piece, before: Sequence[Entry[Shape]], takeover: bool) -> Iterator[None]:
        """Find what deciding is going to ask for, one answer a step; most of it is remembered then."""
        operation = piece.patterns[0].operation
        pairs = set(zip(piece.patterns, before, strict=True))
        if operation is Operation.DELETE:
            yield from self._meant.steps(pairs)
        elif operation is not Operation.ADD and not takeover:
            if len(self._fresh) + len(pairs) > _REMEMBERED:
                self._fresh.clear()
            for pattern, entry in pairs:
                if pattern not in self._fresh and not self._peers.one(pattern, entry):
                    self._made_fresh(pattern)
                    yield

    def _decide(
        self,
        piece: Piece,
        left: Sequence[int],
        before: Sequence[Entry[Shape]],
        takeover: bool,
        errors: dict[int, Why],
    ) -> _Round:
        """What to send for each of those that are left; what must not be done is in ``errors`` then."""
        operation = piece.patterns[0].operation
        if operation is Operation.DELETE:
            return self._exactly(piece, left, before, takeover, errors)
        if operation is not Operation.ADD:
            left = self._showable(piece, left, before, errors)
        if operation is Operation.ADD or takeover:
            return _Round(left, _some(piece.patterns, left))
        view, peers, fresh = self._view, self._peers, self._fresh
        pairs = list(zip(_some(piece.patterns, left), _some(before, left), strict=True))
        peers.settle(set(pairs))
        replacing = operation in (Operation.REPLACE, Operation.CHANGE)
        indexes: list[int] = []
        patterns: list[Pattern] = []
        swaps: list[Swap] = []
        for index, pair in zip(left, pairs, strict=True):
            pattern, there = pair[0], peers[pair]
            if not there:
                if operation is Operation.CHANGE:
                    errors[index] = partial(self._nothing, pattern, piece.destinations[index])
                    continue
                pattern = fresh.get(pattern) or self._made_fresh(pattern)
            elif (foreign := self._foreign_of(piece.keys[index], there)) is not None:
                errors[index] = partial(self._foreign, pattern, piece.destinations[index], foreign)
                continue
            elif replacing and len(there) == 1 and view.ownership.shared(pattern.place):
                swaps.append(Swap(index, pattern, piece.destinations[index], there[0]))
                continue
            indexes.append(index)
            patterns.append(pattern)
        return _Round(indexes, patterns, (RouteExists,), swaps)

    def _exactly(
        self,
        piece: Piece,
        left: Sequence[int],
        before: Sequence[Entry[Shape]],
        takeover: bool,
        errors: dict[int, Why],
    ) -> _Round:
        """For each delete the pattern of the one route that it means, with all that is known of it."""
        pairs = list(zip(_some(piece.patterns, left), _some(before, left), strict=True))
        self._meant.settle(set(pairs))
        indexes, patterns = [], []
        ownership = self._view.ownership
        for index, pair in zip(left, pairs, strict=True):
            found = self._meant[pair]
            key, destination = piece.keys[index], piece.destinations[index]
            ours = next((one for one in found if takeover or not ownership.foreign(key, one.shape)), None)
            if ours is not None:
                indexes.append(index)
                patterns.append(ours.exactly)
            elif found:
                errors[index] = partial(self._foreign, pair[0], destination, found[0].shape)
            else:
                errors[index] = partial(self._missing, pair, destination)
        return _Round(indexes, patterns, (RouteNotFound,))

    def _showable(
        self, piece: Piece, left: Sequence[int], before: Sequence[Entry[Shape]], errors: dict[int, Why]
    ) -> Sequence[int]:
        """Those that make no route too large by joining it; the others are in ``errors`` then."""
        if piece.patterns[0].operation not in _JOINING:
            return left
        told: set[int] = set()
        for index in left:
            pattern = piece.patterns[index]
            if pattern.place[FAMILY_AT] != AF.INET6:
                continue
            for shape in self._peers.one(pattern, before[index]):
                if not shape.merges:
                    continue
                key = self._view.table.key_text(pattern, piece.destinations[index])
                try:
                    check_joined(
                        pattern.operation.value,
                        pattern.route,
                        len(pattern.template.message),
                        len(shape.payload),
                        key,
                    )
                except InvalidRecord as error:
                    errors[index] = error
                    told.add(index)
        return [index for index in left if index not in told] if told else left

    def _missing(self, pair: _Pair, destination: bytes) -> NldError:
        """The error for a delete that fits nothing that is known."""
        pattern, entry = pair
        table = self._view.table
        hidden = self._view.hidden(pattern.route.family, "delete", table.key_text(pattern, destination))
        return hidden or missing(table, pattern, destination, entry)

    def _made_fresh(self, pattern: Pattern) -> Pattern:
        """The pattern, to be refused where something stands already."""
        if len(self._fresh) > _REMEMBERED:
            self._fresh.clear()
        made = self._view.table.pattern(pattern.operation, pattern.record, pattern.route, Operation.ADD)
        self._fresh[pattern] = made
        return made

    def _foreign_of(self, key: bytes, shapes: Sequence[Shape]) -> Shape | None:
        """The first of these that is somebody else's."""
        own, ownership = self._own, self._view.ownership
        return next(
            (shape for shape in shapes if shape.protocol != own and ownership.foreign(key, shape)), None
        )

    # -- sending

    async def _send(
        self, piece: Piece, decided: _Round, before: Sequence[Entry[Shape]], errors: dict[int, Why]
    ) -> list[int]:
        """Send it; the places of those where somebody else was quicker."""
        view = self._view
        again: list[int] = []
        plain: list[int] = []
        for start in range(0, len(decided.swaps), SWAPPED):
            swaps = decided.swaps[start : start + SWAPPED]
            with view.several_steps(piece.keys[one.place] for one in swaps):
                swapped = await swap(view, swaps)
            errors.update(swapped.errors)
            again += swapped.again
            plain += swapped.plain
        indexes, patterns = decided.indexes, decided.patterns
        if plain:
            indexes = [*indexes, *plain]
            patterns = [*patterns, *(piece.patterns[index] for index in plain)]
        if not indexes:
            return again
        answers = await view.table.write(patterns, _some(piece.destinations, indexes))
        await view.settled(piece.keys, suspected=False)
        for answer in answers:
            index = indexes[answer.index]
            if isinstance(answer.error, decided.again) and self._may_have_changed(
                piece, index, before[index]
            ):
                again.append(index)
            else:
                errors[index] = answer.error
        return sorted(again)

    def _may_have_changed(self, piece: Piece, index: int, before: Entry[Shape]) -> bool:
        """Whether a refusal may come from what stands at a key now, and did not stand there before.

        What came and went meanwhile leaves no trace, so that an empty key may have been taken all the same.
        """
        there = self._peers.one(piece.patterns[index], before)
        return not there or self._view.mirror.at(piece.keys[index]) != several(before)

    # -- after

    def _read_back(
        self,
        piece: Piece,
        before: Sequence[Entry[Shape]],
        after: Sequence[Entry[Shape]],
        errors: dict[int, Why],
    ) -> None:
        """Compare what the kernel has now with what was asked for, and look what became of the unknown."""
        operation = piece.patterns[0].operation
        if operation is Operation.DELETE:
            for index in [index for index, error in errors.items() if isinstance(error, OutcomeUnknown)]:
                there = several(after[index])
                if not any(
                    one.shape in there for one in self._meant.one(piece.patterns[index], before[index])
                ):
                    del errors[index]
            return
        verdicts = self._verdicts
        pairs = set(zip(piece.patterns, after, strict=True))
        verdicts.settle(pairs)
        if not errors and all(verdicts[pair] is None and self._is_own(pair[0]) for pair in pairs):
            return
        replacing = operation in (Operation.REPLACE, Operation.CHANGE)
        for index, pattern in enumerate(piece.patterns):
            error = errors.get(index)
            wrong = verdicts[pattern, after[index]]
            if error is None:
                if wrong is not None:
                    errors[index] = partial(self._unlike, pattern, piece.destinations[index], wrong)
                    continue
            elif isinstance(error, OutcomeUnknown) and wrong is None and (replacing or not before[index]):
                del errors[index]
            else:
                continue
            if not self._is_own(pattern):
                self._remember(pattern, piece.keys[index], after[index])

    def _remember(self, pattern: Pattern, key: bytes, entry: Entry[Shape]) -> None:
        """A route under another protocol than nld's is nld's now."""
        for shape in several(entry):
            if self._verdicts.one(pattern, shape) is None:
                self._view.ownership.written(key, shape)

    def _is_own(self, pattern: Pattern) -> bool:
        """Whether the route's protocol says that it is nld's."""
        return pattern.route.protocol == self._own

    # -- in words

    def _foreign(self, pattern: Pattern, destination: bytes, shape: Shape) -> ForeignRoute:
        key = self._view.table.key_text(pattern, destination)
        owner = self._view.table.protocol_name(shape.protocol)
        return ForeignRoute(
            f"{pattern.operation.value} {key}: the route that is there belongs to somebody else "
            f"(protocol {owner}); nld leaves it alone unless takeover is set",
            key=key,
            errno="EPERM",
        )

    def _nothing(self, pattern: Pattern, destination: bytes) -> RouteNotFound:
        key = self._view.table.key_text(pattern, destination)
        why = "there is no route with this destination, table, tos and metric to change"
        return RouteNotFound(f"{pattern.operation.value} {key}: {why}", key=key, errno="ENOENT")

    def _outrun(self, pattern: Pattern, destination: bytes) -> KernelRefused:
        key = self._view.table.key_text(pattern, destination)
        return KernelRefused(
            f"{pattern.operation.value} {key}: another program changed what stands there each of the "
            f"{ROUNDS} times that nld looked",
            key=key,
            errno="EEXIST",
        )

    def _unlike(self, pattern: Pattern, destination: bytes, field: str) -> KernelRefused:
        key = self._view.table.key_text(pattern, destination)
        if field == "dst":
            why = "but reading back does not show it: another program removed it, or the kernel dropped it"
        elif field == "protocol":
            why = "but reading back shows another protocol: another program has replaced it"
        else:
            why = (
                f"but reading back shows another {field}: the kernel ignored or changed it, "
                "or another program did"
            )
        return KernelRefused(
            f"{pattern.operation.value} {key}: the kernel acknowledged it, {why}", key=key, field=field
        )


def _some(column: Sequence[_Value], indexes: Sequence[int]) -> Sequence[_Value]:
    """These places of a column."""
    return column if len(indexes) == len(column) else [column[index] for index in indexes]


def _many(patterns: Sequence[Pattern], entries: Sequence[Entry[Shape]]) -> bool:
    """Whether so many unlike questions are to be answered that others should come in between."""
    return len(set(patterns)) > _FEW or len(set(entries)) > _FEW


def _peers(pattern: Pattern, entry: Entry[Shape]) -> tuple[Shape, ...]:
    """The routes whose place a route of this pattern would take, or which it would join."""
    return tuple(shape for shape in several(entry) if shape.rank == pattern.rank)


def _verdict(pattern: Pattern, entry: Entry[Shape]) -> str | None:
    """The field in which what stands there is not as asked; None when one of it is."""
    wrong: str | None = "dst"
    for shape in several(entry):
        if shape.rank != pattern.rank:
            continue  # a neighbour: the kernel alters no metric
        got = shape.route()
        names = asked_fields(pattern.record)
        if pattern.operation in _JOINING and shape.merges and got.multipath is not None:
            wrong = difference(pattern.route, names & SHOWN_OF_A_LEG, got)
        elif got.protocol != pattern.route.protocol:
            wrong = "protocol"
        else:
            wrong = difference(pattern.route, names, got)
        if wrong is None:
            break
    return wrong
