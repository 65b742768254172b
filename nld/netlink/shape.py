"""Shape and destination: the two halves of a route message, cut apart without decoding.

Routes that share everything but the destination address share one shape: the payload (rtmsg and
attributes) without ``RTA_DST``.  The prefix length stays in it.  A table of a million routes has a
handful of shapes, so a dictionary keyed by these bytes replaces a million decodings, and
``route.decode(shape)`` explains one when needed.

The kernel writes RTA_TABLE, RTA_DST, then the rest; a message that begins so is cut with three
slices.  Any other order goes the general way with the same result.

A cut checks what it needs: the message's length, the header, the place and size of RTA_DST.
Attributes behind it are first looked at by ``route.decode(shape)``, which may yet raise.  A second
RTA_DST, which no kernel sends, would stay in the shape.
"""

from __future__ import annotations

import struct
import sys
from typing import NamedTuple, TypeAlias

from nld.errors import MalformedMessage
from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.header import HEADER, HEADER_SIZE, MessageType
from nld.netlink.registry import AF, RTA, RTM
from nld.netlink.route import ADDRESS_SIZE
from nld.netlink.route import HEADER_SIZE as ROUTE_HEADER_SIZE

BulkCut: TypeAlias = tuple[int, int, int, int, bytes, bytes]
"""Type, flags, sequence, port id, shape, destination: see :func:`walk_cuts`."""

_HEAD = struct.Struct("=IHHII B11x I4xI")
"""Netlink header; family and the rest of rtmsg; two attribute headers as words, a value between."""

_PAYLOAD_HEAD = struct.Struct("=B11xI4xI")
"""The same without the netlink header."""

_ATTRIBUTE = struct.Struct("=HH")


def _word(length: int, number: int) -> int:
    return int.from_bytes(_ATTRIBUTE.pack(length, number), "little" if struct.pack("=H", 1)[0] else "big")


_TABLE = _word(8, RTA.TABLE)
_TABLE_BYTES = _ATTRIBUTE.pack(8, RTA.TABLE)
_DST4 = _word(8, RTA.DST)
_DST6 = _word(20, RTA.DST)
_INET = int(AF.INET)
_INET6 = int(AF.INET6)
_ROUTES = frozenset((int(RTM.NEWROUTE), int(RTM.DELROUTE)))


class Cut(NamedTuple):
    """``shape``: the payload without RTA_DST; ``destination``: its bytes, ``b""`` for the default route."""

    shape: bytes
    destination: bytes


def cut(payload: bytes | bytearray | memoryview) -> Cut:
    """Cut one route payload.  Raises :class:`MalformedMessage`."""
    data = bytes(payload)
    if len(data) >= 44:
        family, first, second = _PAYLOAD_HEAD.unpack_from(data)
        if first == _TABLE:
            if second == _DST4 and family == _INET:
                return Cut(data[:20] + data[28:], data[24:28])
            if second == _DST6 and family == _INET6:
                return Cut(data[:20] + data[40:], data[24:40])
    return Cut(*_cut(data, 0, len(data)))


def walk_cuts(datagram: bytes) -> list[BulkCut]:
    """All messages of one datagram, cut: a list of (type, flags, sequence, port id, shape, destination).

    For RTM_NEWROUTE and RTM_DELROUTE the last two are as in :class:`Cut`.  For every other type,
    NLMSG_DONE, NLMSG_ERROR and NLMSG_OVERRUN among them, ``shape`` is the whole payload and
    ``destination`` empty; ``Message(*entry[:4], memoryview(entry[4]))`` makes it a message again.
    NLMSG_NOOP is left out.  Raises :class:`MalformedMessage`; then nothing of the datagram is returned.
    """
    result = _alike(datagram)
    if result is not None:
        return result
    result = []
    append = result.append
    unpack_from = _HEAD.unpack_from
    end = len(datagram)
    offset = 0
    while end - offset >= 44:
        length, kind, flags, sequence, port_id, family, first, second = unpack_from(datagram, offset)
        stop = offset + length
        if first == _TABLE and kind in _ROUTES and stop <= end:
            if second == _DST4 and family == _INET and length >= 44:
                append((kind, flags, sequence, port_id,
                        datagram[offset + 16 : offset + 36] + datagram[offset + 44 : stop],
                        datagram[offset + 40 : offset + 44]))  # fmt: skip
                offset = (stop + 3) & -4
                continue
            if second == _DST6 and family == _INET6 and length >= 60:
                append((kind, flags, sequence, port_id,
                        datagram[offset + 16 : offset + 36] + datagram[offset + 56 : stop],
                        datagram[offset + 40 : offset + 56]))  # fmt: skip
                offset = (stop + 3) & -4
                continue
        offset = _walk_one(datagram, offset, end, result)
    while offset < end:
        offset = _walk_one(datagram, offset, end, result)
    return result


