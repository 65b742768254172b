"""Prefixes as text and as network-order bytes, one or a hundred thousand at a time.

A prefix is written ``10.0.0.0/8`` or ``2001:db8::/32``, a host route bare (``192.0.2.1``), and the
whole of a family ``default``.  Host bits must be zero: IPv6 in the kernel clears them silently, so
that the route would not be the one that was asked for, and IPv4 refuses them with "Invalid argument".

The many are the case to be fast for (a routing daemon announces lists of prefixes for one next hop),
so the host bits of all are looked at in one operation on one large integer.  Only when something is
wrong are they looked at one by one.

The daemon, the clients and the command line all read prefixes by this file, which needs the standard library
only.

Does not belong here: the shorthand of ``ip``'s command line, such as ``10/8`` (``nld.cli.values``).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import NamedTuple

INET = int(socket.AF_INET)
INET6 = int(socket.AF_INET6)
WIDTH = {INET: 32, INET6: 128}
"""Bits of an address, by address family."""
FAMILY_NAMES = {INET: "inet", INET6: "inet6"}
FAMILIES = {name: number for number, name in FAMILY_NAMES.items()}
DEFAULT = "default"

_LENGTHS = {
    family: {"": width} | {str(length): length for length in range(width + 1)}
    for family, width in WIDTH.items()
}
_HOST_BITS = {
    family: [((1 << (width - length)) - 1).to_bytes(width // 8, "big") for length in range(width + 1)]
    for family, width in WIDTH.items()
}
"""The bits behind each prefix length."""


class DestinationError(ValueError):
    """A text that is no destination. ``position`` is its place in the list, from 0."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class Destinations(NamedTuple):
    """What texts of one family say, in their order.

    ``lengths``    prefix lengths in bits.
    ``addresses``  in network order, 4 or 16 bytes; ``b""`` where the length is 0, the default route.
    """

    lengths: list[int]
    addresses: list[bytes]


def spoken(family: int) -> str:
    """``IPv4`` or ``IPv6``."""
    return "IPv6" if family == INET6 else "IPv4"


def family_of(text: str) -> int | None:
    """The family that an address's or prefix's spelling belongs to; None for ``default``."""
    if ":" in text:
        return INET6
    return None if text == DEFAULT else INET


def parse_address(text: str, family: int | None = None) -> tuple[int, bytes]:
    """An address as (family, bytes in network order); ValueError says what is wrong with it.

    ``family``  AF_INET or AF_INET6 to accept only that one, None for either.
    """
    found = INET6 if ":" in text else INET
    try:
        packed = socket.inet_pton(found, text)
    except (OSError, ValueError):
        hint = ""
        if "/" in text:
            hint = "; an address takes no prefix length"
        elif "%" in text:
            hint = "; name the device in dev, not after a %"
        wanted = "IPv4 or IPv6" if family is None else spoken(family)
        raise ValueError(f"{_quoted(text)} is not an {wanted} address{hint}") from None
    if family is not None and found != family:
        raise ValueError(f"{_quoted(text)} is {spoken(found)}, but the route is {spoken(family)}")
    return found, packed


def parse_prefix(text: str, family: int | None = None) -> tuple[int, int, bytes]:
    """One destination as (family, length, bytes in network order); DestinationError otherwise.

    ``family``  AF_INET or AF_INET6 to accept only that one. None takes the family of the spelling, and
                AF_INET for ``default``, as ``ip`` does.
    """
    if text == DEFAULT:
        family = INET if family is None else family
        return family, 0, b""
    found = INET6 if ":" in text else INET
    address, slash, length_text = text.partition("/")
    length = _LENGTHS[found].get(length_text) if length_text or not slash else None
    try:
        packed = socket.inet_pton(found, address)
    except (OSError, ValueError):
        raise DestinationError(
            f"{_quoted(text)} is not a prefix; write it like 10.0.0.0/8, 2001:db8::/32 or default"
        ) from None
    if length is None:
        raise DestinationError(
            f"{_quoted(text)}: the prefix length of {spoken(found)} is 0 to {WIDTH[found]}"
        )
    if family is not None and found != family:
        raise DestinationError(f"{_quoted(text)} is {spoken(found)}, but the route is {spoken(family)}")
    network = masked(packed, length)
    if network != packed:
        right = prefix_text(found, length, network)
        raise DestinationError(
            f"{_quoted(text)} has bits set to the right of the prefix length; the prefix would be {right}"
        )
    return found, length, packed if length else b""


def parse_destinations(texts: Sequence[str], family: int) -> Destinations:
    """Many destinations of one family; DestinationError with the position of the first bad one."""
    pton = socket.inet_pton
    lengths: list[str] = []
    addresses: list[bytes] = []
    try:
        for text in texts:
            address, slash, length = text.partition("/")
            if slash and not length:
                return _one_by_one(texts, family)
            lengths.append(length)
            addresses.append(pton(family, address))
        numbers = list(map(_LENGTHS[family].__getitem__, lengths))
    except (OSError, ValueError, KeyError):
        return _one_by_one(texts, family)
    behind = b"".join(map(_HOST_BITS[family].__getitem__, numbers))
    if int.from_bytes(b"".join(addresses), "big") & int.from_bytes(behind, "big"):
        return _one_by_one(texts, family)
    if 0 in numbers:
        addresses = [address if number else b"" for number, address in zip(numbers, addresses, strict=True)]
    return Destinations(numbers, addresses)


def masked(packed: bytes, length: int) -> bytes:
    """An address without the bits to the right of a prefix length."""
    host = 8 * len(packed) - length
    return (int.from_bytes(packed, "big") >> host << host).to_bytes(len(packed), "big")


def prefix_text(family: int, length: int, packed: bytes) -> str:
    """The destination as ``ip`` prints it: host routes bare. Length 0 is ``default``, whatever the bytes."""
    if length == 0:
        return DEFAULT
    address = socket.inet_ntop(family, packed)
    return address if length == WIDTH[family] else f"{address}/{length}"


def _one_by_one(texts: Sequence[str], family: int) -> Destinations:
    """The slow way: takes ``default`` too, and finds which one is wrong and why."""
    found = Destinations([], [])
    for index, text in enumerate(texts):
        try:
            _, length, packed = parse_prefix(text, family)
        except DestinationError as error:
            raise DestinationError(str(error), index) from None
        found.lengths.append(length)
        found.addresses.append(packed)
    return found


def _quoted(text: str) -> str:
    """The text in quotes, cut where it is long; unprintable characters escaped."""
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return f"'{shown}'" if shown.isprintable() else ascii(shown)
