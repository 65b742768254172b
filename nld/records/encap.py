"""Encapsulations: what a route wraps packets in before they leave (RTA_ENCAP, lightweight tunnels).

In nld's full form an encapsulation is an object with a ``type``.  ``ip -j`` writes its fields straight
into the route instead (``"encap":"ip","id":5,"dst":"192.0.2.9"``), which for a route gives two ``dst``
in one object, of which most readers of JSON keep the last.  :func:`gather` turns that form back into
the object wherever nothing was lost; :func:`read_json` reads text without losing the first ``dst``.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from nld.prefix import INET, INET6, parse_address
from nld.records.model import U8, U64, Device, FieldError, Named, Record


def _key_id(value: Any) -> Any:
    try:
        return int(value, 0) if isinstance(value, str) else value
    except ValueError:
        return value


KeyId = Annotated[int, Field(ge=1, le=0xFFFFFFFF), BeforeValidator(_key_id)]
"""A number, or its text in hexadecimal."""

Action = Literal[
    "End", "End.X", "End.T", "End.DX2", "End.DX6", "End.DX4", "End.DT6", "End.DT4", "End.B6",
    "End.B6.Encaps", "End.BM", "End.S", "End.AS", "End.AM", "End.BPF", "End.DT46",
]  # fmt: skip
"""SEG6_LOCAL_ACTION_* from 1 on, in the kernel's order."""


def _segments(texts: list[str]) -> list[str]:
    for text in texts:
        parse_address(text, INET6)
    return texts


class MplsEncapRecord(Record):
    """MPLS labels are pushed in front of the packet (RFC 3032)."""

    type: Literal["mpls"]
    dst: str
    """Labels from the outermost on, separated by ``/``: ``100/200``. Each 0 to 1048575."""
    ttl: Annotated[int, Field(ge=1, le=255)] | None = None
    """TTL of the labels; without it that of the packet."""

    @field_validator("dst")
    @classmethod
    def _labels(cls, text: str) -> str:
        for label in text.split("/"):
            if not label.isascii() or not label.isdigit() or int(label) > 0xFFFFF:
                raise ValueError(f"'{label}' is not an MPLS label; allowed: 0 to 1048575, separated by /")
        return text


class _IpTunnel(Record):
    id: U64 | None = None
    """Tunnel key. 0 and absent mean the same."""
    key: bool | None = None
    """Send the key (TUNNEL_KEY)."""
    csum: bool | None = None
    """Send checksums (TUNNEL_CSUM)."""
    seq: bool | None = None
    """Send sequence numbers (TUNNEL_SEQ)."""
    opts: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2})*$")] | None = None
    """Options of geneve, vxlan or erspan: content of LWTUNNEL_IP_OPTS in hexadecimal. Output only."""


class IpEncapRecord(_IpTunnel):
    """Metadata for an IPv4 tunnel device in collect_md ("external") mode."""

    type: Literal["ip"]
    src: str | None = None
    """Outer source address, IPv4; 0.0.0.0 and absent mean that the kernel chooses."""
    dst: str | None = None
    """Outer destination address, IPv4."""
    ttl: U8 | None = None
    """Outer TTL; 0 and absent mean the kernel's default."""
    tos: U8 | None = None
    """Outer type of service, a number."""

    @field_validator("src", "dst")
    @classmethod
    def _outer(cls, text: str | None) -> str | None:
        if text is not None:
            parse_address(text, INET)
        return text


class Ip6EncapRecord(_IpTunnel):
    """Metadata for an IPv6 tunnel device in collect_md ("external") mode."""

    type: Literal["ip6"]
    src: str | None = None
    """Outer source address, IPv6; :: and absent mean that the kernel chooses."""
    dst: str | None = None
    """Outer destination address, IPv6."""
    hoplimit: U8 | None = None
    """Outer hop limit; 0 and absent mean the kernel's default."""
    tc: U8 | None = None
    """Outer traffic class."""

    @field_validator("src", "dst")
    @classmethod
    def _outer(cls, text: str | None) -> str | None:
        if text is not None:
            parse_address(text, INET6)
        return text


