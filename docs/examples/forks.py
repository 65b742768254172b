"""A pool of processes that inherit a client by fork: each opens its own connections."""

import multiprocessing

from nld.client import Client

nld = Client()


def check(number: int) -> bool:
    [answer] = nld.lookup(f"192.0.2.{number + 2}")
    return bool(answer["address"] == f"192.0.2.{number + 2}")


if __name__ == "__main__":
    nld.status()  # opens a connection before the fork
    with multiprocessing.get_context("fork").Pool(4) as pool:
        right = pool.map(check, range(200), chunksize=5)
    print(sum(right), "of", len(right), "right")
