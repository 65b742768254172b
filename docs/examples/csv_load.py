"""Load routes from a CSV file. If lines are invalid, report each by its number and write nothing.

    csv_load.py FILE           columns: dst,gateway,metric

Exit status 1 if a line is invalid.
"""

import csv
import sys
from typing import Any

from nld.client import Client


def routes_of(name: str) -> list[dict[str, Any]]:
    with open(name, newline="") as file:
        rows = list(csv.DictReader(file))
    routes: list[dict[str, Any]] = []
    for row in rows:
        route: dict[str, Any] = {name: value for name, value in row.items() if value}
        if route.get("metric", "").isdigit():
            route["metric"] = int(route["metric"])
        routes.append(route)
    return routes


if __name__ == "__main__":
    routes = routes_of(sys.argv[1])
    with Client() as nld:
        errors = nld.validate(routes, "replace")
        for error in errors:
            print(f"{sys.argv[1]}:{(error.index or 0) + 2}: {error.message}")
        if errors:
            sys.exit(1)
        print(nld.replace(routes), "routes")
