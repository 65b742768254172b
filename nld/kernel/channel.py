"""A request channel: one socket, a sender task and a receiver task.

Requests are put into a queue.  The **sender task** takes them out in order, sends each with one
sendmsg, and holds back while more replies are outstanding than the receive buffer can surely hold.
The **receiver task** sleeps until the event loop says that the descriptor is readable, drains it, and
matches each acknowledgement to its request by sequence number.

A *batch* is several framed messages in one send, where only the last asks for an acknowledgement.  The
kernel works through them in order and reports every failure with its sequence number, asked or not; so
when the last one's answer is here, the whole send is known.  Batches are bounded so that the replies
fit in the receive buffer even if every message fails, and a large one is sent from a worker thread,
because the kernel does its work within sendmsg and the event loop must go on serving meanwhile.

When replies are lost all the same (ENOBUFS), the outcome of everything outstanding is unknown, and
says so; it is never reported as failed.

Does not belong here: dumps (``dump.py``) and notifications (``listener.py``), which have sockets of
their own, and what the messages mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from nld.errors import KernelUnavailable, MalformedMessage, OutcomeUnknown
from nld.kernel.readiness import Readiness
from nld.kernel.socket import SEQUENCES, NetlinkSocket, send_failure
from nld.netlink.extack import Acknowledgement, parse_error
from nld.netlink.header import Flag, Message, MessageType, frame, split

REPLY_COST = 832
"""Bytes of receive buffer that one queued acknowledgement takes (measured: its skb's true size)."""

WORKER_BYTES = 4096
"""Sends larger than this go through the worker thread; a smaller one returns within microseconds."""


@dataclass(slots=True, eq=False)
class Request:
    """What is sent, and what comes back.

    ``data``    framed messages.
    ``first``   sequence number of the first message, ``last`` of the last one, which asks for an ACK.
    """

    data: bytes | memoryview
    first: int
    last: int
    done: asyncio.Future[None]
    replies: list[Message] = field(default_factory=list)
    failures: dict[int, Acknowledgement] = field(default_factory=dict)
    acknowledgement: Acknowledgement | None = None


@dataclass(slots=True)
class Counters:
    """What a channel has seen, for the status."""

    sent: int = 0
    received: int = 0
    unmatched: int = 0
    overruns: int = 0


class Channel:
    """Requests to one kernel table over one socket.

    ``protocol``        netlink protocol number, 0 is NETLINK_ROUTE.
    ``receive_buffer``  bytes asked for, 0 for the system's default; likewise ``send_buffer``.
    """

    def __init__(self, protocol: int, *, receive_buffer: int = 0, send_buffer: int = 0) -> None:
        self.socket = NetlinkSocket(protocol, receive_buffer=receive_buffer, send_buffer=send_buffer)
        self.counters = Counters()
        self._budget = max(8, self.socket.granted.receive // (2 * REPLY_COST))
        self._outstanding: deque[Request] = deque()
        self._weight = 0
        self._queue: deque[Request] = deque()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nld-send")
        self._readiness = Readiness(self.socket.fileno())
        self.tasks = [
            asyncio.create_task(self._sender(), name="netlink sender"),
            asyncio.create_task(self._receiver(), name="netlink receiver"),
        ]

    @property
    def batch_limit(self) -> int:
        """The most messages one batch may have, so that all may fail and no reply is lost."""
        return self._budget

    async def request(self, message_type: int, flags: int, payload: bytes) -> Request:
        """Send one message and wait for its answer; NLM_F_REQUEST and NLM_F_ACK are added.

        Raises :class:`OutcomeUnknown` when the reply was lost, :class:`KernelUnavailable` when the
        channel is closed.  A refusal by the kernel is not raised: it is the ``acknowledgement``.
        """
        sequence = SEQUENCES.allot()
        data = frame(message_type, flags | Flag.REQUEST | Flag.ACK, sequence, payload)
        return await self.batch(data, sequence, sequence)

    async def batch(self, data: bytes | memoryview, first: int, last: int) -> Request:
        """Send framed messages numbered ``first`` to ``last``, of which the last has NLM_F_ACK.

        At most :attr:`batch_limit` messages.  Returns when the last one's answer is here.
        """
        loop = asyncio.get_running_loop()
        request = Request(data, first, last, loop.create_future())
        self._queue.append(request)
        self._work.set()
        await request.done
        return request

    async def close(self) -> None:
        """Stop both tasks and close the socket; whatever waits gets :class:`KernelUnavailable`."""
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._readiness.close()
        self._worker.shutdown(wait=True)
        self.socket.close()
        self._abandon(KernelUnavailable("the netlink channel was closed", operation="send"))

    async def _sender(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                self._work.clear()
                await self._work.wait()
            request = self._queue.popleft()
            if request.done.cancelled():
                continue
            weight = request.last - request.first + 1
            while self._outstanding and self._weight + weight > self._budget:
                self._room.clear()
                await self._room.wait()
            self._outstanding.append(request)
            self._weight += weight
            try:
                if len(request.data) > WORKER_BYTES:
                    await loop.run_in_executor(self._worker, self._send, request)
                else:
                    self._send(request)
            except OSError as error:
                self._drop(request)
                if not request.done.done():
                    request.done.set_exception(send_failure(error, self.socket.fileno(), len(request.data)))

    def _send(self, request: Request) -> None:
        self.socket.send(request.data)
        self.counters.sent += request.last - request.first + 1

    async def _receiver(self) -> None:
        while True:
            await self._readiness.wait()
            try:
                datagram = self.socket.receive()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._overrun()
                continue
            if datagram is None:
                self._readiness.clear()
                continue
            try:
                for message in split(datagram):
                    self._take(message)
            except MalformedMessage:
                self._overrun()  # what the rest of the datagram said is lost

    def _take(self, message: Message) -> None:
        self.counters.received += 1
        request = self._owner(message)
        if message.type in (MessageType.NOOP, MessageType.DONE):
            return
        if message.type == MessageType.OVERRUN:
            self._overrun()
            return
        if request is None:
            self.counters.unmatched += 1
            return
        if message.type != MessageType.ERROR:
            request.replies.append(message)
            return
        acknowledgement = parse_error(message)
        if acknowledgement.errno:
            request.failures[message.sequence] = acknowledgement
        if message.sequence == request.last:
            request.acknowledgement = acknowledgement
            self._drop(request)
            if not request.done.done():
                request.done.set_result(None)

    def _owner(self, message: Message) -> Request | None:
        if message.port_id != self.socket.port_id:
            return None
        for request in self._outstanding:
            if request.first <= message.sequence <= request.last:
                return request
        return None

    def _drop(self, request: Request) -> None:
        with contextlib.suppress(ValueError):
            self._outstanding.remove(request)
            self._weight -= request.last - request.first + 1
        self._room.set()

    def _overrun(self) -> None:
        self.counters.overruns += 1
        self._abandon(
            OutcomeUnknown(
                "the kernel's answer was lost: the receive buffer of the netlink socket overflowed",
                errno="ENOBUFS",
            ),
            queued=False,
        )

    def _abandon(self, error: OutcomeUnknown | KernelUnavailable, *, queued: bool = True) -> None:
        lost = list(self._outstanding) + (list(self._queue) if queued else [])
        self._outstanding.clear()
        self._weight = 0
        if queued:
            self._queue.clear()
        self._room.set()
        for request in lost:
            if not request.done.done():
                request.done.set_exception(error)
