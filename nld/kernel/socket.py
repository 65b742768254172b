"""The AF_NETLINK socket: how it is opened, how bytes leave it, how datagrams come in.

Nothing here waits: the descriptor is non-blocking and somebody else watches it (``channel.py``,
``listener.py``).  Three rules live here because every channel needs them:

* A datagram counts only if the kernel sent it (source port id 0); any local process may send to our
  port id, so such datagrams are dropped and counted.
* A truncated datagram is an overrun: half a message is never parsed.
* Buffers are asked for and then read back, because SO_RCVBUFFORCE needs CAP_NET_ADMIN in the first
  user namespace and SO_RCVBUF is cut by net.core.rmem_max.

``send_netlink_message_to_kernel`` is the public primitive.  The channels' sender tasks send through
the same :func:`transmit`; a batch is several framed messages in one send.

Source: netlink(7), socket(7), include/uapi/linux/netlink.h.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from dataclasses import dataclass

from nld.errors import KernelRefused, KernelUnavailable, NldError, errno_name
from nld.netlink.header import frame

SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NETLINK_GET_STRICT_CHK = 12
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33

KERNEL = (0, 0)
"""Address of the kernel: port id 0, no groups."""

READ_SIZE = 64 * 1024
"""Bytes of a read buffer. The kernel fills at most 32 KiB of a dump into one datagram."""

LEAST = 64 * 1024
"""Bytes of a buffer that is asked for, at least: with less a single answer may not fit, nor a send."""

_RECEIVE_FLAGS = int(socket.MSG_TRUNC | socket.MSG_DONTWAIT)
"""MSG_TRUNC makes the kernel tell a datagram's true size. A plain number: this runs for every datagram."""

_MODULES = {31: "nld", 25: "nld (with greet_protocol=25)"}


class Sequences:
    """Sequence numbers for requests: 1 .. 2**32-1, then 1 again; 0 belongs to notifications.

    Safe to share between threads.
    """

    def __init__(self, start: int = 1) -> None:
        self._next = start
        self._lock = threading.Lock()

    def allot(self, count: int = 1) -> int:
        """The first of ``count`` numbers in a row. A run that would pass 2**32-1 starts at 1 again."""
        with self._lock:
            first = self._next
            if first + count - 1 > 0xFFFF_FFFF:
                first = 1
            self._next = first + count
            return first


SEQUENCES = Sequences()
"""For messages that are sent without an exchange of their own; unique in this process until it wraps."""


@dataclass(slots=True)
class Granted:
    """Buffer sizes in bytes as the kernel granted them (it doubles what was asked)."""

    receive: int
    send: int
    forced: bool


