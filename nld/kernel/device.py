"""The device by which packets reach the module's table (kmod/link.c): nld makes it, and removes it.

It outlives the daemon, as routes do, so that a restart disturbs no traffic. By an alias it is known as nld's
own to a later run, which removes it when the configuration names another one, or none. What somebody else has
made is left as it is.
"""

from __future__ import annotations

from nld.errors import KernelRefused, errno_name
from nld.kernel.channel import Channel
from nld.kernel.dump import Dumper
from nld.netlink import link as message
from nld.netlink.header import Flag
from nld.netlink.link import Link, LinkInfo
from nld.netlink.registry import NETLINK_ROUTE, RTM, LinkFlag

KIND = "nld"

ALIAS = "made by nld"
"""Of the devices that nld may remove."""


async def provide(name: str) -> None:
    """Have the device ``name`` there and up, and no other one of nld's; with no name, none at all.

    Raises :class:`KernelRefused`, and whatever a request can end with.
    """
    payload = message.encode(Link())
    there = [message.decode(cut[4]) for cut in await Dumper(NETLINK_ROUTE).collect(RTM.GETLINK, payload)]
    channel = Channel(NETLINK_ROUTE)
    try:
        for link in there:
            if link.kind == KIND and link.alias == ALIAS and link.name != name:
                await _ask(channel, RTM.DELLINK, 0, Link(index=link.index))
        if not name:
            return
        found = next((link for link in there if link.name == name), None)
        if found is None:
            new = Link(name=name, info=LinkInfo(kind=KIND))
            await _ask(channel, RTM.NEWLINK, Flag.CREATE | Flag.EXCL, new)
            # An alias is not taken while a device is made.
            await _ask(channel, RTM.NEWLINK, 0, Link(name=name, alias=ALIAS))
        elif found.kind != KIND:
            raise KernelRefused(f"{name} is a device of another kind; remove it, or choose another name")
        await _ask(channel, RTM.NEWLINK, 0, Link(name=name, flags=LinkFlag.UP, change=LinkFlag.UP))
    finally:
        await channel.close()


async def _ask(channel: Channel, kind: RTM, flags: int, link: Link) -> None:
    said = (await channel.request(kind, flags, message.encode(link))).acknowledgement
    if said.errno:
        words = f" ({said.message})" if said.message else ""
        raise KernelRefused(
            f"the kernel refused {kind.name} of {link.name or f'device {link.index}'}{words}",
            errno=errno_name(said.errno),
        )
