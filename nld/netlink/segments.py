"""The IPv6 segment routing header (SRH), as routes carry it.

On the wire the segments stand last first, so that the header's index counts down; here they stand in
the order in which a packet visits them, as ``ip route`` writes them.  Behind the segments come TLVs,
of which the kernel knows one, the HMAC: a key id and room for the digest, zero in a route.

Source: RFC 8754, include/uapi/linux/{seg6,seg6_iptunnel,seg6_hmac}.h, net/ipv6/seg6.c.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from nld.errors import MalformedMessage
from nld.netlink.attribute import Kind

_FIXED = struct.Struct("!BBBBBBH")
"""Next header, length in 8-octet units without the first, type, segments left, last entry, flags, tag."""

_MODE = struct.Struct("=i")
_HMAC = struct.Struct("!BBHI32s")
_HMAC_TYPE = 5
_HMAC_LENGTH = 38
_HMAC_FLAG = 0x08
_ROUTING_TYPE = 4


@dataclass(slots=True)
class SegmentHeader:
    """An SRH.

    ``mode``           SEG6_IPTUN_MODE_*: 0 inline, 1 encap, 2 l2encap, 3 encap.red, 4 l2encap.red;
                       not on the wire, and 0, in an endpoint's SRH.
    ``segments``       IPv6 addresses of 16 bytes, in the order of the visit, at least one.
    ``hmac``           key id (0 is one), None without HMAC.
    ``flags``, ``tag`` of RFC 8754, the HMAC flag left out when ``hmac`` is given.
    ``segments_left``  None means all but one, as a route has it.
    ``tlvs``           other TLVs as bytes, before the HMAC; 8-byte multiples.
    """

    segments: tuple[bytes, ...]
    mode: int = 0
    hmac: int | None = None
    flags: int = 0
    tag: int = 0
    next_header: int = 0
    segments_left: int | None = None
    tlvs: bytes = b""

    def pack(self) -> bytes:
        """The header's bytes.  Raises ``ValueError`` for what does not fit."""
        count = len(self.segments)
        if not count or any(len(segment) != 16 for segment in self.segments):
            raise ValueError("segments are addresses of 16 bytes, at least one")
        tlvs, flags = self.tlvs, self.flags
        if self.hmac is not None:
            tlvs += _HMAC.pack(_HMAC_TYPE, _HMAC_LENGTH, 0, self.hmac, b"")
            flags |= _HMAC_FLAG
        length = 16 * count + len(tlvs)
        if length % 8:
            raise ValueError("the TLVs are not a multiple of 8 bytes")
        left = count - 1 if self.segments_left is None else self.segments_left
        fixed = _FIXED.pack(self.next_header, length // 8, _ROUTING_TYPE, left, count - 1, flags, self.tag)
        return b"".join((fixed, *reversed(self.segments), tlvs))


def unpack(data: bytes, start: int, end: int, mode: int = 0) -> SegmentHeader:
    """An SRH between two offsets.  Raises :class:`MalformedMessage`."""
    if end - start < _FIXED.size:
        raise MalformedMessage(f"a segment routing header of {end - start} bytes, it has at least 8", start)
    next_header, length, routing_type, left, last, flags, tag = _FIXED.unpack_from(data, start)
    if routing_type != _ROUTING_TYPE:
        raise MalformedMessage(f"routing type {routing_type}, segment routing is {_ROUTING_TYPE}", start)
    if 8 + 8 * length != end - start:
        raise MalformedMessage(f"segment routing header of {8 + 8 * length} bytes in {end - start}", start)
    tlv_start = start + 8 + 16 * (last + 1)
    if tlv_start > end:
        raise MalformedMessage(f"{last + 1} segments do not fit the segment routing header", start)
    segments = tuple(data[offset : offset + 16] for offset in range(tlv_start - 16, start + 8 - 1, -16))
    tlvs, hmac = data[tlv_start:end], None
    if flags & _HMAC_FLAG and len(tlvs) >= _HMAC.size:
        kind, size, reserved, key, digest = _HMAC.unpack_from(tlvs, len(tlvs) - _HMAC.size)
        if (kind, size, reserved) == (_HMAC_TYPE, _HMAC_LENGTH, 0) and not any(digest):
            tlvs, hmac, flags = tlvs[: -_HMAC.size], key, flags & ~_HMAC_FLAG
    return SegmentHeader(
        segments, mode, hmac, flags, tag, next_header, None if left == last else left, tlvs
    )  # fmt: skip


def _unpack_tunnel(data: bytes, start: int, end: int) -> SegmentHeader:
    if end - start < _MODE.size:
        raise MalformedMessage(f"a segment routing tunnel of {end - start} bytes, it has at least 12", start)
    (mode,) = _MODE.unpack_from(data, start)
    return unpack(data, start + _MODE.size, end, mode)


SEGMENTS = Kind("segment routing header", unpack, SegmentHeader.pack)
"""An SRH alone, as an endpoint has it."""

TUNNEL_SEGMENTS = Kind(
    "segment routing tunnel", _unpack_tunnel, lambda header: _MODE.pack(header.mode) + header.pack()
)
"""``struct seg6_iptunnel_encap``: the mode as s32, then the SRH."""
