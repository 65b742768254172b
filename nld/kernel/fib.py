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
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import structlog

from nld.errors import InvalidRecord, KernelRefused, MalformedMessage, NldError, RouteNotFound
from nld.kernel.capabilities import FIB
from nld.kernel.channel import Channel
from nld.kernel.counters import counters
from nld.kernel.dump import CutShort, Dumper
from nld.kernel.extent import check
from nld.kernel.listener import Listener
from nld.kernel.refusal import refusal
from nld.kernel.selection import Row, Selection
from nld.kernel.sending import piece, send
from nld.kernel.shape import Shape, Shapes
from nld.kernel.socket import SEQUENCES, NetlinkSocket
from nld.kernel.surroundings import Surroundings, Told
from nld.kernel.table import Answer, News, Operation, Pattern, Refusal, Sink
from nld.kernel.vocabulary import Vocabulary
from nld.netlink import address as address_message
from nld.netlink import link as link_message
from nld.netlink import nexthop as nexthop_message
from nld.netlink import route as route_message
from nld.netlink import rule as rule_message
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import HEADER_SIZE, Flag, frame
from nld.netlink.registry import AF, NETLINK_ROUTE, RTM, RTNLGRP, RouteFlag
from nld.netlink.route import Route, copied
from nld.netlink.shape import BulkCut, cut
from nld.netlink.template import for_route
from nld.records import LookupQuestion, Names, RouteRecord

log = structlog.get_logger("nld.fib")

