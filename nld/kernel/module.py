"""The nld module's table, over netlink protocol 31.

The same three sockets as for the FIB: requests (a :class:`Channel`), announcements (a
:class:`Listener`), one for each dump (a :class:`Dumper`).  What is different:

* The module may be missing, be of another ABI, or go.  So the sockets are an *attachment*, which a
  keeper task makes when the module is there and takes away when it goes.  Without one the table is
  ``unavailable``, with a sentence that says why and what to do.
* Sockets keep a module loaded (the kernel's rule for netlink families).  :meth:`release` closes ours, so
  that it can be unloaded; the keeper attaches again when it is loaded anew, or after a minute if nobody
  has unloaded it.
* Each announcement carries a generation.  A gap is a loss, even where the socket did not overflow.
* A dump that was interrupted says so.  It is done again; the reader gets one moment's state or an error.

What a record looks like on this wire is ``entry.py``'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from nld.errors import (
    InvalidRecord,
    KernelUnavailable,
    MalformedMessage,
    NldError,
    RouteNotFound,
    Unsupported,
)
from nld.kernel.attachment import Attachment, Buffers, attach, loaded_anew
from nld.kernel.capabilities import MODULE
from nld.kernel.device import provide
from nld.kernel.dump import ATTEMPTS, FIRST_PAUSE, Dumper
from nld.kernel.entry import EntryShapes, to_condition, to_entry
from nld.kernel.greeting import greet
from nld.kernel.refusal import Dialect, refusal
from nld.kernel.selection import Row, Selection
from nld.kernel.sending import piece, send
from nld.kernel.shape import Shape
from nld.kernel.surroundings import Surroundings
from nld.kernel.table import Answer, News, Operation, Pattern, Refusal, Sink
from nld.kernel.vocabulary import Vocabulary
from nld.netlink import module as message
from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import HEADER_SIZE, Flag, frame
from nld.netlink.module import NLD_A, NLD_CAUSE, NLD_F, NLD_MSG, NLD_TYPE, Entry
from nld.netlink.registry import AF
from nld.netlink.route import ADDRESS_SIZE, Route, copied
from nld.netlink.rule import Rule
from nld.netlink.shape import BulkCut
from nld.netlink.template import Template
from nld.records import LookupQuestion, Names, RouteRecord

log = structlog.get_logger("nld.module")

DIALECT = Dialect(
    NLD_A,
    {
        NLD_A.DST: "dst", NLD_A.GATEWAY: "gateway", NLD_A.OIF: "dev", NLD_A.METRIC: "metric",
        NLD_A.TABLE: "table", NLD_A.PROTOCOL: "protocol", NLD_A.TYPE: "type", NLD_A.PREFSRC: "prefsrc",
        NLD_A.NEXTHOPS: "nexthops", NLD_A.EXPIRES: "expires",
    },
    message.HEADER_SIZE,
)  # fmt: skip

_CAUSES: Mapping[int | None, str] = {
    NLD_CAUSE.FLUSH: "flushed",
    NLD_CAUSE.EXPIRED: "its time was over",
    NLD_CAUSE.DEVICE: "its device went",
}
"""Why a record changed, where nobody asked for just that."""

_REJECTS: Mapping[int, int] = {
    NLD_TYPE.BLACKHOLE: errno.EINVAL,
    NLD_TYPE.UNREACHABLE: errno.EHOSTUNREACH,
    NLD_TYPE.PROHIBIT: errno.EACCES,
}
"""What the FIB says of an address that such a route answers for; nld says the same of both."""


class ModuleTable(Vocabulary):
    """The table of nld.ko. See :class:`~nld.kernel.table.KernelTable`.

    ``around``    the devices; kept true by somebody else, who takes in the latest when ``refresh`` is
                  called.
    ``number``    netlink protocol number, the module's parameter ``protocol``.
    ``protocol``  the protocol of records that name none.
    ``device``    name of the device that leads packets here; "" for none.
    ``receive_buffer``, ``send_buffer``, ``notification_buffer``  bytes asked for, 0 for the default.
    """

    name = "module"
    capabilities = MODULE

    def __init__(
        self,
        names: Names,
        around: Surroundings,
        refresh: Callable[[], Awaitable[None]],
        *,
        protocol: int,
        number: int = message.PROTOCOL,
        device: str = "",
        receive_buffer: int = 0,
        send_buffer: int = 0,
        notification_buffer: int = 0,
    ) -> None:
        super().__init__(names, around)
        self.protocol = protocol
        self.number = number
        self.device = device
        self.unavailable: str | None = "it is not open"
        self._refresh = refresh
        self._buffers = Buffers(receive_buffer, send_buffer, notification_buffer)
        self._dumper = Dumper(number)
        self._shapes = EntryShapes()
        self._generation = 0
        self._attachment: Attachment | None = None
        self._released = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._sink: Sink

    # -- life

    async def open(self, sink: Sink) -> None:
        """Attach if the module is there, or can be loaded; and see to it that it is so from now on."""
        self._sink = sink
        await self._attach()
        self._keeper = asyncio.create_task(self._keep(), name="module keeper")

    async def close(self) -> None:
        """Stop, and close the sockets."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._attachment is not None:
            await self._attachment.close()
            self._attachment = None

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The keeper, which watches the others."""
        return [] if self._keeper is None else [self._keeper]

    async def release(self) -> None:
        """Close our sockets, so that the module can be unloaded, and return then.

        Raises KernelUnavailable.
        """
        attachment = self._attached()
        self._released.set()
        await attachment.closed.wait()

    def _attached(self) -> Attachment:
        if self._attachment is None:
            raise KernelUnavailable(f"the table module cannot be used: {self.unavailable}", field="kernel")
        return self._attachment

    async def _keep(self) -> None:
        while True:
            if self._attachment is not None:
                await self._detach(self._attachment, await self._end_of(self._attachment))
            await loaded_anew()
            await self._attach()
            if self._attachment is not None:
                self._sink.present()

    async def _end_of(self, attachment: Attachment) -> str:
        """Wait until the attachment is of no more use; why it is not."""
        released = asyncio.create_task(self._released.wait())
        try:
            done, _ = await asyncio.wait((released, *attachment.tasks), return_when=asyncio.FIRST_COMPLETED)
        finally:
            released.cancel()
        for task in done - {released}:
            error = task.exception()
            if error is not None and not isinstance(error, OSError):
                raise error
            return f"its socket failed ({error})"
        return "released, so that it can be unloaded; it comes back when it is loaded again"

    async def _detach(self, attachment: Attachment, reason: str) -> None:
        self._attachment = None
        self.unavailable = reason
        self._released.clear()
        self._sink.gone(f"nld.ko: {reason}")
        await attachment.close()
        log.warning("module gone", reason=reason)

    async def _attach(self) -> None:
        self._generation = 0
        try:
            self._attachment = await attach(
                self.number, self._buffers, absorb=self._absorb, overrun=self._overrun
            )
        except (NldError, OSError) as error:
            if str(error) != self.unavailable:
                log.warning("module not usable", reason=str(error))
            self.unavailable = str(error)
            return
        self.unavailable = None
        log.info("kernel table open", kernel=self.name, **self._attachment.status())
        try:
            await provide(self.device)
        except (NldError, OSError) as error:
            # The table is as good without: only packets need the device.
            log.error("the module's device is not as configured", dev=self.device, reason=str(error))

    async def drained(self) -> None:
        """Take in all announcements that have arrived, and the news of devices before them."""
        await self._refresh()
        if self._attachment is not None:
            await self._attachment.listener.drained()

    # -- writing

    def pattern(
        self, operation: Operation, record: RouteRecord, route: Route, how: Operation | None = None
    ) -> Pattern:
        """A pattern with its message, ROUTE_NEW or ROUTE_DEL."""
        how = how or operation
        if operation in (Operation.APPEND, Operation.PREPEND):
            raise Unsupported(
                "the table module has one route to a key; add, replace or change it",
                key=record.key_text(), errno="EOPNOTSUPP",
            )  # fmt: skip
        deleting = how is Operation.DELETE
        if not deleting and route.family == AF.INET6 and not route.priority:
            # The record's vocabulary: an IPv6 metric that is not given is 1024, whatever the table.
            route = copied(route, priority=1024)
        size = ADDRESS_SIZE[route.family] if route.dst_len else 0
        entry = to_condition(route) if deleting else to_entry(route)
        kind = NLD_MSG.ROUTE_DEL if deleting else NLD_MSG.ROUTE_NEW
        try:
            payload = message.encode(replace(entry, dst=bytes(size) if size else None))
        except ValueError as error:
            raise InvalidRecord(
                f"the route does not fit a netlink message: {error}", operation=operation.value
            ) from error
        offset = next(
            (
                HEADER_SIZE + start
                for number, start, _ in walk(payload, message.HEADER_SIZE, len(payload))
                if number & TYPE_MASK == NLD_A.DST
            ),
            0,
        )
        template = Template(frame(kind, how.flags | Flag.REQUEST, 0, payload), offset, size)
        return Pattern(operation, record, route, template)

    @property
    def port_id(self) -> int:
        """The netlink address that writes come from; 0 without an attachment."""
        return 0 if self._attachment is None else self._attachment.channel.socket.port_id

    @property
    def piece(self) -> int:
        """Most routes that :meth:`write` should be given at once."""
        return piece(self._attached().listener)

    async def write(self, patterns: Sequence[Pattern], destinations: Sequence[bytes]) -> list[Refusal]:
        """Send the routes, and take in what that does."""
        attached = self._attached()
        return await send(
            attached.channel, patterns, destinations, self._explain, attached.listener.drain_some
        )

    def _explain(self, acknowledgement: Acknowledgement, pattern: Pattern, destination: bytes) -> NldError:
        return refusal(
            acknowledgement,
            bytes(pattern.template.frames([destination], 0)[HEADER_SIZE:]),
            operation=pattern.operation.value,
            key=self.key_text(pattern, destination),
            route=pattern.route,
            dialect=DIALECT,
        )

    # -- reading

    async def dump(self, selection: Selection, consistent: bool = True) -> AsyncGenerator[list[Row], None]:
        """The table's routes: of one moment, or ``InterruptedError`` after some attempts.

        With ``consistent`` False as they come: for a reader that hears of the changes meanwhile.
        """
        self._attached()
        payload = message.encode(_asked(selection))
        if not consistent:
            async with contextlib.aclosing(self._rows(payload, selection, True)) as stream:
                async for rows in stream:
                    yield rows
            return
        pause = FIRST_PAUSE
        for _ in range(ATTEMPTS):
            found: list[list[Row]] = []
            try:
                async for rows in self._rows(payload, selection, False):
                    found.append(rows)
            except InterruptedError:
                await asyncio.sleep(pause)
                pause *= 2
                continue
            for rows in found:
                yield rows
            return
        raise InterruptedError(errno.EINTR, f"the table changed during each of {ATTEMPTS} dumps")

    async def _rows(
        self, payload: bytes, selection: Selection, interruptible: bool
    ) -> AsyncGenerator[list[Row], None]:
        intern = self._shapes.intern
        stream = self._dumper.stream(NLD_MSG.ROUTE_GET, payload, interruptible=interruptible)
        async with contextlib.aclosing(stream):
            async for messages in stream:
                cuts = [message.cut(entry[4]) for entry in messages]
                rows = selection.rows([(intern(cut), cut.destination) for cut in cuts])
                if rows:
                    yield rows

    async def lookup(self, question: LookupQuestion) -> Answer:
        """Ask the module for the longest prefix of table main."""
        asked = self._translation.lookup_route(question)
        for field in sorted(question.model_fields_set - {"address"}):
            if getattr(question, field) not in (None, 0):
                name = {"src": "from"}.get(field, field)
                raise Unsupported(
                    f"{name}: the table module looks at the address alone", field=name, operation="lookup",
                    key=question.address,
                )  # fmt: skip
        payload = message.encode(Entry(asked.family, asked.dst_len, NLD_F.LOOKUP, dst=asked.dst))
        answer = await self._attached().channel.request(NLD_MSG.ROUTE_GET, 0, payload)
        said = answer.acknowledgement
        if said.errno or not answer.replies:
            return Answer(asked, None, None, self._no_way(said, payload, question, asked))
        cut = message.cut(bytes(answer.replies[0].payload))
        shape = self._shapes.intern(cut)
        match = (shape, cut.destination)
        reject = _REJECTS.get(shape.type)
        if reject is not None:
            return Answer(asked, None, match, self._no_way(Acknowledgement(reject), payload, question, asked))
        way = copied(shape.route(asked.dst or b""), dst_len=asked.dst_len)
        return Answer(asked, way, match, None)

    def _no_way(
        self, said: Acknowledgement, payload: bytes, question: LookupQuestion, asked: Route
    ) -> NldError:
        if not said.errno:
            return RouteNotFound("the module gave no route", operation="lookup")
        return refusal(said, payload, operation="lookup", key=question.address, dialect=DIALECT, route=asked)

    def rules(self, family: int) -> list[Rule]:
        """None: the module has no policy rules."""
        return []

    async def greet(self, text: str) -> str:
        """What the module answers to a greeting. Raises KernelUnavailable, InvalidRecord."""
        self._attached()
        return await greet(self.number, text)

    def status(self) -> dict[str, Any]:
        """Counters, granted buffers, and what the module said of itself."""
        found = {"protocol": self.names.protocols.name(self.protocol)}
        return found if self._attachment is None else found | self._attachment.status()

    # -- listening

    async def learn(self, everything: bool = True) -> None:
        """The generation to go on from is not known any more."""
        self._generation = 0

    async def caught_up(self) -> None:
        """At once: the module tells what it does, and of no causes."""

    def shapes(self) -> Iterable[Shape]:
        """None that change without news."""
        return ()

    def aligned(self, shape: Shape, before: Shape) -> Shape:
        """The same: there is one record to a key, told in the order in which it is dumped."""
        return shape

    def _absorb(self, messages: list[BulkCut]) -> None:
        """Announcements of routes, in order; a gap in their generations is a loss."""
        news: list[News] = []
        lost = False
        for kind, _, _, port_id, payload, _ in messages:
            if kind not in _ANNOUNCED:
                continue
            try:
                cut = message.cut(payload)
                shape = self._shapes.intern(cut)
            except MalformedMessage as error:
                log.error("an announcement makes no sense", kind=kind, error=str(error))
                lost = True
                continue
            if self._generation and cut.generation != self._generation + 1:
                lost = True
            self._generation = cut.generation
            deleted = kind == NLD_MSG.ROUTE_DEL
            # REPLACE: there is one record to a key, and this is now it.
            news.append((deleted, Flag.REPLACE, port_id, shape, cut.destination, _CAUSES.get(cut.cause)))
        if news:
            self._sink.news(news)
        if lost:
            self._overrun()

    def _overrun(self) -> None:
        self._sink.overrun()


_ANNOUNCED = frozenset((int(NLD_MSG.ROUTE_NEW), int(NLD_MSG.ROUTE_DEL)))


def _asked(selection: Selection) -> Entry:
    """A dump request, as far as the module can filter."""
    families, within = selection.families, selection.within
    return Entry(
        families[0] if len(families) == 1 else AF.UNSPEC,
        within.length if within else 0,
        dst=within.address if within and within.length else None,
        table=selection.table,
        protocol=selection.protocol,
        type=selection.type,
        oif=selection.device,
    )
