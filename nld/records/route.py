"""The route record: a route in the words of ``ip -j route``.

One vocabulary for what goes in and what comes out.  Output of ``ip -j route`` is valid input; what
``ip`` prints but nothing can set (``linkdown``, ``nh_info``, ``error`` ...) is accepted and ignored.
Rules here need nothing but the record itself: kinds of values, families that disagree, fields that
contradict each other.  Whether a name or device exists, and what the kernel would take and ignore, is
found where records become netlink messages (``nld.kernel.translation``).

``dst`` may be a list: many destinations that share all the rest, the shape of a BGP UPDATE.  The texts
of a list are looked at in bulk when they become bytes (``nld.prefix``), not here one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from nld.names import type_of
from nld.prefix import FAMILIES, INET, INET6, family_of, parse_prefix, spoken
from nld.records.encap import EncapRecord, gather
from nld.records.metrics import MetricsRecord
from nld.records.model import U32, Address, Device, FieldError, Named, Prefix, Record, Tos
from nld.records.nexthop import Flag, Flow, Legs, Via

RouteType = Literal[
    "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
    "throw", "nat",
]  # fmt: skip
REJECT_TYPES = frozenset({"blackhole", "unreachable", "prohibit", "throw"})
"""Types whose packets go nowhere, so that they have no next hop."""
Family = Literal["inet", "inet6"]
Preference = Literal["low", "medium", "high"]
Form = Literal["full", "ip_details", "ip"]
"""How routes are printed: ``full`` is lossless; ``ip_details`` equals ``ip -j -d route``, ``ip`` equals
``ip -j route``, field by field."""


class RouteRecord(Record):
    """A route, or with a list in ``dst`` many that differ in the destination only."""

    type: Annotated[RouteType | None, BeforeValidator(type_of)] = None
    """Default unicast (for a delete: any); its number in text means the same."""
    dst: str | list[str]
    """Destination prefix such as ``10.0.0.0/8``, ``2001:db8::1``, ``default``; or a list of them."""
    src: Annotated[Prefix | None, Field(alias="from")] = None
    """Source prefix (IPv6 with source routing only)."""
    nhid: Annotated[int, Field(ge=1, le=0xFFFFFFFF)] | None = None
    """Id of a nexthop object. The next hop fields beside it repeat what that object says."""
    encap: EncapRecord | None = None
    """Encapsulation."""
    tos: Tos | None = None
    """Type of service that the route is for (IPv4): a name or hexadecimal. Default any, 0."""
    gateway: Address | None = None
    """Next router, of the route's own family."""
    via: Via | None = None
    """Next router of the other family, instead of ``gateway``."""
    dev: Device | None = None
    """Device that packets leave by."""
    table: Named | None = None
    """Routing table, a name or 1 to 4294967295. Default main; local for local, broadcast, anycast, nat.
    A record with ``flags`` was printed by ``ip`` or nld; there a missing table is main."""
    vrf: Device | None = None
    """Instead of ``table``: the table of this VRF device."""
    protocol: Named | None = None
    """Who made the route, a name or 0 to 255. Default nld (131)."""
    scope: Named | None = None
    """Distance of the destination (IPv4). Default link without a gateway, host for type local, link for
    broadcast, multicast and anycast, else global; in a printed record (see ``table``) global."""
    prefsrc: Address | None = None
    """Source address that this host prefers for these destinations."""
    metric: U32 | None = None
    """Priority, lower wins. Default 0 (IPv4) or 1024 (IPv6, where 0 means 1024)."""
    flags: list[Flag] | None = None
    """``onlink``: take the gateway to be on the link; ``pervasive``. Others are set by the kernel."""
    flow: Flow | None = None
    """Routing realms (IPv4)."""
    expires: Annotated[int, Field(ge=-0x80000000, le=0xFFFFFFFE)] | None = None
    """Seconds until the kernel removes the route (IPv6). Default never; writing needs 1 or more."""
    metrics: Annotated[list[MetricsRecord], Field(max_length=1)] | None = None
    """One object with the route's metrics."""
    pref: Preference | None = None
    """Router preference (IPv6, RFC 4191). Default medium."""
    nexthops: Legs | None = None
    """Legs of a multipath route."""
    family: Family | None = None
    """Address family; needed only for a ``default`` route that nothing else tells the family of."""

    ttl_propagate: Annotated[bool | None, Field(alias="ttl-propogate")] = None
    """MPLS only, refused on others; ``ip`` spells it so."""
    nh_info: dict[str, Any] | None = None
    """The nexthop object behind ``nhid``. Output only."""
    error: int | None = None
    """Error of a reject route, as ``ip`` prints it. Output only."""
    users: int | None = None
    """Statistics of ``ip -s``. Output only."""
    used: int | None = None
    """Statistics of ``ip -s``. Output only."""
    age: int | None = None
    """Statistics of ``ip -s``. Output only."""
    ipid: str | None = None
    """Output only."""
    ts: str | None = None
    """Output only."""
    tsage: int | None = None
    """Output only."""
    uid: int | None = None
    """User that a look-up was made for. In answers of a look-up only."""
    mark: int | None = None
    """Firewall mark that a look-up was made for. In answers of a look-up only."""
    iif: str | None = None
    """Device that a looked up packet came in by. In answers of a look-up only."""
    cache: list[str] | None = None
    """Flags of a looked up route. In answers of a look-up only."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "encap" in fields:
            return gather(fields, frozenset({"dst", "table"}))
        return fields

    @field_validator("dst")
    @classmethod
    def _destination(cls, value: str | list[str]) -> str | list[str]:
        if isinstance(value, str):
            parse_prefix(value)
        elif not value:
            raise ValueError("is empty; give at least one destination")
        return value

    @model_validator(mode="after")
    def _agree(self) -> RouteRecord:
        family = self.address_family
        for field, address in (("gateway", self.gateway), ("prefsrc", self.prefsrc), ("from", self.src)):
            if address is not None and family_of(address) not in (family, None):
                hint = "; for a gateway of the other family write via" if field == "gateway" else ""
                raise FieldError(field, f"'{address}' is not {spoken(family)} as the route is{hint}")
        for index, hop in enumerate(self.nexthops or ()):
            if hop.gateway is not None and family_of(hop.gateway) != family:
                raise FieldError(
                    f"nexthops[{index}].gateway",
                    f"'{hop.gateway}' is not {spoken(family)} as the route is; "
                    "for a gateway of the other family write via",
                )
        if self.gateway is not None and self.via is not None:
            raise FieldError("via", "gateway and via contradict each other; give one of them")
        if self.nhid is None:
            if self.nexthops is not None:
                self._refuse("nexthops (each next hop has its own)", "gateway", "via", "dev", "encap")
            if self.type in REJECT_TYPES:
                others = ("gateway", "via", "nexthops", "encap")
                # IPv6 prints reject routes with dev lo, so that does not contradict the type there.
                loopback = family == INET6 and self.dev == "lo"
                self._refuse(f"type {self.type}", *others, *(() if loopback else ("dev",)))
        return self

    def _refuse(self, reason: str, *fields: str) -> None:
        for field in fields:
            if getattr(self, field) is not None:
                raise FieldError(field, f"contradicts {reason}")

    @property
    def address_family(self) -> int:
        """AF_INET or AF_INET6: what the record says or, for ``default`` alone, AF_INET as in ``ip``."""
        if self.family is not None:
            return FAMILIES[self.family]
        for text in self.destinations:
            if (found := family_of(text)) is not None:
                return found
        legs = [hop.gateway for hop in self.nexthops or ()]
        for other in (self.gateway, self.prefsrc, self.src, *legs):
            if other is not None and (found := family_of(other)) is not None:
                return found
        # The kernel has a router preference for every IPv6 route, and ip prints it; IPv4 has none.
        return INET if self.pref is None else INET6

    @property
    def destinations(self) -> tuple[str, ...] | list[str]:
        """The destinations as a sequence, also where there is one only."""
        return (self.dst,) if isinstance(self.dst, str) else self.dst

    def key_text(self, destination: str | None = None) -> str:
        """The route's key in words for errors and logs, such as ``10.0.0.0/8 table main metric 5``.

        ``destination``  which one of a list; None for the first, and how many others there are.
        """
        if destination is None:
            first, *others = self.destinations
            destination = f"{first} and {len(others)} others" if others else first
        parts = {
            "from": self.src,
            "table": self.table,
            "vrf": self.vrf,
            "tos": self.tos,
            "metric": self.metric,
        }
        return key_text(destination, parts)


def key_text(destination: str, parts: Mapping[str, object]) -> str:
    """``10.0.0.0/8 table main metric 5``: the set parts only."""
    return " ".join([destination, *(f"{name} {value}" for name, value in parts.items() if value is not None)])
