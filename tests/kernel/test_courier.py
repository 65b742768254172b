"""The courier: everything in order, nothing after the end, and no descriptor is left."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from nld.kernel.courier import Courier

PATIENCE = 60.0


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_in_order_until_the_end() -> None:
    before = descriptors()
    carried: list[int] = []
    ended: list[bool] = []
    all_there = threading.Event()

    def carry(parcel: int) -> None:
        carried.append(parcel)
        if parcel == 99:
            all_there.set()

    courier = Courier(carry, lambda: ended.append(True))
    for number in range(100):
        courier.give(number)
    assert await asyncio.to_thread(all_there.wait, PATIENCE)
    await courier.close(PATIENCE)
    courier.give(100)
    assert carried == list(range(100))
    assert ended == [True]
    assert descriptors() == before


async def test_what_waits_when_it_ends_is_not_carried() -> None:
    begun, goes_on = threading.Event(), threading.Event()
    carried: list[int] = []

    def carry(parcel: int) -> None:
        carried.append(parcel)
        begun.set()
        goes_on.wait(PATIENCE)

    courier = Courier(carry, lambda: None)
    courier.give(1)
    courier.give(2)
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    closing = asyncio.create_task(courier.close(PATIENCE))
    await asyncio.sleep(0)
    goes_on.set()
    await closing
    assert carried == [1]