def _alike(datagram: bytes) -> list[BulkCut] | None:
    """The cuts of route messages that all have one length and begin as the kernel writes them.

    None when one of them does not: all fields of such messages are at one place, so that they are
    unpacked without a look at where each ends.  None too for a message alone, which gains nothing.
    """
    if len(datagram) < 44 or int.from_bytes(datagram[:4], sys.byteorder) == len(datagram):
        return None
    length, *_, second = _HEAD.unpack_from(datagram)
    size = {_DST4: 4, _DST6: 16}.get(second)
    if size is None or length < 40 + size or length % 4 or len(datagram) % length:
        return None
    form = f"=IHHII20sI{size}s{length - 40 - size}s"
    family = _INET if size == 4 else _INET6
    result: list[BulkCut] = []
    append = result.append
    for own, kind, flags, sequence, port_id, head, mark, destination, rest in struct.iter_unpack(
        form, datagram
    ):
        if (
            own != length
            or mark != second
            or kind not in _ROUTES
            or head[0] != family
            or head[12:16] != _TABLE_BYTES
        ):
            return None
        append((kind, flags, sequence, port_id, head + rest, destination))
    return result


def _walk_one(datagram: bytes, offset: int, end: int, result: list[BulkCut]) -> int:
    """The general way for one message; returns where the next one starts."""
    length: int
    if end - offset < HEADER_SIZE:
        raise MalformedMessage(f"{end - offset} bytes left, a message header has {HEADER_SIZE}", offset)
    length, kind, flags, sequence, port_id = HEADER.unpack_from(datagram, offset)
    if length < HEADER_SIZE:
        raise MalformedMessage(f"message length {length} is under its header's {HEADER_SIZE}", offset)
    if length > end - offset:
        raise MalformedMessage(f"message length {length} is past the {end - offset} bytes left", offset)
    start, stop = offset + HEADER_SIZE, offset + length
    if kind in _ROUTES:
        result.append((kind, flags, sequence, port_id, *_cut(datagram, start, stop)))
    elif kind != MessageType.NOOP:
        result.append((kind, flags, sequence, port_id, datagram[start:stop], b""))
    return (stop + 3) & ~3


def _cut(data: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    """Cut the payload between two offsets, whatever the order of its attributes."""
    if end - start < ROUTE_HEADER_SIZE:
        raise MalformedMessage(f"{end - start} bytes, a route's header has {ROUTE_HEADER_SIZE}", start)
    found = [
        (value_start, value_end)
        for kind, value_start, value_end in walk(data, start + ROUTE_HEADER_SIZE, end)
        if kind & TYPE_MASK == RTA.DST
    ]
    if not found:
        return data[start:end], b""
    destination = data[slice(*found[-1])]
    size = ADDRESS_SIZE.get(data[start])
    if size is not None and len(destination) != size:
        raise MalformedMessage(f"a destination of {len(destination)} bytes for family {data[start]}", start)
    parts, position = [], start
    for value_start, value_end in found:
        parts.append(data[position : value_start - 4])
        position = min((value_end + 3) & ~3, end)
    parts.append(data[position:end])
    return b"".join(parts), destination
