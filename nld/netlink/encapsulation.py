"""Lightweight tunnels: what ``RTA_ENCAP`` holds, by the type in ``RTA_ENCAP_TYPE``.

The type may come before or after the contents, so a table with a tunnel in it (:class:`TunnelTable`)
resolves the pair once all attributes are read.  A type without a class here is kept as bytes in
:class:`OpaqueEncap`, so it is shown incompletely but never lost.

Source: include/uapi/linux/{lwtunnel,mpls_iptunnel,seg6_iptunnel,seg6_local}.h, RFC 3032, RFC 8754.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, TypeAlias

from nld.errors import MalformedMessage
from nld.netlink.attribute import (
    ADDRESS4,
    ADDRESS6,
    BE16,
    BE64,
    BYTES,
    NESTED,
    U8,
    U32,
    U64,
    Attribute,
    AttributeSet,
    Kind,
    Reading,
    Table,
    Wire,
    nested,
    write_set,
)
from nld.netlink.registry import EncapType
from nld.netlink.segments import SEGMENTS, TUNNEL_SEGMENTS, SegmentHeader

_LABEL = struct.Struct("!I")


def _unpack_labels(data: bytes, start: int, end: int) -> tuple[int, ...]:
    if end == start or (end - start) % 4:
        raise MalformedMessage(f"a label stack of {end - start} bytes, must be a multiple of 4", start)
    labels = []
    for offset in range(start, end, 4):
        (entry,) = _LABEL.unpack_from(data, offset)
        if entry & 0xFFF != (0x100 if offset + 4 == end else 0):
            raise MalformedMessage("a label with a traffic class, a TTL or the bottom bit misplaced", offset)
        labels.append(entry >> 12)
    return tuple(labels)


def _pack_labels(labels: Sequence[int]) -> bytes:
    if not labels or not all(0 <= label < 1 << 20 for label in labels):
        raise ValueError("labels are numbers of 20 bits, at least one")
    bottom = len(labels) - 1
    return b"".join(_LABEL.pack(label << 12 | (index == bottom) << 8) for index, label in enumerate(labels))


LABELS = Kind("label stack", _unpack_labels, _pack_labels)
"""MPLS labels, outermost first; traffic class and TTL are zero in a route (net/mpls/af_mpls.c)."""


class MPLS_IPTUNNEL(IntEnum):  # noqa: N801
    """Attributes of an MPLS tunnel."""

    DST = 1
    TTL = 2


class LWTUNNEL_IP(IntEnum):  # noqa: N801
    """Attributes of an IPv4 tunnel."""

    ID = 1
    DST = 2
    SRC = 3
    TTL = 4
    TOS = 5
    FLAGS = 6
    PAD = 7
    OPTS = 8


class LWTUNNEL_IP6(IntEnum):  # noqa: N801
    """Attributes of an IPv6 tunnel."""

    ID = 1
    DST = 2
    SRC = 3
    HOPLIMIT = 4
    TC = 5
    FLAGS = 6
    PAD = 7
    OPTS = 8


class SEG6_IPTUNNEL(IntEnum):  # noqa: N801
    """Attributes of a segment routing tunnel."""

    SRH = 1
    SRC = 2


class SEG6_LOCAL(IntEnum):  # noqa: N801
    """Attributes of a segment routing endpoint."""

    ACTION = 1
    SRH = 2
    TABLE = 3
    NH4 = 4
    NH6 = 5
    IIF = 6
    OIF = 7
    BPF = 8
    VRFTABLE = 9
    COUNTERS = 10
    FLAVORS = 11


class LWT_XFRM(IntEnum):  # noqa: N801
    """Attributes of an IPsec tunnel."""

    IF_ID = 1
    LINK = 2


@dataclass(slots=True)
class MplsEncap(AttributeSet):
    """Push labels. ``labels`` outermost first, 20 bits each; ``ttl`` 0 or None takes the packet's."""

    TYPE: ClassVar[EncapType] = EncapType.MPLS
    TABLE: ClassVar[Table] = Table(
        (Attribute(MPLS_IPTUNNEL.DST, "labels", LABELS), Attribute(MPLS_IPTUNNEL.TTL, "ttl", U8))
    )

    labels: tuple[int, ...] | None = None
    ttl: int | None = None


@dataclass(slots=True)
class IpEncap(AttributeSet):
    """Tunnel metadata for IPv4: key ``id`` (64 bits), addresses of 4 bytes, ``ttl`` and ``tos`` as sent.

    ``flags`` are TUNNEL_* bits (key, checksum, sequence); ``opts`` the bytes of LWTUNNEL_IP_OPTS
    (geneve, vxlan or erspan options).  All zeroes mean "not set".
    """

    TYPE: ClassVar[EncapType] = EncapType.IP
    TABLE: ClassVar[Table] = Table(
        (
            Attribute(LWTUNNEL_IP.ID, "id", BE64),
            Attribute(LWTUNNEL_IP.DST, "dst", ADDRESS4),
            Attribute(LWTUNNEL_IP.SRC, "src", ADDRESS4),
            Attribute(LWTUNNEL_IP.TOS, "tos", U8),
            Attribute(LWTUNNEL_IP.TTL, "ttl", U8),
            Attribute(LWTUNNEL_IP.FLAGS, "flags", BE16),
            Attribute(LWTUNNEL_IP.OPTS, "opts", BYTES, NESTED),
        )
    )

    id: int | None = None
    dst: bytes | None = None
    src: bytes | None = None
    tos: int | None = None
    ttl: int | None = None
    flags: int | None = None
    opts: bytes | None = None


