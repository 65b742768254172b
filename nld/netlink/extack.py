"""What the kernel answers to a request: the errno, and in its own words what was wrong.

NLMSG_ERROR holds the errno, then the header of the request and, unless NLM_F_CAPPED says otherwise,
the request itself; NLMSG_DONE ends a dump and holds an errno alone.  Behind either come attributes
when NLM_F_ACK_TLVS is set, on success too: then the message is a warning.

Source: netlink(7), include/uapi/linux/netlink.h, net/netlink/af_netlink.c (``netlink_ack``).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from nld.errors import MalformedMessage
from nld.netlink.attribute import (
    BYTES,
    STRING,
    U32,
    U64,
    Attribute,
    AttributeSet,
    Table,
    nested,
    number,
)
from nld.netlink.header import HEADER, HEADER_SIZE, Flag, Message, MessageType, align

_ERRNO = struct.Struct("=i")
S64 = number("s64", "=q")


class NLMSGERR_ATTR(IntEnum):  # noqa: N801
    """Attributes behind an acknowledgement."""

    MSG = 1
    OFFS = 2
    COOKIE = 3
    POLICY = 4
    MISS_TYPE = 5
    MISS_NEST = 6


class NL_POLICY_TYPE_ATTR(IntEnum):  # noqa: N801
    """Attributes that describe what an attribute may be."""

    TYPE = 1
    MIN_VALUE_S = 2
    MAX_VALUE_S = 3
    MIN_VALUE_U = 4
    MAX_VALUE_U = 5
    MIN_LENGTH = 6
    MAX_LENGTH = 7
    POLICY_IDX = 8
    POLICY_MAXTYPE = 9
    BITFIELD32_MASK = 10
    MASK = 12


@dataclass(slots=True)
class Policy(AttributeSet):
    """What the kernel would accept in the attribute it refused.

    ``type`` is NL_ATTR_TYPE_*; ``minimum`` and ``maximum`` bound a number; lengths are bytes;
    ``mask`` are the allowed bits.
    """

    type: int | None = None
    minimum_signed: int | None = None
    maximum_signed: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    minimum_length: int | None = None
    maximum_length: int | None = None
    index: int | None = None
    maximum_type: int | None = None
    bitfield_mask: int | None = None
    mask: int | None = None


POLICY = Table(
    (
        Attribute(NL_POLICY_TYPE_ATTR.TYPE, "type", U32),
        Attribute(NL_POLICY_TYPE_ATTR.MIN_VALUE_S, "minimum_signed", S64),
        Attribute(NL_POLICY_TYPE_ATTR.MAX_VALUE_S, "maximum_signed", S64),
        Attribute(NL_POLICY_TYPE_ATTR.MIN_VALUE_U, "minimum", U64),
        Attribute(NL_POLICY_TYPE_ATTR.MAX_VALUE_U, "maximum", U64),
        Attribute(NL_POLICY_TYPE_ATTR.MIN_LENGTH, "minimum_length", U32),
        Attribute(NL_POLICY_TYPE_ATTR.MAX_LENGTH, "maximum_length", U32),
        Attribute(NL_POLICY_TYPE_ATTR.POLICY_IDX, "index", U32),
        Attribute(NL_POLICY_TYPE_ATTR.POLICY_MAXTYPE, "maximum_type", U32),
        Attribute(NL_POLICY_TYPE_ATTR.BITFIELD32_MASK, "bitfield_mask", U32),
        Attribute(NL_POLICY_TYPE_ATTR.MASK, "mask", U64),
    )
)

EXTACK = Table(
    (
        Attribute(NLMSGERR_ATTR.MSG, "message", STRING),
        Attribute(NLMSGERR_ATTR.OFFS, "offset", U32),
        Attribute(NLMSGERR_ATTR.COOKIE, "cookie", BYTES),
        Attribute(NLMSGERR_ATTR.POLICY, "policy", nested(POLICY, Policy)),
        Attribute(NLMSGERR_ATTR.MISS_TYPE, "missing_type", U32),
        Attribute(NLMSGERR_ATTR.MISS_NEST, "missing_nest", U32),
    )
)


class Acknowledgement(NamedTuple):
    """The kernel's answer.

    ``errno``         0 for success, else the positive number (``errno.EEXIST``).
    ``message``       the kernel's words, or None; with errno 0 a warning.
    ``offset``        of the attribute at fault, in bytes from the start of the request's netlink header.
    ``missing_type``  number of an attribute that should have been there.
    ``missing_nest``  offset of the nest it was missing in; None for the message itself.
    ``cookie``        bytes that a subsystem hands back.
    ``policy``        what the attribute at fault may be.
    """

    errno: int
    message: str | None = None
    offset: int | None = None
    missing_type: int | None = None
    missing_nest: int | None = None
    cookie: bytes | None = None
    policy: Policy | None = None


# Plain numbers: arithmetic with enums is slow, and this is done for every reply.
_CAPPED, _ACK_TLVS = int(Flag.CAPPED), int(Flag.ACK_TLVS)


def parse_error(message: Message) -> Acknowledgement:
    """An NLMSG_ERROR, which with errno 0 is an ACK.  Raises :class:`MalformedMessage`."""
    data = bytes(message.payload)
    if len(data) < _ERRNO.size + HEADER_SIZE:
        raise MalformedMessage(f"an acknowledgement of {len(data)} bytes, it has at least 20", 0)
    (error,) = _ERRNO.unpack_from(data)
    start = _ERRNO.size + HEADER_SIZE
    if not message.flags & _CAPPED:
        length = HEADER.unpack_from(data, _ERRNO.size)[0]
        if length < HEADER_SIZE or _ERRNO.size + length > len(data):
            raise MalformedMessage(f"the request inside claims {length} bytes", _ERRNO.size)
        start = _ERRNO.size + align(length)
    return _acknowledgement(error, message, data, start)


def parse_done(message: Message) -> Acknowledgement:
    """An NLMSG_DONE: how the dump ended.  An empty one is success.  Raises :class:`MalformedMessage`."""
    data = bytes(message.payload)
    if not data:
        return Acknowledgement(0)
    if len(data) < _ERRNO.size:
        raise MalformedMessage(f"an end of dump with {len(data)} bytes, must be 0 or at least 4", 0)
    return _acknowledgement(_ERRNO.unpack_from(data)[0], message, data, _ERRNO.size)


def _acknowledgement(error: int, message: Message, data: bytes, start: int) -> Acknowledgement:
    if not message.flags & _ACK_TLVS or start >= len(data):
        return Acknowledgement(abs(error))
    return Acknowledgement(abs(error), **EXTACK.read(data, start, len(data)).values)


def build_error(
    request: Message, acknowledgement: Acknowledgement, *, capped: bool = True, sequence: int | None = None
) -> bytes:
    """The NLMSG_ERROR that a kernel would send for ``request``: the inverse of :func:`parse_error`.

    For tests and simulated kernels; ``sequence`` None means the request's.
    """
    length = HEADER_SIZE + len(request.payload)
    inner = HEADER.pack(length, request.type, request.flags, request.sequence, request.port_id)
    if not capped:
        inner += bytes(request.payload) + bytes(-length & 3)
    values = acknowledgement._asdict()
    del values["errno"]
    attributes = EXTACK.write(values)
    flags = (Flag.CAPPED if capped else 0) | (Flag.ACK_TLVS if attributes else 0)
    body = _ERRNO.pack(-acknowledgement.errno) + inner + attributes
    number_ = request.sequence if sequence is None else sequence
    return HEADER.pack(HEADER_SIZE + len(body), MessageType.ERROR, flags, number_, request.port_id) + body
