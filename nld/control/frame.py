"""Varlink framing: JSON texts, each ended by one NUL byte. Bytes in, frames out, no I/O.

Invariants:
- Time is linear in the bytes fed: no byte is searched for the NUL twice, and none is moved more than
  a constant number of times, however the stream is cut.
- Memory is bounded: at most ``limit`` bytes of an unfinished frame plus what one ``feed`` brought.
- What comes out does not depend on where the stream was cut.

A frame longer than the limit cannot be skipped safely (its end may never come), so the decoder ends
there: it drops what it holds and raises the same error for ever.

Does not belong here: what a frame means (``call.py``).
"""

from __future__ import annotations

MESSAGE_BYTES = 16 * 1024 * 1024
"""Longest frame by default, in bytes without its NUL (sd-varlink: VARLINK_BUFFER_MAX, 16 MiB)."""

NUL = b"\0"


class FrameTooLongError(Exception):
    """A frame is longer than the decoder's limit. ``limit`` is that limit in bytes, without the NUL."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a frame is longer than {limit} bytes")
        self.limit = limit


class FrameDecoder:
    """Cuts a byte stream into frames.

    ``limit``  longest frame in bytes, without its NUL; must be positive.
    """

    __slots__ = ("_buffer", "_scanned", "_too_long", "limit")

    def __init__(self, limit: int = MESSAGE_BYTES) -> None:
        if limit <= 0:
            raise ValueError(f"the limit of a frame must be positive, not {limit}")
        self.limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._too_long = False

    @property
    def pending(self) -> int:
        """Bytes held: unread frames and the unfinished one."""
        return len(self._buffer)

    @property
    def ready(self) -> bool:
        """Whether ``take`` has something: a whole frame, or that one is too long."""
        if self._too_long:
            return False
        buffer = self._buffer
        if self._scanned < len(buffer) and buffer[self._scanned] == 0:
            return True
        end = buffer.find(NUL, self._scanned)
        self._scanned = len(buffer) if end < 0 else end
        return end >= 0 or len(buffer) > self.limit

    def feed(self, data: bytes) -> None:
        """Append what was received. Bytes after an over-long frame are dropped."""
        if not self._too_long:
            self._buffer += data

    def whole(self, data: bytes) -> bytes | None:
        """What was received as a frame, if it is one and nothing else is held; None: it is to be fed."""
        end = data.find(NUL)
        if end < 0 or end + 1 < len(data) or end > self.limit or self._buffer or self._too_long:
            return None
        return data[:end]

    def take(self) -> bytes | None:
        """The next whole frame without its NUL, or None when more bytes are needed.

        Raises FrameTooLongError when the next frame is longer than the limit, and ever after.
        """
        if self._too_long:
            raise FrameTooLongError(self.limit)
        buffer = self._buffer
        end = buffer.find(NUL, self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            if self._scanned > self.limit:
                self._fail()
            return None
        if end > self.limit:
            self._fail()
        with memoryview(buffer) as view:
            frame = bytes(view[:end])
        del buffer[: end + 1]  # CPython moves the start of a bytearray instead of its contents
        self._scanned = 0
        return frame

    def discard(self) -> None:
        """Forget everything that is held and take nothing more."""
        self._too_long = True
        self._buffer = bytearray()
        self._scanned = 0

    def _fail(self) -> None:
        self.discard()
        raise FrameTooLongError(self.limit)