class Seg6EncapRecord(Record):
    """IPv6 segment routing (RFC 8754)."""

    type: Literal["seg6"]
    mode: Literal["inline", "encap", "l2encap", "encap.red", "l2encap.red"]
    """``encap`` puts the packet into an outer one; ``inline`` adds a header to an IPv6 packet."""
    segs: Annotated[list[str], Field(min_length=1, max_length=127)]
    """Segments in the order they are visited; with ``inline`` the last is ``::``, and becomes the
    packet's own destination."""
    hmac: KeyId | None = None
    """HMAC key id, 1 to 4294967295; ``ip`` prints it as text in hexadecimal."""
    source: str | None = None
    """Outer source address; default that of ``ip sr tunsrc``. iproute2 6.1 does not print it."""

    @field_validator("segs")
    @classmethod
    def _addresses(cls, texts: list[str]) -> list[str]:
        return _segments(texts)

    @field_validator("source")
    @classmethod
    def _outer(cls, text: str | None) -> str | None:
        if text is not None:
            parse_address(text, INET6)
        return text


class SegmentsRecord(Record):
    """The segment routing header that an endpoint adds."""

    segs: Annotated[list[str], Field(min_length=1, max_length=127)]
    """Segments in the order they are visited."""
    hmac: KeyId | None = None
    """HMAC key id."""

    @field_validator("segs")
    @classmethod
    def _addresses(cls, texts: list[str]) -> list[str]:
        return _segments(texts)


class Seg6LocalEncapRecord(Record):
    """An endpoint of IPv6 segment routing (RFC 8986); which fields an action needs, the kernel says."""

    type: Literal["seg6local"]
    action: Action
    """What to do with the packet, such as ``End`` or ``End.DT4``."""
    srh: SegmentsRecord | None = None
    """Header to add (End.B6, End.B6.Encaps)."""
    table: Named | None = None
    """Table to look the next segment up in (End.T, End.DT6)."""
    vrftable: Named | None = None
    """Table of the VRF to deliver to (End.DT4, End.DT6, End.DT46)."""
    nh4: str | None = None
    """IPv4 next hop (End.DX4)."""
    nh6: str | None = None
    """IPv6 next hop (End.X, End.DX6)."""
    iif: Device | None = None
    """Device that the packet comes in by."""
    oif: Device | None = None
    """Device that the frame leaves by (End.DX2)."""
    flavors: list[Literal["psp", "usp", "usd", "next-csid"]] | None = None
    """Variants of the action."""
    lblen: U8 | None = None
    """Bits of the locator block (next-csid). Default 32."""
    nflen: U8 | None = None
    """Bits of locator node and function (next-csid). Default 16."""
    count: bool | None = None
    """Count packets, bytes and errors."""

    @field_validator("nh4")
    @classmethod
    def _nh4(cls, text: str | None) -> str | None:
        if text is not None:
            parse_address(text, INET)
        return text

    @field_validator("nh6")
    @classmethod
    def _nh6(cls, text: str | None) -> str | None:
        if text is not None:
            parse_address(text, INET6)
        return text


class XfrmEncapRecord(Record):
    """Packets go to IPsec policies of one interface id."""

    type: Literal["xfrm"]
    if_id: Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
    """Interface id of the policies."""
    link_dev: Device | None = None
    """Device below."""


class RawEncapRecord(Record):
    """An encapsulation that nld has no fields for, as the kernel's own bytes."""

    type: Literal["ila", "bpf", "rpl", "ioam6", "unknown"]
    number: U8 | None = None
    """LWTUNNEL_ENCAP_* number, where ``type`` is unknown."""
    data: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2})*$")]
    """Content of RTA_ENCAP in hexadecimal, in the byte order of this machine."""


