"""Restore: saved routes on standard input, put back through the daemon.

Looks at what is there, sends what is missing (``restoration.py``), and tells each route that could not be put
back.  A call that names a device that is not there (or anything else that the daemon cannot read) is refused
as a whole; that record is set aside, and the rest is worked out anew from what is there by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any, NamedTuple

from nld.cli.complaint import complaint
from nld.cli.restoration import steps
from nld.cli.saved import Record
from nld.cli.saved_route import SavedRoute, SavedRoutes
from nld.errors import DeviceNotFound, InvalidRecord, NldError, Unsupported
from nld.names import Names

TOLD = 20
"""Failures that are printed in full; the others are counted."""
_TABLES = 8
"""Tables that are looked at one by one; where the routes are of more, all tables are."""

Present = Callable[[dict[str, Any]], Iterable[list[Record]]]
"""Lists the routes of a filter, in the full form."""
Write = Callable[[str, list[Record]], int]
"""Does one call; the number of routes done. Raises NldError."""


Failure = tuple[Mapping[str, Any], Record | None]
"""The parameters of an error, and the record that it is about."""


class Restored(NamedTuple):
    """``done`` routes were sent, ``there`` were there or have run out; ``failures`` says what failed."""

    done: int
    there: int
    failed: int
    failures: list[str]


def restore(saved: Sequence[Record], present: Present, write: Write) -> Restored:
    """Put the records back. Raises NldError for what is not about one of them."""
    numbers = {id(record): number for number, record in enumerate(saved, 1)}

    def tell(failure: NldError | Mapping[str, Any], record: Record | None) -> str:
        """The complaint, with the place of its route in ``saved``, from 1."""
        if record is None:
            return complaint(failure)
        message = failure.message if isinstance(failure, NldError) else str(failure.get("message"))
        destination = str(record.get("dst"))
        place = f"route {numbers[id(record)]}" + ("" if destination in message else f", {destination}")
        return complaint(failure, record=record, place=place)

    names = Names()
    routes = SavedRoutes(names)
    aside: list[str] = []
    wanted: list[SavedRoute] = []
    for record in saved:
        try:
            wanted.append(routes.of(record))
        except (ValueError, TypeError, AttributeError, KeyError):
            aside.append(_refusal(record, write, tell))
    done = 0
    while True:
        failed = len(saved) - len(wanted)
        failures = list(aside)
        for step in steps(wanted, _present(wanted, present, names, routes)):
            try:
                done += write(step.operation, [route.written for route in step.routes])
            except NldError as error:
                told = _each(error, step.routes)
                done += error.done or 0
                if (error.done or 0) + (error.failed or 0) == len(step.routes):
                    failed += error.failed or 0
                    failures += starmap(tell, told)
                    continue
                # The call, or the end of it, was refused as a whole.
                blamed = [(failure, record) for failure, record in told if failure["error"] in _COMPLAINTS]
                out = _blamed(blamed, wanted)
                if not out:
                    raise
                aside += starmap(tell, blamed)
                wanted = [route for route in wanted if route not in out]
                break
        else:
            return Restored(done, len(saved) - done - failed, failed, failures)


def _refusal(record: Record, write: Write, tell: Callable[[NldError, Record], str]) -> str:
    """What the daemon says of a record that makes no sense here."""
    try:
        write("add", [record])
    except NldError as error:
        return tell(error, record)
    return ""


def _present(
    wanted: Sequence[SavedRoute], present: Present, names: Names, made: SavedRoutes
) -> Iterator[SavedRoute]:
    places = sorted({(route.family, route.place.table) for route in wanted})
    filters: list[dict[str, Any]] = [
        {"family": family, "table": names.tables.name(table)} for family, table in places
    ]
    for wish in filters if len(filters) <= _TABLES else [{}]:
        for routes in present(wish):
            for record in routes:
                yield made.of(record)


_COMPLAINTS = frozenset(kind("").name for kind in (InvalidRecord, DeviceNotFound, Unsupported))
"""Errors for which the daemon refuses a call as a whole."""


def _blamed(blamed: Iterable[Failure], wanted: Sequence[SavedRoute]) -> set[SavedRoute]:
    """The routes that failed, and all others by the same missing device: not every failure is reported."""
    records: set[int] = set()
    missing: list[set[str]] = []
    for failure, record in blamed:
        if record is not None:
            records.add(id(record))
            if failure["error"] == DeviceNotFound("").name and len(_devices(record)) == 1:
                missing.append(_devices(record))
    return {route for route in wanted if id(route.record) in records or _devices(route.record) in missing}


def _devices(record: Record) -> set[str]:
    return {hop["dev"] for hop in (record, *record.get("nexthops", ())) if hop.get("dev") is not None}


def _each(error: NldError, sent: Sequence[SavedRoute]) -> list[Failure]:
    """The error and the other failures of its call, as parameters, each with its record of those sent."""
    told = [{"error": error.name, **error.parameters()}, *map(dict, error.failures)]
    by_index = {failure.get("index"): failure for failure in told}
    return [
        (failure, None if index is None or index >= len(sent) else sent[index].record)
        for index, failure in by_index.items()
    ]
