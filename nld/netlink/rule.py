"""The routing rule: RTM_NEWRULE, RTM_DELRULE.  Rules decide which table a look-up asks.

Source: include/uapi/linux/fib_rules.h, net/core/fib_rules.c (``fib_nl_fill_rule``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nld.netlink.attribute import (
    BE32,
    BE64,
    BYTES,
    STRING,
    U8,
    U16,
    U32,
    Attribute,
    AttributeSet,
    Table,
    record,
)
from nld.netlink.form import Form, Wide
from nld.netlink.registry import FRA, RuleAction, RuleFlag, TableId

NO_SUPPRESSION = 0xFFFF_FFFF
"""What the kernel says for a suppressor that is not set (-1)."""


class Range(NamedTuple):
    """Numbers from ``start`` to ``end``, both included."""

    start: int
    end: int


@dataclass(slots=True)
class Rule(AttributeSet):
    """One rule: a selector and an action.

    ``priority``   lower is asked first; None is 0.
    ``table``      full 32-bit id, for the action TO_TBL; 0 for none.
    ``flags``      ``RuleFlag``; :attr:`invert` is one of them.
    ``goto``       priority of the rule to go on with, for the action GOTO.
    ``iif``, ``oif``  device names; ``fwmask`` None means all ones when ``fwmark`` is set.
    ``l3mdev``     1: the table is that of the packet's VRF.
    ``suppress_prefix_len``  results with a prefix of this length or shorter do not count;
                   ``NO_SUPPRESSION`` or None for none; ``suppress_ifgroup`` likewise, by link group.
    ``dscp``, ``flowlabel`` and the masks are of Linux 6.12 to 6.15.
    """

    family: int
    dst_len: int = 0
    src_len: int = 0
    tos: int = 0
    table: int = 0
    action: int = RuleAction.TO_TBL
    flags: int = 0
    dst: bytes | None = None
    src: bytes | None = None
    iif: str | None = None
    oif: str | None = None
    goto: int | None = None
    priority: int | None = None
    fwmark: int | None = None
    fwmask: int | None = None
    flow: int | None = None
    tun_id: int | None = None
    suppress_ifgroup: int | None = None
    suppress_prefix_len: int | None = None
    l3mdev: int | None = None
    uid_range: Range | None = None
    protocol: int | None = None
    ip_proto: int | None = None
    sport_range: Range | None = None
    dport_range: Range | None = None
    dscp: int | None = None
    dscp_mask: int | None = None
    flowlabel: int | None = None
    flowlabel_mask: int | None = None
    sport_mask: int | None = None
    dport_mask: int | None = None

    @property
    def invert(self) -> bool:
        """Whether the rule is for packets that do *not* match its selector."""
        return bool(self.flags & RuleFlag.INVERT)


RULE = Table(
    (
        Attribute(FRA.TABLE, "table", U32),
        Attribute(FRA.SUPPRESS_PREFIXLEN, "suppress_prefix_len", U32),
        Attribute(FRA.PROTOCOL, "protocol", U8),
        Attribute(FRA.IIFNAME, "iif", STRING),
        Attribute(FRA.OIFNAME, "oif", STRING),
        Attribute(FRA.PRIORITY, "priority", U32),
        Attribute(FRA.FWMARK, "fwmark", U32),
        Attribute(FRA.FWMASK, "fwmask", U32),
        Attribute(FRA.GOTO, "goto", U32),
        Attribute(FRA.TUN_ID, "tun_id", BE64),
        Attribute(FRA.L3MDEV, "l3mdev", U8),
        Attribute(FRA.UID_RANGE, "uid_range", record("uid_range", "=II", Range)),
        Attribute(FRA.SPORT_RANGE, "sport_range", record("port_range", "=HH", Range)),
        Attribute(FRA.SPORT_MASK, "sport_mask", U16),
        Attribute(FRA.DPORT_RANGE, "dport_range", record("port_range", "=HH", Range)),
        Attribute(FRA.DPORT_MASK, "dport_mask", U16),
        Attribute(FRA.IP_PROTO, "ip_proto", U8),
        Attribute(FRA.SUPPRESS_IFGROUP, "suppress_ifgroup", U32),
        Attribute(FRA.DST, "dst", BYTES),
        Attribute(FRA.SRC, "src", BYTES),
        Attribute(FRA.FLOW, "flow", U32),
        Attribute(FRA.DSCP, "dscp", U8),
        Attribute(FRA.DSCP_MASK, "dscp_mask", U8),
        Attribute(FRA.FLOWLABEL, "flowlabel", BE32),
        Attribute(FRA.FLOWLABEL_MASK, "flowlabel_mask", BE32),
    )
)

FORM: Form[Rule] = Form(
    Rule,
    "=BBBBBxxBI",
    ("family", "dst_len", "src_len", "tos", "table", "action", "flags"),
    RULE,
    Wide("table", FRA.TABLE, lambda table: TableId.UNSPEC),
)


def decode(payload: bytes | bytearray | memoryview) -> Rule:
    """A rule from the payload of its message.  Raises :class:`nld.errors.MalformedMessage`."""
    return FORM.decode(payload)


def encode(rule: Rule) -> bytes:
    """The payload.  Raises ``ValueError`` for what does not fit its field."""
    return FORM.encode(rule)
