"""The load: run as a program inside a sandbox, where it finds the daemon by NLD_SOCKET.

A thousand connections that say nothing; fifty busy clients; one that asks for a watch and stops reading;
one that sends a byte a second.  In the end everybody is asked whether they were served: the idle
connections still answer, the slow sender gets its reply, the watcher that comes back to its socket is told
what it missed.  Then all go, and the daemon's memory is watched until it is back.

Prints one JSON object: ``calls``, ``errors`` (texts), and bytes ``before``, ``peak``, ``after``.
Sleeping is the load's own pace; whatever is waited for is asked for, again and again until a deadline.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nld.client import AsyncClient, default_socket
from nld.errors import NldError

IDLE = 1000
BUSY = 50
MARKER = "203.0.113.7"
PATIENCE = 300.0
"""Seconds after which what should have happened long ago counts as never."""
BACK = 8 << 20
"""Bytes by which memory may stay above where it began.

The history was full before (``fill``), so nothing that the load leaves behind is kept on purpose.  What
remains is the allocators': pymalloc frees whole arenas of 1 MiB, malloc keeps heap below the highest live
block, and fifty connections touch a few of each.
"""


class Counts:
    """What the busy clients did."""

    def __init__(self) -> None:
        self.calls = 0
        self.errors: list[str] = []
        self.peak = 0


async def main(seconds: float, history: int) -> dict[str, Any]:
    """Run the load for ``seconds``; ``history`` is how many changes the daemon keeps."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft < IDLE + 100 else soft, hard))
    loop = asyncio.get_running_loop()
    counts = Counts()
    async with asyncio.TaskGroup() as warm:
        for number in range(BUSY):
            warm.create_task(busy(number, loop.time() + seconds / 6, Counts()))
    async with AsyncClient(timeout=PATIENCE) as client:
        await fill(client, 2 * history)  # it keeps at most twice as many
        before = await memory(client)
        counts.peak = before
        idle = [connected() for _ in range(IDLE)]
        stalled = connected()
        stalled.sendall(call("Watch", more=True))
        end = loop.time() + seconds
        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(drip(end))
            for number in range(BUSY):
                group.create_task(busy(number, end, counts))
        await client.add({"dst": MARKER, "dev": "nld0"})
        counts.peak = max(counts.peak, await memory(client))
        if not dripping.result():
            counts.errors.append("the one that sends a byte a second was not answered")
        await catch_up(stalled, counts)
        for one in idle:
            await still_there(one, counts)
        for one in (*idle, stalled):
            one.close()
        after = await settled_memory(client, before + BACK)
    return {
        "calls": counts.calls,
        "errors": counts.errors[:20],
        "before": before,
        "peak": counts.peak,
        "after": after,
    }


async def busy(number: int, end: float, counts: Counts) -> None:
    """Write, read, look up, list and delete routes of one's own, until ``end``."""
    loop = asyncio.get_running_loop()
    mine = [f"10.{number}.{place}.0/24" for place in range(20)]
    async with AsyncClient(timeout=PATIENCE) as client:
        while loop.time() < end:
            try:
                await client.add({"dst": mine, "gateway": "192.0.2.2"})
                await client.replace({"dst": mine[0], "gateway": "192.0.2.3"})
                [route] = await client.get(mine[0])
                assert route["gateway"] == "192.0.2.3", route
                [answer] = await client.lookup(f"10.{number}.5.1")
                assert answer["route"]["gateway"] == "192.0.2.2", answer
                listed = [route async for route in client.list({"root": f"10.{number}.0.0/16"})]
                assert len(listed) == len(mine), listed
                await client.delete({"dst": mine})
                counts.peak = max(counts.peak, await memory(client))
                counts.calls += 7
            except (NldError, AssertionError) as error:
                counts.errors.append(f"client {number}: {type(error).__name__}: {error}")
                return


async def drip(end: float) -> bool:
    """Send one call, a byte a second, and the rest of it at the end; whether it is answered."""
    async with stream() as (reader, writer):
        frame = call("Status")
        loop = asyncio.get_running_loop()
        for place in range(len(frame) - 1):
            if loop.time() >= end:
                break
            writer.write(frame[place : place + 1])
            await asyncio.sleep(1)
        else:
            place = len(frame) - 1
        await asyncio.sleep(max(0.0, end - loop.time()))
        writer.write(frame[place:])
        async with asyncio.timeout(PATIENCE):
            return b'"version"' in await reader.readuntil(b"\0")


async def fill(client: AsyncClient, history: int) -> None:
    """Fill the daemon's history, rendered too, so that what it keeps on purpose is there from the start."""
    piece = [f"172.16.{third}.{fourth}" for third in range(4) for fourth in range(256)]
    watch = client.watch(snapshot=False)
    seen = 0
    assert (await anext(watch))["kind"] == "synced"
    while seen < history:
        await client.add({"dst": piece, "dev": "nld0"})
        await client.delete({"dst": piece, "dev": "nld0"})
        wanted = seen + 2 * len(piece)
        while seen < wanted:
            seen += len((await anext(watch)).get("changes", ()))
    await watch.aclose()


async def catch_up(stalled: socket.socket, counts: Counts) -> None:
    """Read again: whole replies, up to the change that was made last."""
    stalled.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=stalled, limit=1 << 26)
    wanted = f'"dst":"{MARKER}"'.encode()
    try:
        async with asyncio.timeout(PATIENCE):
            while wanted not in (frame := await reader.readuntil(b"\0")):
                json.loads(frame[:-1])
    except (TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        counts.errors.append(f"the watcher that stopped reading: {type(error).__name__}: {error}")
    writer.close()


async def still_there(idle: socket.socket, counts: Counts) -> None:
    """An idle connection still takes a call."""
    loop = asyncio.get_running_loop()
    idle.setblocking(False)
    try:
        async with asyncio.timeout(PATIENCE):
            await loop.sock_sendall(idle, call("Status"))
            answer = b""
            while not answer.endswith(b"\0"):
                part = await loop.sock_recv(idle, 65536)
                if not part:
                    raise ConnectionResetError("closed by the daemon")
                answer += part
    except OSError as error:
        counts.errors.append(f"an idle connection: {type(error).__name__}: {error}")


async def settled_memory(client: AsyncClient, wanted: int) -> int:
    """The daemon's memory, as soon as it is no more than ``wanted`` and else after a while."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 30
    while (now := await memory(client)) > wanted and loop.time() < end:
        pass
    return now


async def memory(client: AsyncClient) -> int:
    """Bytes that are resident in the daemon."""
    size: int = (await client.status())["memory_bytes"]
    return size


def connected() -> socket.socket:
    """A connection to the daemon that nobody reads yet."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(default_socket())
    return made


@asynccontextmanager
async def stream() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection as asyncio's streams."""
    reader, writer = await asyncio.open_unix_connection(default_socket())
    try:
        yield reader, writer
    finally:
        writer.close()


def call(method: str, *, more: bool = False) -> bytes:
    """A call without parameters, NUL included."""
    return json.dumps({"method": f"io.nld.{method}", "more": more}).encode() + b"\0"


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(float(sys.argv[1]), int(os.environ["NLD_SOAK_HISTORY"])))))
