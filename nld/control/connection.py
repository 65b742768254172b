"""One connection: frames in, calls run one after the other, replies out in the same order.

What it does is one of the states of ``state.py``.  When it may do it is decided by others: a frame is
looked at when its user has a turn (``turns.py``), a call that holds much runs when there is room
(``room.py``).

Flow control in both directions.  Input: while something runs or waits at most ``READ_AHEAD`` bytes and one
read are taken from the socket.  Output: no frame is looked at and no stream is advanced while more than
``WRITE_AHEAD`` bytes are held that the peer has not read (``output.py``).

The end.  A peer that shuts its end down is answered whatever it sent before that, but for a stream without
end, which then ends and is not begun.  One that hangs up is told nothing more: what only reads ends, and is
not begun, what may change something is done all the same.  Both are noticed while nothing is read, too
(``intake.py``).

Does not belong here: limits over all connections (``budget.py``), the meaning of calls (``call.py``).
"""

from __future__ import annotations

import asyncio
import math
import socket
import types
from collections.abc import Coroutine, Generator
from typing import Any, Protocol

from nld.broker.pacing import Pause
from nld.control.budget import Limits
from nld.control.bugs import Bugs
from nld.control.busy_poll import BusyPoll
from nld.control.frame import FrameDecoder, FrameTooLongError
from nld.control.intake import Ask, Intakes
from nld.control.interface import Call, Method, RefusalError, Stream
from nld.control.output import Output
from nld.control.reply import ServiceError, encode_error, encode_reply
from nld.control.room import Room
from nld.control.service import Service
from nld.control.state import RUNNING, ConnectionStep, End, State
from nld.control.turns import Turns
from nld.errors import LimitExceeded, NldError
from nld.records.peer import Peer

READ_AHEAD = 16 * 1024
"""Bytes of further input that are taken while a call runs."""
WRITE_AHEAD = 64 * 1024
"""Bytes of unread replies after which nothing more is produced for a peer."""
PROMPT_BYTES = 4096
"""Longest frame of a call that is answered within the turn of the loop that brought it, and longest part of
one that may take its time."""


class Host(Protocol):
    """What a connection needs of its server: what all connections share."""

    limits: Limits
    service: Service
    loop: asyncio.AbstractEventLoop
    bugs: Bugs
    intakes: Intakes
    busy_poll: BusyPoll
    room: Room[Connection]
    turns: Turns

    def hold(self, connection: Connection, size: int) -> None:
        """Note what a connection holds; close one when it is too much in all."""

    def relieve(self) -> None:
        """Close a connection if too much is held in all."""

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""


