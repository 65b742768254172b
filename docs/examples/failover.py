"""Fail-over of the uplink: the default route goes by the first gateway whose network is there.

    failover.py GATEWAY...        the best first; runs until it is interrupted

A network is there as long as the kernel has a connected route to it; with its link or address it goes, and
the mirror tells so at once, whoever took it away.
"""

import asyncio
import ipaddress
import sys

from nld.client import AsyncClient, Route, fulfils


def choose(gateways: list[str], connected: list[Route]) -> str | None:
    networks = [
        ipaddress.ip_network(route["dst"])
        for route in connected
        if "gateway" not in route and "linkdown" not in route["flags"] and "/" in route["dst"]
    ]
    for gateway in gateways:
        if any(ipaddress.ip_address(gateway) in network for network in networks):
            return gateway
    return None


async def main(gateways: list[str]) -> None:
    wanted = {"family": "inet", "table": "main"}
    async with AsyncClient() as nld, nld.mirror(wanted) as mirror:
        while True:
            gateway = choose(gateways, list(mirror.routes))
            if gateway is not None:
                route = {"dst": "default", "gateway": gateway}
                if not any(
                    fulfils(there, route) for there in mirror.at({"dst": "default", "family": "inet"})
                ):
                    await nld.replace(route)
                    print("default by", gateway, flush=True)
            await anext(mirror)  # waits until something changes


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
