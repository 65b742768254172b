"""Writing: a piece of a call on its way into the kernel, and what became of each of its routes.

While nobody else writes to the same kernel table: see in the mirror what stands at the keys, refuse
what must not be touched, send the rest, take in the notifications, and compare what stands there now
with what was asked for.

Of thousands of routes a few patterns are asked for, and few shapes stand there.  So each question (may
it be altered? is it as asked? which route does a delete mean?) is answered once for each pair of a
pattern and what stands at the key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, TypeVar

from nld.broker.view import View
from nld.broker.wishes import Piece
from nld.errors import ForeignRoute, KernelRefused, NldError, OutcomeUnknown, RouteNotFound
from nld.kernel.comparison import asked_fields, difference, leg, without_leg_fields
from nld.kernel.shape import Shape
from nld.kernel.table import Operation, Pattern, Refusal
from nld.netlink.registry import NextHopFlag
from nld.netlink.route import Route
from nld.rib.mirror import Entry, several

_REJECTS = frozenset({6, 7, 8, 9})
_SETTABLE = int(NextHopFlag.ONLINK | NextHopFlag.PERVASIVE)

_REMEMBERED = 4096
"""Answers remembered before the memory of them is thrown away and built anew."""

_Pair: TypeAlias = tuple[Pattern, Entry[Shape]]
"""What is asked for at a key, and what stands there."""


class _Meant(NamedTuple):
    """The one route that a delete means: its shape, and the pattern that says all that is known of it."""

    shape: Shape
    exactly: Pattern


_Value = TypeVar("_Value")


class _Answers(dict[_Pair, _Value]):
    """What was answered for each pair, once and for all; bounded."""

    def __init__(self, answer: Callable[[Pattern, Entry[Shape]], _Value]) -> None:
        super().__init__()
        self._answer = answer

    def settle(self, pairs: set[_Pair]) -> None:
        """Have an answer for each of these."""
        if len(self) > _REMEMBERED:
            self.clear()
        for pair in pairs:
            if pair not in self:
                self[pair] = self._answer(*pair)


class Writing:
    """The writes to one kernel table."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._own = view.table.protocol
        self._verdicts = _Answers(_verdict)
        self._threatened = _Answers(self._threatens)
        self._meant = _Answers(self._find)

    async def write(self, piece: Piece, takeover: bool) -> list[Refusal]:
        """Write one piece; what was not done, in order.

        The view must be settled, and is so again afterwards.

        ``takeover``  routes of others may be altered.
        """
        view = self._view
        patterns, destinations = piece.patterns, piece.destinations
        operation = patterns[0].operation
        waited = view.writers.locked()
        async with view.writers:
            if waited or operation is not Operation.ADD:  # an add alters nothing that stands there
                await view.settled()
            before = view.mirror.entries(piece.keys)
            errors: dict[int, NldError] = {}
            if operation is Operation.DELETE:
                patterns = self._exactly(piece, before, takeover, errors)
            elif operation is not Operation.ADD and not takeover:
                self._guard(piece, before, errors)
            left: Sequence[int] = range(len(patterns))
            if errors:
                left = [index for index in left if index not in errors]
                patterns = [patterns[index] for index in left]
                destinations = [destinations[index] for index in left]
            if left:
                answers = await view.table.write(patterns, destinations)
                await view.settled()
                errors |= {left[answer.index]: answer.error for answer in answers}
                self._read_back(piece, before, left, errors)
        return [Refusal(index, errors[index]) for index in sorted(errors)]

    # -- before

    def _guard(self, piece: Piece, before: Sequence[Entry[Shape]], errors: dict[int, NldError]) -> None:
        """Refuse what would alter a foreign route."""
        pairs = list(zip(piece.patterns, before, strict=True))
        threatened = self._threatened
        threatened.settle(set(pairs))
        for index, pair in enumerate(pairs):
            for shape in threatened[pair]:
                if self._view.foreign(piece.keys[index], shape, self._own):
                    errors[index] = self._foreign(pair[0], piece.destinations[index], shape)
                    break

    def _threatens(self, pattern: Pattern, entry: Entry[Shape]) -> tuple[Shape, ...]:
        """The routes that are not under nld's own protocol and would be altered."""
        return tuple(
            shape for shape in several(entry) if shape.rank == pattern.rank and shape.protocol != self._own
        )

    def _foreign(self, pattern: Pattern, destination: bytes, shape: Shape) -> ForeignRoute:
        key = self._view.table.key_text(pattern, destination)
        owner = self._view.table.protocol_name(shape.protocol)
        return ForeignRoute(
            f"{pattern.operation.value} {key}: the route that is there belongs to somebody else "
            f"(protocol {owner}); nld leaves it alone unless takeover is set",
            key=key,
            errno="EPERM",
        )

    # -- after

    def _read_back(
        self, piece: Piece, before: Sequence[Entry[Shape]], sent: Sequence[int], errors: dict[int, NldError]
    ) -> None:
        """Compare what the kernel has now with what was asked for, and look what became of the unknown."""
        operation = piece.patterns[0].operation
        after = self._view.mirror.entries(piece.keys)
        if operation is Operation.DELETE:
            for index in [index for index in sent if isinstance(errors.get(index), OutcomeUnknown)]:
                meant = self._meant[piece.patterns[index], before[index]]
                if meant is not None and meant.shape not in several(after[index]):
                    del errors[index]
            return
        verdicts = self._verdicts
        pairs = set(zip(piece.patterns, after, strict=True))
        verdicts.settle(pairs)
        if not errors and all(verdicts[pair] is None and self._is_own(pair[0]) for pair in pairs):
            return
        replacing = operation in (Operation.REPLACE, Operation.CHANGE)
        ours = self._view.ours
        for index in sent:
            pattern = piece.patterns[index]
            error = errors.get(index)
            wrong = verdicts[pattern, after[index]]
            if error is None:
                if wrong is not None:
                    errors[index] = self._unlike(pattern, piece.destinations[index], wrong)
                    continue
            elif isinstance(error, OutcomeUnknown) and wrong is None and (replacing or not before[index]):
                del errors[index]
            else:
                continue
            if not self._is_own(pattern):
                ours[piece.keys[index]] = pattern.route.protocol

    def _is_own(self, pattern: Pattern) -> bool:
        """Whether the route's protocol says that it is nld's."""
        return pattern.route.protocol == self._own

    def _unlike(self, pattern: Pattern, destination: bytes, field: str) -> KernelRefused:
        key = self._view.table.key_text(pattern, destination)
        if field == "dst":
            why = "but reading back does not show it: another program removed it, or the kernel dropped it"
        else:
            why = f"but reading back shows another {field}: the kernel ignored or changed it"
        return KernelRefused(
            f"{pattern.operation.value} {key}: the kernel acknowledged it, {why}", key=key, field=field
        )

    # -- deleting

    def _exactly(
        self, piece: Piece, before: Sequence[Entry[Shape]], takeover: bool, errors: dict[int, NldError]
    ) -> list[Pattern]:
        """For each delete the pattern of the one route that it means, with all that is known of it.

        The kernel would take what a delete leaves out as a wildcard.
        """
        pairs = list(zip(piece.patterns, before, strict=True))
        meant = self._meant
        meant.settle(set(pairs))
        patterns = []
        for index, pair in enumerate(pairs):
            pattern, entry = pair
            found = meant[pair]
            if found is None:
                errors[index] = self._missing(pattern, piece.destinations[index], several(entry))
            else:
                pattern = found.exactly
                if not takeover and self._view.foreign(piece.keys[index], found.shape, self._own):
                    errors[index] = self._foreign(pattern, piece.destinations[index], found.shape)
            patterns.append(pattern)
        return patterns

    def _find(self, pattern: Pattern, entry: Entry[Shape]) -> _Meant | None:
        """The first route that has every field which the record names, or the leg of one."""
        asked, names = pattern.route, asked_fields(pattern.record)
        legs: tuple[Shape, int] | None = None
        for shape in several(entry):
            got = shape.route()
            if asked.multipath is not None and len(asked.multipath) != len(got.multipath or (got,)):
                continue  # some of its legs are not the route
            if not shape.merges or got.multipath is None:
                if difference(asked, names, got) is None:
                    return self._whole(pattern, shape, None)
                continue
            found = leg(asked, names, got)
            if found is not None and difference(asked, without_leg_fields(names), got) is None:
                legs = legs or (shape, got.multipath.index(found))
            elif difference(asked, names, got) is None:
                return self._whole(pattern, shape, None)
        return None if legs is None else self._whole(pattern, *legs)

    def _whole(self, pattern: Pattern, shape: Shape, leg_index: int | None) -> _Meant:
        route = _whole(shape.route(), leg_index)
        return _Meant(shape, self._view.table.pattern(pattern.operation, pattern.record, route))

    def _missing(self, pattern: Pattern, destination: bytes, there: Sequence[Shape]) -> RouteNotFound:
        key = self._view.table.key_text(pattern, destination)
        if there:
            texts = self._view.table.texts([(shape, destination) for shape in there[:3]], "ip")
            why = f"no such route; with this destination there is {' and '.join(texts)}"
        else:
            why = "no such route is in the table"
        return RouteNotFound(f"delete {key}: {why}", key=key, errno="ESRCH")


