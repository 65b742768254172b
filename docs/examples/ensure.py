"""Ensure that these routes are there, and of those with the same protocol no others; again does nothing.

    ensure.py FILE            JSON, as "ip -j route" or "nld route save" prints it

Prints how many routes were put in and taken out.
"""

import json
import sys

from nld.client import Client, Route, fulfils, key

PROTOCOL = 77


def ensure(nld: Client, wanted: list[Route]) -> tuple[int, int]:
    there: dict[object, list[Route]] = {}
    for route in nld.list({"protocol": PROTOCOL}):
        there.setdefault(key(route), []).append(route)
    missing = [
        {**route, "protocol": str(PROTOCOL)}
        for route in wanted
        if not any(fulfils(found, route) for found in there.get(key(route), []))
    ]
    keys = {key(route) for route in wanted}
    surplus = [route for own, routes in there.items() if own not in keys for route in routes]
    # First put in, then take out: what has a way keeps one. These are routes of ours, whoever wrote them.
    put = nld.replace(missing, takeover=True) if missing else 0
    return put, nld.delete(surplus, takeover=True) if surplus else 0


if __name__ == "__main__":
    with open(sys.argv[1]) as file, Client() as nld:
        put, taken = ensure(nld, json.load(file))
    print("in", put, "out", taken)
