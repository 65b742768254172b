"""Clients that nld did not write: the reference ``varlink`` package and ``asyncvarlink``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncvarlink
import pytest
import varlink  # type: ignore[import-untyped]
from asyncvarlink.serviceerrors import InterfaceNotFound
from asyncvarlink.serviceinterface import VarlinkServiceInterface

from tests.control.stand import Stand, StubBroker, running, serve

ROUTE = {"dst": "10.0.0.0/8", "gateway": "192.0.2.7", "metrics": [{"mtu": 1400}]}


def test_the_reference_package(running: Stand) -> None:
    with varlink.Client(f"unix:{running.path}") as client:
        assert set(client.get_interfaces()) >= {"io.nld", "org.varlink.service"}
        with client.open("io.nld") as nld:
            assert nld.Add([ROUTE])["done"] == 1
            assert nld.Add([{"dst": ["10.1.0.0/16", "10.2.0.0/16"], "dev": "nld0"}])["done"] == 2
            assert nld.Get({"dst": "10.0.0.0/8"})["routes"] == [ROUTE]
            listed = [route for reply in nld.List(_more=True) for route in reply["routes"]]
            assert ROUTE in listed
            assert nld.Delete([{"dst": "10.0.0.0/8"}])["done"] == 1
            assert [answer["address"] for answer in nld.Lookup(["192.0.2.1"])["answers"]] == ["192.0.2.1"]
            with pytest.raises(varlink.VarlinkError) as caught:
                nld.Get({"dst": "10.0.0.0/8"})
            assert caught.value.error() == "io.nld.RouteNotFound"
            assert caught.value.parameters()["fault"] == "client"
            with pytest.raises(varlink.error.InvalidParameter):
                nld.Add(routes=[ROUTE], kernel="bsd")
            assert nld.Status()["version"] == "1"
        with client.open("io.nld") as nld:
            watched = next(iter(nld.Watch(_more=True)))
            assert watched == {"kind": "synced", "cursor": "1"}


async def test_asyncvarlink(tmp_path: Path) -> None:
    broker = StubBroker()
    async with running(serve(broker), tmp_path / "s") as path:
        await _use(path)
    assert broker.ended == 2


async def _use(path: str) -> None:
    _transport, client = await asyncvarlink.connect_unix_varlink(asyncvarlink.VarlinkClientProtocol, path)

    async def call(method: str, **parameters: Any) -> asyncvarlink.VarlinkMethodReply:
        answer = await client.call(asyncvarlink.VarlinkMethodCall(f"io.nld.{method}", parameters))
        assert answer is not None
        return answer[0]

    service = client.make_proxy(VarlinkServiceInterface)
    assert (await service.GetInfo())["interfaces"] == ["io.nld", "org.varlink.service"]
    answer = await service.GetInterfaceDescription(interface="io.nld")
    assert "method Add(" in answer["description"]
    with pytest.raises(InterfaceNotFound):
        await service.GetInterfaceDescription(interface="io.example")

    added, again = await asyncio.gather(call("Add", routes=[ROUTE]), call("Add", routes=[ROUTE]))
    assert added.parameters == {"done": 1}
    assert again.error == "io.nld.RouteExists"
    more = asyncvarlink.VarlinkMethodCall("io.nld.List", {}, more=True)
    batches = [reply.parameters["routes"] async for reply, _ in client.call_more(more)]
    assert batches == [[ROUTE], []]
    assert (await call("List")).error == "org.varlink.service.ExpectedMore"
    assert (await call("Delete", routes=[{"dst": "10.0.0.0/8"}])).parameters == {"done": 1}
    watching = client.call_more(asyncvarlink.VarlinkMethodCall("io.nld.Watch", {}, more=True))
    reply, _ = await anext(watching)
    assert reply.parameters == {"kind": "synced", "cursor": "1"}
    client.close()
    with pytest.raises(ConnectionResetError):
        await anext(watching)
