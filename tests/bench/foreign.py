"""Another program that writes routes at full speed, 64 KiB a send; run as a program: COUNT.

Its messages are made beforehand.  Prints the time.time() at which the kernel had the last one.
"""

from __future__ import annotations

import socket
import sys
import time

from nld.netlink.header import Flag
from nld.netlink.registry import NETLINK_ROUTE, RTM
from nld.netlink.route import Route
from nld.netlink.template import for_route, frames
from tests.bench.loads import GATEWAYS, destinations

SEND = 1000
"""Routes of one send."""


def main(count: int) -> None:
    route = Route(
        family=socket.AF_INET, dst_len=30, table=254, protocol=4, type=1,
        gateway=socket.inet_aton(GATEWAYS[0]),
    )  # fmt: skip
    template = for_route(RTM.NEWROUTE, Flag.CREATE | Flag.EXCL, route)
    addresses = [socket.inet_aton(text.partition("/")[0]) for text in destinations(count)]
    parts = [addresses[start : start + SEND] for start in range(0, count, SEND)]
    sends = [frames([template] * len(part), part, 1) for part in parts]
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
    kernel.bind((0, 0))
    buffer = bytearray(4096)
    for send in sends:
        kernel.send(send)
        kernel.recv_into(buffer)
        if buffer[16:20] != bytes(4):
            raise SystemExit(f"refused: {-int.from_bytes(buffer[16:20], sys.byteorder, signed=True)}")
    print(time.time())


if __name__ == "__main__":
    main(int(sys.argv[1]))
