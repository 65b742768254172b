"""A request channel: one socket, a sender task and a receiver task.

Requests are put into a queue.  The **sender task** takes them out in order, sends each with one
sendmsg, and holds back while more replies are outstanding than the receive buffer can surely hold.
The **receiver task** sleeps until the event loop says that the descriptor is readable, drains it, and
lets the exchange (``nld.netlink.exchange``) say which reply belongs to which request.  A small request
that finds both idle is sent and answered on the spot: the kernel has answered when sendmsg returns, and a
turn of the event loop would cost more than that.

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
import errno
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from nld.errors import KernelUnavailable, NldError, OutcomeUnknown
from nld.kernel.readiness import Readiness
from nld.kernel.socket import NetlinkSocket, send_failure
from nld.netlink.exchange import SUCCESS, Exchange, Finished, Lost, Pending, Replied
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import Message

REPLY_COST = 832
"""Bytes of receive buffer that one queued acknowledgement takes (measured: its skb's true size)."""

WORKER_BYTES = 4096
"""Sends larger than this go through the worker thread; a smaller one returns within microseconds."""

AHEAD = 4
"""Most requests handed to the worker thread: the kernel need not wait for the event loop between two."""

AT_ONCE = 16
"""Messages of a request that is sent without the sender task, when that is idle."""

Data = bytes | memoryview


@dataclass(slots=True, eq=False)
class Request:
    """What is to be sent, and what came back.

    ``size``             messages in it.
    ``replies``          messages of data that the kernel answered with.
    ``failures``         refusals by the message's place in the batch, from 0.
    ``acknowledgement``  the answer to the last message.
    ``gone``             the kernel has had it; ``lost`` before that says why its answer will not be known.
    """

    size: int
    make: Callable[[Exchange], tuple[Pending, Data]]
    done: asyncio.Future[None]
    replies: list[Message] = field(default_factory=list)
    failures: dict[int, Acknowledgement] = field(default_factory=dict)
    acknowledgement: Acknowledgement = SUCCESS
    gone: bool = False
    lost: OutcomeUnknown | KernelUnavailable | None = None

    def abandon(self) -> None:
        """Nobody waits for it any more; if it has not been sent yet, it will not be."""
        if not self.done.cancel() and not self.done.cancelled():
            self.done.exception()  # asyncio would log a failure that nobody has looked at


@dataclass(slots=True)
class Counters:
    """What a channel has seen, for the status."""

    sent: int = 0
    overruns: int = 0


class Channel:
    """Requests to one kernel table over one socket.

    ``protocol``        netlink protocol number, 0 is NETLINK_ROUTE.
    ``receive_buffer``  bytes asked for, 0 for the system's default; likewise ``send_buffer``.
    """

    def __init__(self, protocol: int, *, receive_buffer: int = 0, send_buffer: int = 0) -> None:
        self.socket = NetlinkSocket(protocol, receive_buffer=receive_buffer, send_buffer=send_buffer)
        self.counters = Counters()
        self.exchange = Exchange(self.socket.port_id)
        self._budget = max(8, self.socket.granted.receive // (2 * REPLY_COST))
        self._outstanding: dict[Pending, Request] = {}
        self._weight = 0
        self._sending = 0
        """Requests taken out of the queue that the kernel does not have yet."""
        self._queue: deque[Request] = deque()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._loop = asyncio.get_running_loop()
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
        request = self._submit(1, lambda exchange: exchange.request(message_type, flags, payload))
        await request.done
        return request

    async def batch(self, size: int, frames: Callable[[int], Data]) -> Request:
        """As :meth:`submit`, and wait for the answer to the last message; raises as :meth:`request`."""
        request = self.submit(size, frames)
        await request.done
        return request

    def submit(self, size: int, frames: Callable[[int], Data]) -> Request:
        """Send ``size`` messages at once, at most :attr:`batch_limit`, of which the last has NLM_F_ACK.

        They go out behind what was submitted before.  ``done`` has the outcome, as :meth:`request` would
        raise it; cancelled before its turn has come, nothing is sent.

        ``frames``  makes them, given the sequence number of the first.
        """

        def make(exchange: Exchange) -> tuple[Pending, Data]:
            pending = exchange.batch(size)
            return pending, frames(pending.first)

        return self._submit(size, make)

    def _submit(self, size: int, make: Callable[[Exchange], tuple[Pending, Data]]) -> Request:
        request = Request(size, make, self._loop.create_future())
        if size <= AT_ONCE and not self._queue and not self._sending and self._has_room(size):
            self._send_at_once(request)
        else:
            self._queue.append(request)
            self._work.set()
        return request

    def _has_room(self, size: int) -> bool:
        """Whether the replies fit beside those that are outstanding."""
        return not self._outstanding or self._weight + size <= self._budget

    def _send_at_once(self, request: Request) -> None:
        """Send a small request while nothing else is, and take its answer.

        The kernel answers within sendmsg, so that no task has to be waited for.
        """
        pending, data = self._begin(request)
        self._went(request, pending, self._send(data))
        while not request.done.done() and self._receive():
            pass

    def _begin(self, request: Request) -> tuple[Pending, Data]:
        pending, data = request.make(self.exchange)
        self._sending += 1
        self._outstanding[pending] = request
        self._weight += request.size
        return pending, data

    def _fail(self, request: Request, pending: Pending, error: BaseException) -> None:
        self.exchange.abandon(pending)
        if pending in self._outstanding:  # an overrun meanwhile has given it up already
            self._forget(pending)
        self._give_up(request, error)

    async def close(self) -> None:
        """Stop both tasks and close the socket; whatever waits gets :class:`KernelUnavailable`."""
        for task in self.tasks:
            task.cancel()
        # Their failures are for whoever watches them.
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self._readiness.close()
        self._worker.shutdown(wait=True)
        self.socket.close()
        closed = KernelUnavailable("the netlink channel was closed", operation="send")
        for request in self._outstanding.values():
            request.gone = True  # the worker has ended
        self._abandon(closed)
        for request in self._queue:
            self._give_up(request, closed)
        self._queue.clear()

    async def _sender(self) -> None:
        while True:
            while not self._queue:
                self._work.clear()
                await self._work.wait()
            request = self._queue[0]
            if request.done.cancelled():
                self._queue.popleft()
                continue
            if self._sending >= AHEAD or not self._has_room(request.size):
                self._room.clear()
                await self._room.wait()
                continue
            self._queue.popleft()
            pending, data = self._begin(request)
            if len(data) > WORKER_BYTES or self._sending > 1:  # what is small does not overtake
                job = self._loop.run_in_executor(self._worker, self._send, data)
                job.add_done_callback(partial(self._sent, request, pending))
            else:
                self._went(request, pending, self._send(data))

    def _send(self, data: Data) -> NldError | None:
        """Hand it to the kernel, in whatever thread; why that failed, or None."""
        try:
            self.socket.send(data)
        except OSError as error:
            return send_failure(error, self.socket.fileno(), len(data))
        return None

    def _sent(self, request: Request, pending: Pending, job: asyncio.Future[NldError | None]) -> None:
        # Whatever else went wrong there is a bug, and is told to whoever waits: nothing hangs.
        self._went(request, pending, job.exception() or job.result())

    def _went(self, request: Request, pending: Pending, error: BaseException | None) -> None:
        """A request has been sent, or could not be."""
        self._sending -= 1
        self._room.set()
        request.gone = True
        if error is not None:
            self._fail(request, pending, error)
            return
        self.counters.sent += request.size
        if request.lost is not None:
            self._give_up(request, request.lost)

    async def _receiver(self) -> None:
        while True:
            await self._readiness.wait()
            if not self._receive():
                self._readiness.clear()

    def _receive(self) -> bool:
        """Take one datagram; False when there is none."""
        try:
            datagram = self.socket.receive()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._overrun()
            return True
        if datagram is None:
            return False
        self._take(datagram)
        return True

    def _take(self, datagram: bytes) -> None:
        for event in self.exchange.receive(datagram):
            match event:
                case Replied(pending, message):
                    self._outstanding[pending].replies.append(message)
                case Finished(pending, acknowledgement):
                    request = self._forget(pending)
                    request.acknowledgement = acknowledgement
                    if pending.failures:
                        request.failures = {
                            number - pending.first: failure for number, failure in pending.failures.items()
                        }
                    if not request.done.done():
                        request.done.set_result(None)
                case Lost():
                    self._overrun()

    def _forget(self, pending: Pending) -> Request:
        request = self._outstanding.pop(pending)
        self._weight -= request.size
        self._room.set()
        return request

    def _overrun(self) -> None:
        self.counters.overruns += 1
        self._abandon(
            OutcomeUnknown(
                "the kernel's answer was lost: the receive buffer of the netlink socket overflowed",
                errno="ENOBUFS",
            ),
        )

    def _abandon(self, error: OutcomeUnknown | KernelUnavailable) -> None:
        """What is still to be sent is given up when it has been: then whoever looks sees what it did."""
        for pending in self.exchange.abandon_all():
            request = self._forget(pending)
            if request.gone:
                self._give_up(request, error)
            else:
                request.lost = error

    @staticmethod
    def _give_up(request: Request, error: BaseException) -> None:
        if not request.done.done():
            request.done.set_exception(error)
