"""A request channel: one socket, a sender task and a receiver task.

Requests are put into a queue.  The **sender task** takes them out in order, gives each to the courier, a
thread that hands it to the kernel with one sendmsg (``courier.py``), and holds back while more replies are
outstanding than the receive buffer can surely hold.  The **receiver task** sleeps until the event loop says
that the descriptor is readable, drains it, and lets the exchange (``nld.netlink.exchange``) say which reply
belongs to which request.  A small request that finds the queue empty goes to the courier on the spot: a turn
of the event loop would cost more than that.  What the kernel answers without a lock is sent from the loop.

A *batch* is several framed messages in one send, where only the last asks for an acknowledgement.  The
kernel works through them in order and reports every failure with its sequence number, asked or not; so
when the last one's answer is here, the whole send is known.  Batches are bounded so that the replies
fit in the receive buffer even if every message fails.

When replies are lost all the same (ENOBUFS), the socket is read to its end, for until it is empty the kernel
drops whatever it has to say; the outcome of what has no answer then is unknown, and says so; it is never
reported as failed.  The same is told of what has no answer some seconds after the kernel had it: nobody waits
for ever.

Does not belong here: dumps (``dump.py``) and notifications (``listener.py``), which have sockets of
their own, and what the messages mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from nld.errors import KernelUnavailable, OutcomeUnknown
from nld.kernel.courier import Courier
from nld.kernel.socket import NetlinkSocket, send_failure
from nld.netlink.exchange import SUCCESS, Exchange, Finished, Lost, Pending, Replied
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import Message

log = structlog.get_logger("nld.channel")

REPLY_COST = 832
"""Bytes of receive buffer that one queued acknowledgement takes (measured: its skb's true size); one with a
long extack takes 1280, which the doubling below has room for."""

REQUEST_COST = 4
"""Acknowledgements that the answer to a single request counts for: its data may take a page (measured: 4864
bytes for a route that was looked up)."""

AHEAD = 16
"""Requests with the courier at which a large one waits: the kernel need not wait for the event loop between
two."""

AT_ONCE = 16
"""Messages of a request that goes to the courier without the sender task."""

MOMENT = 1
"""Milliseconds that the loop waits for the answer to a small request, when the kernel has no other: mostly it
is there within 50 microseconds, less than the loop takes to go to sleep and find it. While something holds up
the kernel, only the first request waits for this moment."""

TURN = 0.004
"""Seconds of reading answers in one turn of the event loop: hundreds of refusals, a datagram each."""

PATIENCE = 2.0
"""Seconds after which a request that the kernel has had is not waited for any more. Its answers are there
when sendmsg returns, so this is for what no rule foresees."""

CLOSING = 0.5
"""Seconds that closing waits for a send that is under way."""

Data = bytes | memoryview


@dataclass(slots=True, eq=False)
class Request:
    """What is to be sent, and what came back.

    ``size``             messages in it.
    ``weight``           acknowledgements that its answers may take the room of.
    ``replies``          messages of data that the kernel answered with.
    ``failures``         refusals by the message's place in the batch, from 0.
    ``acknowledgement``  the answer to the last message.
    ``gone``             when the kernel had it, by time.monotonic(); 0.0 before that.
    ``lost``             why its answer will not be known.
    """

    size: int
    weight: int
    make: Callable[[Exchange], tuple[Pending, Data]]
    done: asyncio.Future[None]
    replies: list[Message] = field(default_factory=list)
    failures: dict[int, Acknowledgement] = field(default_factory=dict)
    acknowledgement: Acknowledgement = SUCCESS
    gone: float = 0.0
    lost: OutcomeUnknown | KernelUnavailable | None = None

    def abandon(self) -> None:
        """Nobody waits for it any more; if it has not been sent yet, it will not be."""
        if not self.done.cancel() and not self.done.cancelled():
            self.done.exception()  # asyncio would log a failure that nobody has looked at


class _Sending(NamedTuple):
    """What the courier carries."""

    request: Request
    pending: Pending
    data: Data


@dataclass(slots=True)
class Counters:
    """What a channel has seen, for the status."""

    sent: int = 0
    overruns: int = 0
    unanswered: int = 0


class Channel:
    """Requests to one kernel table over one socket.

    ``protocol``        netlink protocol number, 0 is NETLINK_ROUTE.
    ``receive_buffer``  bytes asked for, 0 for the system's default; likewise ``send_buffer``.
    """

    def __init__(self, protocol: int, *, receive_buffer: int = 0, send_buffer: int = 0) -> None:
        self.socket = NetlinkSocket(protocol, receive_buffer=receive_buffer, send_buffer=send_buffer)
        self.counters = Counters()
        self._losing: OutcomeUnknown | None = None
        """While what is left in the queue after a loss is read: the error of whatever lost an answer."""
        self.exchange = Exchange(self.socket.port_id)
        self._budget = max(1, self.socket.granted.receive // (2 * REPLY_COST))
        self._outstanding: dict[Pending, Request] = {}
        self._weight = 0
        self._queue: deque[Request] = deque()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._readable = asyncio.Event()
        self._watchdog: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._courier: Courier[_Sending] = Courier(self._carry, self.socket.close)
        self._arrived = select.poll()
        self._arrived.register(self.socket.fileno(), select.POLLIN)
        self._loop.add_reader(self.socket.fileno(), self._readable.set)
        self.tasks = [
            asyncio.create_task(self._sender(), name="netlink sender"),
            asyncio.create_task(self._receiver(), name="netlink receiver"),
        ]

    @property
    def batch_limit(self) -> int:
        """The most messages one batch may have, so that all may fail and no reply is lost."""
        return self._budget

    @property
    def byte_limit(self) -> int:
        """The most bytes that one send may have (netlink_sendmsg, net/netlink/af_netlink.c)."""
        return self.socket.granted.send - 32

    async def request(self, message_type: int, flags: int, payload: bytes) -> Request:
        """Send one message and wait for its answer; NLM_F_REQUEST and NLM_F_ACK are added.

        Raises :class:`OutcomeUnknown` when the reply was lost, :class:`KernelUnavailable` when the
        channel is closed.  A refusal by the kernel is not raised: it is the ``acknowledgement``.
        """
        request = self._submit(
            1, REQUEST_COST, lambda exchange: exchange.request(message_type, flags, payload)
        )
        await request.done
        return request

    async def ask(self, message_type: int, payload: bytes) -> Request:
        """As :meth:`request`, for what the kernel answers without its lock: sent from the loop, which finds
        the answer when the send returns.

        RTM_GETROUTE is such: RTNL_FLAG_DOIT_UNLOCKED in net/ipv4/route.c and net/ipv6/route.c.
        """
        request = Request(
            1,
            REQUEST_COST,
            lambda exchange: exchange.request(message_type, 0, payload),
            self._loop.create_future(),
        )
        if self._has_room(request):
            self._carry(self._prepared(request))
            while not request.done.done() and self._receive():
                pass
        else:
            self._queue.append(request)
            self._work.set()
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

        return self._submit(size, size, make)

    def _submit(self, size: int, weight: int, make: Callable[[Exchange], tuple[Pending, Data]]) -> Request:
        request = Request(size, weight, make, self._loop.create_future())
        if size <= AT_ONCE and not self._queue and self._has_room(request):
            alone = not self._outstanding
            self._hand_over(request)
            if alone and self._arrived.poll(MOMENT):
                while not request.done.done() and self._receive():
                    pass
        else:
            self._queue.append(request)
            self._work.set()
        return request

    def _has_room(self, request: Request) -> bool:
        """Whether the replies fit beside those that are outstanding, and no large send would wait long."""
        if not self._outstanding:
            return True
        if request.size > AT_ONCE and len(self._outstanding) >= AHEAD:
            return False
        return self._weight + request.weight <= self._budget

    def _hand_over(self, request: Request) -> None:
        """Give it to the courier."""
        self._courier.give(self._prepared(request))

    def _prepared(self, request: Request) -> _Sending:
        """What is sent of it; its answer is waited for from here on."""
        pending, data = request.make(self.exchange)
        self._outstanding[pending] = request
        self._weight += request.weight
        if self._watchdog is None:
            self._watchdog = self._loop.call_later(PATIENCE, self._watch)
        return _Sending(request, pending, data)

    async def close(self) -> None:
        """Stop both tasks and close the socket; whatever waits gets :class:`KernelUnavailable`."""
        for task in self.tasks:
            task.cancel()
        # Their failures are for whoever watches them.
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self._loop.remove_reader(self.socket.fileno())
        if self._watchdog is not None:
            self._watchdog.cancel()
        await self._courier.close(CLOSING)  # it closes the socket, for it may still be within a send
        closed = KernelUnavailable("the netlink channel was closed", operation="send")
        for pending in self.exchange.abandon_all():
            self._give_up(self._forget(pending), closed)
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
            elif self._has_room(request):
                self._queue.popleft()
                self._hand_over(request)
                if request.size > AT_ONCE:
                    await asyncio.sleep(0)  # the loop lets go of Python's lock, so that the courier can begin
            else:
                self._room.clear()
                await self._room.wait()

    def _carry(self, sending: _Sending) -> None:
        """Hand it to the kernel; called by the courier in its thread, or by the loop."""
        request = sending.request
        error: BaseException | None = None
        try:
            # Counted first: the answer may be told before this thread runs again.
            self.counters.sent += request.size
            self.socket.send(sending.data)
        except OSError as failure:
            self.counters.sent -= request.size
            error = send_failure(failure, self.socket.fileno(), len(sending.data))
        except BaseException as failure:  # noqa: BLE001 - a bug; told to whoever waits, so that nothing hangs
            error = failure
        # The loop sets ``lost`` and then looks at ``gone``; in this order one of both sees the other's.
        request.gone = time.monotonic()
        if error is not None or request.lost is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._came_to_nothing, request, sending.pending, error)

    def _came_to_nothing(self, request: Request, pending: Pending, error: BaseException | None) -> None:
        """It could not be sent; or its answer was given up while it was."""
        if error is not None:
            self.exchange.abandon(pending)
            if pending in self._outstanding:  # an overrun meanwhile has given it up already
                self._forget(pending)
        self._give_up(request, error or request.lost)

    async def _receiver(self) -> None:
        while True:
            await self._readable.wait()
            self._readable.clear()
            while self._receive_some():  # noqa: ASYNC110 - nothing is waited for, others get their turn
                await asyncio.sleep(0)

    def _receive_some(self) -> bool:
        """Take datagrams for as long as a turn of the event loop may; whether there may be more."""
        end = time.monotonic() + TURN
        while self._receive():
            if time.monotonic() >= end:
                return True
        return False

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

    def _drain(self) -> None:
        """Read to the end of the queue; losses are known already."""
        while True:
            try:
                datagram = self.socket.receive()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue
            if datagram is None:
                return
            self._take(datagram)

    def _watch(self) -> None:
        """Give up what has had no answer for too long."""
        self._watchdog = None
        self._drain()
        now = time.monotonic()
        for pending, request in list(self._outstanding.items()):
            if request.gone and now - request.gone >= PATIENCE:
                self.counters.unanswered += 1
                log.warning("the kernel gave no answer", messages=request.size, seconds=PATIENCE)
                self.exchange.abandon(pending)
                self._forget(pending)
                self._give_up(request, OutcomeUnknown("the kernel gave no answer in time", errno="ETIMEDOUT"))
        if self._outstanding:
            self._watchdog = self._loop.call_later(PATIENCE / 4, self._watch)

    def _take(self, datagram: bytes) -> None:
        for event in self.exchange.receive(datagram):
            match event:
                case Replied(pending, message):
                    self._outstanding[pending].replies.append(message)
                case Finished(pending, acknowledgement):
                    request = self._forget(pending)
                    if self._losing is not None and request.size > 1:
                        # The last message was acknowledged; refusals of others may be among the lost.
                        self._give_up(request, self._losing)
                        continue
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
        self._weight -= request.weight
        self._room.set()
        return request

    def _overrun(self) -> None:
        """Answers were lost: take those that are left, and give up the rest.

        What is still with the courier is given up when it has been sent: then whoever looks sees what it did.
        """
        self.counters.overruns += 1
        lost = OutcomeUnknown(
            "the kernel's answer was lost: the receive buffer of the netlink socket overflowed",
            errno="ENOBUFS",
        )
        before, self._losing = self._losing, lost
        self._drain()
        self._losing = before
        pending = self.exchange.abandon_all()
        if pending:
            log.warning("the kernel's answers were lost", requests=len(pending))
        for one in pending:
            request = self._forget(one)
            request.lost = lost
            if request.gone:
                self._give_up(request, lost)

    @staticmethod
    def _give_up(request: Request, error: BaseException | None) -> None:
        if error is not None and not request.done.done():
            request.done.set_exception(error)
