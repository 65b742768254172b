"""An agent with a copy of its own of all routes, which it keeps over restarts of the daemon.

    agent.py        prints what changes, and how many routes it has; runs until it is interrupted

Between two lines the copy is what the daemon last said.  While the daemon is away it stays as it was; what
changed meanwhile is told when the daemon is back.
"""

import time

from nld.client import Client
from nld.errors import Unreachable


def follow(nld: Client) -> None:
    with nld.mirror({"table": "main", "family": "inet"}) as mirror:
        print("complete:", len(mirror), flush=True)
        for changes in mirror:
            for change in changes:
                print(change["event"], change["route"]["dst"], flush=True)


if __name__ == "__main__":
    with Client() as nld:
        while True:
            try:
                follow(nld)
            except Unreachable:  # the daemon has not been there yet
                time.sleep(0.1)
