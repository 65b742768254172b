"""Restore: saved routes on standard input, put back through the daemon.

Looks at what is there, sends what is missing (``restoration.py``), and tells each route that could not be put
back.  A call that names a device that is not there (or anything else that the daemon cannot read) is refused
as a whole; that record is set aside, and the rest is worked out anew from what is there by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nld.cli.complaint import complaint
from nld.cli.restoration import steps
from nld.cli.saved import Record
from nld.cli.saved_route import SavedRoute, SavedRoutes
from nld.errors import DeviceNotFound, InvalidRecord, NldError, Unsupported
from nld.names import Names

TOLD = 20
"""Failures that are told in full; the rest is counted."""
_TABLES = 8
"""Tables that are looked at one by one; where the routes are of more, all tables are."""

Present = Callable[[dict[str, Any]], Iterable[list[Record]]]
"""Lists the routes of a filter, in the full form."""
Write = Callable[[str, list[Record]], int]
"""Does one call; the number of routes done. Raises NldError."""


class Restored(NamedTuple):
    """``done`` routes were sent, ``there`` were there or have run out; ``failures`` are told as text."""

    done: int
    there: int
    failed: int
    failures: list[str]


def restore(saved: Sequence[Record], present: Present, write: Write) -> Restored:
    """Put the records back. Raises NldError for what is not about one of them."""
    names = Names()
    routes = SavedRoutes(names)
    aside: list[str] = []
    wanted: list[SavedRoute] = []
    for record in saved:
        try:
            wanted.append(routes.of(record))
        except (ValueError, TypeError, AttributeError, KeyError):
            aside.append(_told(record, write))
    done = 0
    while True:
        failed = len(saved) - len(wanted)
        failures = list(aside)
        for step in steps(wanted, _present(wanted, present, names, routes)):
            try:
                done += write(step.operation, [route.written for route in step.routes])
            except NldError as error:
                told = _each(error)
                done += error.done or 0
                if (error.done or 0) + (error.failed or 0) == len(step.routes):
                    failed += error.failed or 0
                    failures += map(complaint, told)
                    continue
                # The call, or the end of it, was refused as a whole.
                blamed = [failure for failure in told if failure["error"] in _COMPLAINTS]
                out = _blamed(blamed, step.routes, wanted)
                if not out:
                    raise
                aside += map(complaint, blamed)
                wanted = [route for route in wanted if route not in out]
                break
        else:
            return Restored(done, len(saved) - done - failed, failed, failures)


def _told(record: Record, write: Write) -> str:
    """What the daemon says of a record that makes no sense here."""
    try:
        write("add", [record])
    except NldError as error:
        return complaint(error)
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


def _blamed(
    failures: Iterable[Mapping[str, Any]], sent: Sequence[SavedRoute], wanted: Sequence[SavedRoute]
) -> set[SavedRoute]:
    """The routes that are to blame, and all by the same missing device: not every failure is told."""
    out: set[SavedRoute] = set()
    missing: list[set[str]] = []
    for failure in failures:
        index = failure.get("index")
        if index is not None and index < len(sent):
            out.add(sent[index])
            if failure["error"] == DeviceNotFound("").name and len(_devices(sent[index])) == 1:
                missing.append(_devices(sent[index]))
    return out | {route for route in wanted if missing and _devices(route) in missing}


def _devices(route: SavedRoute) -> set[str]:
    hops = (route.record, *route.record.get("nexthops", ()))
    return {hop["dev"] for hop in hops if hop.get("dev") is not None}


def _each(error: NldError) -> list[dict[str, Any]]:
    """The error and the other failures of its call, as parameters."""
    told = [{"error": error.name, **error.parameters()}, *map(dict, error.failures)]
    return list(
        {(failure.get("index"), failure.get("destination_index")): failure for failure in told}.values()
    )
