"""The listener: the notification socket of a kernel table, and its receiver task.

It does nothing but take datagrams out of the socket as fast as they come and hand them on in order;
what they mean is the owner's business.  :meth:`Listener.drain` does the same at once, without waiting:
whoever is about to answer a question calls it first, so that an answer never lags behind a change that
was finished when the question came (the kernel queues a notification before the system call that
caused it returns).

After ENOBUFS the kernel goes on dropping until the queue is empty, so the listener first drains to
the end and then reports the overrun, once.
"""

from __future__ import annotations

import asyncio
import errno
import select
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nld.errors import MalformedMessage
from nld.kernel.burst import SLOTS, Burst
from nld.kernel.readiness import Readiness
from nld.kernel.socket import NetlinkSocket
from nld.netlink.header import MessageType
from nld.netlink.shape import BulkCut, walk_cuts

NOTIFICATION_COST = 1280
"""Bytes of receive buffer that one queued route notification takes at most, without long multipath
(measured: its skb's true size)."""

LEAST_COST = 512
"""Bytes of receive buffer that a queued datagram takes at least (an skb and its head)."""

FEW = 2
"""Datagrams read one by one before bursts begin.  Most often there is none, or the one of a single write:
poll(2) tells that at a third of the price of finding nothing, and ctypes is dearer still."""

CHUNK = 128
"""Datagrams read before they are handed on, while the kernel goes on making others: three milliseconds of
routes of which no two are alike."""

BURST = 4096
"""Datagrams read before the event loop gets a turn: more than come while watchers are told of the last ones,
else the listener would fall behind for ever.  They take some 6 ms."""

TURN = 0.004
"""Seconds of reading in one turn of the event loop, by the receiver task and by all who drain: a message
about a device takes far longer than one about a route."""

SLOW = 0.002
"""Seconds of handing on after which fewer are read at a time."""

BRIEF = 0.0005
"""Seconds of reading that nobody counts: most often there is a notification or two."""

PAUSE = 0.001
"""Seconds between a look that found the queue empty and the next wake.  Changes come in storms: to wake for
each of them would cost more than to read it, and would slow down the kernel that makes them."""


@dataclass(slots=True)
class Counters:
    """What a listener has seen, for the status."""

    received: int = 0
    overruns: int = 0
    malformed: int = 0


class Listener:
    """Notifications of some multicast groups.

    ``receive_buffer``  bytes asked for; with too little, a burst of changes becomes an overrun.
    ``groups``          RTNLGRP numbers.
    ``absorb``          called with the messages, in order.
    ``overrun``         called, after the queue is empty, when notifications were lost.
    """

    def __init__(
        self,
        protocol: int,
        *,
        receive_buffer: int,
        groups: Iterable[int],
        absorb: Callable[[list[BulkCut]], None],
        overrun: Callable[[], None],
    ) -> None:
        self.socket = NetlinkSocket(protocol, receive_buffer=receive_buffer)
        self.counters = Counters()
        self._bursts = 1 + self.socket.granted.receive // (LEAST_COST * BURST)
        """As many as hold all that can be queued."""
        self.room = max(1, self.socket.granted.receive // (2 * NOTIFICATION_COST))
        """Notifications that surely fit in the empty queue, and as many of somebody else's."""
        self._burst = Burst(self.socket)
        self._arrived = select.poll()
        self._arrived.register(self.socket.fileno(), select.POLLIN)
        self._loop = asyncio.get_running_loop()
        self._left = TURN
        """Seconds of reading that this turn of the event loop has left."""
        self._chunk = CHUNK
        """Datagrams that are read before they are handed on."""
        self._draining = asyncio.Lock()
        """Held by the one that drains in turns; if many did, these would make one long one."""
        self._absorb = absorb
        self._overrun = overrun
        self._readiness = Readiness(self.socket.fileno())
        for group in groups:
            self.socket.join(group)
        self.task = asyncio.create_task(self._receiver(), name="netlink notifications")

    def drain_some(self) -> None:
        """Hand on what has arrived, as much as this turn of the event loop has time for."""
        if self._left > 0:
            self._take(self._left)

    async def drained(self) -> None:
        """Hand on everything that has arrived by now, with turns for the event loop where there is much.

        Who writes faster than this reads holds up nobody.
        """
        end = self.counters.received + self._bursts * BURST
        async with self._draining:
            while self.counters.received < end and (self._left <= 0 or self._take(self._left)):  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Stop listening. A failure of the task is for whoever watches it, and closes all the same."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self._readiness.close()
        self.socket.close()

    async def _receiver(self) -> None:
        while True:
            await self._readiness.wait()
            if self._left <= 0 or self._take(self._left):
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(PAUSE)
                self._readiness.clear()

    def _take(self, seconds: float) -> bool:
        """Read up to BURST datagrams, about so long, and hand them on; False when the queue is empty."""
        more = True
        taken = 0
        began = now = time.monotonic()
        while more and taken < BURST and now < began + seconds:
            before = now
            datagrams, more, lost = self._read()
            taken += len(datagrams)
            if datagrams or lost:
                self._hand_on(datagrams, lost)
            now = time.monotonic()
            # Some take long: where thousands of routes stand at one key, each change looks at all of them.
            self._chunk = max(1, self._chunk // 2) if now - before > SLOW else min(2 * self._chunk, CHUNK)
        if now - began > BRIEF:
            if self._left == TURN:
                self._loop.call_soon(self._next_turn)
            self._left -= now - began
        return more

    def _next_turn(self) -> None:
        self._left = TURN

    def _read(self) -> tuple[list[bytes], bool, bool]:
        """Some datagrams (after a loss: all there are), whether there may be more, and whether some
        were lost."""
        datagrams: list[bytes] = []
        lost = False
        more = True
        while more and (len(datagrams) < self._chunk or lost):
            try:
                if len(datagrams) >= FEW:
                    some, more = self._burst.take(min(self._chunk, SLOTS))
                elif self._arrived.poll(0):
                    datagram = self.socket.receive()
                    some = [] if datagram is None else [datagram]
                else:
                    some, more = [], False
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
            else:
                datagrams += some
        return datagrams, more, lost

    def _hand_on(self, datagrams: list[bytes], lost: bool) -> None:
        messages, broken = _cut(datagrams)
        self.counters.received += len(messages)
        self.counters.malformed += broken
        if messages:
            kinds = {message[0] for message in messages}
            lost = lost or MessageType.OVERRUN in kinds
            self._absorb(messages)
        if lost or broken:
            self.counters.overruns += 1
            self._overrun()


def _cut(datagrams: list[bytes]) -> tuple[list[BulkCut], int]:
    """The messages of all datagrams, and how many of these make no sense.

    Nearly always each is one whole message, and then they read as one datagram when laid end to end.
    """
    broken = 0
    try:
        messages = walk_cuts(b"".join(datagrams))
    except MalformedMessage:
        messages = []
    if len(messages) != len(datagrams):
        messages = []
        for datagram in datagrams:
            try:
                messages += walk_cuts(datagram)
            except MalformedMessage:
                broken += 1
    return messages, broken
