"""Dumps: the kernel's table, some datagrams at a time, at the reader's pace.

Each dump has a socket of its own for as long as it lasts, because the kernel runs one dump at a time
on a socket (EBUSY) and a slow reader must not hold up anybody else.  Netlink fills the next datagram
when the last one is read, so a reader that stops costs the kernel one datagram and the daemon nothing:
memory stays bounded however large the table is.  To fill one the kernel may have to wait for rtnl_mutex,
within sendmsg or recvmsg, so both are called in a thread.

The kernel makes its datagrams as large as the largest buffer that the socket has received into, at most
32 KiB, and one page before it has received anything; a message that does not fit ends the dump, on many
kernels without a word (``netlink_dump``, net/netlink/af_netlink.c).  So a trifle is asked for and received
first.

Who mends the mirror reads eagerly: many datagrams with one system call.  The less time a walk takes, the less
changes under it, and no other thread gets between two datagrams (a thread that comes back from the kernel
waits for Python's lock each time).

A dump of the FIB is not a snapshot; whoever needs one listens first, dumps second, and applies what
came meanwhile.  Where the kernel says NLM_F_DUMP_INTR the dump is done again, with a growing pause,
and what was read is thrown away; a stream that has already been handed on cannot be taken back:
``stream`` raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import sys
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from nld.errors import INTERFACE, Extack, KernelRefused, MalformedMessage, OutcomeUnknown, errno_name
from nld.kernel.burst import Burst
from nld.kernel.readiness import Readiness
from nld.kernel.socket import SEQUENCES, NetlinkSocket
from nld.netlink.extack import Acknowledgement, parse_done, parse_error
from nld.netlink.header import Flag, Message, MessageType, frame
from nld.netlink.registry import AF
from nld.netlink.shape import BulkCut, walk_cuts

ATTEMPTS = 8
FIRST_PAUSE = 0.002
"""Seconds before the second attempt at an interrupted dump; doubled each time."""

AT_ONCE = 4
"""Datagrams read in one go: some 2,000 routes, which take the loop as long as a few wake-ups."""

TURN = 0.003
"""Seconds after which the event loop gets a turn."""

PATIENCE = 5.0
"""Seconds for the next datagram. The kernel has it ready; whatever else has the protocol number may not."""

LARGEST = 32448
"""Bytes of the largest message that a dump can have: 32 KiB less what an skb takes for itself."""


class CutShort(KernelRefused):
    """A dump ended before its end, or goes on with nothing for ever.

    ``family``  whose entries are hidden from there on; of a dump of all families the earlier ones are whole.
    """

    def __init__(self, family: int) -> None:
        super().__init__(
            "the kernel ended a dump before its end: an entry takes more than the 32 KiB that a message of a"
            " dump may have (for a route some 2,000 next hops of IPv4, 1,100 of IPv6), or there is no memory;"
            " what comes behind it is hidden from every program until it is gone",
            operation="dump",
            errno="EMSGSIZE",
        )
        self.family = family

    @property
    def name(self) -> str:
        """That of a KernelRefused, which it is to everybody else."""
        return f"{INTERFACE}.{KernelRefused.__name__}"


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

        ``interruptible``  the reader hears of changes meanwhile: an inconsistent dump will do, and it
                           comes as fast as the kernel gives it, some MiB at a time.

        Raises ``InterruptedError`` when the kernel says that the dump is inconsistent,
        :class:`KernelRefused` when it refuses it (:class:`CutShort` when it cannot go on),
        :class:`OutcomeUnknown` when part of it was lost.
        Gives the loop back between datagrams when they have taken TURN.
        """
        reading = _Reading(self.protocol, interruptible)
        try:
            datagrams = await reading.run(lambda: reading.begin(message_type, payload))
            while True:
                if not datagrams:
                    await reading.wait()
                due = time.monotonic() + TURN
                for datagram in datagrams:
                    messages = reading.own(datagram)
                    if not interruptible and any(
                        flags & Flag.DUMP_INTR for flags in {message[1] for message in messages}
                    ):
                        raise InterruptedError(errno.EINTR, "the dump was interrupted")
                    ended = bool(messages) and messages[-1][0] in _ENDS
                    if ended:
                        _check(messages.pop(), payload[0])
                    if messages:
                        yield messages
                    if ended:
                        return
                    if time.monotonic() > due:
                        await asyncio.sleep(0)
                        due = time.monotonic() + TURN
                datagrams = await reading.run(reading.take)
        except MalformedMessage as error:
            raise OutcomeUnknown(f"the kernel's dump makes no sense: {error}", operation="dump") from error
        finally:
            reading.close()


