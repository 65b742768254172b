"""Somebody else's program: adds or deletes one static route of nld.ko, past nld.

python foreign.py add|del PREFIX GATEWAY
"""

from __future__ import annotations

import errno
import sys
from ipaddress import ip_address, ip_network

from nld.kernel.socket import NetlinkSocket
from nld.netlink.extack import parse_error
from nld.netlink.header import Flag, frame, split
from nld.netlink.module import NLD_MSG, PROTOCOL, Entry, encode
from nld.netlink.registry import AF

STATIC = 4


def main(verb: str, prefix: str, gateway: str) -> None:
    """Do it; the exit status is the errno."""
    network = ip_network(prefix)
    metric = 0 if network.version == 4 else 1024
    entry = Entry(
        AF.INET if network.version == 4 else AF.INET6,
        network.prefixlen,
        dst=network.network_address.packed,
        metric=metric,
    )
    kind, flags = NLD_MSG.ROUTE_DEL, Flag.REQUEST | Flag.ACK
    if verb == "add":
        kind, flags = NLD_MSG.ROUTE_NEW, flags | Flag.CREATE | Flag.EXCL
        entry.gateway, entry.protocol = ip_address(gateway).packed, STATIC
    socket = NetlinkSocket(PROTOCOL)
    socket.send(frame(kind, flags, 1, encode(entry)))
    # The module answers within the send.
    datagram = socket.receive()
    assert datagram is not None
    (answer,) = split(datagram)
    said = parse_error(answer)
    if said.errno:
        sys.exit(f"{errno.errorcode[said.errno]}: {said.message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
