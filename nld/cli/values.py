"""The values that stand behind route words: numbers, times, addresses, prefixes, names.

Each reader takes the :class:`~nld.cli.line.Line` with its position on the value's word, and returns
the value as a route record holds it, or refuses with the range or form that was expected.

The forms are those of iproute2 6.1 (``lib/utils.c``): numbers in C notation (``0x10``, ``010``), IPv4
addresses that may stop early (``10.8`` is 10.8.0.0), prefix lengths also as a netmask, and
``default``, ``any`` and ``all`` for the whole of a family.  Such shorthand is written out here;
what a prefix is, ``nld.prefix`` knows.
"""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

from nld import prefix as prefixes
from nld.cli.line import Line

INET = "inet"
INET6 = "inet6"
FAMILIES = {"inet": INET, "inet6": INET6, "link": "link", "mpls": "mpls", "bridge": "bridge"}

U8, U16, U32, U64 = 0xFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF

_C_NUMBER = re.compile(r"\+?(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))\Z")
_TIME = re.compile(r"\+?(0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)([A-Za-z]*)\Z")
_UNITS = {"": None, "s": 1000, "sec": 1000, "secs": 1000, "ms": 1, "msec": 1, "msecs": 1}


class Address(NamedTuple):
    """An address: ``family`` is ``inet`` or ``inet6``, ``text`` its canonical spelling."""

    family: str
    text: str


class Prefix(NamedTuple):
    """A prefix: ``family`` may be None for a bare ``default`` that fits both families.

    ``text`` is canonical (``10.0.0.0/8``), a host route has no length, as ``ip`` prints it.
    ``length`` is in bits. ``host_bits`` is True when bits to the right of the length are set.
    ``given`` is False when the line gave no length, and ``wildcard`` is True for default, any and all.
    """

    family: str | None
    text: str
    length: int
    network: str
    host_bits: bool
    given: bool
    wildcard: bool


def parse_number(text: str) -> int | None:
    """C notation to int, or None: ``10``, ``0x1f``, ``017``."""
    match = _C_NUMBER.match(text)
    if match is None:
        return None
    hexadecimal, octal, decimal = match.groups()
    if hexadecimal is not None:
        return int(hexadecimal, 16)
    return int(octal, 8) if octal is not None else int(decimal)


def number(line: Line, what: str, maximum: int = U32, minimum: int = 0) -> int:
    """A whole number in ``minimum..maximum``."""
    word = line.word or ""
    value = parse_number(word)
    if value is None:
        raise line.refusal(
            f'{what} "{word}" is not a number', expected=f"a whole number from {minimum} to {maximum}"
        )
    if not minimum <= value <= maximum:
        raise line.refusal(
            f"{what} {word} is out of range", expected=f"a whole number from {minimum} to {maximum}"
        )
    return value


def switch(line: Line, what: str) -> int:
    """0 or 1."""
    word = line.word or ""
    value = parse_number(word)
    if value not in (0, 1):
        raise line.refusal(f'{what} "{word}" is neither 0 nor 1', expected="0 (off) or 1 (on)")
    return value


def time(line: Line, what: str) -> tuple[int, bool]:
    """A time with a unit as ``(milliseconds, False)``; without a unit ``(raw kernel units, True)``.

    Fractions are rounded up, as ``ip`` does. Units: s, sec, secs, ms, msec, msecs, in any case.
    """
    word = line.word or ""
    expected = "a time with a unit such as 300ms or 1.5s (no unit means raw kernel units)"
    match = _TIME.match(word)
    if match is None:
        raise line.refusal(f'{what} "{word}" is not a time', expected=expected)
    digits, unit = match.groups()
    whole = None if "." in digits else parse_number(digits)
    if whole is None and "." not in digits:
        raise line.refusal(f'{what} "{word}" is not a time', expected=expected)
    if unit.lower() not in _UNITS:
        raise line.refusal(f'{what} "{word}" has the unknown unit "{unit}"', expected=expected)
    scale = _UNITS[unit.lower()]
    exact = (float(digits) if whole is None else whole) * (scale or 1)
    value = int(exact)
    if value < exact:
        value += 1
    if value > U32:
        raise line.refusal(f"{what} {word} is out of range", expected=expected)
    return value, scale is None


