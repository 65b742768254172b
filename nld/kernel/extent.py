"""Extent: how large a route is when the kernel shows it, and that none is written that it could not show.

The kernel takes a route of any size, but the message of a dump has 32 KiB.  A larger route ends every
program's dump of the table, mostly without a word, and hides the routes behind it.  So it is refused:

* one whose next hops are too many,
* a leg that would join an IPv6 route and make it too large,
* one by a nexthop group, which is shown with the group's next hops (unless the host has
  ``net.ipv4.nexthop_compat_mode`` 0; that can be changed while the route is there, so it is not relied on).
"""

from __future__ import annotations

from nld.errors import InvalidRecord
from nld.kernel.rendering import NexthopTable
from nld.netlink import nexthop as nexthop_message
from nld.netlink.nexthop import Nexthop
from nld.netlink.route import Route

SHOWN = 31 * 1024
"""Bytes of the largest route that is written: when the kernel shows it, it adds some fields, and all must fit
in a message of a dump (:data:`~nld.kernel.dump.LARGEST`)."""

ENCAP_COST = 64
"""Bytes that the kernel may add to a next hop's encapsulation when it shows it."""

_LEG = 8
"""``struct rtnexthop``."""
_ATTRIBUTE = 4
_VIA_FAMILY = 4
"""The family in an RTA_VIA, padded."""


def check(operation: str, route: Route, size: int, objects: NexthopTable) -> None:
    """Raise InvalidRecord for a route that the kernel takes but could not show.

    ``size``  bytes of the message that writes it.
    """
    hops = route.multipath or ()
    count = len(hops)
    size += ENCAP_COST * sum(hop.encap is not None for hop in hops)
    group = None if route.nh_id is None else objects.get(route.nh_id)
    if group is not None and group.group:
        count = len(group.group)
        members = {member.id: objects.get(member.id) for member in group.group}
        costs = {number: _cost(member, route.family) for number, member in members.items()}
        size += sum(costs[member.id] for member in group.group)
    if size > SHOWN:
        field = "nexthops" if group is None else "nhid"
        what = (
            f"{count} next hops" if group is None else f"the {count} members of nexthop group {route.nh_id}"
        )
        raise _too_large(operation, f"{field}: {what} make", field, size, count)


def check_joined(operation: str, route: Route, size: int, present: int, key: str) -> None:
    """Raise InvalidRecord for what would join a route that is there and make it too large.

    ``size``     bytes of the message that writes it.
    ``present``  bytes of the route that is there, as the kernel shows it.
    """
    hops = route.multipath or (route,)
    size += present + ENCAP_COST * sum(hop.encap is not None for hop in hops)
    if size > SHOWN:
        field = "nexthops" if route.multipath else "gateway"
        error = _too_large(
            operation,
            f"{operation} {key}: with the next hops that are there already it would make",
            field,
            size,
        )
        error.key = key
        raise error


def _too_large(operation: str, what: str, field: str, size: int, count: int = 0) -> InvalidRecord:
    most = f" ({SHOWN * count // size} such next hops)" if count else ""
    return InvalidRecord(
        f"{what} a route of {size} bytes; the kernel takes it, but can list routes of at most {SHOWN} bytes"
        f"{most}, and a larger one hides others from every program",
        field=field,
        operation=operation,
    )


def _cost(member: Nexthop | None, family: int) -> int:
    """Bytes of a group's member among the next hops of a route."""
    if member is None:
        return _LEG
    size = _LEG
    if member.gateway is not None:
        size += _ATTRIBUTE + len(member.gateway) + (_VIA_FAMILY if member.family != family else 0)
    if member.encap is not None:
        alone = Nexthop(encap=member.encap, encap_type=member.encap_type)
        size += len(nexthop_message.encode(alone)) + ENCAP_COST
    return size
