"""The life of the module's table: attached, let go, attached again.

In place of the module there are sockets of NETLINK_ROUTE, which open and close like any other; what the
module itself says and does, the tests in a machine show.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

from nld.errors import KernelUnavailable
from nld.kernel.attachment import Attachment, Buffers
from nld.kernel.channel import Channel
from nld.kernel.listener import Listener
from nld.kernel.module import ModuleTable
from nld.kernel.surroundings import Surroundings
from nld.netlink.module import ABI_VERSION, Info
from nld.netlink.registry import NETLINK_ROUTE
from nld.netlink.shape import BulkCut
from nld.records import Names


class Sink:
    """Keeps what it is told. ``came`` is set when the table is there again."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.came = asyncio.Event()

    def news(self, news: object) -> None:
        raise AssertionError(news)

    def suspect(self, suspicion: object) -> None:
        raise AssertionError(suspicion)

    def overrun(self) -> None:
        self.told.append("overrun")

    def gone(self, cause: str) -> None:
        self.told.append(cause)

    def present(self) -> None:
        self.came.set()


class Stage:
    """Where the module would be: how often it was attached to, and when it is loaded anew."""

    def __init__(self) -> None:
        self.attachments: list[Attachment] = []
        self.anew = asyncio.Event()
        self.refusing: KernelUnavailable | None = None

    async def attach(
        self,
        number: int,
        buffers: Buffers,
        *,
        absorb: Callable[[list[BulkCut]], None],
        overrun: Callable[[], None],
    ) -> Attachment:
        if self.refusing is not None:
            raise self.refusing
        listener = Listener(NETLINK_ROUTE, receive_buffer=0, groups=(), absorb=absorb, overrun=overrun)
        info = Info(abi=ABI_VERSION, version=str(len(self.attachments)))
        self.attachments.append(Attachment(Channel(NETLINK_ROUTE), listener, info))
        return self.attachments[-1]

    async def loaded_anew(self) -> None:
        await self.anew.wait()
        self.anew.clear()


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr("nld.kernel.module.attach", made.attach)
    monkeypatch.setattr("nld.kernel.module.loaded_anew", made.loaded_anew)
    return made


async def _nothing_new() -> None:
    """Devices stay as they are."""


def table() -> ModuleTable:
    names = Names()
    return ModuleTable(names, Surroundings(), _nothing_new, protocol=131)


def reason(made: ModuleTable) -> str | None:
    """Why it cannot be used now."""
    return made.unavailable


def is_open(attachment: Attachment) -> bool:
    return attachment.channel.socket.fileno() >= 0 or attachment.listener.socket.fileno() >= 0


async def test_a_release_returns_when_the_sockets_are_closed(stage: Stage) -> None:
    made, sink = table(), Sink()
    await made.open(sink)
    assert reason(made) is None
    assert made.status()["version"] == "0"
    (first,) = stage.attachments
    assert is_open(first)
    await made.release()
    assert not is_open(first)
    assert "released" in str(reason(made))
    assert sink.told == [f"nld.ko: {reason(made)}"]
    with pytest.raises(KernelUnavailable, match="released"):
        await made.release()
    with pytest.raises(KernelUnavailable, match="released"):
        await made.greet("Hello")

    stage.anew.set()
    async with asyncio.timeout(60):
        await sink.came.wait()
    assert reason(made) is None
    assert made.status()["version"] == "1"
    await made.close()
    assert not any(map(is_open, stage.attachments))


async def test_without_a_module_everything_says_why_until_it_comes(stage: Stage) -> None:
    made, sink = table(), Sink()
    stage.refusing = KernelUnavailable("there is no module")
    await made.open(sink)
    calls: list[Callable[[], Any]] = [made.release, lambda: made.greet("Hello")]
    for call in calls:
        with pytest.raises(KernelUnavailable, match="there is no module"):
            await call()
    assert made.status() == {"protocol": made.names.protocols.name(131)}
    stage.refusing = None
    stage.anew.set()
    async with asyncio.timeout(60):
        await sink.came.wait()
    assert reason(made) is None
    assert sink.told == []
    await made.close()


async def test_a_socket_that_fails_is_a_module_that_went(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(listener: Listener, seconds: float = 0) -> None:
        raise OSError(errno.ENOTCONN, "the other end is gone")

    monkeypatch.setattr(Listener, "_take", broken)
    made, sink = table(), Sink()
    await made.open(sink)
    (first,) = stage.attachments
    async with asyncio.timeout(60):
        await first.closed.wait()
    assert not is_open(first)
    (told,) = sink.told
    assert "its socket failed" in told
    assert "the other end is gone" in told
    monkeypatch.undo()
    monkeypatch.setattr("nld.kernel.module.attach", stage.attach)
    monkeypatch.setattr("nld.kernel.module.loaded_anew", stage.loaded_anew)
    stage.anew.set()
    async with asyncio.timeout(60):
        await sink.came.wait()
    assert reason(made) is None
    await made.close()
