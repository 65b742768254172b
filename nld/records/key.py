"""The key of a route: what tells one route from all others of a kernel table.

IPv4: (table, dst, tos, metric).  IPv6: (table, dst, from, metric).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from nld.prefix import FAMILIES, INET, family_of, spoken
from nld.records.model import U32, FieldError, Named, Prefix, Record, Tos
from nld.records.route import Family, key_text


class RouteKey(Record):
    """Names one route exactly. A field that is left out has the kernel's default; it is not a wildcard."""

    model_config = ConfigDict(populate_by_name=True)

    dst: Prefix
    """Destination prefix, or ``default``."""
    table: Named | None = None
    """Routing table, a name or number. Default main."""
    metric: U32 | None = None
    """Default 0 (IPv4) or 1024 (IPv6)."""
    tos: Tos | None = None
    """Type of service (IPv4), a name or hexadecimal. Default 0."""
    src: Annotated[Prefix | None, Field(alias="from")] = None
    """Source prefix (IPv6 with source routing only). Default any."""
    family: Family | None = None
    """Needed for the ``default`` route of IPv6 only."""

    @model_validator(mode="after")
    def _agree(self) -> RouteKey:
        wanted = FAMILIES[self.family] if self.family else None
        for name, text in (("dst", self.dst), ("from", self.src)):
            found = None if text is None else family_of(text)
            if found is not None and wanted not in {None, found}:
                raise FieldError(name, f"'{text}' is {spoken(found)}, but the rest of the key is not")
            wanted = wanted or found
        return self

    @property
    def address_family(self) -> int:
        """AF_INET or AF_INET6."""
        if self.family is not None:
            return FAMILIES[self.family]
        return family_of(self.dst) or (family_of(self.src) if self.src else None) or INET

    def text(self) -> str:
        """The key in words, such as ``10.0.0.0/8 table main metric 5``."""
        parts = {"from": self.src, "table": self.table, "tos": self.tos, "metric": self.metric}
        return key_text(self.dst, parts)
