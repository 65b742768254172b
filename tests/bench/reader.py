"""A client that gets one route a hundred times a second until its input ends; run as a program.

Prints "ready", and at the end the percentiles of what each get took as one JSON object.
"""

from __future__ import annotations

import json
import select
import sys
import time

from nld.client import Client
from tests.bench.measure import percentiles

PAUSE = 0.01
"""Seconds between two gets: so few that what is measured beside them is not slowed down."""


def main(path: str, key: str) -> None:
    times: list[float] = []
    with Client(path, timeout=None) as client:
        client.get(key)
        print("ready", flush=True)
        while not times or not select.select([sys.stdin], [], [], PAUSE)[0]:
            begin = time.perf_counter()
            client.get(key)
            times.append(time.perf_counter() - begin)
    print(json.dumps(percentiles(times)))


if __name__ == "__main__":
    main(*sys.argv[1:])
