"""The restoration of saved routes: what must be sent so that all of them are there again.

What is there already is not sent.  What is missing is

* added where nothing stands at its place (table, prefix, source prefix, tos, metric);
* put instead of what stands there, where that is one route and the saved one is the only one;
* set beside what stands there otherwise: a place may have several routes (appended IPv4 routes, the fe80::/64
  of each device), and none is taken away to make room for its neighbour.  The IPv6 routes of a place that go
  by gateways are one route with legs, and count apart from the others.

What has run out is left out.  In which order they are sent is the business of ``sequence.py``, and what makes
two routes the same that of ``saved_route.py``.  Pure: records in, steps out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nld.cli.saved_route import SavedKey, SavedRoute
from nld.cli.sequence import in_order
from nld.cli.values import INET


class RestoreStep(NamedTuple):
    """Routes to send at once: ``operation`` is add, prepend, append or replace."""

    operation: str
    routes: list[SavedRoute]


def steps(saved: Sequence[SavedRoute], present: Iterable[SavedRoute]) -> list[RestoreStep]:
    """What to send, in order; nothing when all that was saved is there."""
    there: dict[SavedKey, list[str]] = {}
    direct: list[SavedRoute] = []
    for route in present:
        there.setdefault(route.place, []).append(route.fields)
        if not route.gateways:
            direct.append(route)
    left = {place: Counter(fields) for place, fields in there.items()}
    siblings: dict[SavedKey, list[str]] = {}
    missing: list[SavedRoute] = []
    for route in saved:
        if route.record.get("expires", 1) < 1:
            continue
        siblings.setdefault(route.place, []).append(route.fields)
        if left.get(route.place, _NONE)[route.fields] > 0:
            left[route.place][route.fields] -= 1
        else:
            missing.append(route)
    out: list[RestoreStep] = []
    for route in in_order(missing, direct):
        operation = _operation(route, siblings[route.place], there)
        at_place = there.setdefault(route.place, [])
        at_place.insert(0 if operation == "prepend" else len(at_place), route.fields)
        if not out or out[-1].operation != operation:
            out.append(RestoreStep(operation, []))
        out[-1].routes.append(route)
    return out


_NONE: Counter[str] = Counter()


def _operation(route: SavedRoute, siblings: Sequence[str], there: dict[SavedKey, list[str]]) -> str:
    place = route.place
    at_place = there.get(place)
    if at_place is None:
        beside = place._replace(merging=not place.merging) in there
        return "append" if beside else "add"
    if len(siblings) == len(at_place) == 1:
        return "replace"
    before = siblings[: siblings.index(route.fields)]
    if place.family == INET and not set(before) & set(at_place):
        return "prepend"
    return "append"
