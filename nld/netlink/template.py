"""Many messages that differ in destination and sequence number only, made by copying.

Encoded messages are joined, and two columns are laid over them: destinations and sequence numbers.
Every message is a multiple of 4 bytes long and both columns are 4-byte words, so each is one strided
assignment over the whole buffer, whatever the number of routes.  It takes messages of one layout, not
one message: routes by different gateways are joined as fast as routes by one.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import attrgetter

from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.header import HEADER_SIZE, MAXIMUM_LENGTH, Flag, frame
from nld.netlink.registry import RTA
from nld.netlink.route import ADDRESS_SIZE, Route, encode_at
from nld.netlink.route import HEADER_SIZE as ROUTE_HEADER_SIZE

_FLAGS_OFFSET = 6
_SEQUENCE_WORD = 2
_WORD = struct.Struct("=I")
_ACK = int(Flag.ACK)


class Template:
    """One message to be sent for many destinations.

    ``message``  framed and padded, without NLM_F_ACK: the last message of a send gets it alone, since
                 failures are reported without it.
    ``offset``   where in it the destination stands, in bytes; 0 when it has none (the default route).
    ``size``     bytes of the destination.

    Raises ``ValueError`` for a destination that is not a multiple of 4 bytes or does not stand on one.
    """

    __slots__ = ("layout", "message")

    def __init__(self, message: bytes, offset: int, size: int) -> None:
        if size % 4 or offset % 4 or len(message) % 4:
            raise ValueError(f"a destination of {size} bytes at {offset} is not a multiple of 4")
        self.message = message
        self.layout = (len(message) // 4, offset // 4, size)

    def frames(self, destinations: Sequence[bytes], first_sequence: int, ack_last: bool = True) -> memoryview:
        """As :func:`frames`, all of this one template."""
        return frames([self] * len(destinations), destinations, first_sequence, ack_last)

    def frame(self, destination: bytes, sequence: int, ack: bool) -> bytearray:
        """One framed message. Raises ``ValueError`` for a destination of another size."""
        _, word, size = self.layout
        if len(destination) != size:
            raise ValueError(f"a destination is not of the template's {size} bytes")
        message = bytearray(self.message)
        _WORD.pack_into(message, 4 * _SEQUENCE_WORD, sequence)
        if size:
            message[4 * word : 4 * word + size] = destination
        if ack:
            message[_FLAGS_OFFSET] |= _ACK
        return message


def for_route(message_type: int, flags: int, route: Route) -> Template:
    """The template of RTM_NEWROUTE or RTM_DELROUTE, of everything but the destination.

    ``flags``  NLM_F_* of each message; NLM_F_REQUEST is added.
    ``route``  its ``dst`` is left out of account; room is made for one of its family, but for the
               default route (``dst_len`` 0).

    Raises ``ValueError`` for a route that cannot be encoded.
    """
    size = ADDRESS_SIZE[route.family] if route.dst_len else 0
    payload = encode_at(route, bytes(size) if size else None)
    message = frame(message_type, (flags | Flag.REQUEST) & ~Flag.ACK, 0, payload)
    offset = 0
    for kind, start, _ in walk(payload, ROUTE_HEADER_SIZE, len(payload)):
        if kind & TYPE_MASK == RTA.DST:
            offset = HEADER_SIZE + start
            break
    return Template(message, offset, size)


def frames(
    templates: Sequence[Template], destinations: Sequence[bytes], first_sequence: int, ack_last: bool = True
) -> memoryview:
    """One framed message for each template and its destination, numbered from ``first_sequence`` up.

    The destination of the default route is ``b""``.  Raises ``ValueError`` when a destination has
    another size than its template's, or the sequence numbers would pass 2**32 - 1.
    """
    count = len(templates)
    if first_sequence < 0 or first_sequence + count - 1 > MAXIMUM_LENGTH:
        raise ValueError(f"{count} sequence numbers from {first_sequence} pass 2**32 - 1")
    if len(destinations) != count:
        raise ValueError(f"{len(destinations)} destinations for {count} templates")
    if count == 1:
        return memoryview(templates[0].frame(destinations[0], first_sequence, ack_last))
    rest = iter(destinations)
    parts = []
    sequence = first_sequence
    for layout, group in groupby(templates, _LAYOUT):
        run = list(group)
        parts.append(_laid(layout, map(_MESSAGE, run), list(islice(rest, len(run))), sequence))
        sequence += len(run)
    buffer = parts[0] if len(parts) == 1 else bytearray().join(parts)
    if ack_last and count:
        buffer[len(buffer) - 4 * templates[-1].layout[0] + _FLAGS_OFFSET] |= _ACK
    return memoryview(buffer)


def _laid(
    layout: tuple[int, int, int], messages: Iterable[bytes], destinations: list[bytes], sequence: int
) -> bytearray:
    """Messages of one layout with both columns filled in."""
    step, word, size = layout
    if any(length != size for length in set(map(len, destinations))):
        raise ValueError(f"a destination is not of the template's {size} bytes")
    buffer = bytearray().join(messages)
    words = memoryview(buffer).cast("I")
    words[_SEQUENCE_WORD::step] = memoryview(array("I", range(sequence, sequence + len(destinations))))
    column = size // 4
    source = memoryview(b"".join(destinations)).cast("I")
    for index in range(column):
        words[word + index :: step] = source[index::column]
    return buffer


_LAYOUT = attrgetter("layout")
_MESSAGE = attrgetter("message")
