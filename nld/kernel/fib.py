"""The kernel's own forwarding table, over NETLINK_ROUTE.

Three sockets: requests (a :class:`Channel`), notifications (a :class:`Listener`), and one for each dump
(a :class:`Dumper`).  This file knows which messages make the table's operations and how its
notifications sort into news of routes and news of their surroundings; what goes on the wire is
``translation.py``'s business, and what it means to anybody is the broker's.

Bounds: a send is cut so that all its refusals fit in the request socket's receive buffer, a piece so that all
its notifications fit in the listener's, since that is drained before the next piece is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import structlog

from nld.errors import InvalidRecord, MalformedMessage, NldError, RouteNotFound
from nld.kernel.capabilities import FIB
from nld.kernel.channel import Channel
from nld.kernel.counters import counters
from nld.kernel.dump import Dumper
from nld.kernel.listener import Listener
from nld.kernel.refusal import refusal
from nld.kernel.selection import Row, Selection
from nld.kernel.sending import piece, send
from nld.kernel.shape import Shapes
from nld.kernel.socket import NETLINK_ROUTE
from nld.kernel.surroundings import Surroundings
from nld.kernel.table import Answer, News, Operation, Pattern, Refusal, Sink
from nld.kernel.vocabulary import Vocabulary
from nld.netlink import link as link_message
from nld.netlink import nexthop as nexthop_message
from nld.netlink import route as route_message
from nld.netlink import rule as rule_message
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import HEADER_SIZE
from nld.netlink.registry import AF, RTM, RTNLGRP, RouteFlag
from nld.netlink.route import Route
from nld.netlink.shape import BulkCut, cut
from nld.netlink.template import for_route
from nld.records import LookupQuestion, Names, RouteRecord

log = structlog.get_logger("nld.fib")

GROUPS = (
    RTNLGRP.LINK, RTNLGRP.IPV4_IFADDR, RTNLGRP.IPV4_ROUTE, RTNLGRP.IPV4_RULE,
    RTNLGRP.IPV6_IFADDR, RTNLGRP.IPV6_ROUTE, RTNLGRP.IPV6_RULE, RTNLGRP.NEXTHOP,
)  # fmt: skip


class FibTable(Vocabulary):
    """The kernel's forwarding table. See :class:`~nld.kernel.table.KernelTable`.

    ``protocol``             rtm_protocol of records that name none.
    ``receive_buffer``, ``send_buffer``, ``notification_buffer``  bytes asked for, 0 for the default.
    """

    name = "fib"
    capabilities = FIB
    unavailable: str | None = None

    def __init__(
        self,
        names: Names,
        *,
        protocol: int,
        receive_buffer: int = 0,
        send_buffer: int = 0,
        notification_buffer: int = 0,
    ) -> None:
        super().__init__(names, Surroundings())
        self.protocol = protocol
        self._buffers = (receive_buffer, send_buffer, notification_buffer)
        self._dumper = Dumper(NETLINK_ROUTE)
        self._shapes = Shapes()
        self._sink: Sink
        self.channel: Channel
        self.listener: Listener

    async def open(self, sink: Sink) -> None:
        """Open the sockets, listen, then learn the devices, nexthop objects and rules."""
        receive, send, notification = self._buffers
        self._sink = sink
        self.channel = Channel(NETLINK_ROUTE, receive_buffer=receive, send_buffer=send)
        self.listener = Listener(
            NETLINK_ROUTE,
            receive_buffer=notification,
            groups=GROUPS,
            absorb=self._absorb,
            overrun=self._overrun,
        )
        await self.learn()
        log.info(
            "kernel table open",
            kernel=self.name,
            port_id=self.channel.socket.port_id,
            receive_buffer=self.channel.socket.granted.receive,
            send_buffer=self.channel.socket.granted.send,
            notification_buffer=self.listener.socket.granted.receive,
            forced=self.listener.socket.granted.forced,
        )

    async def close(self) -> None:
        """Close the sockets."""
        await self.listener.close()
        await self.channel.close()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs until the table is closed."""
        return [*self.channel.tasks, self.listener.task]

    def drain(self) -> None:
        """Take in all notifications that have arrived."""
        self.listener.drain()

    # -- writing

    def pattern(self, operation: Operation, record: RouteRecord, route: Route) -> Pattern:
        """A pattern with its message, RTM_NEWROUTE or RTM_DELROUTE."""
        message_type = RTM.DELROUTE if operation is Operation.DELETE else RTM.NEWROUTE
        try:
            template = for_route(message_type, operation.flags, route)
        except ValueError as error:
            raise InvalidRecord(
                f"the route does not fit a netlink message: {error}", operation=operation.value
            ) from error
        return Pattern(operation, record, route, template)

    @property
    def piece(self) -> int:
        """Most routes that :meth:`write` should be given at once."""
        return piece(self.listener)

    async def write(self, patterns: Sequence[Pattern], destinations: Sequence[bytes]) -> list[Refusal]:
        """Send the routes, and take in what that does."""
        return await send(self.channel, patterns, destinations, self._explain, self.drain)

    def _explain(self, acknowledgement: Acknowledgement, pattern: Pattern, destination: bytes) -> NldError:
        message = pattern.template.frames([destination], 0)
        return refusal(
            acknowledgement,
            bytes(message[HEADER_SIZE:]),
            operation=pattern.operation.value,
            key=self.key_text(pattern, destination),
        )

    # -- reading

    async def dump(self, selection: Selection, consistent: bool = True) -> AsyncGenerator[list[Row], None]:
        """The table's routes as they are now. The kernel does not say when one was interrupted."""
        intern = self._shapes.intern
        for request in selection.requests():
            stream = self._dumper.stream(RTM.GETROUTE, route_message.encode(request))
            async with contextlib.aclosing(stream):
                async for messages in stream:
                    rows: list[Row] = []
                    for message in messages:
                        shape = intern(message[4])
                        if shape is not None:
                            rows.append((shape, message[5]))
                    rows = selection.rows(rows)
                    if rows:
                        yield rows

    async def lookup(self, question: LookupQuestion) -> Answer:
        """Ask the kernel twice: for the way, and for the route of the table that gives it."""
        asked = self._translation.lookup_route(question)
        way, match = await asyncio.gather(
            self.channel.request(RTM.GETROUTE, 0, route_message.encode(asked)),
            self.channel.request(
                RTM.GETROUTE, 0, route_message.encode(replace(asked, flags=asked.flags | RouteFlag.FIB_MATCH))
            ),
        )
        found = None
        if match.replies and not match.failures:
            payload, destination = cut(match.replies[0].payload)
            shape = self._shapes.intern(payload)
            found = None if shape is None else (shape, destination)
        if way.acknowledgement.errno:
            error = refusal(
                way.acknowledgement,
                route_message.encode(asked),
                operation="lookup",
                key=question.address,
            )
            return Answer(asked, None, found, error)
        if not way.replies:
            return Answer(asked, None, found, RouteNotFound("the kernel gave no route", operation="lookup"))
        return Answer(asked, route_message.decode(way.replies[0].payload), found, None)

    def status(self) -> dict[str, Any]:
        """Counters and granted buffers."""
        return {"protocol": self.names.protocols.name(self.protocol), **counters(self.channel, self.listener)}

    # -- listening

    async def learn(self) -> None:
        """Read devices, nexthop objects and rules, and forget what was known of them."""
        found: list[BulkCut] = []
        for kind in (RTM.GETLINK, RTM.GETNEXTHOP, RTM.GETRULE):
            try:
                found += await self._dumper.collect(kind, _EMPTY[kind])
            except NldError as error:
                # Kernels before 5.3 have no nexthop objects.
                log.warning("not read", what=kind.name, **error.parameters())
        self.around.forget()
        for message in found:
            self.around.apply(message[0], message[4])

    def _absorb(self, messages: list[BulkCut]) -> None:
        """Sort notifications: news of routes on, surroundings here, in order."""
        news: list[News] = []
        intern = self._shapes.intern
        for kind, flags, _, port_id, payload, destination in messages:
            try:
                if kind in _ROUTES:
                    shape = intern(payload)
                    if shape is not None:
                        news.append((kind == _DELROUTE, flags, port_id, shape, destination, None))
                    continue
                suspicion = self.around.apply(kind, payload)
            except MalformedMessage as error:
                log.error("a notification makes no sense", kind=kind, error=str(error))
                self._overrun()
                continue
            if suspicion is not None:
                if news:
                    self._sink.news(news)
                    news = []
                self._sink.suspect(suspicion)
        if news:
            self._sink.news(news)

    def _overrun(self) -> None:
        self._sink.overrun()


# Plain numbers, for they are compared with every notification.
_DELROUTE = int(RTM.DELROUTE)
_ROUTES = frozenset((int(RTM.NEWROUTE), _DELROUTE))

_EMPTY = {
    RTM.GETLINK: link_message.encode(link_message.Link()),
    RTM.GETNEXTHOP: nexthop_message.encode(nexthop_message.Nexthop()),
    RTM.GETRULE: rule_message.encode(rule_message.Rule(AF.UNSPEC, action=0)),
}
"""The payload that asks for everything, by the request."""
