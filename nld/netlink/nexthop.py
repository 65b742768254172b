"""The nexthop object: RTM_NEWNEXTHOP, RTM_DELNEXTHOP.

An object with an id that routes name in ``RTA_NH_ID``: a gateway, a device, a blackhole, or a group
of other objects.  Replacing one moves all its routes at once.

Source: include/uapi/linux/nexthop.h, net/ipv4/nexthop.c (``nh_fill_node``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nld.netlink.attribute import (
    BYTES,
    FLAG,
    NESTED,
    U16,
    U32,
    U64,
    Attribute,
    AttributeSet,
    Table,
    array,
    nested,
)
from nld.netlink.encapsulation import ENCAP, Encap, TunnelTable
from nld.netlink.form import Form
from nld.netlink.registry import NHA, NHA_RES_GROUP


class Member(NamedTuple):
    """``struct nexthop_grp``: one member of a group.

    ``weight`` is the wire's, one less than the weight meant; ``weight_high`` its upper 8 bits, which
    kernels before 6.12 take as reserved; ``reserved`` is 0.
    """

    id: int
    weight: int = 0
    weight_high: int = 0
    reserved: int = 0


@dataclass(slots=True)
class ResilientGroup(AttributeSet):
    """``NHA_RES_GROUP``: the number of buckets, and timers in 1/100 s (USER_HZ)."""

    buckets: int | None = None
    idle_timer: int | None = None
    unbalanced_timer: int | None = None
    unbalanced_time: int | None = None


@dataclass(slots=True)
class Nexthop(AttributeSet):
    """One nexthop object.

    ``id``          None lets the kernel choose.
    ``group``       members of a group; ``group_type`` 0 hash-threshold, 1 resilient.
    ``blackhole``   True for one that drops; no device or gateway then.
    ``scope``       only in what the kernel says.
    ``flags``       ``RTNH_F_*``.
    ``groups``, ``master`` are filters for a dump; ``fdb`` marks one of a bridge's forwarding table.
    """

    family: int = 0
    scope: int = 0
    protocol: int = 0
    flags: int = 0
    id: int | None = None
    group: tuple[Member, ...] | None = None
    group_type: int | None = None
    res_group: ResilientGroup | None = None
    blackhole: bool = False
    oif: int | None = None
    gateway: bytes | None = None
    encap: Encap | None = None
    encap_type: int | None = None
    fdb: bool = False
    groups: bool = False
    master: int | None = None
    op_flags: int | None = None
    group_stats: bytes | None = None
    hw_stats_enable: int | None = None
    hw_stats_used: int | None = None


RESILIENT_GROUP = Table(
    (
        Attribute(NHA_RES_GROUP.BUCKETS, "buckets", U16),
        Attribute(NHA_RES_GROUP.IDLE_TIMER, "idle_timer", U32),
        Attribute(NHA_RES_GROUP.UNBALANCED_TIMER, "unbalanced_timer", U32),
        Attribute(NHA_RES_GROUP.UNBALANCED_TIME, "unbalanced_time", U64),
    )
)

NEXTHOP = TunnelTable(
    (
        Attribute(NHA.ID, "id", U32),
        Attribute(NHA.GROUP, "group", array("nexthop_grp", "=IBBH", Member)),
        Attribute(NHA.GROUP_TYPE, "group_type", U16),
        Attribute(NHA.RES_GROUP, "res_group", nested(RESILIENT_GROUP, ResilientGroup), NESTED),
        Attribute(NHA.OP_FLAGS, "op_flags", U32),
        Attribute(NHA.GROUP_STATS, "group_stats", BYTES, NESTED),
        Attribute(NHA.HW_STATS_ENABLE, "hw_stats_enable", U32),
        Attribute(NHA.HW_STATS_USED, "hw_stats_used", U32),
        Attribute(NHA.BLACKHOLE, "blackhole", FLAG),
        Attribute(NHA.OIF, "oif", U32),
        Attribute(NHA.GATEWAY, "gateway", BYTES),
        Attribute(NHA.ENCAP, "encap", ENCAP, NESTED),
        Attribute(NHA.ENCAP_TYPE, "encap_type", U16),
        Attribute(NHA.FDB, "fdb", FLAG),
        Attribute(NHA.GROUPS, "groups", FLAG),
        Attribute(NHA.MASTER, "master", U32),
    )
)

FORM: Form[Nexthop] = Form(Nexthop, "=BBBxI", ("family", "scope", "protocol", "flags"), NEXTHOP)


def decode(payload: bytes | bytearray | memoryview) -> Nexthop:
    """A nexthop object from the payload of its message.  Raises :class:`nld.errors.MalformedMessage`."""
    return FORM.decode(payload)


def encode(nexthop: Nexthop) -> bytes:
    """The payload.  Raises ``ValueError`` for what does not fit its field."""
    return FORM.encode(nexthop)
