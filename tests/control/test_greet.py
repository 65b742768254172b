"""Greet and Release over the socket: what arrives at the broker, what comes back, who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nld.client import AsyncClient, Client
from nld.errors import KernelUnavailable, NldError, PermissionDenied
from nld.records.peer import Peer
from tests.control import stand
from tests.control.stand import Stand, StubBroker, serve

TEXTS = ["Hello", "", "a" * 255, "Grüße, 世界 🚦", '"quoted"\n\\']


class WithoutModule(StubBroker):
    """A broker that has only the kernel's own table."""

    async def greet(self, peer: Peer, text: str) -> str:
        raise KernelUnavailable("this daemon does not drive the kernel table module", field="kernel")

    async def release(self, peer: Peer, kernel: str) -> None:
        raise KernelUnavailable("this daemon does not drive the kernel table module", field="kernel")


@pytest.mark.parametrize("text", TEXTS, ids=["plain", "empty", "long", "not ASCII", "quotes"])
def test_a_greeting_goes_there_and_comes_back(running: Stand, text: str) -> None:
    with Client(running.path) as client:
        assert client.greet(text) == f"{text} to you"
    peer, method, said = running.broker.calls[-1]
    assert (method, said) == ("greet", text)
    assert isinstance(peer, Peer)


def test_release_names_the_table(running: Stand) -> None:
    with Client(running.path) as client:
        client.release("module")
        assert running.broker.calls[-1][1:] == ("release", "module")
        with pytest.raises(NldError) as caught:
            client.release("fib")
    assert "kernel" in str(caught.value)
    assert len(running.broker.calls) == 1


async def test_from_asyncio(tmp_path: Path) -> None:
    broker = StubBroker()
    async with stand.running(serve(broker), tmp_path / "s") as path, AsyncClient(path) as client:
        assert await client.greet("Hello") == "Hello to you"
        await client.release("module")
        assert [call[1:] for call in broker.calls] == [("greet", "Hello"), ("release", "module")]


async def test_who_may_not_write_may_greet_and_not_release(tmp_path: Path) -> None:
    broker = StubBroker()
    async with (
        stand.running(serve(broker, writers=False), tmp_path / "s") as path,
        AsyncClient(path) as client,
    ):
        assert await client.greet("Hello") == "Hello to you"
        with pytest.raises(PermissionDenied):
            await client.release("module")
        assert len(broker.calls) == 1


async def test_a_daemon_without_the_module_says_so(tmp_path: Path) -> None:
    async with stand.running(serve(WithoutModule()), tmp_path / "s") as path, AsyncClient(path) as client:
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: client.greet("Hello"),
            lambda: client.release("module"),
        )
        for call in calls:
            with pytest.raises(KernelUnavailable, match="does not drive the kernel table module") as caught:
                await call()
            assert caught.value.field == "kernel"
        assert (await client.status())["version"] == "1"
