"""The kernel's own forwarding table, over NETLINK_ROUTE.

Three sockets: requests (a :class:`Channel`), notifications (a :class:`Listener`), and one for each dump
(a :class:`Dumper`).  This file knows which messages make the table's operations and how its
notifications sort into news of routes and news of their surroundings; what goes on the wire is
``translation.py``'s business, and what it means to anybody is the broker's.

Bounds: a batch is cut so that all its refusals fit in the request socket's receive buffer and all its
notifications in the listener's, since the listener is drained before the next piece is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, get_args

import structlog

from nld.errors import InvalidRecord, MalformedMessage, NldError, RouteNotFound
from nld.kernel.channel import Channel
from nld.kernel.dump import Dumper
from nld.kernel.listener import NOTIFICATION_COST, Listener
from nld.kernel.listing import Listing
from nld.kernel.refusal import refusal
from nld.kernel.selection import Prefix, Row, Selection
from nld.kernel.shape import Shapes
from nld.kernel.socket import NETLINK_ROUTE
from nld.kernel.surroundings import Surroundings
from nld.kernel.table import Answer, Batch, Capabilities, News, Operation, Refusal, Sink
from nld.kernel.translation import Translation
from nld.netlink import link as link_message
from nld.netlink import nexthop as nexthop_message
from nld.netlink import route as route_message
from nld.netlink import rule as rule_message
from nld.netlink.header import HEADER_SIZE
from nld.netlink.registry import AF, RTM, RTNLGRP, RouteFlag
from nld.netlink.route import Route, Via
from nld.netlink.rule import Rule
from nld.netlink.shape import BulkCut, cut
from nld.netlink.template import for_size
from nld.records import LookupQuestion, Names, RouteFilter, RouteKey, RouteRecord, RouteType
from nld.records.destination import (
    FAMILIES,
    INET,
    WIDTH,
    parse_address,
    parse_prefix,
    position,
    prefix_text,
)  # fmt: skip
from nld.records.names import TYPE_NUMBERS

log = structlog.get_logger("nld.fib")

GROUPS = (
    RTNLGRP.LINK, RTNLGRP.IPV4_IFADDR, RTNLGRP.IPV4_ROUTE, RTNLGRP.IPV4_RULE,
    RTNLGRP.IPV6_IFADDR, RTNLGRP.IPV6_ROUTE, RTNLGRP.IPV6_RULE, RTNLGRP.NEXTHOP,
)  # fmt: skip

SEND_BYTES = 16 * 1024
"""Most bytes of one send. The kernel works through it within sendmsg; a longer one only adds delay."""

CAPABILITIES = Capabilities(
    types=frozenset(get_args(RouteType)) - {"nat"},
    families=frozenset({AF.INET, AF.INET6}),
    multipath=True,
    metrics=True,
    encap=True,
    nexthop_objects=True,
    alias=True,
)


class FibTable:
    """The kernel's forwarding table. See :class:`~nld.kernel.table.KernelTable`.

    ``protocol``             rtm_protocol of records that name none.
    ``receive_buffer``, ``send_buffer``, ``notification_buffer``  bytes asked for, 0 for the default.
    """

    name = "fib"
    capabilities = CAPABILITIES

    def __init__(
        self,
        names: Names,
        *,
        protocol: int,
        receive_buffer: int = 0,
        send_buffer: int = 0,
        notification_buffer: int = 0,
    ) -> None:
        self.names = names
        self.protocol = protocol
        self._buffers = (receive_buffer, send_buffer, notification_buffer)
        self._around = Surroundings()
        self._translation = Translation(names, self._around, self._around)
        self._dumper = Dumper(NETLINK_ROUTE)
        self._shapes = Shapes()
        self._listing = Listing(self._translation.render_text, lambda: self._around.version)
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

    def batches(self, operation: Operation, record: RouteRecord) -> list[Batch]:
        """The record's routes, grouped by prefix length."""
        route = self._translation.to_route(record, wildcard=operation is Operation.DELETE)
        if record.protocol is None and operation is not Operation.DELETE:
            route.protocol = self.protocol
        family, groups = self._translation.destinations(record)
        return [
            Batch(
                operation,
                record,
                replace(route, family=family, dst_len=length, dst=None),
                length,
                addresses if length else [b""] * len(addresses),
            )
            for length, addresses in groups.items()
        ]

    @property
    def piece(self) -> int:
        """Most routes that :meth:`write` should be given at once."""
        return max(
            1,
            min(
                self.channel.batch_limit,
                self.listener.socket.granted.receive // (2 * NOTIFICATION_COST),
                SEND_BYTES // 44,
            ),
        )

    async def write(self, batch: Batch) -> list[Refusal]:
        """Send the batch in as few sends as the buffers allow; the refusals, by index."""
        deleting = batch.operation is Operation.DELETE
        size = len(batch.destinations[0])
        try:
            template = for_size(
                RTM.DELROUTE if deleting else RTM.NEWROUTE, batch.operation.flags, batch.route, size
            )
        except ValueError as error:
            raise InvalidRecord(
                f"the route does not fit a netlink message: {error}", operation=batch.operation.value
            ) from error
        refusals: list[Refusal] = []
        step = max(1, min(self.piece, SEND_BYTES // template.message_size))
        for start in range(0, len(batch.destinations), step):
            part = batch.destinations[start : start + step]
            request = await self.channel.batch(len(part), partial(template.frames, part))
            for at, acknowledgement in request.failures.items():
                message = template.frames(part[at : at + 1], 0)
                refused = refusal(
                    acknowledgement,
                    bytes(message[HEADER_SIZE:]),
                    operation=batch.operation.value,
                    key=self.key_text(batch, part[at]),
                )
                refusals.append(Refusal(start + at, refused))
            self.drain()
        return refusals

    def key_text(self, batch: Batch, destination: bytes) -> str:
        """The key of one route of a batch, in words."""
        text = prefix_text(
            batch.route.family, batch.length, destination or bytes(WIDTH[batch.route.family] // 8)
        )
        return batch.record.key_text(text)

    # -- reading

    def select(self, wanted: RouteFilter) -> Selection:
        """Compile a filter."""
        number = self._translation.resolver.number
        families = (AF.INET, AF.INET6) if wanted.family is None else (AF(FAMILIES[wanted.family]),)
        prefixes: dict[str, Prefix] = {}
        for field in ("dst", "root", "match"):
            text = getattr(wanted, field)
            if text is None:
                continue
            family, length, address = parse_prefix(text, None if wanted.family is None else families[0])
            if text == "default" and wanted.family is None:
                family = INET
            prefixes[field] = Prefix(family, length, address)
            families = (AF(family),)
        tests = self._shape_tests(wanted)
        return Selection(
            families,
            table=None if wanted.table is None else number("filter.table", wanted.table, self.names.tables),
            protocol=None
            if wanted.protocol is None
            else number("filter.protocol", wanted.protocol, self.names.protocols),
            type=None if wanted.type is None else TYPE_NUMBERS[wanted.type],
            device=None
            if wanted.dev is None
            else self._translation.resolver.ifindex(wanted.dev, "filter.dev"),
            shape_test=(lambda shape: all(test(shape.route()) for test in tests)) if tests else None,
            exact=prefixes.get("dst"),
            root=prefixes.get("root"),
            match=prefixes.get("match"),
        )

    def _shape_tests(self, wanted: RouteFilter) -> list[_Test]:
        tests: list[_Test] = []
        if wanted.owner is not None:
            raise InvalidRecord("owners are not kept yet", field="filter.owner", operation="list")
        if wanted.scope is not None:
            scope = self._translation.resolver.number("filter.scope", wanted.scope, self.names.scopes)
            tests.append(lambda route: route.scope == scope)
        if wanted.src is not None:
            _, source_length, source = parse_prefix(wanted.src)
            tests.append(
                lambda route: (route.src_len, route.src) == (source_length, source if source_length else None)
            )
        if wanted.via is not None:
            gateway = parse_address(wanted.via)
            tests.append(lambda route: _goes_by(route, *gateway))
        if wanted.prefsrc is not None:
            _, preferred = parse_address(wanted.prefsrc)
            tests.append(lambda route: route.prefsrc == preferred)
        if wanted.metric is not None:
            tests.append(lambda route: (route.priority or 0) == wanted.metric)
        if wanted.tos is not None:
            tos = self._translation.resolver.number("filter.tos", wanted.tos, self.names.dsfields)
            tests.append(lambda route: route.tos == tos)
        if wanted.nhid is not None:
            tests.append(lambda route: route.nh_id == wanted.nhid)
        return tests

    async def dump(self, selection: Selection) -> AsyncGenerator[list[Row], None]:
        """The table's routes as they are now."""
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

    def key(self, key: RouteKey) -> Route:
        """A route key's numbers."""
        return self._translation.key_route(key)

    def texts(self, rows: Iterable[Row], form: str, with_table: bool | None = None) -> list[str]:
        """Routes as JSON objects."""
        return self._listing.texts(rows, form, with_table)

    def text(self, route: Route, form: str) -> str:
        """One decoded route as a JSON object, such as the way that a look-up found."""
        return self._translation.text(route, form)

    def table_name(self, table: int) -> str:
        """A route table's name, or its number."""
        return self.names.tables.name(table)

    def protocol_name(self, protocol: int) -> str:
        """A routing protocol's name, or its number."""
        return self.names.protocols.name(protocol)

    def device_name(self, index: int) -> str:
        """A device's name; ``if5`` for an unknown one."""
        return self._around.name(index)

    def asked(self, question: LookupQuestion) -> Route:
        """A question's numbers."""
        return self._translation.lookup_route(question)

    def position(self, batch: Batch, nth: int) -> int:
        """Where in the record's list of destinations the ``nth`` of the batch stands."""
        return position(batch.record.destinations, batch.length, nth)

    def rules(self, family: int) -> list[Rule]:
        """The policy rules of a family, in the order in which the kernel asks them."""
        return self._around.table_rules(family)

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
            return Answer(None, found, error)
        if not way.replies:
            return Answer(None, found, RouteNotFound("the kernel gave no route", operation="lookup"))
        return Answer(route_message.decode(way.replies[0].payload), found, None)

    def status(self) -> dict[str, Any]:
        """Counters and granted buffers."""
        channel, listener = self.channel, self.listener
        return {
            "protocol": self.names.protocols.name(self.protocol),
            "port_id": channel.socket.port_id,
            "receive_buffer": channel.socket.granted.receive,
            "send_buffer": channel.socket.granted.send,
            "notification_buffer": listener.socket.granted.receive,
            "requests_sent": channel.counters.sent,
            "replies_received": channel.counters.received,
            "notifications": listener.counters.received,
            "overruns": listener.counters.overruns + channel.counters.overruns,
            "strangers": channel.socket.strangers + listener.socket.strangers,
        }

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
        self._around.forget()
        for message in found:
            self._around.apply(message[0], message[4])

    def _absorb(self, messages: list[BulkCut]) -> None:
        """Sort notifications: news of routes on, surroundings here, in order."""
        news: list[News] = []
        intern = self._shapes.intern
        for kind, flags, sequence, port_id, payload, destination in messages:
            try:
                if kind in _ROUTES:
                    shape = intern(payload)
                    if shape is not None:
                        news.append(News(kind == _DELROUTE, flags, sequence, port_id, shape, destination))
                    continue
                suspicion = self._around.apply(kind, payload)
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
        log.warning("notifications were lost", kernel=self.name)
        self._sink.overrun()


# Plain numbers, for they are compared with every notification.
_DELROUTE = int(RTM.DELROUTE)
_ROUTES = frozenset((int(RTM.NEWROUTE), _DELROUTE))

_Test = Callable[[Route], bool]

_EMPTY = {
    RTM.GETLINK: link_message.encode(link_message.Link()),
    RTM.GETNEXTHOP: nexthop_message.encode(nexthop_message.Nexthop()),
    RTM.GETRULE: rule_message.encode(rule_message.Rule(AF.UNSPEC, action=0)),
}
"""The payload that asks for everything, by the request."""


def _goes_by(route: Route, family: int, address: bytes) -> bool:
    """Whether a route has this gateway. As with ``ip``, the legs of a multipath route do not count."""
    return route.via == Via(family, address) or (route.family == family and route.gateway == address)
