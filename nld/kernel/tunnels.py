"""Encapsulations between their two forms: the record's ``encap`` and the wire's ``RTA_ENCAP``.

Towards a record there are two spellings, which :func:`fields` gives in one: the order is that of
``ip -j``, which writes these fields straight into the route; nld's full form puts them into an object.

Does not belong here: where an encapsulation stands in a route (``rendering.py``, ``translation.py``).
"""

from __future__ import annotations

import socket
from typing import Any, Protocol

from nld.names import Names
from nld.netlink.encapsulation import Seg6Counters, Seg6Flavors, Seg6LocalEncap, XfrmEncap
from nld.netlink.registry import EncapType
from nld.netlink.route import Encap, Ip6Encap, IpEncap, MplsEncap, OpaqueEncap, Seg6Encap
from nld.netlink.segments import SegmentHeader
from nld.records.encap import (
    EncapRecord,
    Ip6EncapRecord,
    IpEncapRecord,
    MplsEncapRecord,
    RawEncapRecord,
    Seg6EncapRecord,
    Seg6LocalEncapRecord,
    SegmentsRecord,
    XfrmEncapRecord,
)

Pairs = list[tuple[str, Any]]

KINDS = {
    1: "mpls", 2: "ip", 3: "ila", 4: "ip6", 5: "seg6", 6: "bpf", 7: "seg6local", 8: "rpl", 9: "ioam6",
    10: "xfrm",
}  # fmt: skip
"""LWTUNNEL_ENCAP_* as ``ip`` spells them."""
_NUMBERS = {name: number for number, name in KINDS.items()}

MODES = ("inline", "encap", "l2encap", "encap.red", "l2encap.red")
"""SEG6_IPTUN_MODE_*."""
ACTIONS = (
    "", "End", "End.X", "End.T", "End.DX2", "End.DX6", "End.DX4", "End.DT6", "End.DT4", "End.B6",
    "End.B6.Encaps", "End.BM", "End.S", "End.AS", "End.AM", "End.BPF", "End.DT46",
)  # fmt: skip
"""SEG6_LOCAL_ACTION_*."""
FLAVORS = ("", "psp", "usp", "usd", "next-csid")
"""SEG6_LOCAL_FLV_OP_*: the number of the bit."""

TUNNEL_FLAGS = (("key", 0x04), ("csum", 0x01), ("seq", 0x08))
"""TUNNEL_* of linux/if_tunnel.h, in the order in which ``ip`` prints them."""


class LinkNames(Protocol):
    """Names of devices by index; see ``nld.kernel.translation.LinkTable``."""

    def name(self, ifindex: int, /) -> str:
        """The device's name, ``if5`` for an unknown 5."""


class LinkIndexes(Protocol):
    """Indexes of devices by name."""

    def index(self, name: str, /) -> int:
        """The device's index; an unknown device is an error."""


def fields(encap: Encap, number: int | None, names: Names, links: LinkNames, *, full: bool) -> Pairs:
    """The type's name as ``encap``, then the encapsulation's fields, in ``ip``'s order.

    ``number``  RTA_ENCAP_TYPE; None (it is missing) gives no fields at all, as in ``ip``.
    ``full``    also what iproute2 6.1 leaves out, and hexadecimal data for a type without fields.
    """
    if number is None:
        return []
    pairs: Pairs = [("encap", KINDS.get(number, "unknown"))]
    match encap:
        case MplsEncap():
            if encap.labels is not None:
                pairs.append(("dst", "/".join(map(str, encap.labels))))
            pairs += _set(("ttl", encap.ttl))
        case IpEncap() | Ip6Encap():
            pairs += _ip_tunnel(encap)
            if full and encap.opts is not None:
                pairs.append(("opts", encap.opts.hex()))
        case Seg6Encap():
            if encap.segments:
                pairs.append(("mode", MODES[encap.mode] if encap.mode < len(MODES) else "<unknown>"))
                pairs += _segments(encap.segments, encap.hmac, full)
            if full and encap.source is not None:
                pairs.append(("source", socket.inet_ntop(socket.AF_INET6, encap.source)))
        case Seg6LocalEncap():
            pairs += _endpoint(encap, names, links, full)
        case XfrmEncap():
            pairs += _set(("if_id", encap.if_id))
            if encap.link is not None:
                pairs.append(("link_dev", links.name(encap.link)))
        case OpaqueEncap():
            if full:
                pairs += [("number", number)] if number not in KINDS else []
                pairs.append(("data", encap.data.hex()))
    return pairs


def _set(*pairs: tuple[str, Any]) -> Pairs:
    return [pair for pair in pairs if pair[1] is not None]


def _ip_tunnel(encap: IpEncap | Ip6Encap) -> Pairs:
    family = socket.AF_INET if isinstance(encap, IpEncap) else socket.AF_INET6
    pairs = _set(
        ("id", encap.id),
        ("src", None if encap.src is None else socket.inet_ntop(family, encap.src)),
        ("dst", None if encap.dst is None else socket.inet_ntop(family, encap.dst)),
    )
    if isinstance(encap, IpEncap):
        pairs += _set(("ttl", encap.ttl), ("tos", encap.tos))
    else:
        pairs += _set(("hoplimit", encap.hoplimit), ("tc", encap.tc))
    return pairs + [(name, True) for name, bit in TUNNEL_FLAGS if (encap.flags or 0) & bit]


