"""An agent with its own copy of all routes, kept across restarts of the daemon.

    agent.py        prints the number of routes, then every change; runs until interrupted

Between two lines the copy is what the daemon last reported.  While the daemon is away the copy does not
change; the changes made meanwhile arrive when it is back.
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
            except Unreachable:  # the daemon has not started yet
                time.sleep(0.1)
