"""Encapsulations: what a route wraps packets in before they leave (RTA_ENCAP, lightweight tunnels).

In nld's full form an encapsulation is an object with a ``type``.  ``ip -j`` writes its fields straight
into the route instead (``"encap":"ip","id":5,"dst":"192.0.2.9"``), which for a route gives two ``dst``
in one object, of which most readers of JSON keep the last.  :func:`gather` turns that form back into
the object wherever nothing was lost; :func:`read_json` reads text without losing the first ``dst``.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nld.records.destination import INET, INET6, parse_address
from nld.records.model import U8, U64, Record


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
                raise ValueError(f"'{label}' is no MPLS label; allowed: 0 to 1048575, separated by /")
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
    hmac: int | str | None = None
    """HMAC key id, 1 to 4294967295; ``ip`` prints it as text in hexadecimal."""

    @field_validator("segs")
    @classmethod
    def _segments(cls, texts: list[str]) -> list[str]:
        for text in texts:
            parse_address(text, INET6)
        return texts

    @field_validator("hmac")
    @classmethod
    def _key(cls, value: int | str | None) -> int | None:
        if value is None:
            return None
        try:
            number = int(value, 0) if isinstance(value, str) else value
        except ValueError:
            raise ValueError("must be a key id from 1 to 4294967295") from None
        if not 1 <= number <= 0xFFFFFFFF:
            raise ValueError("must be a key id from 1 to 4294967295")
        return number


class RawEncapRecord(Record):
    """An encapsulation that nld has no fields for, as the kernel's own bytes."""

    type: Literal["ila", "bpf", "seg6local", "rpl", "ioam6", "xfrm", "unknown"]
    number: U8 | None = None
    """LWTUNNEL_ENCAP_* number, where ``type`` is unknown."""
    data: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2})*$")]
    """Content of RTA_ENCAP in hexadecimal, in the byte order of this machine."""


EncapRecord = Annotated[
    MplsEncapRecord | IpEncapRecord | Ip6EncapRecord | Seg6EncapRecord | RawEncapRecord,
    Field(discriminator="type"),
]

_FLAT = {
    "mpls": frozenset({"dst", "ttl"}),
    "ip": frozenset({"id", "src", "dst", "ttl", "tos", "key", "csum", "seq"}),
    "ip6": frozenset({"id", "src", "dst", "hoplimit", "tc", "key", "csum", "seq"}),
    "seg6": frozenset({"mode", "segs", "hmac"}),
}
"""The fields that ``ip`` writes behind ``"encap":"..."``, by type."""


def gather(fields: dict[str, Any], own: frozenset[str]) -> dict[str, Any]:
    """``ip``'s flat encapsulation made an object again; a new dict.

    ``own``  names of fields that the record itself has as well, so that nobody can say whose they are.
    ValueError where the encapsulation cannot be told from the route.
    """
    kind = fields["encap"]
    flat = _FLAT.get(kind)
    if flat is None:
        raise ValueError(
            f"encap '{kind}' must be an object such as {{\"type\": ...}}; "
            f"as a word it may be one of {', '.join(_FLAT)}"
        )
    if flat & own & fields.keys():
        raise ValueError(
            f"encap '{kind}' as ip prints it repeats the field dst, so that the route's own is lost; "
            'write {"encap": {"type": ..., "dst": ...}} instead (nld prints it so in the form full)'
        )
    inner = {"type": kind} | {name: value for name, value in fields.items() if name in flat}
    return {name: value for name, value in fields.items() if name not in flat} | {"encap": inner}


def read_json(text: str | bytes) -> Any:
    """``json.loads`` for what ``ip -j`` prints: a repeated field goes into the encapsulation.

    ``json.JSONDecodeError`` as ``json.loads``; other repeated fields keep the last, as there.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    kind = fields.get("encap")
    if len(fields) == len(pairs) and not isinstance(kind, str):
        return fields
    flat = _FLAT.get(kind, frozenset()) if isinstance(kind, str) else frozenset()
    names = [name for name, _ in pairs]
    if not flat or "dst" not in names or names.index("dst") > names.index("encap"):
        return fields
    # The encapsulation's fields follow its type without a gap; those before it and after it are the route's.
    start = names.index("encap")
    end = start + 1
    while end < len(pairs) and names[end] in flat and names[end] not in names[start + 1 : end]:
        end += 1
    own = dict(pairs[:start] + pairs[end:])
    return own | {"encap": {"type": kind} | dict(pairs[start + 1 : end])}