def _segments(segments: tuple[bytes, ...], key: int | None, full: bool) -> Pairs:
    pairs: Pairs = [("segs", [socket.inet_ntop(socket.AF_INET6, segment) for segment in segments])]
    if key is not None:
        pairs.append(("hmac", key if full else f"{key:#x}"))
    return pairs


def _endpoint(encap: Seg6LocalEncap, names: Names, links: LinkNames, full: bool) -> Pairs:
    if encap.action is None:
        return []
    known = 0 < encap.action < len(ACTIONS)
    pairs: Pairs = [("action", ACTIONS[encap.action] if known else "<unknown>")]
    if encap.srh is not None:
        pairs.append(("srh", dict(_segments(encap.srh.segments, encap.srh.hmac, full))))
    for name, table in (("table", encap.table), ("vrftable", encap.vrftable)):
        if table is not None:
            pairs.append((name, names.tables.name(table)))
    if encap.nh4 is not None:
        pairs.append(("nh4", socket.inet_ntop(socket.AF_INET, encap.nh4)))
    if encap.nh6 is not None:
        pairs.append(("nh6", socket.inet_ntop(socket.AF_INET6, encap.nh6)))
    for name, index in (("iif", encap.iif), ("oif", encap.oif)):
        if index is not None:
            pairs.append((name, links.name(index)))
    if full and encap.counters is not None:
        pairs.append(("count", True))
    if encap.flavors is not None:
        bits = encap.flavors.operation
        if bits is not None:
            chosen = [name for bit, name in enumerate(FLAVORS) if name and bits & 1 << bit]
            pairs.append(("flavors", chosen))
        pairs += _set(("lblen", encap.flavors.lcblock_bits), ("nflen", encap.flavors.lcnode_fn_bits))
    return pairs


def build(record: EncapRecord, names: Names, links: LinkIndexes) -> tuple[int, Encap]:
    """What goes on the wire: (RTA_ENCAP_TYPE, RTA_ENCAP).

    Raises ``ValueError`` for names that mean nothing, and what ``links.index`` raises for devices.
    """
    match record:
        case MplsEncapRecord():
            labels = tuple(int(label) for label in record.dst.split("/"))
            return EncapType.MPLS, MplsEncap(labels=labels, ttl=record.ttl)
        case IpEncapRecord():
            return EncapType.IP, IpEncap(
                id=record.id, dst=_packed(record.dst, 4), src=_packed(record.src, 4), tos=record.tos,
                ttl=record.ttl, flags=_flags(record),
            )  # fmt: skip
        case Ip6EncapRecord():
            return EncapType.IP6, Ip6Encap(
                id=record.id, dst=_packed(record.dst, 16), src=_packed(record.src, 16), tc=record.tc,
                hoplimit=record.hoplimit, flags=_flags(record),
            )  # fmt: skip
        case Seg6EncapRecord():
            return EncapType.SEG6, Seg6Encap(
                mode=MODES.index(record.mode), segments=_addresses(record.segs), hmac=record.hmac,
                source=_packed(record.source, 16),
            )  # fmt: skip
        case Seg6LocalEncapRecord():
            return EncapType.SEG6_LOCAL, _build_endpoint(record, names, links)
        case XfrmEncapRecord():
            link = None if record.link_dev is None else links.index(record.link_dev)
            return EncapType.XFRM, XfrmEncap(if_id=record.if_id, link=link)
        case RawEncapRecord():
            if record.type == "unknown" and record.number is None:
                raise ValueError("encap of type unknown needs its number")
            number = _NUMBERS.get(record.type) or record.number or 0
            return number, OpaqueEncap(bytes.fromhex(record.data))


def _build_endpoint(record: Seg6LocalEncapRecord, names: Names, links: LinkIndexes) -> Seg6LocalEncap:
    flavors = None
    if record.flavors or record.lblen is not None or record.nflen is not None:
        flavors = Seg6Flavors(
            operation=sum(1 << FLAVORS.index(flavor) for flavor in record.flavors or ()) or None,
            lcblock_bits=record.lblen,
            lcnode_fn_bits=record.nflen,
        )
    srh: SegmentsRecord | None = record.srh
    return Seg6LocalEncap(
        action=ACTIONS.index(record.action),
        srh=None if srh is None else SegmentHeader(segments=_addresses(srh.segs), hmac=srh.hmac),
        table=None if record.table is None else names.tables.number(record.table),
        vrftable=None if record.vrftable is None else names.tables.number(record.vrftable),
        nh4=_packed(record.nh4, 4),
        nh6=_packed(record.nh6, 16),
        iif=None if record.iif is None else links.index(record.iif),
        oif=None if record.oif is None else links.index(record.oif),
        counters=Seg6Counters(packets=0, bytes=0, errors=0) if record.count else None,
        flavors=flavors,
    )


def _packed(text: str | None, size: int) -> bytes | None:
    if text is None:
        return None
    return socket.inet_pton(socket.AF_INET if size == 4 else socket.AF_INET6, text)


def _addresses(texts: list[str]) -> tuple[bytes, ...]:
    return tuple(socket.inet_pton(socket.AF_INET6, text) for text in texts)


def _flags(record: IpEncapRecord | Ip6EncapRecord) -> int | None:
    return sum(bit for name, bit in TUNNEL_FLAGS if getattr(record, name)) or None
