"""What each kernel table can do: declared here, side by side, and not guessed by trying.

A record that asks for more is refused with the field's name before anything is sent, because a kernel
that passes over what it does not know would make a success a lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import get_args

from nld.netlink.registry import AF
from nld.records import RouteType


class Feature(StrEnum):
    """Something that a record may ask for beyond destination, next hop, table, metric and protocol."""

    ALIAS = "alias"
    """Several routes with one key: append, prepend."""
    ENCAP = "encap"
    EXPIRES4 = "expires4"
    """IPv4 routes with an end; likewise EXPIRES6."""
    EXPIRES6 = "expires6"
    METRICS = "metrics"
    """mtu, advmss and their like."""
    MULTIPATH = "multipath"
    NEXTHOP_OBJECTS = "nexthop_objects"
    ONLINK = "onlink"
    """A gateway must be reachable, unless the record says that it is."""
    PREFERENCE = "preference"
    """Router preference (IPv6)."""
    REALMS = "realms"
    RULES = "rules"
    """Policy rules choose the table of a look-up; without, it is always main."""
    SCOPE = "scope"
    SOURCE = "source"
    """Routes by source prefix (IPv6)."""
    TOS = "tos"
    VIA4 = "via4"
    """IPv6 routes by an IPv4 gateway."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a kernel table can do.

    ``name``      the table's, for errors.
    ``types``     route types it knows.
    ``families``  address families.
    """

    name: str
    types: frozenset[str]
    families: frozenset[int]
    features: frozenset[Feature]

    def words(self) -> list[str]:
        """For the status: the names of what it can do."""
        return sorted(self.types) + sorted(self.features)


FIB = Capabilities(
    name="fib",
    types=frozenset(get_args(RouteType)) - {"nat"},
    families=frozenset({AF.INET, AF.INET6}),
    features=frozenset(Feature) - {Feature.EXPIRES4, Feature.VIA4},
)
"""The kernel's own forwarding table."""

MODULE = Capabilities(
    name="module",
    types=frozenset({"unicast", "blackhole", "unreachable", "prohibit"}),
    families=frozenset({AF.INET, AF.INET6}),
    features=frozenset({Feature.MULTIPATH, Feature.EXPIRES4, Feature.EXPIRES6, Feature.VIA4}),
)
"""nld.ko, ABI 1."""
