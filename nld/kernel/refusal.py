"""Refusals: the kernel's errno and extack, turned into an error that a person can act on.

The kernel says a number, sometimes a sentence, sometimes the offset of the attribute it means.  Here
the offset becomes the attribute's name and the record's field, the number becomes one of nld's error
classes, and a sentence says what it means, where that is known (``hints.py``).

That the kernel refuses the daemon something (EPERM, EACCES) is no PermissionDenied: that is nld's own word
to a peer who may not write.
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
    RouteExists,
    RouteNotFound,
    Unsupported,
    errno_name,
)
from nld.kernel.hints import Situation, hint, repeats_a_next_hop
from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import HEADER_SIZE
from nld.netlink.registry import RTA
from nld.netlink.route import HEADER_SIZE as ROUTE_HEADER_SIZE
from nld.netlink.route import Route

_CLASSES: dict[int, type[NldError]] = {
    errno.EEXIST: RouteExists,
    errno.ESRCH: RouteNotFound,
    errno.ENOENT: RouteNotFound,
    errno.ENODEV: DeviceNotFound,
    errno.EOPNOTSUPP: Unsupported,
    errno.EAFNOSUPPORT: Unsupported,
}


_WANTS_ONE = ("required", "not specified")
"""What the kernel says with ENODEV where it wants a device to be named, and misses none of a name."""


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


def refusal(
    acknowledgement: Acknowledgement,
    payload: bytes,
    *,
    operation: str,
    key: str,
    index: int | None = None,
    dialect: Dialect = ROUTE,
    route: Route | None = None,
) -> NldError:
    """The typed error for a request that the kernel refused.

    ``payload``  the request as it was sent, without the netlink header; it tells which attribute the
                 kernel's offset means.
    ``key``      the route in words.
    ``route``    what was asked for, as far as it is known: some hints depend on it.
    """
    number = acknowledgement.errno
    attribute = attribute_at(payload, acknowledgement.offset, dialect)
    missing = acknowledgement.missing_type
    words = acknowledgement.message
    situation = Situation(operation, number, words, route)
    if attribute is None and number == errno.EEXIST and repeats_a_next_hop(situation):
        attribute = RTA.MULTIPATH
    return _class(situation)(
        sentence(situation, key),
        operation=operation,
        key=key,
        field=None if attribute is None else dialect.fields.get(attribute),
        index=index,
        errno=errno_name(number),
        extack=Extack(
            message=words,
            attribute=None if attribute is None else dialect.name(attribute),
            offset=acknowledgement.offset,
            missing=None if missing is None else dialect.name(missing),
        ),
    )


def sentence(situation: Situation, key: str) -> str:
    """What was refused, what it means where that is known, and what the kernel said."""
    lookup = situation.operation == "lookup"
    why = hint(situation) or ("the kernel gives no way" if lookup else "the kernel refused it")
    name, words = errno_name(situation.number), situation.words
    return f"{situation.operation} {key}: {why}" + (
        f"; the kernel reported: {words} ({name})" if words else f" ({name})"
    )


def explained(error: NldError, route: Route, match: int | None) -> NldError:
    """A look-up's error, once it is known which route answers: its type, or None for no route."""
    number = getattr(errno, error.errno or "", None)
    if number is not None:
        words = None if error.extack is None else error.extack.message
        situation = Situation("lookup", number, words, route, match)
        error.message = sentence(situation, error.key or "")
        error.args = (error.message,)
    return error


def _class(situation: Situation) -> type[NldError]:
    if situation.number == errno.EEXIST and repeats_a_next_hop(situation):
        return KernelRefused  # it is no other route that is in the way
    if situation.number == errno.ENODEV and any(part in (situation.words or "") for part in _WANTS_ONE):
        return KernelRefused
    return _CLASSES.get(situation.number, KernelRefused)


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
