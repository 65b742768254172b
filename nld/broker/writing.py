"""Writing: one batch on its way into the kernel, piece by piece, and what became of each route.

For each piece, while nobody else writes to the same kernel table: see in the mirror what stands at the
keys, refuse what must not be touched, send the rest, take in the notifications, and compare what
stands there now with what was asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from nld.broker.view import View
from nld.errors import ForeignRoute, KernelRefused, NldError, RouteNotFound
from nld.kernel.comparison import DEFAULT_METRIC, asked_fields, difference, leg, without_leg_fields
from nld.kernel.shape import Rank, Shape, place, rank
from nld.kernel.table import Batch, Operation, Refusal
from nld.netlink.registry import AF, NextHopFlag
from nld.netlink.route import Route

REPORTED = 100
"""Failures of one call that are told in full; the rest is counted."""

_REJECTS = frozenset({6, 7, 8, 9})
_SETTABLE = int(NextHopFlag.ONLINK | NextHopFlag.PERVASIVE)


class Failures:
    """What went wrong in one call."""

    def __init__(self, operation: Operation) -> None:
        self.count = 0
        self.told: list[NldError] = []
        self._operation = operation

    @property
    def first(self) -> NldError:
        """The first failure; there must be one."""
        return self.told[0]

    def add(self, error: NldError, index: int, destination_index: int | None) -> None:
        """Note the failure of one route: record ``index`` of the call, and which of its destinations."""
        self.count += 1
        if len(self.told) < REPORTED:
            error.operation = self._operation.value
            error.index = index
            error.destination_index = destination_index
            if error.field:
                error.field = f"routes[{index}].{error.field}"
            self.told.append(error)

    def error(self, done: int) -> NldError:
        """The call's error: the first failure, and what became of the rest."""
        first = self.first
        first.done = done
        first.failed = self.count
        if self.count > 1:
            first.failures = tuple(
                {"error": error.name, **error.parameters()} | {"done": None} for error in self.told[1:]
            )
        return first


