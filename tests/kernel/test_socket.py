"""The netlink socket, on NETLINK_USERSOCK: a protocol that needs no table, where any process may send.

Nothing in the kernel listens to it, so what is sent to the kernel is refused; and what arrives comes
from strangers only, which is just what must not get through.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nld.errors import KernelRefused, KernelUnavailable
from nld.kernel.socket import LEAST, SEQUENCES, NetlinkSocket, Sequences, send_netlink_message_to_kernel

USERSOCK = 2
HEADER = struct.Struct("=IHHII")


@pytest.fixture
def netlink() -> Iterator[NetlinkSocket]:
    made = NetlinkSocket(USERSOCK)
    yield made
    made.close()


def test_what_strangers_send_is_dropped_and_counted(netlink: NetlinkSocket) -> None:
    assert netlink.receive() is None
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK) as stranger:
        for size in (4, 16, 70000):  # the last is larger than the read buffer
            stranger.sendto(bytes(size), (netlink.port_id, 0))
        assert netlink.receive() is None
    assert netlink.strangers == 3


def test_port_ids_differ_and_are_not_the_kernels(netlink: NetlinkSocket) -> None:
    other = NetlinkSocket(USERSOCK)
    assert 0 not in (other.port_id, netlink.port_id)
    assert other.port_id != netlink.port_id
    other.close()
    other.close()


def test_buffers_are_what_the_kernel_says_and_not_what_was_asked() -> None:
    made = NetlinkSocket(USERSOCK, receive_buffer=100_000, send_buffer=70_000)
    with socket.socket(fileno=os.dup(made.fileno())) as same:
        assert made.granted.receive == same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 200_000
        assert made.granted.send == same.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 140_000
    made.close()


def test_no_buffer_is_so_small_that_nothing_fits() -> None:
    made = NetlinkSocket(USERSOCK, receive_buffer=1, send_buffer=1)
    assert made.granted.receive >= 2 * LEAST
    assert made.granted.send >= 2 * LEAST
    made.close()


def test_a_protocol_that_is_not_there() -> None:
    with pytest.raises(KernelUnavailable) as caught:
        NetlinkSocket(30)
    assert caught.value.errno == "EPROTONOSUPPORT"
    assert "30" in caught.value.message


def closed_descriptor() -> int:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    return write


def plain_file() -> int:
    return os.open(Path(__file__), os.O_RDONLY)


def unix_socket() -> int:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()


def small_netlink() -> int:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
    return made.detach()


def plain_netlink() -> int:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK).detach()


@pytest.mark.parametrize(
    ("make", "size", "name", "words"),
    [
        (lambda: -1, 4, "EBADF", "not an open descriptor"),
        (closed_descriptor, 4, "EBADF", "not an open descriptor"),
        (plain_file, 4, "ENOTSOCK", "is not a socket"),
        (unix_socket, 4, "EAFNOSUPPORT", "not of AF_NETLINK"),
        (small_netlink, 1 << 20, "EMSGSIZE", "1048592 bytes"),
        (plain_netlink, 4, "ECONNREFUSED", "refused"),
    ],
)
def test_a_send_that_fails_says_why_and_leaves_the_descriptor(
    make: Callable[[], int], size: int, name: str, words: str
) -> None:
    descriptor = make()
    there = is_open(descriptor)
    with pytest.raises(KernelRefused) as caught:
        send_netlink_message_to_kernel(descriptor, bytes(size), size, 16, 1)
    assert caught.value.errno == name
    assert words in caught.value.message.lower() or words in caught.value.message
    assert is_open(descriptor) is there
    if there:
        os.close(descriptor)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError as error:
        assert error.errno == errno.EBADF
        return False
    return True


@pytest.mark.parametrize(
    ("payload", "size", "message_type", "flags", "words"),
    [
        (b"abcd", 3, 16, 1, "payload_size is 3, but the payload has 4"),
        (b"abcd", 5, 16, 1, "payload_size is 5"),
        (b"", 1, 16, 1, "payload_size is 1"),
        (b"", -1, 16, 1, "payload_size is -1"),
        (b"", 0, -1, 1, "message_type is -1"),
        (b"", 0, 65536, 1, "message_type is 65536"),
        (b"", 0, 16, -1, "flags is -1"),
        (b"", 0, 16, 65536, "flags is 65536"),
    ],
)
def test_what_does_not_fit_a_header_is_never_sent(
    payload: bytes, size: int, message_type: int, flags: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        send_netlink_message_to_kernel(-1, payload, size, message_type, flags)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"a",
        b"abcd",
        bytearray(b"abcde"),
        memoryview(b"abcdef"),
        memoryview(b"abcdefgh")[::2],
        memoryview(array.array("I", [1, 2, 3])),
    ],
    ids=["nothing", "byte", "bytes", "bytearray", "view", "strided view", "view of words"],
)
def test_the_message_is_a_header_the_payload_and_padding(
    monkeypatch: pytest.MonkeyPatch, payload: bytes | bytearray | memoryview
) -> None:
    """Sent for true, but to a process: the kernel would not show what it got."""
    whole = bytes(payload)
    with (
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK) as receiver,
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK) as sender,
    ):
        receiver.bind((0, 0))
        monkeypatch.setattr("nld.kernel.socket.KERNEL", receiver.getsockname())
        numbers = [
            send_netlink_message_to_kernel(sender.fileno(), payload, len(whole), 65535, 0x8001)
            for _ in range(2)
        ]
        for sequence in numbers:
            data = receiver.recv(65536)
            assert HEADER.unpack_from(data) == (16 + len(whole), 65535, 0x8001, sequence, 0)
            assert data[16:] == whole + bytes(-len(whole) % 4)
        assert numbers[1] != numbers[0]
        assert 0 < numbers[0] <= 0xFFFF_FFFF


def test_sequence_numbers_wrap_past_0() -> None:
    numbers = Sequences(0xFFFF_FFFE)
    assert [numbers.allot() for _ in range(4)] == [0xFFFF_FFFE, 0xFFFF_FFFF, 1, 2]
    # A run is in one piece.
    assert Sequences(0xFFFF_FFFE).allot(2) == 0xFFFF_FFFE
    assert Sequences(0xFFFF_FFFE).allot(3) == 1
    first = SEQUENCES.allot(5)
    assert SEQUENCES.allot() >= first + 5
