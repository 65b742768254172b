"""A pool of threads that share one client: each thread gets the replies to its own requests."""

from concurrent.futures import ThreadPoolExecutor

from nld.client import Client


def add_and_check(number: int) -> bool:
    dst = f"10.{number // 256}.{number % 256}.0/24"
    nld.add({"dst": dst, "gateway": f"192.0.2.{number % 200 + 2}"})
    [route] = nld.get(dst)
    [answer] = nld.lookup(f"10.{number // 256}.{number % 256}.7")
    return route["dst"] == dst and answer["match"]["gateway"] == f"192.0.2.{number % 200 + 2}"


if __name__ == "__main__":
    with Client() as nld, ThreadPoolExecutor(8) as pool:
        right = list(pool.map(add_and_check, range(200)))
    print(sum(right), "of", len(right), "right")