class Writing:
    """One batch to be written.

    ``takeover``  routes of others may be altered.
    """

    def __init__(self, view: View, batch: Batch, takeover: bool) -> None:
        self._view = view
        self._batch = batch
        self._takeover = takeover
        self._asked = asked_fields(batch.record)
        self._place = place(batch.route.table, batch.route.family, batch.length)
        self._verdicts: dict[Shape, str | None] = {}

    async def run(self, failures: Failures, index: int) -> int:
        """Write it all; the number of routes done. ``index`` is the record's place in the call."""
        destinations = self._batch.destinations
        done = 0
        step = self._view.table.piece
        for start in range(0, len(destinations), step):
            piece = destinations[start : start + step]
            async with self._view.writers:
                refusals = await self._piece(piece)
            refusals.sort(key=lambda refusal: refusal.index)
            for refusal in refusals:
                position = self._position(start + refusal.index)
                failures.add(refusal.error, index, position)
            done += len(piece) - len(refusals)
        return done

    async def _piece(self, piece: Sequence[bytes]) -> list[Refusal]:
        await self._view.settled()
        if self._batch.operation is Operation.DELETE:
            return await self._delete(piece)
        refusals = self._guard(piece)
        refused = {refusal.index for refusal in refusals}
        indexes = (
            [index for index in range(len(piece)) if index not in refused] if refused else range(len(piece))
        )
        if not indexes:
            return refusals
        allowed = piece if not refused else [piece[index] for index in indexes]
        answers = await self._view.table.write(replace(self._batch, destinations=allowed))
        for answer in answers:
            answer.index = indexes[answer.index]
        await self._view.settled()
        bad = {answer.index for answer in answers}
        good = [index for index in indexes if index not in bad] if bad else indexes
        return [*refusals, *answers, *self._verify(piece, good)]

    # -- before

    def _guard(self, piece: Sequence[bytes]) -> list[Refusal]:
        """Refuse what would alter a foreign route."""
        if self._takeover or self._batch.operation is Operation.ADD:
            return []
        refusals = []
        wanted = self._rank
        for index, destination in enumerate(piece):
            for shape in self._view.mirror.at(self._place + destination):
                if shape.rank == wanted and self._is_foreign(destination, shape):
                    refusals.append(Refusal(index, self._foreign(destination, shape)))
                    break
        return refusals

    @property
    def _rank(self) -> Rank:
        route = self._batch.route
        return rank(replace(route, priority=route.priority or DEFAULT_METRIC[AF(route.family)]))

    def _is_foreign(self, destination: bytes, shape: Shape) -> bool:
        return self._view.foreign(self._place + destination, shape, self._view.table.protocol)

    def _foreign(self, destination: bytes, shape: Shape) -> ForeignRoute:
        key = self._view.table.key_text(self._batch, destination)
        owner = self._view.table.protocol_name(shape.protocol)
        return ForeignRoute(
            f"{self._batch.operation.value} {key}: the route that is there belongs to somebody else "
            f"(protocol {owner}); nld leaves it alone unless takeover is set",
            key=key,
            errno="EPERM",
        )

    # -- after

    def _verify(self, piece: Sequence[bytes], indexes: Sequence[int]) -> list[Refusal]:
        """Compare what the kernel has now with what was asked for."""
        at = self._view.mirror.at
        verdicts = self._verdicts
        named = (
            self._batch.route.protocol if self._batch.route.protocol != self._view.table.protocol else None
        )
        refusals = []
        for index in indexes:
            key = self._place + piece[index]
            wrong: str | None = "dst"
            for shape in at(key):
                if shape not in verdicts:
                    verdicts[shape] = self._difference(shape)
                wrong = verdicts[shape]
                if wrong is None:
                    break
            if wrong is not None:
                refusals.append(Refusal(index, self._unlike(piece[index], wrong)))
            elif named is not None:
                self._view.ours[key] = named
        return refusals

    def _difference(self, shape: Shape) -> str | None:
        got = shape.route()
        if shape.rank != self._rank:
            return "metric"
        if got.protocol != self._batch.route.protocol:
            return "protocol"
        return difference(self._batch.route, self._asked, got)

    def _unlike(self, destination: bytes, field: str) -> KernelRefused:
        key = self._view.table.key_text(self._batch, destination)
        if field == "dst":
            why = "but reading back does not show it: another program removed it, or the kernel dropped it"
        else:
            why = f"but reading back shows another {field}: the kernel ignored or changed it"
        return KernelRefused(
            f"{self._batch.operation.value} {key}: the kernel acknowledged it, {why}", key=key, field=field
        )

    # -- deleting

    async def _delete(self, piece: Sequence[bytes]) -> list[Refusal]:
        """Delete the one route that each destination means, completed with all that is known of it."""
        refusals: list[Refusal] = []
        wanted: defaultdict[tuple[Shape, int | None], list[int]] = defaultdict(list)
        for index, destination in enumerate(piece):
            found = self._meant(destination)
            if found is None:
                refusals.append(Refusal(index, self._missing(destination)))
            elif not self._takeover and self._is_foreign(destination, found[0]):
                refusals.append(Refusal(index, self._foreign(destination, found[0])))
            else:
                wanted[found].append(index)
        for (shape, leg_index), indexes in wanted.items():
            route = _whole(shape.route(), leg_index)
            batch = replace(self._batch, route=route, destinations=[piece[index] for index in indexes])
            for answer in await self._view.table.write(batch):
                refusals.append(Refusal(indexes[answer.index], answer.error))
        await self._view.settled()
        return refusals

    def _meant(self, destination: bytes) -> tuple[Shape, int | None] | None:
        """The first route that has every field which the record names, or the leg of one."""
        legs = None
        for shape in self._view.mirror.at(self._place + destination):
            got = shape.route()
            asked = self._batch.route
            if asked.multipath is not None and len(asked.multipath) != len(got.multipath or (got,)):
                continue  # some of its legs are not the route
            if not shape.merges or got.multipath is None:
                if difference(asked, self._asked, got) is None:
                    return shape, None
                continue
            found = leg(asked, self._asked, got)
            if found is not None and difference(asked, without_leg_fields(self._asked), got) is None:
                legs = legs or (shape, (got.multipath or ()).index(found))
            elif difference(asked, self._asked, got) is None:
                return shape, None
        return legs

    def _missing(self, destination: bytes) -> RouteNotFound:
        key = self._view.table.key_text(self._batch, destination)
        there = self._view.mirror.at(self._place + destination)
        if there:
            texts = self._view.table.texts([(shape, destination) for shape in there[:3]], "ip")
            why = f"no such route; with this destination there is {' and '.join(texts)}"
        else:
            why = "no such route is in the table"
        return RouteNotFound(f"delete {key}: {why}", key=key, errno="ESRCH")

    def _position(self, nth: int) -> int | None:
        """Where in the record's list of destinations the batch's ``nth`` one stands."""
        if isinstance(self._batch.record.dst, str):
            return None
        return self._view.table.position(self._batch, nth)


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
