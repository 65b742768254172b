"""Attributes: type, length, value, padding; and the tables that give them names and Python values.

One row per attribute (number, name, kind) serves both directions.  Reading tolerates any order,
unknown numbers and repeated ones (the last counts, as in the kernel's ``nla_parse``), masks
``NLA_F_NESTED`` and ``NLA_F_NET_BYTEORDER``, and notes how the bytes lay, so that writing gives them
back the same.  Writing something new follows the order of the rows.

A length under its header, past its buffer, or a value of the wrong size raises
:class:`nld.errors.MalformedMessage`, with the offset from the start of the buffer being read.

Source: netlink(7), include/uapi/linux/netlink.h (``struct nlattr``), lib/nlattr.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter
from typing import Any, NamedTuple

from nld.errors import MalformedMessage

HEADER = struct.Struct("=HH")
"""``struct nlattr``: length (header and value, without padding) and type."""

HEADER_SIZE = 4
NESTED = 0x8000
NET_BYTEORDER = 0x4000
FLAGS = NESTED | NET_BYTEORDER
TYPE_MASK = 0x3FFF
MAXIMUM_SIZE = 0xFFFF - HEADER_SIZE

_KEPT = 0x10000
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Wire(NamedTuple):
    """How a decoded set of attributes lay on the wire; what makes encoding it give the same bytes.

    ``types``   attribute types in order, flag bits included; ``_KEPT`` marks one held in ``unknown``.
    ``narrow``  the header's 8-bit value of a field that an attribute widens (``rtm_table``), or None.
    """

    types: tuple[int, ...]
    narrow: int | None = None


@dataclass(slots=True, kw_only=True)
class AttributeSet:
    """Base of everything that is read from attributes.

    ``unknown``  attributes without a row: (type with its flag bits, value), in order.
    ``wire``     the layout it was decoded from; not part of what it means, so not compared.
    """

    unknown: tuple[tuple[int, bytes], ...] = ()
    wire: Wire | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of value is read and written.

    ``unpack(data, start, end)`` reads the value at those offsets; ``pack(value)`` is its inverse.
    ``table``: the attributes inside, for nested kinds.
    """

    name: str
    unpack: Callable[[bytes, int, int], Any]
    pack: Callable[[Any], bytes]
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row: the kernel's ``number``, our field ``name``, the ``kind``; ``flags`` go on new ones."""

    number: IntEnum
    name: str
    kind: Kind
    flags: int = 0

    @property
    def kernel_name(self) -> str:
        """Such as ``RTA_GATEWAY``: the enum's name and the member's."""
        return f"{type(self.number).__name__}_{self.number.name}"


class Reading(NamedTuple):
    """What :meth:`Table.read` found: values by field name, unknown attributes, types in order."""

    values: dict[str, Any]
    unknown: tuple[tuple[int, bytes], ...]
    types: tuple[int, ...]


