"""Ensure that exactly these routes exist with the protocol below. A second run changes nothing.

    ensure.py FILE            JSON, as "ip -j route" or "nld route save" prints it

Prints how many routes were added or replaced, and how many were deleted.
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
    # Add before deleting, so that no destination loses its route. All routes of this protocol are ours.
    put = nld.replace(missing, takeover=True) if missing else 0
    return put, nld.delete(surplus, takeover=True) if surplus else 0


if __name__ == "__main__":
    with open(sys.argv[1]) as file, Client() as nld:
        put, taken = ensure(nld, json.load(file))
    print("in", put, "out", taken)
