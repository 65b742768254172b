"""Hints: what a refusal of the kernel means, and what to do, in one sentence.

One errno has many causes.  So a hint is a row of a table that says which situation it is for: the errno,
what was being done, what the kernel said, and what the request looks like.  The first row that fits is taken;
where none does, the kernel's own words have to do, and nothing is invented.

Source: the errnos that net/ipv4/fib_frontend.c, fib_trie.c, fib_semantics.c, route.c, net/ipv6/route.c and
ip6_fib.c return.  ``tests/kernel/test_hints.py`` brings them about on a real kernel, and what looks alike.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

from nld.netlink.registry import AF, RTN
from nld.netlink.route import NextHop, Route


class Situation(NamedTuple):
    """What was refused.

    ``operation``  such as ``add`` or ``lookup``.
    ``number``     the errno.
    ``words``      the kernel's own; None when it said none.
    ``route``      what was asked for; None when that is not known.
    ``match``      of a look-up: the type of the route that answers for the address, None when there is none.
    """

    operation: str
    number: int
    words: str | None
    route: Route | None = None
    match: int | None = None


class Hint(NamedTuple):
    """A sentence, and what it is for.

    ``words``  a part of what the kernel says; ``""`` for whatever it says, None for nothing.
    ``when``   what else must be so.
    """

    number: int
    words: str | None
    when: Callable[[Situation], bool]
    text: str


def hint(situation: Situation) -> str | None:
    """The sentence for a situation; None when there is none for it."""
    rows = LOOKUP if situation.operation == "lookup" else WRITE
    for row in rows:
        if row.number == situation.number and _said(row.words, situation.words) and row.when(situation):
            return row.text
    return None


def _said(wanted: str | None, words: str | None) -> bool:
    if wanted is None:
        return not words
    return wanted.lower() in (words or "").lower()


# -- what a request looks like


def _always(_: Situation) -> bool:
    return True


def _operation(*operations: str) -> Callable[[Situation], bool]:
    return lambda situation: situation.operation in operations


def _hops(situation: Situation) -> tuple[Route | NextHop, ...]:
    route = situation.route
    if route is None:
        return ()
    return route.multipath or (route,)


def _is_ipv6(situation: Situation) -> bool:
    return situation.route is not None and situation.route.family == AF.INET6


def repeats_a_next_hop(situation: Situation) -> bool:
    """IPv6 takes each next hop once; without a device it may be that of another that names one."""
    return _is_ipv6(situation) and any(
        one.gateway == other.gateway
        and (not one.ifindex or not other.ifindex or one.ifindex == other.ifindex)
        for one, other in combinations((hop for hop in _hops(situation) if isinstance(hop, NextHop)), 2)
    )


def _has_gateway(situation: Situation) -> bool:
    return any(hop.gateway is not None or hop.via is not None for hop in _hops(situation))


def _has_link_local_gateway(situation: Situation) -> bool:
    addresses = (hop.gateway or (hop.via and hop.via.address) for hop in _hops(situation))
    return any(
        address is not None and address[:1] == b"\xfe" and address[1] & 0xC0 == 0x80 for address in addresses
    )


def _uses_object(situation: Situation) -> bool:
    return situation.route is not None and situation.route.nh_id is not None


def _has_preferred_source(situation: Situation) -> bool:
    return situation.route is not None and situation.route.prefsrc is not None


# -- what a look-up looks like


def _comes_in(situation: Situation) -> bool:
    return situation.route is not None and situation.route.iif is not None


def _answered_by(kind: int | None) -> Callable[[Situation], bool]:
    return lambda situation: not _comes_in(situation) and situation.match == kind


def _has_source(situation: Situation) -> bool:
    """A packet of this host's own with a given source, to where a route leads."""
    return (
        not _comes_in(situation)
        and situation.route is not None
        and situation.route.src is not None
        and situation.match in _FORWARDS
    )


_FORWARDS = frozenset({int(RTN.UNICAST), int(RTN.LOCAL), int(RTN.BROADCAST), int(RTN.MULTICAST)})

_UNREACHABLE_GATEWAY = (
    "no route on a device leads to the gateway; "
    "give an address that is on a link of this host, or onlink with dev"
)

