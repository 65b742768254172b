"""The netlink message header, and a datagram as a sequence of messages.

A datagram holds one or more messages.  Each starts on a multiple of 4 with a 16-byte header in host
byte order; ``nlmsg_len`` counts the header and the payload but not the padding behind it.  A length
that is under the header or past the datagram is an error with its offset; the walk always moves
forward, so it always ends.

Source: RFC 3549 section 2.3.2, netlink(7), include/uapi/linux/netlink.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from typing import NamedTuple

from nld.errors import MalformedMessage

HEADER = struct.Struct("=IHHII")
"""``struct nlmsghdr``: length, type, flags, sequence, port id."""

HEADER_SIZE = 16
ALIGNMENT = 4
MAXIMUM_LENGTH = 0xFFFF_FFFF


class MessageType(IntEnum):
    """The control messages every netlink protocol shares (``NLMSG_*``)."""

    NOOP = 1
    ERROR = 2
    DONE = 3
    OVERRUN = 4


class Flag(IntFlag):
    """``NLM_F_*``.  The upper byte means something else for each kind of request, as in the kernel."""

    REQUEST = 0x001
    MULTI = 0x002
    ACK = 0x004
    ECHO = 0x008
    DUMP_INTR = 0x010
    DUMP_FILTERED = 0x020

    # a GET
    ROOT = 0x100
    MATCH = 0x200
    ATOMIC = 0x400
    DUMP = 0x300

    # a NEW
    REPLACE = 0x100
    EXCL = 0x200
    CREATE = 0x400
    APPEND = 0x800

    # a DEL
    NONREC = 0x100
    BULK = 0x200

    # an acknowledgement
    CAPPED = 0x100
    ACK_TLVS = 0x200


class Message(NamedTuple):
    """One message of a datagram.

    ``type``      ``nlmsg_type``: a :class:`MessageType` or a number of the protocol.
    ``flags``     ``nlmsg_flags``, see :class:`Flag`.
    ``sequence``  ``nlmsg_seq``: that of the request it answers, 0 for a notification by the kernel.
    ``port_id``   ``nlmsg_pid``: the netlink address of the requester, 0 for the kernel.
    ``payload``   what follows the header, without padding; a view into the datagram.
    """

    type: int
    flags: int
    sequence: int
    port_id: int
    payload: memoryview


def align(length: int) -> int:
    """``length`` rounded up to a multiple of 4."""
    return (length + 3) & ~3


def frame(
    message_type: int,
    flags: int,
    sequence: int,
    payload: bytes | bytearray | memoryview = b"",
    port_id: int = 0,
) -> bytes:
    """One message: header, payload, and zero bytes up to a multiple of 4 (not counted in its length).

    ``port_id`` 0 lets the kernel fill in the sender.  Raises ``ValueError`` when a number does not fit
    its field: type and flags are 16 bits, sequence and port id 32.
    """
    length = HEADER_SIZE + len(payload)
    try:
        header = HEADER.pack(length, message_type, flags, sequence, port_id)
    except struct.error as error:
        raise ValueError(
            f"a header field is out of range: type {message_type}, flags {flags}, "
            f"sequence {sequence}, port id {port_id}"
        ) from error
    return b"".join((header, payload, bytes(-length & 3)))


def split(datagram: bytes | bytearray | memoryview) -> Iterator[Message]:
    """The messages of one datagram, in order; payloads are views into it.

    The padding behind the last message may be missing.  Raises :class:`MalformedMessage` at the point
    where the bytes stop making sense; the messages before it have been yielded.
    """
    view = memoryview(datagram)
    end = len(view)
    offset = 0
    while offset < end:
        if end - offset < HEADER_SIZE:
            raise MalformedMessage(f"{end - offset} bytes left, a message header has {HEADER_SIZE}", offset)
        length, message_type, flags, sequence, port_id = HEADER.unpack_from(view, offset)
        if length < HEADER_SIZE:
            raise MalformedMessage(f"message length {length} is under its header's {HEADER_SIZE}", offset)
        if length > end - offset:
            raise MalformedMessage(f"message length {length} is past the {end - offset} bytes left", offset)
        yield Message(message_type, flags, sequence, port_id, view[offset + HEADER_SIZE : offset + length])
        offset += align(length)
