"""A burst: many datagrams off a netlink socket with one system call, recvmmsg(2).

Each notification is a datagram of its own, and a million changes are a million of them.  Python has no
recvmmsg, so it is called through ctypes: the structures are laid out once, and what the kernel writes
into them (lengths, senders) is read as columns.

The rules are those of ``socket.py``: only what the kernel sent counts, and half a message is a loss.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

from nld.kernel.socket import READ_SIZE, NetlinkSocket

SLOTS = 64
"""Most datagrams of one system call."""

_FLAGS = 0x20 | 0x40
"""MSG_TRUNC makes the kernel tell a datagram's true size; MSG_DONTWAIT."""


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("vector", ctypes.POINTER(_Iovec)),
        ("vector_size", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Slot(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint32))


class _SocketAddress(ctypes.Structure):
    """``struct sockaddr_nl``."""

    _fields_ = (
        ("family", ctypes.c_uint16),
        ("pad", ctypes.c_uint16),
        ("port_id", ctypes.c_uint32),
        ("groups", ctypes.c_uint32),
    )


_recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
_recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)


class Burst:
    """Reads one socket, many datagrams at a time."""

    def __init__(self, socket: NetlinkSocket) -> None:
        self._socket = socket
        # Only the pages that are written to are ever made: one a slot for most messages.
        self._buffer = bytearray(SLOTS * READ_SIZE)
        self._view = memoryview(self._buffer)
        self._addresses = (_SocketAddress * SLOTS)()
        self._vectors = (_Iovec * SLOTS)()
        self._slots = (_Slot * SLOTS)()
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        for slot in range(SLOTS):
            self._vectors[slot] = _Iovec(base + slot * READ_SIZE, READ_SIZE)
            header = self._slots[slot].header
            header.name = ctypes.addressof(self._addresses[slot])
            header.name_size = ctypes.sizeof(_SocketAddress)
            header.vector = ctypes.pointer(self._vectors[slot])
            header.vector_size = 1
        self._table = ctypes.addressof(self._slots)
        self._starts = range(0, SLOTS * READ_SIZE, READ_SIZE)
        self._lengths = _column(self._slots, _Slot, _Slot.length.offset)
        self._senders = _column(self._addresses, _SocketAddress, _SocketAddress.port_id.offset)

    def take(self, most: int = SLOTS) -> tuple[list[bytes], bool]:
        """What has arrived, at most so many datagrams, maybe none that count; and whether there may be more.

        ``most``  1 to SLOTS.

        Fewer than that is all that had arrived when this was called.  (recvmmsg also ends early at an
        error, but not at one that was there before: that is told at once.  The next call tells it.)

        Raises ``OSError`` ENOBUFS when messages were lost or cut (an overrun).
        """
        descriptor = self._socket.fileno()
        count: int = _recvmmsg(descriptor, self._table, most, _FLAGS, None)
        if count < 0:
            number = ctypes.get_errno()
            if number == errno.EAGAIN:
                return [], False
            raise OSError(number, os.strerror(number))
        lengths = self._lengths[:count].tolist()
        view = self._view
        datagrams = [
            bytes(view[start : start + length]) for start, length in zip(self._starts, lengths, strict=False)
        ]
        senders = self._senders[:count].tolist()
        if any(senders):
            self._socket.strangers += sum(map(bool, senders))
            datagrams = [datagram for datagram, sender in zip(datagrams, senders, strict=True) if not sender]
        if max(lengths) > READ_SIZE:
            raise OSError(errno.ENOBUFS, "a datagram was larger than the read buffer")
        return datagrams, count == most


def _column(table: ctypes.Array[Any], row: type[ctypes.Structure], offset: int) -> memoryview:
    """One 32-bit member of all elements."""
    words = memoryview(table).cast("B").cast("I")
    return words[offset // 4 :: ctypes.sizeof(row) // 4]