@dataclass(slots=True)
class Ip6Encap(AttributeSet):
    """Tunnel metadata for IPv6: as :class:`IpEncap`, with ``tc`` (traffic class) and ``hoplimit``."""

    TYPE: ClassVar[EncapType] = EncapType.IP6
    TABLE: ClassVar[Table] = Table(
        (
            Attribute(LWTUNNEL_IP6.ID, "id", BE64),
            Attribute(LWTUNNEL_IP6.DST, "dst", ADDRESS6),
            Attribute(LWTUNNEL_IP6.SRC, "src", ADDRESS6),
            Attribute(LWTUNNEL_IP6.TC, "tc", U8),
            Attribute(LWTUNNEL_IP6.HOPLIMIT, "hoplimit", U8),
            Attribute(LWTUNNEL_IP6.FLAGS, "flags", BE16),
            Attribute(LWTUNNEL_IP6.OPTS, "opts", BYTES, NESTED),
        )
    )

    id: int | None = None
    dst: bytes | None = None
    src: bytes | None = None
    tc: int | None = None
    hoplimit: int | None = None
    flags: int | None = None
    opts: bytes | None = None


@dataclass(slots=True)
class Seg6Encap(AttributeSet):
    """Segment routing over IPv6: an SRH in front of the packet, or around it.

    ``mode``      SEG6_IPTUN_MODE_*: 0 inline, 1 encap, 2 l2encap, 3 encap.red, 4 l2encap.red.
    ``segments``  addresses of 16 bytes in the order of the visit; an inline route has the kernel's
                  place-holder for the packet's own destination, 16 zero bytes, as the last.
    ``hmac``      HMAC key id, None without.
    ``source``    the outer source address, or None for the system's (``ip sr tunsrc``).
    The rest is as in :class:`nld.netlink.segments.SegmentHeader`.
    """

    TYPE: ClassVar[EncapType] = EncapType.SEG6
    TABLE: ClassVar[Table] = Table(
        (
            Attribute(SEG6_IPTUNNEL.SRH, "srh", TUNNEL_SEGMENTS),
            Attribute(SEG6_IPTUNNEL.SRC, "source", ADDRESS6),
        )
    )

    mode: int = 0
    segments: tuple[bytes, ...] = ()
    hmac: int | None = None
    flags: int = 0
    tag: int = 0
    next_header: int = 0
    segments_left: int | None = None
    tlvs: bytes = b""
    source: bytes | None = None

    @classmethod
    def read(cls, srh: SegmentHeader | None = None, **rest: Any) -> Seg6Encap:
        """From the values of the table's rows."""
        if srh is not None:
            rest |= {name: getattr(srh, name) for name in SegmentHeader.__slots__}
        return cls(**rest)

    @property
    def srh(self) -> SegmentHeader | None:
        """The header that the row of that name writes; None without segments."""
        if not self.segments:
            return None
        return SegmentHeader(**{name: getattr(self, name) for name in SegmentHeader.__slots__})


class SEG6_LOCAL_CNT(IntEnum):  # noqa: N801
    """Counters of a segment routing endpoint."""

    PAD = 1
    PACKETS = 2
    BYTES = 3
    ERRORS = 4


class SEG6_LOCAL_FLV(IntEnum):  # noqa: N801
    """Flavours of a segment routing endpoint."""

    OPERATION = 1
    LCBLOCK_BITS = 2
    LCNODE_FN_BITS = 3


@dataclass(slots=True)
class Seg6Counters(AttributeSet):
    """What an endpoint has handled since it was made."""

    packets: int | None = None
    bytes: int | None = None
    errors: int | None = None


@dataclass(slots=True)
class Seg6Flavors(AttributeSet):
    """``operation``: bit n for SEG6_LOCAL_FLV_OP n; lengths in bits for NEXT-C-SID, None for 32 and 16."""

    operation: int | None = None
    lcblock_bits: int | None = None
    lcnode_fn_bits: int | None = None


COUNTERS = Table(
    (
        Attribute(SEG6_LOCAL_CNT.PACKETS, "packets", U64),
        Attribute(SEG6_LOCAL_CNT.BYTES, "bytes", U64),
        Attribute(SEG6_LOCAL_CNT.ERRORS, "errors", U64),
    )
)
FLAVORS = Table(
    (
        Attribute(SEG6_LOCAL_FLV.OPERATION, "operation", U32),
        Attribute(SEG6_LOCAL_FLV.LCBLOCK_BITS, "lcblock_bits", U8),
        Attribute(SEG6_LOCAL_FLV.LCNODE_FN_BITS, "lcnode_fn_bits", U8),
    )
)


