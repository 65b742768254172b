"""Meaning: the one route that a delete means, said to the kernel so that no other can be hit.

A delete names some fields of a route, and means a route that has them.  What tells routes of one
destination apart as a place in the table is never a wildcard: the table, the tos and the source prefix
(none said: none), and a metric that is given.  The rest (next hop, protocol, type, ...) may be left out.

* Several routes fit: the first that is nld's is meant, in the kernel's order.
* One leg of an IPv6 route of several is a route of its own to the kernel, so naming it means that leg.
* One leg of an IPv4 route, or of a nexthop object's, cannot be deleted, and is not the route: naming it
  means nothing that is there.  (The kernel would compare the first leg alone, and delete all of them.)

The kernel takes what a delete leaves out as a wildcard.  So the message says all that is known of the route.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nld.errors import RouteNotFound
from nld.kernel.comparison import LEG_FIELDS, asked_fields, difference, leg
from nld.kernel.shape import Shape
from nld.kernel.table import KernelTable, Operation, Pattern
from nld.netlink.registry import NextHopFlag
from nld.netlink.route import Route, copied
from nld.rib.mirror import Entry, several

_SETTABLE = int(NextHopFlag.ONLINK | NextHopFlag.PERVASIVE)


class Meant(NamedTuple):
    """A route that a delete may mean: its shape, and the pattern that says all that is known of it."""

    shape: Shape
    exactly: Pattern


def meant(table: KernelTable, pattern: Pattern, entry: Entry[Shape]) -> tuple[Meant, ...]:
    """The routes that a delete fits, in the kernel's order; whole ones first, then legs."""
    asked, names = pattern.route, asked_fields(pattern.record)
    whole: list[Meant] = []
    legs: list[Meant] = []
    for shape in several(entry):
        if not _placed(pattern, shape, names):
            continue
        got = shape.route()
        if asked.multipath is not None and len(asked.multipath) != len(got.multipath or (got,)):
            continue  # some of its legs are not the route
        if got.multipath is None or asked.multipath is not None or not names & LEG_FIELDS:
            if difference(asked, names, got) is None:
                whole.append(exactly(table, pattern, shape))
            continue
        found = leg(asked, names, got) if shape.merges else None
        if found is not None and difference(asked, names - LEG_FIELDS, got) is None:
            legs.append(exactly(table, pattern, shape, got.multipath.index(found)))
    return (*whole, *legs)


def _placed(pattern: Pattern, shape: Shape, names: frozenset[str]) -> bool:
    """Whether a route stands where the delete looks."""
    tos, metric, source = pattern.rank
    return (tos, source) == (shape.rank[0], shape.rank[2]) and (
        "metric" not in names or metric == shape.rank[1]
    )


def exactly(table: KernelTable, pattern: Pattern, shape: Shape, leg_index: int | None = None) -> Meant:
    """A route of the table, or one leg of it, and how to delete it and nothing else."""
    route = _whole(shape.route(), leg_index)
    return Meant(shape, table.pattern(pattern.operation, pattern.record, route, Operation.DELETE))


def missing(table: KernelTable, pattern: Pattern, destination: bytes, entry: Entry[Shape]) -> RouteNotFound:
    """Nothing that is there fits the delete."""
    key = table.key_text(pattern, destination)
    there: Sequence[Shape] = several(entry)
    names = asked_fields(pattern.record)
    if not there:
        why = "no such route is in the table"
    elif any(_names_a_leg(pattern, shape, names) for shape in there):
        why = (
            "the route that is there has several next hops, and the kernel can only delete it as a whole; "
            "name no next hop, or all of them with nexthop"
        )
    else:
        texts = table.texts([(shape, destination) for shape in there[:3]], "ip")
        why = f"no such route; with this destination there is {' and '.join(texts)}"
    return RouteNotFound(f"delete {key}: {why}", key=key, errno="ESRCH")


def _names_a_leg(pattern: Pattern, shape: Shape, names: frozenset[str]) -> bool:
    """Whether the delete would fit a route if its next hop were the only one."""
    got, asked = shape.route(), pattern.route
    return (
        not shape.merges
        and _placed(pattern, shape, names)
        and leg(asked, names, got) is not None
        and difference(asked, names - LEG_FIELDS, got) is None
    )


def _whole(route: Route, leg_index: int | None) -> Route:
    """What a delete must say to mean this route and no other; or one leg of it."""
    route = copied(route, cacheinfo=None, expires=None, flags=route.flags & _SETTABLE)
    if route.nh_id is not None:
        # The kernel shows what the object says beside its id, and takes the id alone; it shows a type that
        # is the object's (blackhole), and compares with another.
        return copied(
            route, type=0, gateway=None, via=None, oif=None, multipath=None, encap=None, encap_type=None
        )
    if leg_index is not None and route.multipath is not None:
        hop = route.multipath[leg_index]
        return copied(
            route, multipath=None, gateway=hop.gateway, via=hop.via, oif=hop.ifindex,
            encap=hop.encap, encap_type=hop.encap_type,
        )  # fmt: skip
    if route.multipath is not None:
        legs = tuple(replace(hop, flags=hop.flags & _SETTABLE) for hop in route.multipath)
        return copied(route, multipath=legs)
    return route
