"""The interface address: RTM_NEWADDR, RTM_DELADDR.

Source: rtnetlink(7), include/uapi/linux/if_addr.h, net/ipv4/devinet.c (``inet_fill_ifaddr``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nld.netlink.attribute import (
    BYTES,
    S32,
    STRING,
    U8,
    U32,
    Attribute,
    AttributeSet,
    Table,
    record,
)
from nld.netlink.form import Form, Wide
from nld.netlink.registry import IFA


class AddressCacheInfo(NamedTuple):
    """``struct ifa_cacheinfo``: lifetimes in seconds (0xffffffff is for ever), stamps in 1/100 s."""

    preferred: int
    valid: int
    created: int
    updated: int


@dataclass(slots=True)
class Address(AttributeSet):
    """One address of a link.

    ``local``    the address of this host; None on IPv6 unless point-to-point.
    ``address``  the same, or the peer's on a point-to-point link.
    ``flags``    ``AddressFlag``, all 32 bits: IFA_FLAGS where present.
    ``index``    ifindex; ``priority`` the metric of the prefix route, None for the default.
    """

    family: int
    prefix_len: int = 0
    flags: int = 0
    scope: int = 0
    index: int = 0
    address: bytes | None = None
    local: bytes | None = None
    broadcast: bytes | None = None
    anycast: bytes | None = None
    multicast: bytes | None = None
    label: str | None = None
    protocol: int | None = None
    priority: int | None = None
    cacheinfo: AddressCacheInfo | None = None
    target_netnsid: int | None = None

    @property
    def host(self) -> bytes | None:
        """This host's address: ``local``, or ``address`` where that is the only one."""
        return self.local if self.local is not None else self.address


ADDRESS_TABLE = Table(
    (
        Attribute(IFA.ADDRESS, "address", BYTES),
        Attribute(IFA.LOCAL, "local", BYTES),
        Attribute(IFA.BROADCAST, "broadcast", BYTES),
        Attribute(IFA.ANYCAST, "anycast", BYTES),
        Attribute(IFA.MULTICAST, "multicast", BYTES),
        Attribute(IFA.LABEL, "label", STRING),
        Attribute(IFA.PROTO, "protocol", U8),
        Attribute(IFA.FLAGS, "flags", U32),
        Attribute(IFA.RT_PRIORITY, "priority", U32),
        Attribute(IFA.CACHEINFO, "cacheinfo", record("cacheinfo", "=IIII", AddressCacheInfo)),
        Attribute(IFA.TARGET_NETNSID, "target_netnsid", S32),
    )
)

FORM: Form[Address] = Form(
    Address,
    "=BBBBI",
    ("family", "prefix_len", "flags", "scope", "index"),
    ADDRESS_TABLE,
    Wide("flags", IFA.FLAGS, lambda flags: flags & 0xFF),
)


def decode(payload: bytes | bytearray | memoryview) -> Address:
    """An address from the payload of its message.  Raises :class:`nld.errors.MalformedMessage`."""
    return FORM.decode(payload)


def encode(address: Address) -> bytes:
    """The payload.  Raises ``ValueError`` for what does not fit its field."""
    return FORM.encode(address)
