"""Next hops: where a packet goes next, alone in a route or as one leg of a multipath route."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from nld.records.encap import EncapRecord, gather
from nld.records.model import Address, Device, FieldError, Named, Record

MOST_LEGS = 4096
"""Legs of a route, more than the kernel can list: 31 KiB (``kernel/extent.py``) of 8 bytes each."""

SETTABLE_FLAGS = ("onlink", "pervasive")
"""Flags that a writer may ask for; the kernel reports the others."""

Flag = Literal[
    "dead", "onlink", "pervasive", "offload", "trap", "notify", "linkdown", "unresolved", "rt_offload",
    "rt_trap", "rt_offload_failed",
]  # fmt: skip
"""RTNH_F_* and RTM_F_* in ``ip``'s words."""


class Via(Record):
    """A gateway of the other address family than the route's (RFC 5549)."""

    family: Literal["inet", "inet6"]
    """Family of ``host``."""
    host: Address
    """The gateway's address."""


class Flow(Record):
    """Routing realms (IPv4 only), for classifiers and accounting."""

    from_realm: Annotated[Named | None, Field(alias="from")] = None
    """Realm of the source; default none."""
    to: Named
    """Realm of the destination: a name of rt_realms or 0 to 65535."""


class NextHopRecord(Record):
    """One leg of a multipath route."""

    gateway: Address | None = None
    """Gateway of the route's family."""
    via: Via | None = None
    """Gateway of the other family, instead of ``gateway``."""
    dev: Device | None = None
    """Device. May be left out where the gateway says it (IPv4 and IPv6 look it up)."""
    weight: Annotated[int, Field(ge=1, le=256)] = 1
    """Share of the flows, relative to the other legs."""
    flags: list[Flag] | None = None
    """``onlink``: take the gateway to be on the link; the others are set by the kernel."""
    encap: EncapRecord | None = None
    """Encapsulation of this leg."""
    flow: Flow | None = None
    """Realms of this leg (IPv4)."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "encap" in fields:
            return gather(fields, frozenset())
        return fields

    @model_validator(mode="after")
    def _agree(self) -> NextHopRecord:
        if self.gateway is not None and self.via is not None:
            raise FieldError("via", "gateway and via contradict each other; give one of them")
        if self.gateway is None and self.via is None and self.dev is None:
            raise ValueError("a next hop needs gateway, via or dev")
        return self


def _not_too_many(legs: Any) -> Any:
    # Before any of them is looked at: these are a few microseconds each.
    if isinstance(legs, list) and len(legs) > MOST_LEGS:
        raise ValueError(f"is too long; allowed: at most {MOST_LEGS}")
    return legs


Legs = Annotated[list[NextHopRecord], Field(min_length=1, fail_fast=True), BeforeValidator(_not_too_many)]
"""The legs of a multipath route."""
