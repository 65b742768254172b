"""Fail-over of the uplink: the default route uses the first gateway whose network is connected.

    failover.py GATEWAY...        the preferred one first; runs until interrupted

A network is connected while the kernel has a connected route to it.  That route disappears with its link or
address, and the mirror reports it at once, whatever the cause.
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