EncapRecord = Annotated[
    MplsEncapRecord
    | IpEncapRecord
    | Ip6EncapRecord
    | Seg6EncapRecord
    | Seg6LocalEncapRecord
    | XfrmEncapRecord
    | RawEncapRecord,
    Field(discriminator="type"),
]

_RAW = frozenset({"ila", "bpf", "rpl", "ioam6", "unknown"})
"""Types of which nld knows the bytes only, and not the fields that ``ip`` writes."""

_FLAT = {
    "mpls": frozenset({"dst", "ttl"}),
    "ip": frozenset({"id", "src", "dst", "ttl", "tos", "key", "csum", "seq"}),
    "ip6": frozenset({"id", "src", "dst", "hoplimit", "tc", "key", "csum", "seq"}),
    "seg6": frozenset({"mode", "segs", "hmac"}),
    "seg6local": frozenset({
        "action", "srh", "table", "vrftable", "nh4", "nh6", "iif", "oif", "flavors", "lblen", "nflen",
    }),
    "xfrm": frozenset({"if_id", "link_dev"}),
}  # fmt: skip
"""The fields that ``ip`` writes behind ``"encap":"..."``, by type."""


def gather(fields: dict[str, Any], own: frozenset[str]) -> dict[str, Any]:
    """``ip``'s encapsulation as nld's object, with its ``type``; a new dict, or the same if it is one.

    Up to iproute2 6.1 and some later its fields stand among the route's; in newer ones it is an object
    whose type is called ``encap_type``.

    ``own``  names of fields that the record itself has as well, so that it cannot be known whose they are.
    FieldError where the encapsulation cannot be told from the route.
    """
    kind = fields.get("encap")
    if isinstance(kind, dict) and "encap_type" in kind:
        rest = {name: value for name, value in kind.items() if name != "encap_type"}
        if (named := str(kind["encap_type"])) not in _FLAT:
            raise FieldError("encap", _not_read(named))
        return fields | {"encap": {"type": named, **rest}} if "type" not in rest else fields
    if not isinstance(kind, str):
        return fields
    flat = _FLAT.get(kind)
    if flat is None:
        raise FieldError(
            "encap",
            _not_read(kind)
            if kind in _RAW
            else f"'{kind}' must be an object such as {{\"type\": ...}}; "
            f"as a word it may be one of {', '.join(_FLAT)}",
        )
    if kind == "seg6local" and (fields.get("action") not in {"End.T", "End.DT6"} or "vrftable" in fields):
        flat -= {"table"}
    if lost := sorted(flat & own & fields.keys()):
        raise FieldError(
            "encap",
            f"'{kind}' as ip prints it repeats the field {lost[0]}, so that the route's own is lost; "
            f'write {{"encap": {{"type": ..., "{lost[0]}": ...}}}} instead, as nld does in the form full',
        )
    inner = {"type": kind} | {name: value for name, value in fields.items() if name in flat}
    return {name: value for name, value in fields.items() if name not in flat} | {"encap": inner}


def _not_read(kind: str) -> str:
    known = "is not supported by nld as ip prints it" if kind in _RAW else "is not known"
    return f"'{kind}' {known}; allowed: {', '.join(_FLAT)}"


def read_json(text: str | bytes) -> Any:
    """``json.loads`` for what ``ip -j`` prints: flat encapsulations become objects, nothing is lost.

    ``json.JSONDecodeError`` as ``json.loads``; other repeated fields keep the last, as there.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    kind = fields.get("encap")
    flat = _FLAT.get(kind) if isinstance(kind, str) else None
    if flat is None:
        return fields
    # The encapsulation's fields follow its type without a gap; those before and after are the route's.
    names = [name for name, _ in pairs]
    start = names.index("encap")
    end = start + 1
    while end < len(pairs) and names[end] in flat and names[end] not in names[start + 1 : end]:
        end += 1
    own = dict(pairs[:start] + pairs[end:])
    return own | {"encap": {"type": kind} | dict(pairs[start + 1 : end])}
