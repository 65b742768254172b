"""The sandbox's network: loopback up, and nld0, nld1, ... up with an address of each family.

Links are made by netlink messages rather than by ``ip``, which minimal hosts and containers lack.  Each
is one end of a veth pair whose other end waits, up, in a second network namespace: so ``ip link`` shows
what one expects and nothing else, and the link has carrier.  A kernel without veth gets dummy links.

The kernel brings a link up and gives it its IPv6 addresses in the background; :func:`make` returns when
that is over, so that what follows sees a network at rest.

These few synchronous requests build the world that nld then runs in, which is why they do not go through
nld.kernel; the daemon's own netlink traffic does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from nld.errors import Unsupported, errno_name
from nld.netlink import address, route
from nld.netlink.attribute import pack
from nld.netlink.header import Flag, MessageType, frame, split
from nld.netlink.registry import AF, IFA, IFLA, IFLA_INFO, RTM, RTN, RTNLGRP, AddressFlag, LinkFlag, Scope

MOST_LINKS = 254
"""192.0.2.1/24 is the first, 192.0.255.1/24 the last that this scheme has."""

_VETH_INFO_PEER = 1  # linux/veth.h
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBi")  # struct ifaddrmsg: family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=B11x")  # struct rtmsg: family
_NEW = Flag.REQUEST | Flag.ACK | Flag.CREATE | Flag.EXCL


_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1  # linux/socket.h, linux/netlink.h

REST_SECONDS = 5.0
"""The longest that :func:`make` waits for the kernel's background work, as for a link that gets no
link-local address because the system is set up so."""


class LinkSocket:
    """A NETLINK_ROUTE socket that stays in the network namespace in which it was opened.

    ``groups``  multicast groups to listen to (RTNLGRP_*); none: answers only.
    """

    def __init__(self, *groups: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        # Unbound it would have the kernel's own port id, 0, and what the kernel says of itself would be
        # taken for an echo and kept from it.
        self._socket.bind((0, 0))
        self._sequence = 0
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def ask(self, message_type: int, flags: int, payload: bytes) -> None:
        """Send one request and wait for its acknowledgement. Raises OSError with the kernel's errno."""
        self._sequence += 1
        self._socket.send(frame(message_type, flags, self._sequence, payload))
        while True:
            for message in split(self._socket.recv(65536)):
                if message.type == MessageType.ERROR and message.sequence == self._sequence:
                    (number,) = struct.unpack_from("=i", message.payload)
                    if number:
                        raise OSError(-number, os.strerror(-number))
                    return

    def dump(self, message_type: int, payload: bytes) -> Iterator[bytes]:
        """The payload of each object that the kernel lists."""
        self._sequence += 1
        self._socket.send(frame(message_type, Flag.REQUEST | Flag.DUMP, self._sequence, payload))
        while True:
            for message in split(self._socket.recv(65536)):
                if message.type in {MessageType.DONE, MessageType.ERROR}:
                    return
                yield bytes(message.payload)

    def heard(self, seconds: float) -> bool:
        """Wait for notifications, and drop all that are there; False if none came in time."""
        if not select.select([self._socket], [], [], max(0.0, seconds))[0]:
            return False
        with contextlib.suppress(OSError):  # EAGAIN: all read; ENOBUFS: some lost, which tells us as much
            while True:
                self._socket.recv(65536, socket.MSG_DONTWAIT)
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@contextlib.contextmanager
def channel(*groups: int) -> Iterator[LinkSocket]:
    """A :class:`LinkSocket` into the present network namespace, for a ``with`` block."""
    opened = LinkSocket(*groups)
    try:
        yield opened
    finally:
        opened.close()


def addresses(position: int) -> tuple[IPv4Interface, IPv6Interface]:
    """What link ``nld<position>`` has: 192.0.2.1/24 and 2001:db8::1/64, then the next /24 and /64."""
    return (
        IPv4Interface(f"192.0.{2 + position}.1/24"),
        IPv6Interface((0x2001_0DB8 << 96 | position << 64 | 1, 64)),
    )


def make(count: int, here: LinkSocket, there: LinkSocket, there_descriptor: int) -> None:
    """Loopback and links nld0 to nld<count-1>, up and addressed, in the present network namespace.

    ``here``              a channel into it.
    ``there``             a channel into the one that gets the other ends, and
    ``there_descriptor``  a descriptor of that one (``/proc/.../ns/net``).

    Raises Unsupported if the kernel has neither veth nor dummy links.
    """
    flags = AddressFlag(0) if _skip_address_detection() else AddressFlag.NODAD
    with channel(RTNLGRP.IPV6_IFADDR, RTNLGRP.IPV6_ROUTE) as notifications:
        _up(here, "lo")
        expected = set()
        for position in range(count):
            name = f"nld{position}"
            try:
                _make_pair(here, name, there_descriptor)
                _up(there, name)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise
                _make_dummy(here, name)
            _up(here, name)
            expected |= _address(here, name, *addresses(position), flags)
        _rest(here, notifications, expected)


