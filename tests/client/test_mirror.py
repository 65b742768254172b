"""A mirror is equal to what is there, whatever happens to the routes and to the daemon.

Beside a real kernel table: two programs change routes at random, one of them not through nld, and what the
mirror has in the end is what the kernel has.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nld.client import AsyncClient, Client, key
from nld.client.mirror import Mirror
from nld.client.picture import Picture
from nld.errors import NoAnswer, Unreachable
from tests.control.stand import Stand as Served
from tests.control.stand import stand as serving
from tests.stand import Stand


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def everything(routes: Any) -> list[str]:
    return sorted(json.dumps(route, sort_keys=True) for route in routes)


def words(chance: random.Random) -> str:
    """What to do with one of few routes, so that they meet."""
    if chance.random() < 0.3:
        inet6 = f"2001:db8:{chance.randrange(4)}::/48"
        verb = chance.choice(["add", "append", "replace", "del"])
        return f"-6 route {verb} {inet6} via 2001:db8::{chance.randrange(2, 5)}"
    verb = chance.choice(["add", "append", "prepend", "replace", "change", "del"])
    metric = f" metric {chance.randrange(3)}" if chance.random() < 0.5 else ""
    return f"route {verb} 10.{chance.randrange(4)}.0.0/16 via 192.0.2.{chance.randrange(2, 6)}{metric}"


def test_a_mirror_beside_the_kernel() -> None:
    chance = random.Random(1)
    with Stand() as stand, Client(stand.socket) as nld, nld.mirror({"table": "main"}, timeout=60) as mirror:
        steps = threading.Thread(target=lambda: [None for _ in mirror])
        steps.start()
        try:
            for _ in range(30):
                lines = [words(chance) for _ in range(20)]
                stand.run("ip", "-force", "-batch", "-", stdin="\n".join(lines))
                stand.nld("-force -batch -", stdin="\n".join(words(chance) for _ in range(5)))
                if chance.random() < 0.1:
                    stand.ip("link set nld0 down")
                    stand.ip("link set nld0 up")
                    stand.run("ip", "addr", "replace", "192.0.2.1/24", "dev", "nld0")
                    stand.run("ip", "addr", "replace", "2001:db8::1/64", "dev", "nld0", "nodad")
            until(lambda: everything(mirror.routes) == everything(nld.list({"table": "main"})))
            assert len(mirror) == len(
                stand.ip("route").out.splitlines() + stand.ip("-6 route").out.splitlines()
            )
        finally:
            mirror.close()
            steps.join(60)
        assert not steps.is_alive()


ROUTES = [{"dst": f"10.{n}.0.0/16", "gateway": "192.0.2.1"} for n in range(3)]


def snapshot(*routes: dict[str, Any]) -> list[bytes]:
    return [
        json.dumps({"kind": "snapshot", "routes": routes}).encode(),
        b'{"kind":"synced","cursor":"7"}',
    ]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "s"


def test_a_mirror_over_a_restart(path: Path) -> None:
    seen: list[Any] = []

    def follow(mirror: Mirror) -> None:
        seen.extend(mirror)

    with serving(path) as first:
        first.broker.watched = snapshot(*ROUTES[:2])
        mirror = Client(first.path).mirror()
        thread = threading.Thread(target=follow, args=(mirror,))
        thread.start()
        until(lambda: len(seen) > 0)
        assert mirror.connected
        assert [change["event"] for change in seen[0]] == ["new", "new"]
    until(lambda: not mirror.connected)
    assert len(mirror) == 2  # the copy stays what it was
    with serving(path) as second:
        second.broker.watched = snapshot({**ROUTES[0], "gateway": "192.0.2.2"}, ROUTES[2])
        second.broker.expired = True
        until(lambda: len(seen) == 2)
        assert sorted(change["event"] for change in seen[1]) == ["delete", "new", "replace"]
        [replaced] = [change for change in seen[1] if change["event"] == "replace"]
        assert replaced["previous"] == ROUTES[0]
        mirror.close()
        thread.join(30)
    assert not thread.is_alive()
    assert mirror.at("10.0.0.0/16") == [{**ROUTES[0], "gateway": "192.0.2.2"}]


async def test_a_mirror_in_asyncio(running: Served) -> None:
    running.broker.watched = [
        *snapshot(*ROUTES),
        b'{"kind":"resync"}',
        *snapshot(ROUTES[0]),
        b'{"kind":"changes","cursor":"8","changes":[{"event":"delete","generation":8,"route":%b}]}'
        % json.dumps(ROUTES[0]).encode(),
    ]
    async with AsyncClient(running.path) as nld, nld.mirror(timeout=0.05) as mirror:
        assert len(mirror) == 3
        assert [change["event"] for change in await anext(mirror)] == ["delete", "delete"]
        assert [change["generation"] for change in await anext(mirror)] == [8]
        assert list(mirror.routes) == []
        with pytest.raises(NoAnswer):
            await anext(mirror)
        waits = asyncio.ensure_future(anext(mirror))
        await asyncio.sleep(0)
        await mirror.aclose()
        with pytest.raises(StopAsyncIteration):
            await waits


def test_an_empty_table_is_complete_too(running: Served) -> None:
    with Client(running.path).mirror() as mirror:
        assert (len(mirror), mirror.connected) == (0, True)


def test_the_first_step_says_that_nobody_is_there(path: Path) -> None:
    with pytest.raises(Unreachable), Client(path).mirror():
        raise AssertionError


def test_several_routes_of_one_key() -> None:
    """Appended routes stand together, and each goes by itself."""
    picture = Picture()
    picture.begin()
    picture.take({"kind": "synced", "cursor": "1"})
    one, two = ({"dst": "10.0.0.0/8", "gateway": f"192.0.2.{n}"} for n in (1, 2))
    for event, route, count in (("new", one, 1), ("new", two, 2), ("delete", one, 1)):
        change: Any = {"event": event, "route": route, "generation": 1}
        assert picture.take({"kind": "changes", "changes": [change], "cursor": "2"}) == [change]
        assert len(picture) == count
    assert picture.at(key("10.0.0.0/8")) == [two]
    assert picture.cursor == "2"
