"""Watchers see every change, in order, and end with what the kernel has."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from nld.client import Client
from nld.errors import CursorExpired
from tests.stand import Stand

pytestmark = pytest.mark.namespace

CHANGES = 20000
AT_ONCE = 1000
"""Changes that the kernel surely keeps for a daemon that does not run; of more it may drop some."""


class State:
    """What a watcher builds of what it is told: a bag of routes."""

    def __init__(self) -> None:
        self.routes: Counter[str] = Counter()
        self.changes = 0
        self.generations: list[int] = []
        self.cursor = ""
        self.resyncs = 0

    def take(self, reply: Mapping[str, Any]) -> None:
        """Apply one reply."""
        self.cursor = reply.get("cursor", self.cursor)
        match reply["kind"]:
            case "snapshot":
                self.routes.update(map(text, reply["routes"]))
            case "resync":
                self.routes.clear()
                self.resyncs += 1
            case "changes":
                for change in reply["changes"]:
                    self.changes += 1
                    self.generations.append(change["generation"])
                    if change["event"] != "new":
                        gone = text(change.get("previous", change["route"]))
                        assert self.routes[gone] > 0, f"never told of {gone}"
                        self.routes[gone] -= 1
                    if change["event"] != "delete":
                        self.routes[text(change["route"])] += 1

    def list(self) -> list[str]:
        """The routes, sorted."""
        return sorted(self.routes.elements())


def text(route: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in route.items() if name != "expires"}, sort_keys=True)


def follow(stand: Stand, until: str, state: State, ready: threading.Event, **options: Any) -> None:
    """Watch until the marker route ``until`` appears."""
    with Client(stand.socket, timeout=300) as client:
        for reply in client.watch(form="ip_details", **options):
            state.take(reply)
            if reply["kind"] == "synced":
                ready.set()
            if any(f'"dst": "{until}"' in one for one in map(text, marked(reply))):
                return


def marked(reply: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (change["route"] for change in reply.get("changes", ()))


def kernel(stand: Stand) -> list[str]:
    return sorted(map(text, stand.routes("ip")))


def script() -> list[str]:
    """20,000 changes of every kind, the last of which is the marker."""
    lines = []
    for number in range(CHANGES // 4):
        third, fourth = divmod(number, 256)
        destination = f"10.{third}.{fourth}.0/24"
        lines.append(f"route add {destination} via 192.0.2.2")
        lines.append(f"route replace {destination} via 192.0.2.3")
        lines.append(f"route append {destination} via 192.0.3.2 metric 9")
        lines.append(f"route del {destination} {'metric 9' if number % 3 else 'via 192.0.2.3'}")
    return [*lines[:-1], "route add 198.51.100.1/32 dev nld0"]


def test_twenty_thousand_changes_at_three_watchers(stand: Stand) -> None:
    states = [State() for _ in range(3)]
    ready = [threading.Event() for _ in states]
    threads = [
        threading.Thread(target=follow, args=(stand, "198.51.100.1", state, event))
        for state, event in zip(states, ready, strict=True)
    ]
    for thread in threads:
        thread.start()
    for event in ready:
        assert event.wait(300)
    lines = script()
    with Client(stand.socket) as client:
        for start in range(0, len(lines), AT_ONCE):
            done = stand.run("ip", "-batch", "-", stdin="\n".join(lines[start : start + AT_ONCE]))
            assert done.code == 0, done.err
            client.validate({"dst": "203.0.113.0/24", "dev": "nld0"})  # answers when all news was taken in
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    with Client(stand.socket) as client:
        assert client.status()["kernels"][0]["overruns"] == 0
    wanted = kernel(stand)
    for state in states:
        assert state.list() == wanted
        assert state.resyncs == 0
        assert state.changes == CHANGES
        assert state.generations == list(range(state.generations[0], state.generations[0] + CHANGES))


def test_a_cursor_goes_on_where_the_watch_stopped(stand: Stand) -> None:
    first = State()
    with Client(stand.socket) as client:
        watch = client.watch(form="ip_details")
        for reply in watch:
            first.take(reply)
            if reply["kind"] == "synced":
                break
        watch.close()
        client.add({"dst": "10.1.0.0/16", "gateway": "192.0.2.2"})
        client.replace({"dst": "10.1.0.0/16", "gateway": "192.0.2.3"})
        client.delete({"dst": "10.1.0.0/16"})
        client.add({"dst": "198.51.100.1", "dev": "nld0"})
        follow(stand, "198.51.100.1", first, threading.Event(), cursor=first.cursor)
    assert first.changes == 4
    assert first.list() == kernel(stand)


def test_a_cursor_of_another_daemon_is_refused(stand: Stand) -> None:
    with Client(stand.socket) as client, pytest.raises(CursorExpired):
        next(iter(client.watch(cursor="0badc0de:7")))


def test_routes_that_go_silently_are_reported_with_their_cause(stand: Stand) -> None:
    state = State()
    ready = threading.Event()
    causes = []
    with Client(stand.socket, timeout=300) as client:
        client.add([{"dst": f"10.{number}.0.0/16", "gateway": "192.0.2.2"} for number in range(20)])
        watch = client.watch(form="ip_details")
        for reply in watch:
            state.take(reply)
            if reply["kind"] == "synced":
                ready.set()
                break
        stand.ip("link set nld0 down")
        stand.ip("route add 198.51.100.1/32 dev nld1")
        gone = 0
        for reply in watch:
            state.take(reply)
            for change in reply.get("changes", ()):
                if change["event"] == "delete" and change["route"]["dst"].endswith(".0.0/16"):
                    gone += 1
                    causes.append(change.get("cause"))
            if gone == 20:
                break
        watch.close()
    assert set(causes) == {"device nld0 went down"}


def test_a_filter_makes_a_replacement_a_new_route_or_a_deletion(stand: Stand) -> None:
    with Client(stand.socket, timeout=300) as client:
        watch = client.watch({"via": "192.0.2.2"}, snapshot=False)
        assert next(watch)["kind"] == "synced"
        client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.3"})
        client.replace({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"})
        client.replace({"dst": "10.0.0.0/8", "gateway": "192.0.2.3"})
        events: list[str] = []
        while len(events) < 2:
            events += [change["event"] for change in next(watch)["changes"]]
        watch.close()
    assert events == ["new", "delete"]
