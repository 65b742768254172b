"""Which routes to list or watch: ``ip route show``'s selectors, all of which must hold.

``dst`` is ``ip``'s ``exact``, ``root`` the prefix and its more-specifics, ``match`` the prefix and all
that cover it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from nld.names import type_of
from nld.prefix import FAMILIES, family_of
from nld.records.model import U32, Device, FieldError, Named, Prefix, Record, Tos
from nld.records.route import Family, RouteType


class RouteFilter(Record):
    """A route must meet every field that is set; an empty filter takes all of all tables."""

    family: Family | None = None
    """Address family. Default both."""
    table: Named | None = None
    """Routing table, a name or number. Default all."""
    vrf: Device | None = None
    """Instead of ``table``: the table of this VRF device."""
    protocol: Named | None = None
    """Who made the route, a name or number."""
    dev: Device | None = None
    """Device of the route, or of any of its next hops."""
    type: Annotated[RouteType | None, BeforeValidator(type_of)] = None
    """Type."""
    scope: Named | None = None
    """Scope, a name or number."""
    dst: Prefix | None = None
    """Exactly this destination."""
    root: Prefix | None = None
    """This prefix and all inside it."""
    match: Prefix | None = None
    """This prefix and all that cover it; with a host address, all routes that could take it."""
    src: Annotated[Prefix | None, Field(alias="from")] = None
    """Exactly this source prefix (IPv6)."""
    via: Prefix | None = None
    """Gateway of the route, or of any of its next hops: an address, or a prefix that it is in."""
    whole: bool | None = None
    """With ``dev`` or ``via``: only routes all of whose next hops go by it. Default false."""
    prefsrc: Prefix | None = None
    """Preferred source address, or a prefix that it is in."""
    metric: U32 | None = None
    """Metric."""
    tos: Tos | None = None
    """Type of service."""
    nhid: U32 | None = None
    """Id of the nexthop object."""
    owner: Annotated[str, Field(min_length=1)] | None = None
    """Owner of the route in nld's own records."""

    @model_validator(mode="after")
    def _agree(self) -> RouteFilter:
        wanted = FAMILIES[self.family] if self.family else None
        for field in ("dst", "root", "match", "src", "prefsrc"):
            text = getattr(self, field)
            found = family_of(text) if text is not None else None
            if found is not None and wanted not in {None, found}:
                name = "from" if field == "src" else field
                raise FieldError(name, f"'{text}' is not of the same family as the rest of the filter")
            wanted = wanted or found
        return self