def parse_address(text: str, family: str | None) -> Address | None:
    """An address in its canonical spelling, or None when it is none of that family."""
    if ":" in text:
        if family not in (None, INET6):
            return None
        try:
            return Address(INET6, socket.inet_ntop(*prefixes.parse_address(text)))
        except ValueError:
            return None
    if family not in (None, INET):
        return None
    parts = text.split(".")
    if len(parts) > 4:
        return None
    octets = []
    for part in parts:
        value = parse_number(part)
        if value is None or value > 255:
            return None
        octets.append(value)
    octets += [0] * (4 - len(octets))
    return Address(INET, ".".join(map(str, octets)))


def found_family(text: str) -> str:
    """The family that an address's spelling belongs to."""
    return INET6 if ":" in text else INET


def spoken(family: str) -> str:
    """``IPv4`` or ``IPv6``."""
    return prefixes.spoken(prefixes.FAMILIES[family])


def address(line: Line, what: str, family: str | None) -> Address:
    """An address of ``family``, or of any when None. ``default``, ``any`` and ``all`` are not addresses."""
    word = line.word or ""
    found = parse_address(word, family)
    if found is not None:
        return found
    kind = {INET: "an IPv4 address", INET6: "an IPv6 address"}.get(family or "", "an IPv4 or IPv6 address")
    example = "2001:db8::1" if family == INET6 else "192.0.2.1"
    if family and parse_address(word, None):
        advice = ""
        if what == "gateway":
            advice = f'for a gateway of the other family write "via {found_family(word)} {word}"'
        raise line.refusal(
            f'{what} "{word}" is {spoken(found_family(word))}, but this route is {spoken(family)}',
            expected=f"{kind} such as {example}",
            advice=advice,
        )
    advice = f'an address takes no "/": write {word.partition("/")[0]}' if "/" in word else ""
    raise line.refusal(
        f'{what} "{word}" is not an address', expected=f"{kind} such as {example}", advice=advice
    )


def _netmask(text: str) -> int | None:
    """A prefix length, also from a netmask such as 255.255.0.0."""
    value = parse_number(text)
    if value is not None:
        return value
    mask = parse_address(text, INET)
    if mask is None:
        return None
    bits = int.from_bytes(socket.inet_aton(mask.text), "big")
    inverted = bits ^ U32
    return None if inverted & (inverted + 1) else bits.bit_count()


def parse_prefix(text: str, family: str | None) -> Prefix | str:
    """The prefix, or one sentence that says why it is none."""
    if text in ("default", "all", "any"):
        network = "::" if family == INET6 else "0.0.0.0"
        return Prefix(family, "default", 0, network, False, text == "default", True)
    host, slash, tail = text.partition("/")
    if slash and host in ("default", "all", "any"):
        return f'"{host}" takes no prefix length'
    found = parse_address(host, family)
    if found is None:
        if family and parse_address(host, None):
            return f'"{text}" is {spoken(found_family(host))}, but this route is {spoken(family)}'
        return f'"{text}" is not a prefix'
    width = prefixes.WIDTH[prefixes.FAMILIES[found.family]]
    length = width
    if slash:
        said = _netmask(tail)
        if said is None:
            return f'"{tail}" is not a prefix length'
        length = said
        if length > width:
            return f"length {length} is out of range: {spoken(found.family)} has 0 to {width}"
    number, packed = prefixes.parse_address(found.text)
    masked = prefixes.masked(packed, length)
    text = found.text if length == width else f"{found.text}/{length}"
    network = socket.inet_ntop(number, masked)
    return Prefix(found.family, text, length, network, masked != packed, bool(slash), False)


def prefix(line: Line, what: str, family: str | None) -> Prefix:
    """A prefix, or default, any or all."""
    found = parse_prefix(line.word or "", family)
    if isinstance(found, str):
        example = {INET: "10.0.0.0/8", INET6: "2001:db8::/32"}.get(family or "", "10.0.0.0/8, 2001:db8::/32")
        raise line.refusal(f"{what} {found}", expected=f"a prefix such as {example}, or default")
    return found
