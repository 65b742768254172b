"""The bytes between a test and the agent inside its machine: no I/O here, both ends use it.

A frame is a 12-byte prefix (4 bytes header length, 8 bytes body length, big-endian), a JSON object and
raw bytes. Each request carries an ``id``; every frame that answers it carries the same one, so commands
may run side by side. Both ends are ours and started together: there is no version to negotiate.

The guest runs this file on its own Python, so it imports nothing outside the standard library.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import NamedTuple

_PREFIX = struct.Struct(">IQ")

# Header values: plain JSON. ``object`` keeps the readers honest about checking what they take.
Header = dict[str, object]


class Frame(NamedTuple):
    """One message: what it is about, and its bytes."""

    header: Header
    body: bytes


def encode(header: Header, body: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    text = json.dumps(header).encode()
    return _PREFIX.pack(len(text), len(body)) + text + body


class Decoder:
    """Cuts a byte stream into frames; a partial frame waits for the rest."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add bytes, yield the frames which are complete."""
        self._buffer += data
        while len(self._buffer) >= _PREFIX.size:
            header_size, body_size = _PREFIX.unpack_from(self._buffer)
            end = _PREFIX.size + header_size + body_size
            if len(self._buffer) < end:
                return
            middle = _PREFIX.size + header_size
            header: Header = json.loads(bytes(self._buffer[_PREFIX.size : middle]))
            body = bytes(self._buffer[middle:end])
            del self._buffer[:end]
            yield Frame(header, body)
