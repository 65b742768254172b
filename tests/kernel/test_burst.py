"""A burst is what receiving one by one gives, and is as careful."""

from __future__ import annotations

import errno
import socket

import pytest

from nld.kernel.burst import SLOTS, Burst
from nld.kernel.socket import READ_SIZE, NetlinkSocket
from nld.netlink.registry import NETLINK_ROUTE, RTNLGRP
from tests.kernel.inside import inside, ip

USERSOCK = 2
"""A protocol by which processes may send to each other."""


def everything(burst: Burst) -> list[bytes]:
    found: list[bytes] = []
    more = True
    while more:
        some, more = burst.take()
        found += some
    assert burst.take() == ([], False)
    return found


def alike() -> None:
    one, many = (NetlinkSocket(NETLINK_ROUTE, receive_buffer=1 << 20) for _ in range(2))
    burst = Burst(many)
    assert burst.take() == ([], False)
    for listener in (one, many):
        listener.join(RTNLGRP.IPV4_ROUTE)
        listener.join(RTNLGRP.LINK)
    ip(
        *(f"route add 10.0.{number}.0/24 via 192.0.2.2" for number in range(2 * SLOTS + 3)),
        "link add veth9 type veth peer name veth9p",
        "link delete veth9",
    )
    expected = []
    while (datagram := one.receive()) is not None:
        expected.append(datagram)
    assert len(expected) > 2 * SLOTS + 3
    assert everything(burst) == expected
    one.close()
    many.close()


def lost() -> None:
    small = NetlinkSocket(NETLINK_ROUTE, receive_buffer=4096)
    small.join(RTNLGRP.IPV4_ROUTE)
    burst = Burst(small)
    ip(*(f"route add 10.0.{number}.0/24 via 192.0.2.2" for number in range(200)))
    found: list[bytes] = []
    told = 0
    more = True
    while more:
        try:
            some, more = burst.take()
        except OSError as error:
            assert error.errno == errno.ENOBUFS
            told += 1
        else:
            found += some
    assert told == 1
    assert 0 < len(found) < 200
    small.close()


@pytest.mark.namespace
@pytest.mark.parametrize("what", [alike, lost])
def test_on_a_kernel(what: object) -> None:
    assert callable(what)
    inside(what)


def test_what_processes_send_is_dropped_and_counted() -> None:
    ours = NetlinkSocket(USERSOCK)
    burst = Burst(ours)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK) as stranger:
        stranger.bind((0, 0))
        for _ in range(3):
            stranger.sendto(b"a lie", (ours.port_id, 0))
    assert everything(burst) == []
    assert ours.strangers == 3
    ours.close()


def test_half_a_datagram_is_a_loss() -> None:
    ours = NetlinkSocket(USERSOCK, receive_buffer=1 << 20)
    burst = Burst(ours)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        stranger.bind((0, 0))
        stranger.sendto(bytes(READ_SIZE + 1), (ours.port_id, 0))
    with pytest.raises(OSError, match="larger than the read buffer"):
        burst.take()
    assert burst.take() == ([], False)
    ours.close()


def test_a_closed_socket() -> None:
    ours = NetlinkSocket(USERSOCK)
    burst = Burst(ours)
    ours.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        burst.take()