@dataclass(slots=True)
class Seg6LocalEncap(AttributeSet):
    """A segment routing endpoint: ``action`` is SEG6_LOCAL_ACTION_*, the rest are its parameters.

    Which parameters an action takes is the kernel's business (net/ipv6/seg6_local.c).
    """

    TYPE: ClassVar[EncapType] = EncapType.SEG6_LOCAL
    TABLE: ClassVar[Table] = Table(
        (
            Attribute(SEG6_LOCAL.ACTION, "action", U32),
            Attribute(SEG6_LOCAL.SRH, "srh", SEGMENTS),
            Attribute(SEG6_LOCAL.TABLE, "table", U32),
            Attribute(SEG6_LOCAL.VRFTABLE, "vrftable", U32),
            Attribute(SEG6_LOCAL.NH4, "nh4", ADDRESS4),
            Attribute(SEG6_LOCAL.NH6, "nh6", ADDRESS6),
            Attribute(SEG6_LOCAL.IIF, "iif", U32),
            Attribute(SEG6_LOCAL.OIF, "oif", U32),
            Attribute(SEG6_LOCAL.BPF, "bpf", BYTES),
            Attribute(SEG6_LOCAL.COUNTERS, "counters", nested(COUNTERS, Seg6Counters), NESTED),
            Attribute(SEG6_LOCAL.FLAVORS, "flavors", nested(FLAVORS, Seg6Flavors), NESTED),
        )
    )

    action: int | None = None
    srh: SegmentHeader | None = None
    table: int | None = None
    vrftable: int | None = None
    nh4: bytes | None = None
    nh6: bytes | None = None
    iif: int | None = None
    oif: int | None = None
    bpf: bytes | None = None
    counters: Seg6Counters | None = None
    flavors: Seg6Flavors | None = None


@dataclass(slots=True)
class XfrmEncap(AttributeSet):
    """Route into IPsec: the interface id of the policy, and the ifindex of the link below, or None."""

    TYPE: ClassVar[EncapType] = EncapType.XFRM
    TABLE: ClassVar[Table] = Table(
        (Attribute(LWT_XFRM.IF_ID, "if_id", U32), Attribute(LWT_XFRM.LINK, "link", U32))
    )

    if_id: int | None = None
    link: int | None = None


@dataclass(slots=True)
class OpaqueEncap:
    """A tunnel of a type without a class here: the bytes inside ``RTA_ENCAP``."""

    data: bytes


Encap: TypeAlias = MplsEncap | IpEncap | Ip6Encap | Seg6Encap | Seg6LocalEncap | XfrmEncap | OpaqueEncap

CLASSES: Mapping[int, type[MplsEncap | IpEncap | Ip6Encap | Seg6Encap | Seg6LocalEncap | XfrmEncap]] = {
    cls.TYPE: cls for cls in (MplsEncap, IpEncap, Ip6Encap, Seg6Encap, Seg6LocalEncap, XfrmEncap)
}
"""The class for each tunnel type that has one."""


def _pack_encap(encap: Encap) -> bytes:
    return encap.data if isinstance(encap, OpaqueEncap) else write_set(encap.TABLE, encap)


ENCAP = Kind("tunnel", lambda data, start, end: (start, end), _pack_encap)
"""Read as a pair of offsets, which :class:`TunnelTable` resolves; written from an :data:`Encap`."""


class TunnelTable(Table):
    """A table with rows named ``encap_type`` (u16) and ``encap`` (:data:`ENCAP`)."""

    __slots__ = ()

    def read(self, data: bytes, start: int, end: int) -> Reading:
        """As :meth:`Table.read`, with ``encap`` resolved to an :data:`Encap`."""
        reading = super().read(data, start, end)
        values = reading.values
        if (span := values.get("encap")) is not None:
            cls = CLASSES.get(values.get("encap_type", EncapType.NONE))
            if cls is None:
                values["encap"] = OpaqueEncap(data[span[0] : span[1]])
            else:
                inside, unknown, types = cls.TABLE.read(data, *span)
                make: Callable[..., Encap] = Seg6Encap.read if cls is Seg6Encap else cls
                values["encap"] = make(**inside, unknown=unknown, wire=Wire(types))
        return reading

    def write(
        self, values: Mapping[str, Any], unknown: Sequence[tuple[int, bytes]] = (), types: Sequence[int] = ()
    ) -> bytes:
        """As :meth:`Table.write`; ``encap_type`` None is filled in from the class of ``encap``."""
        encap = values.get("encap")
        if encap is not None and values.get("encap_type") is None and not isinstance(encap, OpaqueEncap):
            values = {**values, "encap_type": encap.TYPE}
        return super().write(values, unknown, types)
