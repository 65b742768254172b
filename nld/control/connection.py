"""One connection: frames in, calls run one after the other, replies out in the same order.

States, and what ends them:

    reading   no call runs; the next frame starts one
    running   a task answers a call; input is kept until it is done, and reading stops when much is kept
              (a prompt method with nothing to wait for has answered before there is a task)
    closing   nothing more is read; what was written is flushed

Flow control in both directions.  Input: while a call runs at most ``READ_AHEAD`` bytes and one read are
taken from the socket.  Output: no frame is looked at and no stream is advanced while the transport
holds more than ``WRITE_AHEAD`` bytes that the peer has not read.

A call that may have changed something is never cancelled, not even when its peer goes away; a stream
ends with its connection.

Does not belong here: limits over all connections (``budget.py``), the meaning of calls (``call.py``).
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
import types
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, cast

import structlog

from nld.control.credentials import read_peer
from nld.control.frame import FrameDecoder, FrameTooLongError
from nld.control.interface import Call, Method, RefusalError, Stream
from nld.control.reply import ServiceError, encode_error, encode_reply
from nld.errors import InternalError, LimitExceeded, NldError
from nld.records.peer import Peer

if TYPE_CHECKING:
    from nld.control.server import Server

READ_AHEAD = 64 * 1024
"""Bytes of further input that are taken while a call runs (sd-varlink reads 64 KiB at a time)."""
WRITE_AHEAD = 64 * 1024
"""Bytes of unread replies after which nothing more is produced for a peer."""
PROMPT_BYTES = 4096
"""Longest frame of a call that is answered within the turn of the loop that brought it."""

_log = structlog.get_logger(__name__)
_request_numbers = itertools.count(1)


class Connection(asyncio.Protocol):
    """The server's end of one connection. Made by ``Server``; knows its peer once it is connected."""

    __slots__ = (
        "_answered", "_closing", "_decoder", "_eof", "_held", "_reading", "_server", "_task", "_transport",
        "_writable", "peer",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        self._server = server
        self._decoder = FrameDecoder(server.limits.message_bytes)
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Event | None = None
        self._answered = -math.inf
        self._reading = True
        self._held = 0
        self._eof = False
        self._closing = False
        self._transport: asyncio.Transport
        self.peer: Peer

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who it is; refuse politely when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_AHEAD)
        try:
            self.peer = read_peer(transport.get_extra_info("socket"))
            self._decoder.limit = self._server.enter(self)
        except LimitExceeded as error:
            self._fail(error)
        except OSError:  # the peer is gone already
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Keep the input; look at it now when no call runs."""
        if self._closing:
            return
        idle = self._task is None and self._writable is None
        frame = self._decoder.whole(data) if idle else None
        if frame is not None:
            self._start(frame)
            return
        self._decoder.feed(data)
        if idle:
            self._advance()
        else:
            self._account()

    def eof_received(self) -> bool:
        """The peer will send nothing more. What it asked for is still answered, then the end."""
        self._eof = True
        task = self._task
        if task is not None and task.get_name() == "endless":
            task.cancel()
        return task is not None or self._writable is not None

    def pause_writing(self) -> None:
        """The peer does not read: produce nothing more."""
        self._writable = asyncio.Event()
        self._account()

    def resume_writing(self) -> None:
        """The peer has read: go on."""
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()
        self._account()
        if self._task is None:
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the peer. A stream ends; a call that may change something is left to finish."""
        self._closing = True
        self._decoder.discard()
        self._server.leave(self)
        if self._writable is not None:
            self._writable.set()
        if self._task is not None and self._task.get_name() != "call":
            self._task.cancel()

    # -- what the server calls

    @property
    def held(self) -> int:
        """Bytes held for this peer: input that is not a running call, and output that it has not read."""
        return self._decoder.pending + self._transport.get_write_buffer_size()

    def evict(self) -> None:
        """Close, to free what it holds; with a typed error if the peer reads what it is sent."""
        if self._writable is not None:
            self._transport.abort()
            return
        limit = self._server.limits.partial_bytes
        message = f"messages half sent and replies not read hold more than {limit} bytes in all"
        self._fail(LimitExceeded(message, field="partial_bytes"))

    def stop(self) -> asyncio.Task[None] | None:
        """Take no further call; end a stream; return the task to wait for, if any."""
        self._decoder.discard()
        self._closing = True
        task = self._task
        if task is None:
            self._transport.close()
        elif task.get_name() != "call":
            task.cancel()
        return task

    def abort(self) -> None:
        """Close now, without flushing."""
        self._transport.abort()

    # -- calls

    def _advance(self) -> None:
        """Start the next call, if there is a whole frame and room for its reply."""
        if self._closing:
            self._transport.close()
            return
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
        loop = self._server.loop
        try:
            call = self._server.service.read(frame, self.peer)
        except RefusalError as refusal:
            if refusal.broken:
                self._fail(refusal.error)
                return
            if refusal.error is not None:
                self._transport.write(encode_error(refusal.error))
            if self._decoder.pending or self._eof:  # one refusal a turn: others want to be served too
                loop.call_soon(self._resume)
            return
        method = call.method
        if isinstance(method, Stream):
            name = "endless" if method.last is None else "stream"
            self._task = loop.create_task(self._stream(call, method), name=name)
        elif method.prompt and len(frame) <= PROMPT_BYTES:
            came = time.monotonic()
            self._answer_at_once(call, method)
            if self._task is None:
                self._answered = self._server.linger.answered(self._answered, came)
        else:
            self._task = loop.create_task(self._answer(call, method), name="call")

    def _answer_at_once(self, call: Call, method: Method) -> None:
        """Run a call as far as it gets without waiting: mostly to its end, a turn of the loop earlier."""
        answer = self._answer(call, method)
        try:
            waits_for = answer.send(None)
        except StopIteration:
            return
        self._task = self._server.loop.create_task(_rest(answer, waits_for), name="call")

    def _resume(self) -> None:
        if self._task is None and self._writable is None and not self._transport.is_closing():
            self._advance()

    async def _answer(self, call: Call, method: Method) -> None:
        try:
            frame = encode_reply(await method.handler(self.peer, call.parameters))
        except (NldError, ServiceError) as error:
            frame = encode_error(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the daemon
            frame = encode_error(self._bug(error, method))
        if not call.oneway:
            self._write(frame)
        self._done()

    async def _stream(self, call: Call, method: Stream) -> None:
        replies = method.handler(self.peer, call.parameters)
        try:
            async for reply in replies:
                if not self._write(encode_reply(reply, continues=True)):
                    return
                await self._room()
            if method.last is None:
                self._closing = True
            else:
                self._write(encode_reply(method.last))
        except (NldError, ServiceError) as error:
            self._write(encode_error(error))
        except asyncio.CancelledError:
            self._closing = True
        except Exception as error:  # noqa: BLE001 - as above
            self._write(encode_error(self._bug(error, method)))
        finally:
            await replies.aclose()
            self._done()

    async def _room(self) -> None:
        """Wait until the peer has read enough; at the least, give others a turn."""
        if self._writable is None:
            await asyncio.sleep(0)
        else:
            await self._writable.wait()

    def _done(self) -> None:
        at_once = self._task is None
        self._task = None
        if self._closing:
            self._close()
        elif at_once:
            if self._decoder.pending or self._eof:  # others want to be served too
                self._server.loop.call_soon(self._resume)
        elif self._writable is None:
            self._advance()

    def _bug(self, error: Exception, method: Method | Stream) -> InternalError:
        request = f"{method.name} #{next(_request_numbers)}"
        _log.error("control.bug", request=request, uid=self.peer.uid, pid=self.peer.pid, exc_info=error)
        return InternalError(f"nld has a bug: {type(error).__name__}; its log says more", operation=request)

    # -- output and ends

    def _write(self, frame: bytes) -> bool:
        """Send a frame, unless the connection is gone; say whether it was taken."""
        if self._transport.is_closing():
            return False
        self._transport.write(frame)
        return True

    def _fail(self, error: NldError | ServiceError | None) -> None:
        """Say why, and end the connection: what follows in the input cannot be trusted."""
        if error is not None and not self._transport.is_closing():
            self._transport.write(encode_error(error))
        self._close()

    def _close(self) -> None:
        self._closing = True
        self._decoder.discard()
        self._transport.close()
        self._account()

    def _account(self) -> None:
        """Tell the budget what is held, and stop or resume reading."""
        pending = self._decoder.pending
        if not pending and not self._held and self._reading and self._writable is None:
            return  # as it was
        busy = self._task is not None or self._writable is not None
        reading = not (busy and pending > READ_AHEAD)
        if reading is not self._reading and not self._transport.is_closing():
            self._reading = reading
            (self._transport.resume_reading if reading else self._transport.pause_reading)()
        self._held = pending if self._writable is None else self.held
        self._server.hold(self, self._held)


async def _rest(begun: Coroutine[Any, Any, None], waits_for: Any) -> None:
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
