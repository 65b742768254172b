"""The settings of devices: RTM_NEWNETCONF, of which one changes routes.

With ``ignore_routes_with_linkdown`` a next hop whose device has no carrier is dead, and else only marked.

Source: include/uapi/linux/netconf.h, net/ipv4/devinet.c and net/ipv6/addrconf.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from nld.netlink.attribute import S32, Attribute, AttributeSet, Table
from nld.netlink.form import Form
from nld.netlink.registry import NETCONFA

ALL = -1
"""NETCONFA_IFINDEX_ALL: the setting ``all`` of a namespace, which holds for every device."""


@dataclass(slots=True)
class Netconf(AttributeSet):
    """What is told of a setting: the one that changed, or all of a device that is new.

    ``index``            ifindex; ``ALL``, or -2 for the setting of devices to come.
    ``ignore_linkdown``  ``ignore_routes_with_linkdown``; None where something else changed.
    ``forwarding``       None unless that changed, or all are told.
    """

    family: int
    index: int | None = None
    forwarding: int | None = None
    ignore_linkdown: int | None = None


FORM: Form[Netconf] = Form(
    Netconf,
    "=Bxxx",
    ("family",),
    Table((
        Attribute(NETCONFA.IFINDEX, "index", S32),
        Attribute(NETCONFA.FORWARDING, "forwarding", S32),
        Attribute(NETCONFA.IGNORE_ROUTES_WITH_LINKDOWN, "ignore_linkdown", S32),
    )),
)  # fmt: skip


def decode(payload: bytes | bytearray | memoryview) -> Netconf:
    """A setting from the payload of its message.  Raises :class:`nld.errors.MalformedMessage`."""
    return FORM.decode(payload)


def encode(netconf: Netconf) -> bytes:
    """The payload.  Raises ``ValueError`` for what does not fit its field."""
    return FORM.encode(netconf)
