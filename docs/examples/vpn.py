"""A VPN's routes: all traffic through the tunnel, except the tunnel's own packets.

    vpn.py up DEVICE ENDPOINT     vpn.py down DEVICE ENDPOINT

The default route stays: two more specific routes, each for half of all addresses, come and go with the VPN.
Running up or down twice has the same effect as once.
"""

import sys

from nld.client import Client
from nld.errors import RouteNotFound

HALVES = ["0.0.0.0/1", "128.0.0.0/1"]


def up(nld: Client, device: str, endpoint: str) -> None:
    [answer] = nld.lookup(endpoint)
    way = {name: answer["route"][name] for name in ("gateway", "dev") if name in answer["route"]}
    if way.get("dev") != device:  # otherwise it is already up
        nld.replace({"dst": endpoint, **way})
    nld.replace({"dst": HALVES, "dev": device})


def down(nld: Client, device: str, endpoint: str) -> None:
    for route in [{"dst": half, "dev": device} for half in HALVES] + [{"dst": endpoint}]:
        try:
            nld.delete(route)
        except RouteNotFound:
            pass


if __name__ == "__main__":
    _, verb, device, endpoint = sys.argv
    with Client() as nld:
        {"up": up, "down": down}[verb](nld, device, endpoint)
