"""Refusals: the kernel's errno and extack, turned into an error that a person can act on.

The kernel says a number, sometimes a sentence, sometimes the offset of the attribute it means.  Here
the offset becomes the attribute's name and the record's field, the number becomes one of nld's error
classes, and where the kernel is known to be terse a sentence says what is usually wrong.

Source: the errnos that net/ipv4/fib_frontend.c, fib_trie.c, fib_semantics.c, net/ipv6/route.c and
ip6_fib.c return.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

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


class Dialect(NamedTuple):
    """How a protocol's requests name their parts.

    ``attributes``   its attribute numbers; their names are those of the enum and the member.
    ``fields``       the record's field that an attribute comes from.
    ``header_size``  bytes between the netlink header and the first attribute.
    """

    attributes: type[IntEnum]
    fields: Mapping[Any, str]
    header_size: int

    def name(self, number: int) -> str:
        """An attribute's name, such as RTA_GATEWAY; its number when it has none."""
        try:
            return f"{self.attributes.__name__}_{self.attributes(number).name}"
        except ValueError:
            return str(number)


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

ROUTE = Dialect(RTA, _FIELDS, ROUTE_HEADER_SIZE)
"""NETLINK_ROUTE's."""

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
    acknowledgement: Acknowledgement,
    payload: bytes,
    *,
    operation: str,
    key: str,
    index: int | None = None,
    dialect: Dialect = ROUTE,
) -> NldError:
    """The typed error for a request that the kernel refused.

    ``payload``  the request as it was sent, without the netlink header; it tells which attribute the
                 kernel's offset means.
    ``key``      the route in words.
    """
    number = acknowledgement.errno
    attribute = attribute_at(payload, acknowledgement.offset, dialect)
    missing = acknowledgement.missing_type
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
        field=None if attribute is None else dialect.fields.get(attribute),
        index=index,
        errno=name,
        extack=Extack(
            message=words,
            attribute=None if attribute is None else dialect.name(attribute),
            offset=acknowledgement.offset,
            missing=None if missing is None else dialect.name(missing),
        ),
    )


def attribute_at(payload: bytes, offset: int | None, dialect: Dialect = ROUTE) -> IntEnum | None:
    """The attribute of a request that an extack offset points into, or None."""
    if offset is None:
        return None
    wanted = offset - HEADER_SIZE
    for kind, start, end in walk(payload, dialect.header_size, len(payload)):
        if start - 4 <= wanted < end:
            try:
                return dialect.attributes(kind & TYPE_MASK)
            except ValueError:
                return None
    return None