def walk(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each attribute between two offsets: (type with flag bits, start of its value, end of its value).

    The padding behind the last one may be missing.  Raises :class:`MalformedMessage`.
    """
    offset = start
    while offset < end:
        if end - offset < HEADER_SIZE:
            raise MalformedMessage(
                f"{end - offset} bytes left, an attribute has at least {HEADER_SIZE}", offset
            )
        length, attribute_type = HEADER.unpack_from(data, offset)
        if length < HEADER_SIZE:
            raise MalformedMessage(f"attribute length {length} is under its header's {HEADER_SIZE}", offset)
        if length > end - offset:
            raise MalformedMessage(f"attribute length {length} is past the {end - offset} bytes left", offset)
        yield attribute_type, offset + HEADER_SIZE, offset + length
        offset += (length + 3) & ~3


def pack(attribute_type: int, value: bytes) -> bytes:
    """One attribute with its padding.  Raises ``ValueError`` for a value over 65531 bytes."""
    size = len(value)
    if size > MAXIMUM_SIZE:
        raise ValueError(f"attribute {attribute_type & TYPE_MASK}: {size} bytes, at most {MAXIMUM_SIZE} fit")
    return HEADER.pack(size + HEADER_SIZE, attribute_type) + value + _PADDING[size & 3]


class Table:
    """The attributes of one kind of message or nest, by number; rows are in the order of writing."""

    __slots__ = ("_get", "_names", "_order", "by_number", "rows")

    def __init__(self, rows: Sequence[Attribute]) -> None:
        self.rows = tuple(rows)
        self.by_number: Mapping[int, Attribute] = {int(row.number): row for row in rows}
        if len(self.by_number) != len(self.rows):
            raise ValueError("two rows share a number")
        # Plain numbers: to hash a member of an enumeration is slow, and each route is written and read.
        self._order = [(int(row.number), int(row.number) | row.flags, row.name, row) for row in rows]
        self._names = [row.name for row in rows]
        self._get = attrgetter(*self._names)

    def values(self, source: object) -> dict[str, Any]:
        """What an object says whose fields are named as the rows; what it leaves out is left out."""
        found = self._get(source)
        if len(self._names) == 1:
            found = (found,)
        return {name: value for name, value in zip(self._names, found, strict=True) if value is not None}

    def read(self, data: bytes, start: int, end: int) -> Reading:
        """Decode the attributes between two offsets.  Raises :class:`MalformedMessage`."""
        found = list(walk(data, start, end))
        last = {entry[0] & TYPE_MASK: entry for entry in found}
        rows = self.by_number
        values: dict[str, Any] = {}
        unknown: list[tuple[int, bytes]] = []
        types: list[int] = []
        for entry in found:
            attribute_type, value_start, value_end = entry
            number = attribute_type & TYPE_MASK
            row = rows.get(number)
            if row is None or last[number] is not entry:
                unknown.append((attribute_type, data[value_start:value_end]))
                types.append(attribute_type | _KEPT)
            else:
                values[row.name] = row.kind.unpack(data, value_start, value_end)
                types.append(attribute_type)
        return Reading(values, tuple(unknown), tuple(types))

    def pick(self, data: bytes, start: int, end: int) -> dict[str, Any]:
        """The values of this table's attributes alone, by field name.  Raises :class:`MalformedMessage`.

        For messages that come by the thousand and of which little is needed: the rest is passed over.
        """
        rows = self.by_number
        values: dict[str, Any] = {}
        for attribute_type, value_start, value_end in walk(data, start, end):
            row = rows.get(attribute_type & TYPE_MASK)
            if row is not None:
                values[row.name] = row.kind.unpack(data, value_start, value_end)
        return values

    def write(
        self, values: Mapping[str, Any], unknown: Sequence[tuple[int, bytes]] = (), types: Sequence[int] = ()
    ) -> bytes:
        """Encode: first by the order of ``types``, then the other rows, then the other unknown ones.

        A value of None or False is left out.  Raises ``ValueError``, naming the attribute, for a value
        that its kind cannot hold.
        """
        parts: list[bytes] = []
        written: set[int] = set()
        kept = iter(unknown)
        for attribute_type in types:
            if attribute_type & _KEPT:
                parts.extend(pack(*entry) for entry in (next(kept, None),) if entry is not None)
                continue
            row = self.by_number[attribute_type & TYPE_MASK]
            written.add(attribute_type & TYPE_MASK)
            parts.append(_pack_row(row, attribute_type, values.get(row.name)))
        for number, attribute_type, name, row in self._order:
            value = values.get(name)
            if value is not None and number not in written:
                parts.append(_pack_row(row, attribute_type, value))
        parts.extend(pack(*entry) for entry in kept)
        return b"".join(parts)


def _pack_row(row: Attribute, attribute_type: int, value: Any) -> bytes:
    if value is None or value is False:
        return b""
    try:
        return pack(attribute_type, row.kind.pack(value))
    except (struct.error, TypeError, ValueError) as error:
        raise ValueError(f"{row.kernel_name}: {value!r} is no {row.kind.name} ({error})") from error


def _size_error(name: str, start: int, end: int, wanted: str) -> MalformedMessage:
    return MalformedMessage(f"a {name} of {end - start} bytes, must be {wanted}", start)


def number(name: str, form: str) -> Kind:
    """A number in ``struct``'s notation ``form``, such as ``"=I"``."""
    layout = struct.Struct(form)
    size = layout.size

    def unpack(data: bytes, start: int, end: int) -> Any:
        if end - start != size:
            raise _size_error(name, start, end, f"{size}")
        return layout.unpack_from(data, start)[0]

    return Kind(name, unpack, layout.pack)


def record(name: str, form: str, make: Callable[..., Any]) -> Kind:
    """A C structure as a named tuple: ``make`` takes the numbers, and is a tuple of them."""
    layout = struct.Struct(form)
    size = layout.size

    def unpack(data: bytes, start: int, end: int) -> Any:
        if end - start != size:
            raise _size_error(name, start, end, f"{size}")
        return make(*layout.unpack_from(data, start))

    return Kind(name, unpack, lambda value: layout.pack(*value))


def array(name: str, form: str, make: Callable[..., Any]) -> Kind:
    """C structures one after another, as a tuple of named tuples."""
    layout = struct.Struct(form)

    def unpack(data: bytes, start: int, end: int) -> tuple[Any, ...]:
        if (end - start) % layout.size:
            raise _size_error(name, start, end, f"a multiple of {layout.size}")
        return tuple(make(*entry) for entry in layout.iter_unpack(data[start:end]))

    return Kind(name, unpack, lambda value: b"".join(layout.pack(*entry) for entry in value))


def fixed(name: str, size: int) -> Kind:
    """Bytes of one size, such as an IPv6 address."""

    def unpack(data: bytes, start: int, end: int) -> bytes:
        if end - start != size:
            raise _size_error(name, start, end, f"{size}")
        return data[start:end]

    def pack_fixed(value: bytes) -> bytes:
        if len(value) != size:
            raise ValueError(f"{len(value)} bytes, must be {size}")
        return bytes(value)

    return Kind(name, unpack, pack_fixed)


def nested(table: Table, make: Callable[..., Any]) -> Kind:
    """Attributes inside an attribute, as an :class:`AttributeSet` made by ``make``."""

    def unpack(data: bytes, start: int, end: int) -> Any:
        values, unknown, types = table.read(data, start, end)
        return make(**values, unknown=unknown, wire=Wire(types))

    return Kind("nest", unpack, lambda value: write_set(table, value), table)


def write_set(table: Table, source: AttributeSet) -> bytes:
    """The attributes of an object whose fields are named as the table's rows."""
    return table.write(table.values(source), source.unknown, source.wire.types if source.wire else ())


def _unpack_string(data: bytes, start: int, end: int) -> str:
    if end > start and data[end - 1] == 0:
        end -= 1
    return data[start:end].decode("utf-8", "surrogateescape")


def _unpack_flag(data: bytes, start: int, end: int) -> bool:
    if end != start:
        raise _size_error("flag", start, end, "0")
    return True


U8 = number("u8", "=B")
U16 = number("u16", "=H")
U32 = number("u32", "=I")
U64 = number("u64", "=Q")
S32 = number("s32", "=i")
BE16 = number("be16", "!H")
BE32 = number("be32", "!I")
BE64 = number("be64", "!Q")
BYTES = Kind("bytes", lambda data, start, end: data[start:end], bytes)
ADDRESS4 = fixed("IPv4 address", 4)
ADDRESS6 = fixed("IPv6 address", 16)
ADDRESS = Kind("address", lambda data, start, end: data[start:end], bytes)
"""An address of the message's family: its size is checked by the message, which knows the family."""
STRING = Kind("string", _unpack_string, lambda value: value.encode("utf-8", "surrogateescape") + b"\0")
"""NUL-terminated on the wire; bytes that are no UTF-8 (interface names may hold any) survive."""
FLAG = Kind("flag", _unpack_flag, lambda value: b"")
"""True by being there, with no value."""
