"""Clients that nld did not write, at the real daemon: the ``varlink`` reference package and ``asyncvarlink``.

What they read is held against ``ip``, so that a misunderstanding which both ends of nld share would show.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import asyncvarlink
import pytest
import varlink  # type: ignore[import-untyped]
from asyncvarlink.serviceinterface import VarlinkServiceInterface

from tests.stand import Stand

pytestmark = pytest.mark.namespace

METHODS = {
    "Add",
    "Append",
    "Prepend",
    "Replace",
    "Change",
    "Delete",
    "Get",
    "Lookup",
    "List",
    "Watch",
    "Status",
}
WANTED = [
    {"dst": "10.0.0.0/8", "gateway": "192.0.2.2"},
    {"dst": ["10.1.0.0/16", "10.2.0.0/16"], "dev": "nld1"},
    {"dst": "2001:db8:ff::/48", "gateway": "2001:db8::2", "metrics": [{"mtu": 1400}]},
]
DESTINATIONS = {"10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "2001:db8:ff::/48"}
OURS: dict[str, Any] = {"protocol": "131"}
"""Not what the kernel adds of its own accord meanwhile."""
LAST = "198.51.100.1"
SECONDS = 300


def in_kernel(stand: Stand) -> set[str]:
    """Destinations of the routes under nld's protocol, as ``ip`` shows them."""
    return {route["dst"] for route in stand.routes() if str(route["protocol"]) in {"131", "nld"}}


def check_description(text: str) -> None:
    """The reference package's parser takes it, and finds every method with what it takes and gives."""
    parsed = varlink.Interface(text)
    assert parsed.name == "io.nld"
    methods = {name for name, member in parsed.members.items() if isinstance(member, varlink.scanner._Method)}
    assert methods >= METHODS
    assert "routes" in parsed.get_method("Add").in_type.fields
    assert "routes" in parsed.get_method("List").out_type.fields
    errors = {name for name, member in parsed.members.items() if isinstance(member, varlink.scanner._Error)}
    assert {"RouteExists", "RouteNotFound", "InvalidRecord", "PermissionDenied"} <= errors


def events_of(replies: list[dict[str, Any]]) -> list[tuple[str, str]]:
    changes = [change for reply in replies for change in reply.get("changes") or ()]
    return [(change["event"], change["route"]["dst"]) for change in changes]


def is_last(reply: Any) -> bool:
    return any(change["route"]["dst"] == LAST for change in reply.get("changes") or ())


EVENTS = [
    ("new", "10.0.0.0/8"),
    ("new", "10.1.0.0/16"),
    ("new", "10.2.0.0/16"),
    ("new", "2001:db8:ff::/48"),
    ("replace", "10.0.0.0/8"),
    ("delete", "10.1.0.0/16"),
    ("new", LAST),
]


def test_the_reference_package(stand: Stand) -> None:
    seen: list[dict[str, Any]] = []
    ready = threading.Event()

    def follow() -> None:
        with varlink.Client(f"unix:{stand.socket}") as own, own.open("io.nld") as watching:
            for reply in watching.Watch(filter=OURS, snapshot=False, _more=True):
                seen.append(reply)
                if reply["kind"] == "synced":
                    ready.set()
                if is_last(reply):
                    return

    def watch() -> None:
        try:
            follow()
        finally:
            ready.set()  # whatever went wrong, nobody waits for it

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    assert ready.wait(SECONDS)
    assert seen, "the watch ended before it began"
    with varlink.Client(f"unix:{stand.socket}") as client:
        assert set(client.get_interfaces()) == {"io.nld", "org.varlink.service"}
        check_description(client.get_interface("io.nld").description)
        with client.open("io.nld") as nld:
            assert nld.Add(WANTED)["done"] == 4
            assert in_kernel(stand) == DESTINATIONS
            batches = [reply["routes"] for reply in nld.List(OURS, _more=True)]
            assert {route["dst"] for batch in batches for route in batch} == DESTINATIONS
            assert nld.Replace([{"dst": "10.0.0.0/8", "gateway": "192.0.2.3"}])["done"] == 1
            [route] = nld.Get({"dst": "10.0.0.0/8"})["routes"]
            assert route["gateway"] == "192.0.2.3"
            [answer] = nld.Lookup(["10.2.3.4"])["answers"]
            assert answer["route"]["dev"] == "nld1"
            assert nld.Delete([{"dst": "10.1.0.0/16"}])["done"] == 1
            assert in_kernel(stand) == DESTINATIONS - {"10.1.0.0/16"}
            with pytest.raises(varlink.VarlinkError) as caught:
                nld.Delete([{"dst": "10.1.0.0/16"}])
            assert caught.value.error() == "io.nld.RouteNotFound"
            assert caught.value.parameters()["errno"] == "ESRCH"
            assert nld.Status()["watchers"] == 1
            nld.Add([{"dst": LAST, "dev": "nld0"}])
    watcher.join(SECONDS)
    assert not watcher.is_alive()
    assert events_of(seen) == EVENTS


async def test_asyncvarlink(stand: Stand) -> None:
    path = stand.socket
    _, client = await asyncvarlink.connect_unix_varlink(asyncvarlink.VarlinkClientProtocol, path)
    _, watcher = await asyncvarlink.connect_unix_varlink(asyncvarlink.VarlinkClientProtocol, path)

    async def call(method: str, **parameters: Any) -> Any:
        answer = await client.call(asyncvarlink.VarlinkMethodCall(f"io.nld.{method}", parameters))
        assert answer is not None
        return answer[0]

    async with asyncio.timeout(SECONDS):
        service = client.make_proxy(VarlinkServiceInterface)
        assert (await service.GetInfo())["interfaces"] == ["io.nld", "org.varlink.service"]
        check_description((await service.GetInterfaceDescription(interface="io.nld"))["description"])

        replies = watcher.call_more(
            asyncvarlink.VarlinkMethodCall("io.nld.Watch", {"filter": OURS, "snapshot": False}, more=True)
        )
        first, _ = await anext(replies)
        assert first.parameters["kind"] == "synced"

        assert (await call("Add", routes=WANTED)).parameters == {"done": 4}
        assert in_kernel(stand) == DESTINATIONS
        more = asyncvarlink.VarlinkMethodCall("io.nld.List", {"filter": OURS}, more=True)
        listed: list[Any] = [reply.parameters async for reply, _ in client.call_more(more)]
        assert {route["dst"] for part in listed for route in part["routes"]} == DESTINATIONS
        replaced = await call("Replace", routes=[{"dst": "10.0.0.0/8", "gateway": "192.0.2.3"}])
        assert replaced.parameters == {"done": 1}
        got = await call("Get", key={"dst": "10.0.0.0/8"})
        assert got.parameters["routes"][0]["gateway"] == "192.0.2.3"
        assert (await call("Delete", routes=[{"dst": "10.1.0.0/16"}])).parameters == {"done": 1}
        assert in_kernel(stand) == DESTINATIONS - {"10.1.0.0/16"}
        again = await call("Delete", routes=[{"dst": "10.1.0.0/16"}])
        assert again.error == "io.nld.RouteNotFound"
        assert again.parameters["errno"] == "ESRCH"
        assert (await call("Add", routes=[{"dst": LAST, "dev": "nld0"}])).error is None

        seen: list[dict[str, Any]] = []
        async for reply, _ in replies:
            told: Any = reply.parameters
            seen.append(told)
            if is_last(told):
                break
    assert events_of(seen) == EVENTS
    watcher.close()
    client.close()
