"""The prefix of a router advertisement: RTM_NEWPREFIX, which the kernel only tells.

Source: include/uapi/linux/rtnetlink.h (``struct prefixmsg``), net/ipv6/addrconf.c (``inet6_fill_prefix``).
"""

from __future__ import annotations

import struct

from nld.errors import MalformedMessage

_HEADER = struct.Struct("=BxxxiBBBx")
"""``struct prefixmsg``: family, interface index, type, length, flags."""


def device(payload: bytes) -> int:
    """Index of the device on which a router has advertised it."""
    if len(payload) < _HEADER.size:
        raise MalformedMessage("a prefix message is too short", len(payload))
    index: int = _HEADER.unpack_from(payload)[1]
    return index