class NetlinkSocket:
    """One non-blocking AF_NETLINK socket, bound to a port id that the kernel chose.

    ``protocol``        0 is NETLINK_ROUTE, 31 the nld module.
    ``receive_buffer``  bytes asked for, at least 64 KiB; 0 leaves the system's default.
    ``send_buffer``     likewise.
    ``strict``          NETLINK_GET_STRICT_CHK: the kernel checks and honours dump filters.

    Raises :class:`KernelUnavailable` when the protocol is not there, naming the module to load.
    """

    def __init__(
        self, protocol: int, *, receive_buffer: int = 0, send_buffer: int = 0, strict: bool = False
    ) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        except OSError as error:
            raise _unavailable(protocol, error) from error
        try:
            self._socket.setblocking(False)
            self.granted = self._size(receive_buffer, send_buffer)
            for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
                self._socket.setsockopt(SOL_NETLINK, option, 1)
            if strict:
                # Kernels before 4.20 do not have it; their unfiltered dumps are filtered again here.
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
            self._socket.bind((0, 0))
        except BaseException:
            self._socket.close()
            raise
        self.protocol = protocol
        self.port_id: int = self._socket.getsockname()[0]
        self.strangers = 0
        self._buffer = bytearray(READ_SIZE)
        self._view = memoryview(self._buffer)

    def fileno(self) -> int:
        """The descriptor, to be registered with the event loop."""
        return self._socket.fileno()

    def join(self, group: int) -> None:
        """Become a member of one multicast group (a number from 1 up, not a mask)."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def send(self, data: bytes | memoryview) -> None:
        """Hand framed messages to the kernel. Raises ``OSError`` as sendmsg(2) does."""
        transmit(self._socket, data)

    def receive(self) -> bytes | None:
        """The next datagram that the kernel sent, or None when the queue is empty.

        Raises ``OSError`` ENOBUFS when messages were lost or cut (an overrun).
        """
        while True:
            try:
                size, (port_id, _) = self._socket.recvfrom_into(self._view, READ_SIZE, _RECEIVE_FLAGS)
            except BlockingIOError:
                return None
            if port_id != 0:
                self.strangers += 1
                continue
            if size > READ_SIZE:
                raise OSError(errno.ENOBUFS, "a datagram was larger than the read buffer")
            return bytes(self._view[:size])

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        self._socket.close()

    def _size(self, receive: int, send: int) -> Granted:
        forced = True
        for size, force, plain in (
            (receive, SO_RCVBUFFORCE, socket.SO_RCVBUF),
            (send, SO_SNDBUFFORCE, socket.SO_SNDBUF),
        ):
            if size == 0:
                continue
            wanted = max(size, LEAST)
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, force, wanted)
            except PermissionError:
                forced = False
                self._socket.setsockopt(socket.SOL_SOCKET, plain, wanted)
        option = self._socket.getsockopt
        return Granted(
            option(socket.SOL_SOCKET, socket.SO_RCVBUF), option(socket.SOL_SOCKET, socket.SO_SNDBUF), forced
        )


def transmit(sock: socket.socket, data: bytes | bytearray | memoryview) -> None:
    """One sendmsg: one iovec, addressed to {AF_NETLINK, port 0}. Netlink sends all or nothing."""
    sock.sendmsg((data,), (), 0, KERNEL)


def send_netlink_message_to_kernel(
    fd: int,
    payload: bytes | bytearray | memoryview,
    payload_size: int,
    message_type: int,
    flags: int,
) -> int:
    """Send one netlink message with any payload to the kernel and return its sequence number.

    Builds the 16-byte header in front of the payload, pads to a multiple of 4, and sends both as one
    iovec in a msghdr addressed to {AF_NETLINK, port 0}.  It does not wait for an answer: what the
    kernel replies arrives on ``fd`` with the returned sequence number.

    ``fd``            descriptor of an AF_NETLINK socket of any protocol; stays open and stays yours.
    ``payload``       what follows the header: the protocol's own header and attributes. May be empty.
    ``payload_size``  its size in bytes (a view's ``nbytes``): a safeguard against half-built
                      payloads. 0 for an empty one.
    ``message_type``  ``nlmsg_type``, 0 to 65535.
    ``flags``         ``nlmsg_flags``, 0 to 65535, as given: NLM_F_REQUEST is not added.

    Returns the sequence number, 1 to 2**32-1, unique in this process until it wraps.

    Raises ``ValueError`` for a size that does not match or a type or flags out of range, and
    :class:`~nld.errors.KernelRefused` with the errno's name when the send fails: EBADF (not an open
    descriptor), ENOTSOCK or EAFNOSUPPORT (not a netlink socket), EMSGSIZE (larger than the send
    buffer), EAGAIN (a non-blocking socket whose buffer is full), ENOBUFS (no memory).

    Source: netlink(7), RFC 3549.
    """
    data = memoryview(payload).tobytes()  # a view's length may count items other than bytes
    if payload_size != len(data):
        raise ValueError(f"payload_size is {payload_size}, but the payload has {len(data)} bytes")
    for name, value in (("message_type", message_type), ("flags", flags)):
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"{name} is {value}; it must be 0 to 65535 (16 bits)")
    sequence = SEQUENCES.allot()
    message = frame(message_type, flags, sequence, data)
    try:
        if os.fstat(fd) and (sock := socket.socket(fileno=fd)).family != socket.AF_NETLINK:
            sock.detach()
            raise OSError(errno.EAFNOSUPPORT, "not a netlink socket")
    except OSError as error:
        raise send_failure(error, fd, len(message)) from error
    try:
        transmit(sock, message)
    except OSError as error:
        raise send_failure(error, fd, len(message)) from error
    finally:
        sock.detach()  # fd stays the caller's
    return sequence


def send_failure(error: OSError, fd: int, size: int) -> NldError:
    """The typed error for a failed send of ``size`` bytes on ``fd``."""
    why = {
        errno.EBADF: f"{fd} is not an open descriptor",
        errno.ENOTSOCK: f"descriptor {fd} is not a socket",
        errno.EAFNOSUPPORT: f"descriptor {fd} is a socket, but not of AF_NETLINK",
        errno.EMSGSIZE: f"the message of {size} bytes is larger than the socket's send buffer",
    }.get(error.errno or 0, error.strerror or str(error))
    return KernelRefused(
        f"netlink send failed: {why}", operation="send", errno=errno_name(error.errno or errno.EIO)
    )


def _unavailable(protocol: int, error: OSError) -> NldError:
    name = errno_name(error.errno or 0)
    if error.errno == errno.EPROTONOSUPPORT:
        module = _MODULES.get(protocol)
        advice = f"load the kernel module {module}" if module else "no kernel module offers it"
        return KernelUnavailable(
            f"this kernel has no netlink protocol {protocol}: {advice}", operation="open", errno=name
        )
    return KernelUnavailable(f"no netlink socket: {error.strerror}", operation="open", errno=name)