_Value = TypeVar("_Value")


class _Reading:
    """The socket of one dump, which is used in a thread."""

    def __init__(self, protocol: int, eager: bool) -> None:
        self._socket = NetlinkSocket(protocol, strict=True)
        self._burst = Burst(self._socket) if eager else None
        self._readiness = Readiness(self._socket.fileno())
        self._sequence = 0
        self._job: asyncio.Future[Any] | None = None

    async def run(self, call: Callable[[], _Value]) -> _Value:
        """Call it in a thread."""
        job = asyncio.get_running_loop().run_in_executor(None, call)
        self._job = job
        # Whoever stops waiting leaves the call in the kernel, with the socket.
        return await asyncio.shield(job)

    def begin(self, message_type: int, payload: bytes) -> list[bytes]:
        """Have the kernel make large datagrams, and ask for the dump; as :meth:`take`, which a thread need
        not be woken for again."""
        trifle = SEQUENCES.allot()
        self._socket.send(frame(MessageType.NOOP, Flag.REQUEST | Flag.ACK, trifle, b""))
        self._socket.receive()
        self._sequence = SEQUENCES.allot()
        self._socket.send(frame(message_type, Flag.REQUEST | Flag.DUMP, self._sequence, payload))
        return self.take()

    def take(self) -> list[bytes]:
        """Some datagrams, none when there is none now."""
        datagrams: list[bytes] = []
        try:
            if self._burst is not None:
                return self._burst.take()[0]
            while len(datagrams) < AT_ONCE and (datagram := self._socket.receive()) is not None:
                datagrams.append(datagram)
                # The last one: another may follow only for something else.
                if len(datagram) <= _SMALL and datagram[4:6] == _DONE:
                    break
        except OSError as error:
            raise OutcomeUnknown(
                "part of a dump was lost", operation="dump", errno=errno_name(error.errno or 0)
            ) from error
        return datagrams

    async def wait(self) -> None:
        """Until there is something to take."""
        self._readiness.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._readiness.wait()
        except TimeoutError:
            raise OutcomeUnknown(
                "the kernel does not go on with a dump", operation="dump", errno="ETIMEDOUT"
            ) from None

    def own(self, datagram: bytes) -> list[BulkCut]:
        """The messages of the dump in a datagram."""
        if not datagram:
            # What a dump of several families gives, for ever, instead of an IPv6 route that is too large.
            raise CutShort(AF.INET6)
        return [
            message
            for message in walk_cuts(datagram)
            if message[2] == self._sequence and message[3] == self._socket.port_id
        ]

    def close(self) -> None:
        """Close the socket, now or when a call in the thread has ended."""
        self._readiness.close()
        if self._job is None or self._job.done():
            self._socket.close()
        else:
            self._job.add_done_callback(self._close_late)

    def _close_late(self, job: asyncio.Future[Any]) -> None:
        self._socket.close()
        with contextlib.suppress(asyncio.CancelledError):
            job.exception()  # nobody waits for it


_ENDS = frozenset((int(MessageType.DONE), int(MessageType.ERROR)))
_DONE = int(MessageType.DONE).to_bytes(2, sys.byteorder)
_SMALL = 64


def _check(last: BulkCut, family: int) -> None:
    message = Message(*last[:4], memoryview(last[4]))
    end = parse_done(message) if message.type == MessageType.DONE else parse_error(message)
    if end.errno == errno.EMSGSIZE:
        raise CutShort(family or AF.INET)
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
