"""The lifetime of one route, as the kernel has it now.

The mirror knows when a route ends, by the message that told of it.  The kernel moves the end without a word
when a router advertises itself again, so whoever asks for one route is told what the kernel says: by a
look-up that ends at the route, or, where another route answers, by a dump; that only when the end is in the
past, for it costs as much as the table is long.
"""

from __future__ import annotations

import socket

from nld.broker.view import View
from nld.errors import NldError
from nld.kernel.selection import Prefix, Row, Selection
from nld.kernel.shape import Shape
from nld.netlink.route import ADDRESS_SIZE
from nld.records import LookupQuestion


async def current(view: View, rows: list[Row]) -> list[Row]:
    """The routes of one key, with their lifetimes as they are now; those that are no more are left out."""
    if not any(shape.volatile for shape, _ in rows):
        return rows
    shape, destination = rows[0]
    answer = await _looked_up(view, shape, destination)
    rows = [
        (answer, at) if answer is not None and _same(answer, known) else (known, at) for known, at in rows
    ]
    if all(_lasts(known) for known, _ in rows):
        return rows
    exact = Prefix(shape.family, shape.length, destination)
    rank = shape.rank
    selection = Selection(
        (shape.family,), table=shape.table, exact=exact, shape_test=lambda found: found.rank == rank
    )
    return [row async for part in view.table.dump(selection) for row in part]


async def _looked_up(view: View, shape: Shape, destination: bytes) -> Shape | None:
    """The route that answers for the first address of the destination, or None."""
    address = destination or bytes(ADDRESS_SIZE[shape.family])
    question = LookupQuestion(address=socket.inet_ntop(shape.family, address))
    try:
        answer = await view.table.lookup(question)
    except NldError:
        return None
    return None if answer.match is None or answer.match[1] != destination else answer.match[0]


def _same(one: Shape, other: Shape) -> bool:
    """Whether they are one route but for the lifetime."""
    return (one.place, one.rank, one.stable) == (other.place, other.rank, other.stable)


def _lasts(shape: Shape) -> bool:
    """Whether its end, if it has one, is still to come."""
    cacheinfo = shape.route().cacheinfo
    return not shape.volatile or cacheinfo is None or cacheinfo.expires > 0