def _rest(here: LinkSocket, notifications: LinkSocket, expected: set[tuple[int, int]]) -> None:
    """Wait until every IPv6 address of ``expected`` (interface index, scope) is in use."""
    deadline = time.monotonic() + REST_SECONDS
    while not expected <= _in_use(here):
        if not notifications.heard(deadline - time.monotonic()):
            return


def _in_use(here: LinkSocket) -> set[tuple[int, int]]:
    """The IPv6 addresses, as (interface index, scope), that are past detection and have their local route.

    That route is the last thing that the kernel makes: a moment after it marks the address, and after the
    routes of the link's prefixes and multicast.
    """
    found = [address.decode(one) for one in here.dump(RTM.GETADDR, _ADDRESS.pack(AF.INET6, 0, 0, 0, 0))]
    routes = [route.decode(one) for one in here.dump(RTM.GETROUTE, _ROUTE.pack(AF.INET6))]
    local = {one.dst for one in routes if one.type == RTN.LOCAL}
    return {
        (one.index, one.scope) for one in found if not one.flags & AddressFlag.TENTATIVE and one.host in local
    }


def _skip_address_detection() -> bool:
    """Have new IPv6 addresses of this network namespace usable at once.

    False where /proc/sys is read-only, as in some containers: then ours are added without detection, and
    only the link-local ones take their second or two.
    """
    try:
        for setting in ("accept_dad", "dad_transmits"):
            Path("/proc/sys/net/ipv6/conf/default", setting).write_text("0")
    except OSError:
        return False
    return True


def _make_pair(here: LinkSocket, name: str, there_descriptor: int) -> None:
    peer = _LINK.pack(0, 0, 0, 0, 0) + _name(name)
    peer += pack(IFLA.NET_NS_FD, struct.pack("=I", there_descriptor))
    data = pack(IFLA_INFO.DATA, pack(_VETH_INFO_PEER, peer))
    here.ask(RTM.NEWLINK, _NEW, _link(name, "veth", data))


def _make_dummy(here: LinkSocket, name: str) -> None:
    try:
        here.ask(RTM.NEWLINK, _NEW, _link(name, "dummy"))
    except OSError as error:
        raise Unsupported(
            "this kernel has neither veth nor dummy links; load one of them"
            ' ("sudo modprobe veth"), or ask for none ("nld sandbox --links 0")',
            operation="sandbox",
            errno=errno_name(error.errno or 0),
        ) from error


def _link(name: str, kind: str, data: bytes = b"") -> bytes:
    info = pack(IFLA_INFO.KIND, kind.encode()) + data
    return _LINK.pack(0, 0, 0, 0, 0) + _name(name) + pack(IFLA.LINKINFO, info)


def _name(name: str) -> bytes:
    return pack(IFLA.IFNAME, name.encode() + b"\0")


def _up(where: LinkSocket, name: str) -> None:
    header = _LINK.pack(0, 0, 0, LinkFlag.UP, LinkFlag.UP)
    where.ask(RTM.NEWLINK, Flag.REQUEST | Flag.ACK, header + _name(name))


def _address(
    where: LinkSocket, name: str, four: IPv4Interface, six: IPv6Interface, flags: AddressFlag
) -> set[tuple[int, int]]:
    """Add both; which IPv6 addresses the link will have, the link-local one too, as (index, scope)."""
    index = socket.if_nametoindex(name)
    for family, interface in ((AF.INET, four), (AF.INET6, six)):
        payload = _ADDRESS.pack(family, interface.network.prefixlen, flags, Scope.UNIVERSE, index)
        payload += pack(IFA.LOCAL, interface.packed) + pack(IFA.ADDRESS, interface.packed)
        if isinstance(interface, IPv4Interface):
            payload += pack(IFA.BROADCAST, interface.network.broadcast_address.packed)
        try:
            where.ask(RTM.NEWADDR, _NEW, payload)
        except OSError as error:
            without_ipv6 = {errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EACCES, errno.EADDRNOTAVAIL}
            if family != AF.INET6 or error.errno not in without_ipv6:
                raise
            return set()
    return {(index, Scope.UNIVERSE), (index, Scope.LINK)}