class Connection:
    """The server's end of one connection. Made by ``Server``, which knows its peer, and then begun."""

    __slots__ = (
        "_asks", "_decoder", "_descriptor", "_end", "_eof", "_held", "_output", "_reading",
        "_server", "_since", "_state", "_task", "_uid", "_writable", "_writes", "peer",
    )  # fmt: skip

    def __init__(self, server: Host, peer: Peer, *, writes: bool) -> None:
        limits = server.limits
        self._server = server
        self._decoder = FrameDecoder(limits.message_bytes if writes else limits.reader_message_bytes)
        self._writes = writes
        self._state = State.IDLE
        self._end = End.OPEN
        self._eof = False
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Event | None = None
        self._since = math.inf
        self._reading = True
        self._held = 0
        self._descriptor = -1
        self._asks = Ask.NOTHING, False
        self._output: Output | None = None
        self._uid = peer.uid
        self.peer = peer

    def __repr__(self) -> str:
        return f"<{self._state.value}, its end is {self._end.name.lower()}, of {self.peer}>"

    def begin(self, accepted: socket.socket) -> None:
        """Take the connected socket, which belongs to the connection unless this raises OSError."""
        self._descriptor = accepted.fileno()
        self._asks = Ask.INPUT, False
        self._server.intakes.ask(self._uid, self._descriptor, self, Ask.INPUT, output=False)
        self._output = Output(accepted)

    # -- what the intake calls

    def data_received(self, data: bytes) -> None:
        """Keep the input; look at it now when nothing runs and there is time."""
        state = self._state
        if state is State.IDLE and self._writable is None:
            free = self._server.turns.free(self._uid)
            frame = self._decoder.whole(data) if free else None
            if frame is not None:
                self._start(frame)
                self._server.turns.worked()
                return
            self._decoder.feed(data)
            if free:
                self._advance()
                self._server.turns.worked()
            elif self._decoder.ready:
                self._defer()
        elif state is State.CLOSED or state is State.ENDING:
            return
        else:
            self._decoder.feed(data)
        self._account()

    def eof_received(self) -> None:
        """The peer will send nothing more."""
        self._eof = True
        self._shut()
        if self._state is State.IDLE and self._writable is None:
            self._defer()
        self._ask(Ask.HANGUP)

    def output_ready(self) -> None:
        """The peer has read: send what is held, and go on."""
        output = self._output
        if output is None:
            return
        try:
            output.flush()
        except OSError:
            self._unread(output)
            return
        self._sent()
        if output.held <= WRITE_AHEAD // 4:
            self._go_on()

    def input_ends(self) -> None:
        """The peer will send nothing more; not all that it sent is read yet."""
        self._shut()
        self._ask(Ask.HANGUP)

    def hung_up(self, *, unread: bool) -> bool:
        """Nobody reads what is sent. What is still to be read matters only where it may change something."""
        if not self._writes or self._state is State.CLOSED:
            self._end = End.GONE
            self.abort()
            return True
        if unread:
            return False
        if self._output is not None:
            self._unread(self._output)
        self._ask(Ask.NOTHING)
        return True

    # -- what the server and its parts call

    @property
    def held(self) -> int:
        """Bytes held for this peer: input that is not a running call, and output that it has not read."""
        return self._decoder.pending + (0 if self._output is None else self._output.held)

    @property
    def stalled(self) -> bool:
        """Whether the peer does not read what it asked for."""
        return self._writable is not None

    def overdue(self, began: float) -> bool:
        """Whether a message of some length began to arrive before ``began`` and is still not there."""
        return self._since < began and self._decoder.pending > PROMPT_BYTES and not self._decoder.ready

    def evict(self, field: str = "partial_bytes", why: str = "") -> None:
        """Close, to free what it holds; with a typed error if the peer reads what it is sent."""
        if self._writable is not None or self._state in RUNNING:
            self.abort()
            return
        if not why:
            limits = self._server.limits
            why = (
                "messages half sent and replies not read hold more than"
                f" {min(limits.reader_bytes, limits.partial_bytes)} bytes in all"
            )
        self._fail(LimitExceeded(why, field=field))

    def stop(self) -> asyncio.Task[None] | None:
        """Take no further call; end a stream; return the task to wait for, if any."""
        self._decoder.discard()
        if self._state in {State.STREAMING, State.WATCHING}:
            self._cancel()
        self._step("close")
        self._ask(Ask.HANGUP)
        if self._state is State.CLOSED:
            self._flushed()
        return self._task

    def abort(self) -> None:
        """Close now; what the peer has not read is lost."""
        if self._output is not None:
            self._output.discard()
            self._over()

    # -- calls

    def _defer(self) -> None:
        """Look at the next message when this user has a turn."""
        self._step("defer")
        self._server.turns.soon(self._uid, self._due)

    def _due(self) -> None:
        if self._state is State.DUE:
            self._step("turn")
            if self._writable is None:
                self._advance()

    def _next(self) -> None:
        """Nothing runs: go on with what has come meanwhile; others want to be served too."""
        if self._state is State.IDLE and self._writable is None and (self._decoder.ready or self._eof):
            self._defer()

    def _advance(self) -> None:
        """Start the next call, if there is a whole frame."""
        try:
            frame = self._decoder.take()
        except FrameTooLongError as error:
            message = f"the message is longer than {error.limit} bytes"
            self._fail(LimitExceeded(message, field="message_bytes"))
            return
        if frame is not None:
            self._start(frame)
        elif self._eof:
            self._close()
            return
        self._account()

    def _start(self, frame: bytes) -> None:
        self._since = math.inf
        if self._server.service.long(frame, self._writes):
            self._step("write")
            self._task = self._server.loop.create_task(self._answer_long(frame))
            return
        try:
            call = self._server.service.read(frame, self.peer)
        except RefusalError as refusal:
            if not self._refuse(refusal):
                self._next()
            return
        method = call.method
        if self._end is not End.OPEN and not self._may_begin(method):
            return
        if isinstance(method, Stream):
            endless = method.last is None and not method.single
            self._step("watch" if endless else "ask" if method.single else "stream")
            self._task = self._server.loop.create_task(self._stream(call, method))
            return
        self._step("write" if method.changes else "ask")
        if method.prompt and len(frame) <= PROMPT_BYTES:
            self._answer_at_once(call, method)
            if self._task is None:
                self._server.busy_poll.answered()
        else:
            self._task = self._server.loop.create_task(self._answer(call, method))

    def _may_begin(self, method: Method | Stream) -> bool:
        """Whether a call begins although the peer's end is not open; if not, go on without it."""
        if isinstance(method, Stream) and method.last is None and not method.single:
            self._close()
            return False
        if self._end is End.GONE and not (isinstance(method, Method) and method.changes):
            self._next()
            return False
        return True

    def _answer_at_once(self, call: Call, method: Method) -> None:
        """Run a call as far as it gets without waiting: mostly to its end, a turn of the loop earlier."""
        answer = self._answer(call, method)
        try:
            waits_for = answer.send(None)
        except StopIteration:
            return
        self._task = self._server.loop.create_task(rest(answer, waits_for))

    def _refuse(self, refusal: RefusalError) -> bool:
        """Say why a frame is not answered by its method; whether the connection ends with it."""
        if refusal.broken:
            self._fail(refusal.error)
        elif refusal.error is not None:
            self._write(encode_error(refusal.error))
        return refusal.broken

    async def _answer_long(self, frame: bytes) -> None:
        """Read a long call in short steps, for each of which its user has a turn; then run it."""
        reading = self._server.service.read_long(frame, self.peer)
        try:
            while True:
                await self._server.turns.turn(self._uid)
                next(reading)
        except StopIteration as end:
            call: Call = end.value
        except RefusalError as refusal:
            self._refuse(refusal)
            self._done("done")
            return
        except Exception as error:  # noqa: BLE001 - as below
            self._write(encode_error(self._server.bugs.tell(error, "a long call", self.peer)))
            self._done("done")
            return
        del frame, reading
        method = call.method
        if isinstance(method, Method) and method.changes:
            await self._answer(call, method)
        elif self._end is End.GONE or self._state is not State.WRITING:
            self._done("done")
        else:
            self._step("ask")  # a look-up of many addresses, or many routes to be checked
            await (self._answer(call, method) if isinstance(method, Method) else self._stream(call, method))

    async def _answer(self, call: Call, method: Method) -> None:
        try:
            frame = encode_reply(await method.handler(self.peer, call.parameters))
        except (NldError, ServiceError) as error:
            frame = encode_error(error)
        except asyncio.CancelledError:
            self._done("done")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the daemon
            frame = encode_error(self._server.bugs.tell(error, method.name, self.peer))
        if not call.oneway:
            self._write(frame)
        self._done("done")

    async def _stream(self, call: Call, method: Stream) -> None:
        server, uid, size = self._server, self._uid, method.holds(call.parameters)
        replies = method.handler(self.peer, call.parameters)
        end: ConnectionStep = "done"
        try:
            await self._room(size)
            async for reply in replies:
                if isinstance(reply, Pause):
                    if reply.until is not None:
                        server.room.give(self)
                        await reply.until()
                        await self._room(size)
                        continue
                else:
                    if not call.oneway:
                        self._write(encode_reply(reply, continues=not method.single))
                    if self._writable is not None:
                        await self._writable.wait()
                await server.turns.turn(uid)
            if method.last is not None:
                self._write(encode_reply(method.last))
        except (NldError, ServiceError) as error:
            end = "fail"
            if not call.oneway:
                self._write(encode_error(error))
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            end = "fail"
            self._write(encode_error(server.bugs.tell(error, method.name, self.peer)))
        finally:
            await replies.aclose()
            server.room.give(self)
            self._done(end)

    async def _room(self, size: int) -> None:
        """Wait for room, and then for a turn."""
        await self._server.room.take(self, size)
        await self._server.turns.turn(self._uid)
        self._server.relieve()

    def _done(self, step: ConnectionStep) -> None:
        self._task = None
        self._step(step)
        if self._state is State.CLOSED:
            self._close()
        else:
            self._next()
            self._account()

    # -- output and ends

    def _write(self, frame: bytes) -> None:
        """Send a frame, unless nobody will read it."""
        output = self._output
        if output is None or self._end is End.GONE:
            return
        try:
            output.write(frame)
        except OSError:
            self._unread(output)
            return
        if output.held:
            self._sent()
            if output.held > WRITE_AHEAD and self._writable is None:
                self._writable = asyncio.Event()
                self._account()

    def _sent(self) -> None:
        """As much as goes was sent; the intake tells when more does."""
        self._ask(self._asks[0])
        self._flushed()

    def _unread(self, output: Output) -> None:
        """Nobody reads what is sent. What may change something is done all the same."""
        self._end = End.GONE
        output.discard()
        if not self._writes or self._state is State.CLOSED:
            self._over()
            return
        self._ask(self._asks[0])
        self._cancel()
        self._go_on()

    def _go_on(self) -> None:
        """The peer is not waited for any more."""
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()
            self._account()
            self._next()

    def _shut(self) -> None:
        """The peer's input ends somewhere; a stream without end does now."""
        if self._end is End.OPEN:
            self._end = End.SHUT
        if self._state is State.WATCHING:
            self._cancel()

    def _cancel(self) -> None:
        """End what runs, unless it may have changed something."""
        if self._task is not None and self._state in {State.ASKING, State.STREAMING, State.WATCHING}:
            # Not before its first step: a task that never ran would never say that it is done.
            self._server.loop.call_soon(self._task.cancel)

    def _step(self, step: ConnectionStep) -> None:
        self._state = self._state.after(step)

    def _fail(self, error: NldError | ServiceError | None) -> None:
        """Say why, and end the connection: what follows in the input cannot be trusted."""
        if error is not None:
            self._write(encode_error(error))
        self._close()

    def _close(self) -> None:
        self._decoder.discard()
        self._step("close")
        self._ask(Ask.HANGUP)
        self._flushed()
        self._account()

    def _flushed(self) -> None:
        """It is over as soon as the peer has got everything."""
        output = self._output
        if self._state is State.CLOSED and output is not None and not output.held:
            self._over()

    def _over(self) -> None:
        """Forget the peer. What only reads ends; a call that may change something is left to finish."""
        output, self._output = self._output, None
        if output is None:
            return
        self._server.intakes.forget(self._uid, self._descriptor)
        output.close()
        self._end = End.GONE
        self._decoder.discard()
        self._cancel()
        self._step("close")
        self._server.leave(self)
        if self._writable is not None:
            self._writable.set()

    def _account(self) -> None:
        """Tell the budget what is held, and stop or resume reading."""
        pending = self._decoder.pending
        if not pending and not self._held and self._reading and self._writable is None:
            return  # as it was
        if pending and self._since == math.inf:
            self._since = self._server.loop.time()
        busy = self._state is not State.IDLE or self._writable is not None
        self._read_on(not (busy and pending > READ_AHEAD))
        self._held = pending if self._writable is None else self.held
        self._server.hold(self, self._held)

    def _read_on(self, reading: bool) -> None:
        if reading is self._reading or self._eof or self._state is State.CLOSED:
            return
        self._reading = reading
        if reading:
            self._ask(Ask.INPUT)
        else:
            self._ask((Ask.END, Ask.HANGUP, Ask.NOTHING)[self._end])

    def _ask(self, what: Ask) -> None:
        """Ask the intake for this from now on."""
        if self._output is None:
            return
        asks = what, self._output.held > 0
        if asks != self._asks:
            self._asks = asks
            self._server.intakes.ask(self._uid, self._descriptor, self, what, output=asks[1])


async def rest(begun: Coroutine[Any, Any, None], waits_for: Any) -> None:
    """The rest of a coroutine that was begun outside of a task and now waits for something."""
    await _steps(begun, waits_for)


@types.coroutine
def _steps(begun: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    try:
        while True:
            try:
                value = yield waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation, too, is for what was begun
                waits_for = begun.throw(error)
            else:
                waits_for = begun.send(value)
    except StopIteration:
        return
