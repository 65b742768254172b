"""Golden vectors: messages of a real kernel, each with the command that made it.

The file is text, for people first.  A vector is its name in brackets, the commands, the bytes with a
note on what each line of them is, what ``ip`` itself printed (an independent witness), and the object
that they decode to, fields with their default left out.  ``capture.py`` writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from nld.netlink.attribute import HEADER as ATTRIBUTE_HEADER
from nld.netlink.attribute import TYPE_MASK
from nld.netlink.catalogue import MESSAGES
from nld.netlink.header import HEADER, HEADER_SIZE, MessageType
from nld.netlink.registry import RTM

PATH = Path(__file__).with_name("vectors.txt")


@dataclass
class Vector:
    """One message: ``data`` with its netlink header; ``witness`` is ip's record, or None."""

    name: str
    commands: tuple[str, ...]
    data: bytes
    witness: dict[str, Any] | None
    meaning: str

    @property
    def type(self) -> int:
        """The message type."""
        number: int = HEADER.unpack_from(self.data)[1]
        return number

    @property
    def payload(self) -> bytes:
        """The message without its header and padding."""
        return self.data[HEADER_SIZE : HEADER.unpack_from(self.data)[0]]


def load() -> list[Vector]:
    """All vectors of the file."""
    vectors: list[Vector] = []
    for block in PATH.read_text(encoding="utf-8").split("\n[")[1:]:
        name, _, body = block.partition("]\n")
        commands, data, witness, meaning = [], bytearray(), None, ""
        for line in body.splitlines():
            key, _, rest = line.partition(" ")
            if key == "$":
                commands.append(rest)
            elif key == "ip:":
                witness = json.loads(rest)
            elif key == "=":
                meaning = rest
            elif line.startswith("    "):
                data += bytes.fromhex(line.partition("#")[0])
        vectors.append(Vector(name, tuple(commands), bytes(data), witness, meaning))
    return vectors


def text(vector: Vector) -> str:
    """A vector as it stands in the file."""
    lines = [f"[{vector.name}]", *(f"$ {command}" for command in vector.commands)]
    lines += [f"    {part.hex(' ', -4):<54} # {note}" for part, note in _annotate(vector.data)]
    if vector.witness is not None:
        lines.append(f"ip: {json.dumps(vector.witness)}")
    return "\n".join([*lines, f"= {vector.meaning}"]) + "\n"


def describe(value: Any) -> str:
    """An object as its constructor would be written, without the fields that have their default."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = []
        for entry in fields(value):
            content = getattr(value, entry.name)
            default = entry.default if entry.default is not MISSING else None
            if entry.compare and (content != default or entry.default is MISSING):
                parts.append(f"{entry.name}={describe(content)}")
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return "(" + ", ".join(map(describe, value)) + ",)" if value else "()"
    return repr(value)


def _annotate(data: bytes) -> Iterator[tuple[bytes, str]]:
    kind = HEADER.unpack_from(data)[1]
    name = next((entry.name for entry in RTM if entry == kind), None)
    yield data[:HEADER_SIZE], f"RTM_{name}" if name else f"NLMSG_{MessageType(kind).name}"
    entry = MESSAGES.get(kind)
    if entry is None:
        yield data[HEADER_SIZE:], "payload"
        return
    start = HEADER_SIZE + entry.form.header.size
    yield data[HEADER_SIZE:start], "header of the family"
    while start < len(data):
        length, number = ATTRIBUTE_HEADER.unpack_from(data, start)
        end = start + ((length + 3) & ~3)
        row = entry.form.table.by_number.get(number & TYPE_MASK)
        note = row.kernel_name if row else f"attribute {number & TYPE_MASK}"
        for position in range(start, end, 24):
            yield data[position : min(position + 24, end)], note if position == start else "..."
        start = end
