"""The listing: routes as JSON text, a million at a time.

All routes of one shape have the same text but for the address, so the text is made once for a shape
and each route costs a dictionary look-up, one address and two concatenations.  The texts kept are
bounded, and thrown away when a device or nexthop object that they may name has changed.  The text of a
route with a lifetime says what remains, so it is made anew for each call.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from nld.kernel.rendering import Pieces
from nld.kernel.selection import Row
from nld.kernel.shape import Shape
from nld.netlink.registry import AF
from nld.netlink.route import Route

LIMIT = 16384
"""Shapes whose text is kept, for each form."""

_Entry = tuple[str, str, Callable[[bytes], str] | None]


class Listing:
    """Makes JSON objects of routes.

    ``pieces``   makes the text around the address, for a route without destination.
    ``version``  changes when texts that were made before are stale.
    """

    def __init__(
        self, pieces: Callable[[Route, str, bool | None], Pieces], version: Callable[[], object]
    ) -> None:
        self._pieces = pieces
        self._version = version
        self._made_at = version()
        self._kept: dict[tuple[str, bool | None], dict[Shape, _Entry]] = {}

    def texts(self, rows: Iterable[Row], form: str, with_table: bool | None = None) -> list[str]:
        """One JSON object for each route, in order; see ``Translation.render`` for the arguments."""
        if self._made_at != self._version():
            self._kept.clear()
            self._made_at = self._version()
        kept = self._kept.setdefault((form, with_table), {})
        passing: dict[Shape, _Entry] = {}
        result = []
        for shape, destination in rows:
            entry = kept.get(shape) or passing.get(shape)
            if entry is None:
                texts = kept if shape.end is None else passing
                if len(texts) >= LIMIT:
                    texts.clear()
                entry = texts[shape] = self._entry(shape, form, with_table)
            before, after, spell = entry
            result.append(before + after if spell is None else before + spell(destination) + after)
        return result

    def _entry(self, shape: Shape, form: str, with_table: bool | None) -> _Entry:
        before, after, suffix = self._pieces(shape.route(), form, with_table)
        if shape.length == 0:
            return before + "default", after, None
        return before, suffix + after, socket.inet_ntoa if shape.family == AF.INET else _inet6


def _inet6(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET6, address)
