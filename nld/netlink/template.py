"""Many messages that differ in destination and sequence number only, made by copying one.

One encoded message is repeated, and two columns are laid over the copies: destinations and sequence
numbers.  Every message is a multiple of 4 bytes long and both columns are 4-byte words, so each is
one strided assignment over the whole buffer, whatever the number of routes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.header import HEADER_SIZE, MAXIMUM_LENGTH, Flag, frame
from nld.netlink.registry import RTA
from nld.netlink.route import HEADER_SIZE as ROUTE_HEADER_SIZE
from nld.netlink.route import Route, encode

_FLAGS_OFFSET = 6
_SEQUENCE_WORD = 2


class Template:
    """One message to be sent for many destinations.

    ``message_type``  RTM_NEWROUTE or RTM_DELROUTE.
    ``flags``         NLM_F_* of each message.  NLM_F_ACK is taken out: the last message of a send gets
                      it alone, since failures are reported without it.
    ``route``         everything but the destination; its ``dst`` is a place-holder of the right size
                      (4 or 16 bytes), None for the default route.

    Raises ``ValueError`` for a route that cannot be encoded, or a ``dst`` that is no multiple of 4 bytes.
    """

    __slots__ = ("_destination_word", "_message", "_words", "destination_size")

    def __init__(self, message_type: int, flags: int, route: Route) -> None:
        self.destination_size = 0 if route.dst is None else len(route.dst)
        if self.destination_size % 4:
            raise ValueError(f"a destination of {self.destination_size} bytes is no multiple of 4")
        payload = encode(route)
        self._message = frame(message_type, (flags | Flag.REQUEST) & ~Flag.ACK, 0, payload)
        self._words = len(self._message) // 4
        self._destination_word = 0
        for kind, start, _ in walk(payload, ROUTE_HEADER_SIZE, len(payload)):
            if kind & TYPE_MASK == RTA.DST:
                self._destination_word = (HEADER_SIZE + start) // 4

    @property
    def message_size(self) -> int:
        """Bytes of one message, padding included: a send of n routes has n times as many."""
        return len(self._message)

    def frames(
        self,
        destinations: Sequence[bytes] | bytes | bytearray | memoryview,
        first_sequence: int,
        ack_last: bool = True,
    ) -> memoryview:
        """One framed message for each destination, with sequence numbers from ``first_sequence`` up.

        ``destinations`` is a list of addresses, or all of them joined.  For the default route, whose
        destination is empty, pass a list of one ``b""``.  Raises ``ValueError`` when a destination has
        another size than the template's, or the sequence numbers would pass 2**32 - 1.
        """
        size = self.destination_size
        if isinstance(destinations, bytes | bytearray | memoryview):
            joined = memoryview(destinations).cast("B")
            if not size or len(joined) % size:
                raise ValueError(f"{len(joined)} bytes are no whole number of {size}-byte destinations")
            count = len(joined) // size
        else:
            count = len(destinations)
            if any(length != size for length in set(map(len, destinations))):
                raise ValueError(f"a destination is not of the template's {size} bytes")
            joined = memoryview(b"".join(destinations))
        if first_sequence < 0 or first_sequence + count - 1 > MAXIMUM_LENGTH:
            raise ValueError(f"{count} sequence numbers from {first_sequence} pass 2**32 - 1")
        buffer = bytearray(self._message * count)
        if not count:
            return memoryview(buffer)
        words = memoryview(buffer).cast("I")
        step = self._words
        words[_SEQUENCE_WORD::step] = memoryview(array("I", range(first_sequence, first_sequence + count)))
        column = size // 4
        source = joined.cast("I")
        for index in range(column):
            words[self._destination_word + index :: step] = source[index::column]
        if ack_last:
            buffer[len(buffer) - len(self._message) + _FLAGS_OFFSET] |= Flag.ACK
        return memoryview(buffer)


def for_size(message_type: int, flags: int, route: Route, size: int) -> Template:
    """A template with a place-holder of ``size`` bytes (0 for the default route) for ``route``'s dst."""
    return Template(message_type, flags, replace(route, dst=bytes(size) if size else None))
