"""The order in which the kernel walks an IPv6 table, so that a list can be taken up where a dump was left.

Each prefix comes behind all those that are inside it, and these from the lowest address to the highest; the
routes of a prefix that have a source prefix come before everything inside it, by source in the same order.

Source: net/ipv6/ip6_fib.c (``fib6_walk_continue``).
"""

from __future__ import annotations

from nld.kernel.shape import Shape

_WIDTH = 128
_BYTES = 16


def walked(shape: Shape, destination: bytes) -> bytes:
    """Sorts IPv6 routes of one table as the kernel walks them, but for the routes of one key and source."""
    source = shape.rank[2]
    if not source:
        return _last(destination, shape.length) + b"\1" + bytes([_WIDTH - shape.length])
    first = destination.ljust(_BYTES, b"\0") + b"\0" + bytes([shape.length])
    return first + _last(source[1:], source[0]) + bytes([_WIDTH - source[0]])


def _last(address: bytes, length: int) -> bytes:
    """The last address of a prefix."""
    number = int.from_bytes(address.ljust(_BYTES, b"\0"), "big") | ((1 << (_WIDTH - length)) - 1)
    return number.to_bytes(_BYTES, "big")
