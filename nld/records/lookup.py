"""The question "which way would a packet go?", with everything that may change the answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from nld.prefix import family_of
from nld.records.model import U16, U32, Address, Device, FieldError, Named, Record, Tos


class LookupQuestion(Record):
    """A packet to be routed. What is left out is as if a local program sent it."""

    model_config = ConfigDict(populate_by_name=True)

    address: Address
    """Where the packet goes."""
    src: Annotated[Address | None, Field(alias="from")] = None
    """Source address of the packet."""
    iif: Device | None = None
    """Device that the packet came in by. Default: it is made here."""
    oif: Device | None = None
    """Device that the sender is bound to."""
    mark: U32 | None = None
    """Firewall mark. Default 0."""
    tos: Tos | None = None
    """Type of service. Default 0."""
    uid: U32 | None = None
    """User id of the sender. Default 0."""
    ipproto: Named | None = None
    """IP protocol, a number or tcp, udp, icmp ... Default none."""
    sport: Annotated[U16, Field(ge=1)] | None = None
    """Source port; needs ``ipproto``."""
    dport: Annotated[U16, Field(ge=1)] | None = None
    """Destination port; needs ``ipproto``."""
    vrf: Device | None = None
    """VRF device that the sender is bound to."""

    @model_validator(mode="after")
    def _agree(self) -> LookupQuestion:
        if self.src is not None and family_of(self.src) != family_of(self.address):
            raise FieldError("from", f"'{self.src}' is not of the same family as address '{self.address}'")
        if self.oif is not None and self.vrf is not None:
            raise FieldError("vrf", "oif and vrf contradict each other; give one of them")
        return self
