"""A copy of routes, kept up to date by the replies of a watch. No I/O.

A key may have several routes (``append``), so the copy is a list for each.  A route is found again by all
that it says but for what changes by itself (``_VOLATILE``).

Does not belong here: asking the daemon (``async_mirror.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from nld.client.protocol import Change, Watched
from nld.client.route import Route
from nld.client.spelling import Key, key

_VOLATILE = ("expires", "users", "used", "age")


class Picture:
    """Routes by key.

    ``cursor``    where a watch may go on; None for a new snapshot.
    ``complete``  whether a snapshot has been there: from then on it is a picture, perhaps an old one.
    """

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.complete = False
        self._routes: dict[Key, list[Route]] = {}
        self._next: dict[Key, list[Route]] | None = None

    def __iter__(self) -> Iterator[Route]:
        return chain.from_iterable(list(self._routes.values()))

    def __len__(self) -> int:
        return sum(map(len, self._routes.values()))

    def at(self, wanted: Key) -> list[Route]:
        """The routes with this key; none when there is none."""
        return list(self._routes.get(wanted, ()))

    def begin(self) -> None:
        """A snapshot is what comes next."""
        self.cursor = None
        self._next = {}

    def take(self, reply: Watched) -> list[Change] | None:
        """Take the next reply; what changed by it, or None when there is nothing to tell yet.

        A snapshot is told when it is complete, as what is different from before.
        """
        self.cursor = reply.get("cursor", self.cursor)
        match reply["kind"]:
            case "resync":
                self.begin()
            case "snapshot":
                if self._next is None:
                    self._next = {}
                for route in reply.get("routes", ()):
                    self._next.setdefault(key(route), []).append(route)
            case "synced" if self._next is not None:
                before, self._routes, self._next = self._routes, self._next, None
                first, self.complete = not self.complete, True
                changes = list(_differences(before, self._routes))
                return changes if changes or first else None
            case "changes":
                for change in reply.get("changes", ()):
                    self._change(change)
                return reply.get("changes")
        return None

    def _change(self, change: Change) -> None:
        route = change["route"]
        event = change["event"]
        place = key(route)
        stand = self._routes.setdefault(place, [])
        previous = route if event == "delete" else change.get("previous")
        if previous is not None and key(previous) != place:
            self._remove(key(previous), previous)
            previous = None
        at = None if previous is None else _position(stand, previous)
        if event == "delete":
            self._remove(place, route)
        elif at is not None:
            stand[at] = route
        else:
            stand.append(route)

    def _remove(self, place: Key, route: Route) -> None:
        stand = self._routes.get(place, [])
        at = _position(stand, route)
        if at is not None:
            del stand[at]
        if not stand:
            self._routes.pop(place, None)


def _position(stand: list[Route], route: Route) -> int | None:
    """Where a route stands among those of its key."""
    if len(stand) == 1:
        return 0
    wanted = _lasting(route)
    return next((at for at, other in enumerate(stand) if _lasting(other) == wanted), None)


def _lasting(route: Route) -> dict[str, object]:
    return {name: value for name, value in route.items() if name not in _VOLATILE}


def _differences(before: dict[Key, list[Route]], after: dict[Key, list[Route]]) -> Iterator[Change]:
    for place, routes in before.items():
        if place not in after:
            for route in routes:
                yield {"event": "delete", "route": route, "generation": 0}
    for place, routes in after.items():
        left = list(before.get(place, ()))
        added = []
        for route in routes:
            at = next((i for i, other in enumerate(left) if _lasting(other) == _lasting(route)), None)
            if at is None:
                added.append(route)
            else:
                del left[at]
        while left and added:
            yield {"event": "replace", "route": added.pop(0), "previous": left.pop(0), "generation": 0}
        for route in left:
            yield {"event": "delete", "route": route, "generation": 0}
        for route in added:
            yield {"event": "new", "route": route, "generation": 0}
