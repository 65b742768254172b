"""Dumps: the kernel's table, datagram by datagram, at the reader's pace.

Each dump has a socket of its own for as long as it lasts, because the kernel runs one dump at a time
on a socket (EBUSY) and a slow reader must not hold up anybody else.  Netlink fills the next datagram
when the last one is read, so a reader that stops costs the kernel one datagram and the daemon nothing:
memory stays bounded however large the table is.

A dump of the FIB is not a snapshot; whoever needs one listens first, dumps second, and applies what
came meanwhile.  Where the kernel says NLM_F_DUMP_INTR the dump is done again, with a growing pause,
and what was read is thrown away; a stream that has already been handed on cannot be taken back:
``stream`` raises.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NoReturn

from nld.errors import Extack, KernelRefused, MalformedMessage, OutcomeUnknown, errno_name
from nld.kernel.readiness import Readiness
from nld.kernel.socket import SEQUENCES, NetlinkSocket
from nld.netlink.extack import Acknowledgement, parse_done, parse_error
from nld.netlink.header import Flag, Message, MessageType, frame
from nld.netlink.shape import BulkCut, walk_cuts

ATTEMPTS = 8
FIRST_PAUSE = 0.002
"""Seconds before the second attempt at an interrupted dump; doubled each time."""


@dataclass(frozen=True, slots=True)
class Dumper:
    """Makes dumps over one netlink protocol.

    ``protocol``  netlink protocol number, 0 is NETLINK_ROUTE.
    """

    protocol: int

    async def collect(self, message_type: int, payload: bytes) -> list[BulkCut]:
        """The messages of one consistent dump, made again while the kernel says it was interrupted."""
        pause = FIRST_PAUSE
        for _ in range(ATTEMPTS):
            messages: list[BulkCut] = []
            try:
                async for part in self.stream(message_type, payload):
                    messages += part
            except InterruptedError:
                await asyncio.sleep(pause)
                pause *= 2
                continue
            return messages
        raise KernelRefused(
            f"the table changed during each of {ATTEMPTS} dumps", operation="dump", errno="EINTR"
        )

    async def stream(
        self, message_type: int, payload: bytes, *, interruptible: bool = False
    ) -> AsyncGenerator[list[BulkCut], None]:
        """The messages of one dump, a datagram's at a time, as :func:`walk_cuts` gives them.

        ``interruptible``  the reader hears of changes meanwhile, and can do with an inconsistent dump.

        Raises ``InterruptedError`` when the kernel says that the dump is inconsistent,
        :class:`KernelRefused` when it refuses it, :class:`OutcomeUnknown` when part of it was lost.
        Gives the loop back between datagrams.
        """
        socket = NetlinkSocket(self.protocol, strict=True)
        readiness = Readiness(socket.fileno())
        try:
            sequence = SEQUENCES.allot()
            socket.send(frame(message_type, Flag.REQUEST | Flag.DUMP, sequence, payload))
            ended = False
            while not ended:
                await readiness.wait()
                datagram = _receive(socket)
                if datagram is None:
                    readiness.clear()
                    continue
                messages = [
                    message
                    for message in walk_cuts(datagram)
                    if message[2] == sequence and message[3] == socket.port_id
                ]
                if not interruptible and any(
                    flags & Flag.DUMP_INTR for flags in {message[1] for message in messages}
                ):
                    raise InterruptedError(errno.EINTR, "the dump was interrupted")
                if messages and messages[-1][0] in (MessageType.DONE, MessageType.ERROR):
                    _check(messages.pop())
                    ended = True
                if messages:
                    yield messages
                await asyncio.sleep(0)
        except MalformedMessage as error:
            raise OutcomeUnknown(f"the kernel's dump makes no sense: {error}", operation="dump") from error
        finally:
            readiness.close()
            socket.close()


def _receive(socket: NetlinkSocket) -> bytes | None:
    try:
        return socket.receive()
    except OSError as error:
        raise OutcomeUnknown(
            "part of a dump was lost", operation="dump", errno=errno_name(error.errno or 0)
        ) from error


def _check(last: BulkCut) -> None:
    message = Message(*last[:4], memoryview(last[4]))
    end = parse_done(message) if message.type == MessageType.DONE else parse_error(message)
    # A dump of a table that does not exist ends with ENOENT: that table is empty.
    if end.errno not in (0, errno.ENOENT):
        _refuse(end)


def _refuse(end: Acknowledgement) -> NoReturn:
    name = errno_name(end.errno)
    words = f": {end.message}" if end.message else ""
    raise KernelRefused(
        f"the kernel refused the dump ({name}){words}",
        operation="dump",
        errno=name,
        extack=Extack(message=end.message) if end.message else None,
    )