WRITE: tuple[Hint, ...] = (
    Hint(errno.EEXIST, "", repeats_a_next_hop, "two of the next hops are the same; IPv6 takes each once"),
    Hint(
        errno.EEXIST, "", _operation("append", "prepend"),
        "the same route, or the same next hop of it, is there already",
    ),
    Hint(
        errno.EEXIST, "", _operation("replace", "change"),
        "the same route is there already, behind another one with this destination, table, tos and metric",
    ),
    Hint(
        errno.EEXIST, "", _is_ipv6,
        "a route with this destination, table and metric is there already; "
        "replace it, or give another metric",
    ),
    Hint(
        errno.EEXIST, "", _operation("add"),
        "a route with this destination, table, tos and metric is there already; "
        "replace it, or give another metric",
    ),
    Hint(errno.ESRCH, "", _operation("delete"), "no such route is in the table"),
    Hint(
        errno.ENOENT, "", _operation("change", "replace"),
        "there is no route with this destination, table, tos and metric to change",
    ),
    Hint(errno.ENODEV, "required for onlink", _always, "onlink needs the device; give dev"),
    Hint(errno.ENODEV, None, _always, "the device is not there"),
    Hint(errno.EINVAL, "Egress device not specified", _has_link_local_gateway,
         "a link-local gateway needs the device; give dev"),
    Hint(errno.ENODEV, "Egress device not specified", _has_link_local_gateway,
         "a link-local gateway needs the device; give dev"),
    Hint(errno.ENETDOWN, "", _always, "the device is down; set it up first"),
    Hint(errno.ENETUNREACH, "invalid gateway", _has_gateway, _UNREACHABLE_GATEWAY),
    Hint(errno.ENETUNREACH, None, _has_gateway, _UNREACHABLE_GATEWAY),
    Hint(errno.EHOSTUNREACH, None, _has_gateway, _UNREACHABLE_GATEWAY),
    Hint(errno.EINVAL, "Nexthop id does not exist", _uses_object, "there is no nexthop object with this id"),
    Hint(errno.EINVAL, "prefsrc", _has_preferred_source,
         "the preferred source is not an address of this host"),
    Hint(errno.EINVAL, None, _always, "the kernel does not accept this combination"),
    Hint(errno.EACCES, "IPv6 is disabled", _always,
         "IPv6 is disabled on the device (net.ipv6.conf.DEVICE.disable_ipv6)"),
    Hint(errno.EACCES, None, _is_ipv6, "IPv6 is disabled on the device (net.ipv6.conf.DEVICE.disable_ipv6)"),
    Hint(errno.EPERM, None, _always, "the daemon lacks CAP_NET_ADMIN in this network namespace"),
    Hint(errno.EPERM, "CAP_NET_ADMIN", _always, "the daemon lacks CAP_NET_ADMIN in this network namespace"),
    Hint(errno.EOPNOTSUPP, None, _always, "this kernel was built without it, or its module is not loaded"),
    Hint(errno.EOPNOTSUPP, "not supported", _always,
         "this kernel was built without it, or its module is not loaded"),
    Hint(errno.ENOMEM, "", _always, "the kernel has no memory for another route"),
    Hint(errno.ENOSPC, "", _always, "a limit of the kernel table is reached"),
    Hint(errno.ENOBUFS, "", _always, "the kernel has no buffers left"),
)  # fmt: skip
"""For a refused add, replace, change, append, prepend or delete."""

LOOKUP: tuple[Hint, ...] = (
    Hint(errno.EHOSTUNREACH, "", _answered_by(RTN.UNREACHABLE),
         "an unreachable route answers for this address"),
    Hint(errno.EACCES, "", _answered_by(RTN.PROHIBIT), "a prohibit route answers for this address"),
    Hint(errno.EINVAL, "", _answered_by(RTN.BLACKHOLE), "a blackhole route answers for this address"),
    Hint(errno.ENETUNREACH, "", _answered_by(RTN.THROW),
         "a throw route answers for this address, and no later rule has a route"),
    Hint(errno.EAGAIN, "", _answered_by(RTN.THROW),
         "a throw route answers for this address, and no later rule has a route"),
    Hint(errno.ENETUNREACH, "", _has_source,
         "a route leads there, but not from this source; is it an address of this host?"),
    Hint(errno.EINVAL, None, _has_source,
         "a route leads there, but not from this source; is it an address of this host?"),
    Hint(errno.ENETUNREACH, "", _answered_by(None), "no route leads there"),
    Hint(errno.ESRCH, "", _answered_by(None), "no route leads there"),
    Hint(
        errno.EHOSTUNREACH, "", _comes_in,
        "a packet that comes in by this device is not forwarded there: forwarding is off on the device, "
        "or no route, or an unreachable one, answers for the address",
    ),
    Hint(
        errno.ENETUNREACH, "", _comes_in,
        "a packet that comes in by this device is not forwarded there: no route answers for the address",
    ),
    Hint(
        errno.EXDEV, "", _comes_in,
        "the reverse-path filter (rp_filter) drops it: the way back to its source is not by this device",
    ),
    Hint(
        errno.EINVAL, "", _comes_in,
        "the kernel drops a packet with this source that comes in by this device (a martian, or rp_filter), "
        "or a blackhole route answers for the address",
    ),
    Hint(
        errno.EACCES, "", _comes_in,
        "a prohibit route answers for this address",
    ),
    Hint(errno.ENODEV, "", _always, "the device is not there"),
)  # fmt: skip
"""For a look-up that gave no way."""
