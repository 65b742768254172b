"""Between records and the wire: the only place that knows both vocabularies.

Towards the kernel a record becomes the message that ``ip route`` would send for the same words
(``composition.py``); towards the user a message becomes what ``ip -j route`` prints (``rendering.py``);
encapsulations go both ways (``tunnels.py``).
"""

from __future__ import annotations

import socket
from typing import Any

from nld.errors import InvalidRecord
from nld.kernel.capabilities import FIB, Capabilities
from nld.kernel.composition import Composition, LinkTable, Resolver
from nld.kernel.rendering import NexthopTable, NoNexthops, Pieces, Rendering
from nld.names import Names
from nld.netlink.registry import RouteFlag, TableId
from nld.netlink.route import Route
from nld.prefix import (
    INET,
    INET6,
    WIDTH,
    parse_address,
    parse_prefix,
)  # fmt: skip
from nld.records.key import RouteKey
from nld.records.lookup import LookupQuestion
from nld.records.route import RouteRecord

__all__ = ["LinkTable", "NexthopTable", "Pieces", "Translation"]


class Translation:
    """Records to messages and back, with the names of this machine.

    ``names``     iproute2's databases.
    ``links``     devices; asked on every use, so it may change.
    ``nexthops``  nexthop objects, for ``nh_info`` and to check what stands beside ``nhid``; None knows none.
    ``capabilities``  what the table can do; the rest is refused.
    """

    def __init__(
        self,
        names: Names,
        links: LinkTable,
        nexthops: NexthopTable | None = None,
        capabilities: Capabilities = FIB,
    ) -> None:
        self.resolver = Resolver(names, links)
        self._capabilities = capabilities
        self._nexthops: NexthopTable = nexthops or NoNexthops()
        self._rendering = Rendering(names, links, self._nexthops)

    def to_route(
        self, record: RouteRecord, destination: str | None = None, *, wildcard: bool = False
    ) -> Route:
        """The message's content for one destination of the record.

        ``destination``  which one, for a record with a list; None takes the first.
        ``wildcard``     True for a delete: what the record leaves out matches any route (type and
                         protocol 0, IPv4 scope nowhere), as ``ip route del`` sends it.

        Raises :class:`InvalidRecord`, :class:`DeviceNotFound`, :class:`Unsupported`, each with the field.
        """
        return Composition(
            self.resolver,
            self._nexthops,
            record,
            destination,
            wildcard=wildcard,
            capabilities=self._capabilities,
        ).route()

    def key_route(self, key: RouteKey) -> Route:
        """The key's numbers as a route without anything else; InvalidRecord for unknown names.

        ``priority`` is the kernel's default where the key has no metric: 0, for IPv6 1024.
        """
        names = self.resolver.names
        family, length, packed = parse_prefix(key.dst, key.address_family)
        route = Route(family=family, dst_len=length, dst=packed or None)
        route.table = (
            TableId.MAIN
            if key.table is None
            else self.resolver.number("table", key.table, self.resolver.names.tables)
        )
        route.priority = (1024 if family == INET6 else 0) if key.metric is None else key.metric
        if key.tos is not None:
            route.tos = self.resolver.number("tos", key.tos, names.dsfields)
        if key.src is not None:
            _, route.src_len, source = parse_prefix(key.src, family)
            route.src = source or None
        return route

    def lookup_route(self, question: LookupQuestion) -> Route:
        """The RTM_GETROUTE of ``ip route get``; InvalidRecord, DeviceNotFound with the field."""
        family, packed = parse_address(question.address)
        width = WIDTH[family]
        route = Route(family=family, dst_len=width, dst=packed, table=TableId.UNSPEC, type=0)
        # Only IPv4 knows this flag: it asks for the table that the answer was found in.
        route.flags = int(RouteFlag.LOOKUP_TABLE) if family == INET else 0
        if question.src is not None:
            route.src, route.src_len = parse_address(question.src, family)[1], width
        if question.tos is not None:
            route.tos = self.resolver.number("tos", question.tos, self.resolver.names.dsfields)
        output = question.oif or question.vrf
        if output is not None:
            route.oif = self.resolver.ifindex(output, "oif" if question.oif else "vrf")
        if question.iif is not None:
            route.iif = self.resolver.ifindex(question.iif, "iif")
        route.mark = question.mark or None
        route.uid = question.uid
        if question.ipproto is not None:
            route.ip_proto = _ip_protocol(question.ipproto)
        route.sport, route.dport = question.sport, question.dport
        return route

    def render(self, route: Route, form: str, with_table: bool | None = None) -> dict[str, Any]:
        """The route as ``ip -j`` prints it, fields in its order.

        ``form``        full, ip_details or ip.
        ``with_table``  None follows ``ip route show table all`` (the form ip leaves main out), True prints
                        the table always, False never, as ``ip`` does when asked for one table.

        In the form ip_details a tunnel's ``dst`` takes the place of the route's, as for every reader of
        ``ip -j``; :meth:`text` has both.
        """
        return dict(self._rendering.pairs(route, form, with_table))

    def text(self, route: Route, form: str, with_table: bool | None = None) -> str:
        """:meth:`render` as JSON text, with every field that ``ip`` prints."""
        return self._rendering.text(route, form, with_table)

    def render_text(self, shape: Route, form: str, with_table: bool | None = None) -> Pieces:
        """For many routes of one shape: the JSON text around the address of the destination.

        ``shape``  a route whose ``dst`` does not matter. The pieces are good until a device is renamed
                   or a nexthop object changes.
        """
        return self._rendering.pieces(shape, form, with_table)


def _ip_protocol(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else None
    if number is None:
        try:
            number = socket.getprotobyname(text)
        except OSError:
            number = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58, "icmpv6": 58}.get(text)
    if number is None or number > 255:
        raise InvalidRecord(
            f"ipproto: '{text}' is no IP protocol; allowed: tcp, udp, icmp, ... or 0 to 255", field="ipproto"
        )
    return number