GROUPS = (
    RTNLGRP.LINK, RTNLGRP.IPV4_IFADDR, RTNLGRP.IPV4_ROUTE, RTNLGRP.IPV4_RULE,
    RTNLGRP.IPV4_NETCONF, RTNLGRP.IPV6_NETCONF,
    RTNLGRP.IPV6_IFADDR, RTNLGRP.IPV6_ROUTE, RTNLGRP.IPV6_PREFIX, RTNLGRP.IPV6_RULE, RTNLGRP.NEXTHOP,
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
        self._hides = False
        """Whether the last dump that would have told said that IPv6 routes are hidden."""
        self._since: list[Told] | None = None
        """Notifications that came while the surroundings are being read."""
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

    async def drained(self) -> None:
        """As :meth:`drain`, with turns for the event loop where there is much."""
        await self.listener.drained()

    # -- writing

    def pattern(
        self, operation: Operation, record: RouteRecord, route: Route, how: Operation | None = None
    ) -> Pattern:
        """A pattern with its message, RTM_NEWROUTE or RTM_DELROUTE."""
        how = how or operation
        deleting = how is Operation.DELETE
        message_type = RTM.DELROUTE if deleting else RTM.NEWROUTE
        try:
            template = for_route(message_type, how.flags, _only(route) if deleting else route)
        except ValueError as error:
            raise InvalidRecord(
                f"the route does not fit a netlink message: {error}", operation=operation.value
            ) from error
        if not deleting:
            check(operation, route, len(template.message), self.around)
        return Pattern(operation, record, route, template)

    @property
    def port_id(self) -> int:
        """The netlink address that writes come from."""
        return self.channel.socket.port_id

    @property
    def piece(self) -> int:
        """Most routes that :meth:`write` should be given at once."""
        return piece(self.listener)

    async def write(self, patterns: Sequence[Pattern], destinations: Sequence[bytes]) -> list[Refusal]:
        """Send the routes, and take in what that does."""
        return await send(self.channel, patterns, destinations, self._explain, self.listener.drain_some)

    def _explain(self, acknowledgement: Acknowledgement, pattern: Pattern, destination: bytes) -> NldError:
        message = pattern.template.frames([destination], 0)
        return refusal(
            acknowledgement,
            bytes(message[HEADER_SIZE:]),
            operation=pattern.operation.value,
            key=self.key_text(pattern, destination),
            route=pattern.route,
        )

    # -- reading

    async def dump(self, selection: Selection, consistent: bool = True) -> AsyncGenerator[list[Row], None]:
        """The table's routes as they are now. The kernel does not say when one was interrupted.

        Raises CutShort where a route that is too large hides those behind it.  Linux tells that in a dump of
        all families only, so such a one is asked for and read as far as the wanted ones go, in the order of
        their numbers: IPv4 first.  For IPv6 alone that would cost a walk of all IPv4, so it is done only
        where such an IPv6 route was met, by a dump that went on behind IPv4 or in a notification.
        """
        request = selection.requests()[0]
        first = min(selection.families)
        await self.drained()
        if first == AF.INET or self._hiding():
            request = copied(request, family=AF.UNSPEC)
        try:
            async for rows in self._rows(selection, request, not consistent):
                yield rows
        except CutShort as error:
            self._hides = self._hides or error.family == AF.INET6
            if error.family in selection.families:
                raise
            if error.family > first:
                return  # all that is wanted has come
        else:
            if request.family == AF.UNSPEC and selection.onward:
                self._hides = False
            return
        # Too large a route of IPv4 ends a dump of all families before IPv6.
        async for rows in self._rows(selection, copied(request, family=first), not consistent):
            yield rows

    async def _rows(
        self, selection: Selection, request: Route, interruptible: bool
    ) -> AsyncGenerator[list[Row], None]:
        """What a dump gives of it."""
        intern = self._shapes.intern
        first, last = min(selection.families), max(selection.families)
        stream = self._dumper.stream(RTM.GETROUTE, route_message.encode(request), interruptible=interruptible)
        async with contextlib.aclosing(stream):
            async for messages in stream:
                rows: list[Row] = []
                for message in messages:
                    if not first <= message[4][0] <= last:
                        continue
                    shape = intern(message[4])
                    if shape is not None:
                        rows.append((shape, message[5]))
                yield selection.rows(rows)
                if messages[-1][4][0] > last and not selection.onward:
                    return

    def _hiding(self) -> bool:
        """Whether a dump of IPv6 may be cut short, of which the kernel says nothing if it is the only one."""
        return self._hides or any(shape.family == AF.INET6 for shape in self._shapes.large)

    async def lookup(self, question: LookupQuestion) -> Answer:
        """Ask the kernel twice: for the way, and for the route of the table that gives it."""
        asked = self._translation.lookup_route(question)
        matching = copied(asked, flags=asked.flags | RouteFlag.FIB_MATCH)
        way = await self.channel.ask(RTM.GETROUTE, route_message.encode(asked))
        match = await self.channel.ask(RTM.GETROUTE, route_message.encode(matching))
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
                route=asked,
            )
            return Answer(asked, None, found, error)
        if not way.replies:
            return Answer(asked, None, found, RouteNotFound("the kernel gave no route", operation="lookup"))
        return Answer(asked, route_message.decode(way.replies[0].payload), found, None)

    def status(self) -> dict[str, Any]:
        """Counters and granted buffers."""
        return {"protocol": self.names.protocols.name(self.protocol), **counters(self.channel, self.listener)}

    # -- listening

    async def learn(self, everything: bool = True) -> None:
        """Read devices, addresses, nexthop objects and rules; else only the nexthop objects."""
        kinds = tuple(_LEARNT) if everything else (RTM.NEWNEXTHOP,)
        found: dict[RTM, list[Told]] = {}
        self._since = []
        try:
            for kind in kinds:
                request, payload = _LEARNT[kind]
                try:
                    found[kind] = await self._all(request, payload)
                except NldError as error:
                    # Kernels before 5.3 have no nexthop objects.
                    log.warning("not read", what=request.name, **error.parameters())
            await self.drained()
        finally:
            since, self._since = self._since, None
        for suspicion in self.around.learned(found, since):
            self._sink.suspect(suspicion)

    async def _all(self, request: RTM, payload: bytes) -> list[Told]:
        """A dump: of one moment, or, where there is none, as it comes, for notifications mend it."""
        try:
            return [(message[0], message[4]) for message in await self._dumper.collect(request, payload)]
        except KernelRefused as error:
            if error.errno != "EINTR":
                raise
        stream = self._dumper.stream(request, payload, interruptible=True)
        async with contextlib.aclosing(stream):
            return [(message[0], message[4]) async for messages in stream for message in messages]

    async def caught_up(self) -> None:
        """Return when the kernel has done all that it has told the causes of.

        It says that a link went down before it takes the routes away, and holds its lock (RTNL) until it has;
        a request about a link waits for that lock.
        """
        await asyncio.to_thread(self._wait_for_lock)

    @staticmethod
    def _wait_for_lock() -> None:
        with contextlib.closing(NetlinkSocket(NETLINK_ROUTE)) as asker:
            asker.send(frame(RTM.GETLINK, Flag.REQUEST, SEQUENCES.allot(), _LOOPBACK))

    def shapes(self) -> Iterator[Shape]:
        """The shapes of all routes in the table, and others."""
        return self._shapes.living()

    def aligned(self, shape: Shape, before: Shape) -> Shape | None:
        """A notification's shape with its next hops in the order of a dump."""
        return self._shapes.aligned(shape, before)

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
                if news:  # which is told with the names that hold until now
                    self._sink.news(news)
                    news = []
                suspicions = self.around.apply(kind, payload)
            except MalformedMessage as error:
                log.error("a notification makes no sense", kind=kind, error=str(error))
                self._overrun()
                continue
            if self._since is not None:
                self._since.append((kind, payload))
            for suspicion in suspicions:
                self._sink.suspect(suspicion)
        if news:
            self._sink.news(news)

    def _overrun(self) -> None:
        self.around.incomplete = True
        self._sink.overrun()


def _only(route: Route) -> Route:
    """The route as a delete names it: IPv6 takes no gateway as any gateway, and ``::`` as none."""
    if route.family == AF.INET6 and (route.gateway, route.via, route.multipath, route.nh_id) == (None,) * 4:
        return copied(route, gateway=bytes(16))
    return route


# Plain numbers, for they are compared with every notification.
_DELROUTE = int(RTM.DELROUTE)
_ROUTES = frozenset((int(RTM.NEWROUTE), _DELROUTE))

_LEARNT = {
    RTM.NEWLINK: (RTM.GETLINK, link_message.encode(link_message.Link())),
    RTM.NEWADDR: (RTM.GETADDR, address_message.encode(address_message.Address(AF.UNSPEC))),
    RTM.NEWNEXTHOP: (RTM.GETNEXTHOP, nexthop_message.encode(nexthop_message.Nexthop())),
    RTM.NEWRULE: (RTM.GETRULE, rule_message.encode(rule_message.Rule(AF.UNSPEC, action=0))),
}
"""What is learnt of the surroundings: the message that tells of one, and the request that asks for all."""

_LOOPBACK = link_message.encode(link_message.Link(index=1))
