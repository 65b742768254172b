"""The attachment: nld's sockets to a kernel module that may be missing, be another, or go.

:func:`attach` opens them and asks first who is there.  While they are open the module cannot be unloaded,
for the kernel counts the sockets of a netlink family as users of its module; so whoever wants it gone has
them closed, and :func:`loaded_anew` says when it has been loaded again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nld.errors import KernelUnavailable, MalformedMessage
from nld.kernel.channel import Channel
from nld.kernel.counters import counters
from nld.kernel.listener import Listener
from nld.kernel.socket import NetlinkSocket
from nld.netlink import module as message
from nld.netlink.module import ABI_VERSION, MAGIC, NLD_GROUP, NLD_MSG, Info
from nld.netlink.shape import BulkCut

LOADED = Path("/sys/module/nld")
"""There while the module is loaded."""

POLL = 0.5
"""Seconds between two looks whether the module has come or gone; looked for only while it is not used."""

RELEASED = 60.0
"""Seconds after which the module that is there is taken again, although nobody has unloaded it."""

PATIENCE = 5.0
"""Seconds for GET_INFO: whatever else has the protocol number may never answer."""


class Buffers(NamedTuple):
    """Bytes asked for, 0 for the system's default."""

    receive: int
    send: int
    notification: int


@dataclass(slots=True)
class Attachment:
    """The sockets of a module that is there, and what it said of itself.

    ``closed``  whether they are closed.
    """

    channel: Channel
    listener: Listener
    info: Info
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs as long as it lasts."""
        return [*self.channel.tasks, self.listener.task]

    def status(self) -> dict[str, Any]:
        """What the module said of itself, granted buffers and counters."""
        info = self.info
        said = {"version": info.version, "abi": info.abi, "max_routes": info.max_routes_netns}
        return said | counters(self.channel, self.listener)

    async def close(self) -> None:
        """Close the sockets; what is under way fails with KernelUnavailable."""
        try:
            await self.listener.close()
        finally:
            await self.channel.close()
            self.closed.set()


async def attach(
    number: int,
    buffers: Buffers,
    *,
    absorb: Callable[[list[BulkCut]], None],
    overrun: Callable[[], None],
) -> Attachment:
    """Open the sockets. The first one makes the kernel load the module, if it is installed.

    ``number``             netlink protocol number.
    ``absorb``, ``overrun``  as for :class:`~nld.kernel.listener.Listener`.

    Raises :class:`KernelUnavailable` with a sentence that says what to do.
    """
    await asyncio.to_thread(_load, number)
    channel = Channel(number, receive_buffer=buffers.receive, send_buffer=buffers.send)
    try:
        info = await _identify(channel, number)
        listener = Listener(
            number,
            receive_buffer=buffers.notification,
            groups=(NLD_GROUP.ROUTE,),
            absorb=absorb,
            overrun=overrun,
        )
    except BaseException:
        await channel.close()
        raise
    return Attachment(channel, listener, info)


def _load(number: int) -> None:
    """Have the kernel load the module, which may take it long: a program runs, and the file is read."""
    NetlinkSocket(number).close()


async def _identify(channel: Channel, number: int) -> Info:
    """Ask who is there. Raises KernelUnavailable unless it is nld.ko of our ABI."""
    whoever = _another(number)
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await channel.request(NLD_MSG.GET_INFO, 0, message.INFO_FORM.encode(Info()))
        if not answer.replies:
            raise KernelUnavailable(f"{whoever}: it does not know GET_INFO")
        info = message.INFO_FORM.decode(answer.replies[0].payload)
    except TimeoutError:
        raise KernelUnavailable(f"{whoever}: it does not answer GET_INFO") from None
    except MalformedMessage as error:
        raise KernelUnavailable(f"{whoever}: its answer to GET_INFO makes no sense ({error})") from error
    check(info, number)
    return info


def check(info: Info, number: int) -> None:
    """Raise KernelUnavailable unless this answer to GET_INFO is that of nld.ko with our ABI."""
    if info.magic != MAGIC:
        raise KernelUnavailable(f"{_another(number)}: its answer to GET_INFO does not bear nld's mark")
    if info.abi != ABI_VERSION:
        spoken = "does not say its ABI" if info.abi is None else f"speaks ABI {info.abi}"
        raise KernelUnavailable(
            f"nld.ko {info.version or 'of unknown version'} {spoken}, this nld speaks ABI {ABI_VERSION};"
            " install the module of this version (make kmod-install) and load it"
        )


def _another(number: int) -> str:
    return f"netlink protocol {number} belongs to another kernel module"


async def loaded_anew() -> None:
    """Return when a module is there that was not there now; or the old one still, after a while."""
    now = _which()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RELEASED):
            await _until(lambda: _which() != now)
    await _until(_is_live)


def _which() -> int | None:
    """Tells the module that is loaded from the one before, however quickly they were exchanged: its inode
    number in sysfs, or None where there is no module."""
    try:
        return LOADED.stat().st_ino
    except FileNotFoundError:
        return None


async def _until(condition: Callable[[], bool]) -> None:
    # The kernel announces modules to udev only; a look twice a second costs nothing.
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(POLL)


def _is_live() -> bool:
    """Whether the module has been loaded and has begun its work."""
    try:
        return (LOADED / "initstate").read_text(encoding="ascii") == "live\n"
    except FileNotFoundError:
        return LOADED.exists()  # built into the kernel