def _verdict(pattern: Pattern, entry: Entry[Shape]) -> str | None:
    """The field in which what stands there is not as asked; None when one of it is."""
    wrong: str | None = "dst"
    for shape in several(entry):
        got = shape.route()
        if shape.rank != pattern.rank:
            wrong = "metric"
        elif got.protocol != pattern.route.protocol:
            wrong = "protocol"
        else:
            wrong = difference(pattern.route, asked_fields(pattern.record), got)
        if wrong is None:
            break
    return wrong


def _whole(route: Route, leg_index: int | None) -> Route:
    """What a delete must say to mean this route and no other; or one leg of it."""
    route = replace(route, cacheinfo=None, expires=None, flags=route.flags & _SETTABLE)
    if route.nh_id is not None:
        # The kernel shows what the object says beside its id, and takes the id alone.
        return replace(route, gateway=None, via=None, oif=None, multipath=None, encap=None, encap_type=None)
    if route.type in _REJECTS:
        return replace(route, oif=None)
    if leg_index is not None and route.multipath is not None:
        hop = route.multipath[leg_index]
        return replace(
            route, multipath=None, gateway=hop.gateway, via=hop.via, oif=hop.ifindex,
            encap=hop.encap, encap_type=hop.encap_type,
        )  # fmt: skip
    if route.multipath is not None:
        legs = tuple(replace(hop, flags=hop.flags & _SETTABLE) for hop in route.multipath)
        return replace(route, multipath=legs)
    return route
