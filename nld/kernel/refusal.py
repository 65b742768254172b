"""Refusals: the kernel's errno and extack, turned into an error that a person can act on.

The kernel says a number, sometimes a sentence, sometimes the offset of the attribute it means.  Here
the offset becomes the attribute's name and the record's field, the number becomes one of nld's error
classes, and where the kernel is known to be terse a sentence says what is usually wrong.

Source: the errnos that net/ipv4/fib_frontend.c, fib_trie.c, fib_semantics.c, net/ipv6/route.c and
ip6_fib.c return.
"""

from __future__ import annotations

import errno

from nld.errors import (
    DeviceNotFound,
    Extack,
    KernelRefused,
    NldError,
    PermissionDenied,
    RouteExists,
    RouteNotFound,
    Unsupported,
    errno_name,
)
from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import HEADER_SIZE
from nld.netlink.registry import RTA
from nld.netlink.route import HEADER_SIZE as ROUTE_HEADER_SIZE

_CLASSES: dict[int, type[NldError]] = {
    errno.EEXIST: RouteExists,
    errno.ESRCH: RouteNotFound,
    errno.ENOENT: RouteNotFound,
    errno.ENODEV: DeviceNotFound,
    errno.EPERM: PermissionDenied,
    errno.EACCES: PermissionDenied,
    errno.EOPNOTSUPP: Unsupported,
    errno.EAFNOSUPPORT: Unsupported,
}

_FIELDS = {
    RTA.DST: "dst",
    RTA.SRC: "from",
    RTA.OIF: "dev",
    RTA.GATEWAY: "gateway",
    RTA.PRIORITY: "metric",
    RTA.PREFSRC: "prefsrc",
    RTA.METRICS: "metrics",
    RTA.MULTIPATH: "nexthops",
    RTA.FLOW: "flow",
    RTA.TABLE: "table",
    RTA.VIA: "via",
    RTA.PREF: "pref",
    RTA.ENCAP_TYPE: "encap",
    RTA.ENCAP: "encap",
    RTA.EXPIRES: "expires",
    RTA.NH_ID: "nhid",
    RTA.TTL_PROPAGATE: "ttl_propagate",
}

_ADVICE = {
    errno.EEXIST: "a route with this destination, table, tos and metric is there already; "
    "replace it, or give another metric",
    errno.ESRCH: "no such route is in the table",
    errno.ENOENT: "the kernel finds nothing to work on: no such route, or no such table",
    errno.ENODEV: "the device is not there",
    errno.ENETDOWN: "the device is down; set it up first",
    errno.ENETUNREACH: "no route on a device leads to the gateway; "
    "give an address that is on a link of this host, or onlink with dev",
    errno.EHOSTUNREACH: "no route on a device leads to the gateway; "
    "give an address that is on a link of this host, or onlink with dev",
    errno.EINVAL: "the kernel does not accept this combination",
    errno.EPERM: "the daemon lacks CAP_NET_ADMIN in this network namespace",
    errno.EOPNOTSUPP: "this kernel was built without it, or its module is not loaded",
    errno.ENOMEM: "the kernel has no memory for another route",
    errno.ENOSPC: "a limit of the kernel table is reached",
    errno.ENOBUFS: "the kernel has no buffers left",
}

_LOOKUP = {
    errno.ENETUNREACH: "no route leads there",
    errno.EHOSTUNREACH: "an unreachable route answers for this address",
    errno.EACCES: "a prohibit route answers for this address",
    errno.EINVAL: "a blackhole route answers for this address",
    errno.ENODEV: "the device is not there",
    errno.EAGAIN: "a throw route answers for this address, and no later rule has a route",
}


def refusal(
    acknowledgement: Acknowledgement, payload: bytes, *, operation: str, key: str, index: int | None = None
) -> NldError:
    """The typed error for a request that the kernel refused.

    ``payload``  the request as it was sent, without the netlink header; it tells which attribute the
                 kernel's offset means.
    ``key``      the route in words.
    """
    number = acknowledgement.errno
    attribute = attribute_at(payload, acknowledgement.offset)
    words = acknowledgement.message
    name = errno_name(number)
    if operation == "lookup":
        why = _LOOKUP.get(number, "the kernel does not answer")
        cls = KernelRefused if number in (errno.EACCES, errno.EINVAL) else _CLASSES.get(number, KernelRefused)
    else:
        why = _ADVICE.get(number, "the kernel refused it")
        cls = _CLASSES.get(number, KernelRefused)
    said = f"the kernel says: {words} ({name})" if words else name
    return cls(
        f"{operation} {key}: {why}; {said}" if words else f"{operation} {key}: {why} ({said})",
        operation=operation,
        key=key,
        field=None if attribute is None else _FIELDS.get(attribute),
        index=index,
        errno=name,
        extack=Extack(
            message=words,
            attribute=None if attribute is None else f"RTA_{attribute.name}",
            offset=acknowledgement.offset,
            missing=_attribute_name(acknowledgement.missing_type),
        ),
    )


def attribute_at(payload: bytes, offset: int | None) -> RTA | None:
    """The attribute of a route request that an extack offset points into, or None."""
    if offset is None:
        return None
    wanted = offset - HEADER_SIZE
    for kind, start, end in walk(payload, ROUTE_HEADER_SIZE, len(payload)):
        if start - 4 <= wanted < end:
            try:
                return RTA(kind & TYPE_MASK)
            except ValueError:
                return None
    return None


def _attribute_name(number: int | None) -> str | None:
    if number is None:
        return None
    try:
        return f"RTA_{RTA(number).name}"
    except ValueError:
        return str(number)
