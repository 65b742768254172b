"""A message as a fixed header and a table of attributes, in both directions.

Every rtnetlink message is one C structure followed by attributes.  A :class:`Form` ties the two to a
dataclass whose fields bear the same names.  Some headers hold a value in 8 bits that an attribute
repeats in 32 (``rtm_table`` and ``RTA_TABLE``, ``ifa_flags`` and ``IFA_FLAGS``): the attribute wins
when reading, and is written when the value needs it or when it was there before.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from nld.errors import MalformedMessage
from nld.netlink.attribute import FLAGS, AttributeSet, Table, Wire

T = TypeVar("T", bound=AttributeSet)


class Wide(NamedTuple):
    """A header byte that attribute ``number`` widens; ``narrow`` gives the byte for a value over 255."""

    name: str
    number: int
    narrow: Callable[[int], int]


class Form(Generic[T]):
    """One kind of message: ``make`` is the dataclass, ``layout`` the C structure, ``fields`` its names."""

    def __init__(
        self,
        make: Callable[..., T],
        layout: str,
        fields: tuple[str, ...],
        table: Table,
        wide: Wide | None = None,
    ) -> None:
        self.make = make
        self.header = struct.Struct(layout)
        self.fields = fields
        self.table = table
        self.wide = wide

    def decode(self, payload: bytes | bytearray | memoryview) -> T:
        """The message's payload (without the netlink header).  Raises :class:`MalformedMessage`."""
        data = bytes(payload)
        size = self.header.size
        if len(data) < size:
            raise MalformedMessage(f"{len(data)} bytes, the message's header has {size}", 0)
        values: dict[str, Any] = dict(zip(self.fields, self.header.unpack_from(data), strict=True))
        narrow = values[self.wide.name] if self.wide else None
        found, unknown, types = self.table.read(data, size, len(data))
        values.update(found)
        return self.make(**values, unknown=unknown, wire=Wire(types, narrow))

    def glance(self, payload: bytes | bytearray | memoryview, wanted: Table) -> T:
        """As :meth:`decode`, but only the ``wanted`` attributes; it cannot be encoded again."""
        data = bytes(payload)
        size = self.header.size
        if len(data) < size:
            raise MalformedMessage(f"{len(data)} bytes, the message's header has {size}", 0)
        values = dict(zip(self.fields, self.header.unpack_from(data), strict=True))
        values.update(wanted.pick(data, size, len(data)))
        return self.make(**values)

    def encode(self, message: T, **instead: Any) -> bytes:
        """The payload.  Raises ``ValueError``, naming field or attribute, for a value that does not fit.

        ``instead``  values of attributes in place of the message's own.
        """
        types = message.wire.types if message.wire else ()
        values = self.table.values(message) | instead
        header = {name: getattr(message, name) for name in self.fields}
        if self.wide:
            name, number, narrow = self.wide
            value = header[name]
            present = any(kind & ~FLAGS == number for kind in types)
            if present and message.wire and message.wire.narrow is not None:
                header[name] = message.wire.narrow
            elif value > 0xFF:
                header[name] = narrow(value)
            else:
                values[name] = None
        try:
            packed = self.header.pack(*header.values())
        except struct.error as error:
            raise ValueError(f"a header field is out of range: {header} ({error})") from error
        return packed + self.table.write(values, message.unknown, types)
