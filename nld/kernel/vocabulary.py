"""The vocabulary of a kernel table: records to numbers, and numbers to the words of ``ip -j``.

What both tables share.  A table that stands on it has its own sockets and messages, and keeps its
routes as shapes of the routing message (``shape.py``), whatever they look like on its own wire; so names,
filters, keys and texts are the same for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from nld.errors import InvalidRecord
from nld.kernel.capabilities import Capabilities
from nld.kernel.listing import Listing
from nld.kernel.selection import Prefix, Row, Selection
from nld.kernel.surroundings import Earlier, Surroundings
from nld.kernel.table import Operation, Pattern
from nld.kernel.translation import Translation
from nld.names import TYPE_NUMBERS
from nld.netlink.registry import AF
from nld.netlink.route import NextHop, Route
from nld.netlink.rule import Rule
from nld.prefix import (
    FAMILIES,
    INET,
    parse_prefix,
    prefix_text,
)  # fmt: skip
from nld.records import Names, RouteFilter, RouteKey, RouteRecord

_Test = Callable[[Route], bool]

_WISHES = 4096
"""Patterns remembered before the memory of them is thrown away and built anew."""


class Vocabulary(ABC):
    """The half of a :class:`~nld.kernel.table.KernelTable` that needs no socket.

    ``names``   iproute2's databases.
    ``around``  the devices, nexthop objects and rules as they are now; the table keeps it true.
    """

    capabilities: Capabilities
    protocol: int

    def __init__(self, names: Names, around: Surroundings) -> None:
        self.names = names
        self.around = around
        self._translation = Translation(names, around, around, self.capabilities)
        self._listing = Listing(self._translation.render_text, lambda: (around.version, names.version))
        self._earlier: tuple[int, Listing] | None = None
        """The listing of an earlier naming, the last that was asked for."""
        # A pattern holds its record, so that no other record has the same id.
        self._wished: dict[tuple[Operation, int, int], Pattern] = {}
        self._wished_at = (around.version, names.version)

    def wish(self, operation: Operation, record: RouteRecord, length: int) -> Pattern:
        """The pattern of a record's routes with this prefix length; remembered for the record."""
        now = (self.around.version, self.names.version)
        if self._wished_at != now or len(self._wished) >= _WISHES:
            self._wished.clear()
            self._wished_at = now
        wished = (operation, id(record), length)
        pattern = self._wished.get(wished)
        if pattern is None:
            deleting = operation is Operation.DELETE
            route = self._translation.to_route(record, wildcard=deleting)
            if record.protocol is None and not deleting:
                route.protocol = self.protocol
            route.dst, route.dst_len = None, length
            pattern = self.pattern(operation, record, route)
            if isinstance(record.dst, str):  # a list might be long
                self._wished[wished] = pattern
        return pattern

    @abstractmethod
    def pattern(
        self, operation: Operation, record: RouteRecord, route: Route, how: Operation | None = None
    ) -> Pattern:
        """The pattern of exactly this route; each table has its own messages."""

    def key_text(self, pattern: Pattern, destination: bytes) -> str:
        """The key of one route to be written, in words."""
        return pattern.record.key_text(prefix_text(pattern.route.family, pattern.route.dst_len, destination))

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
            table=self._selected_table(wanted),
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

    def _selected_table(self, wanted: RouteFilter) -> int | None:
        resolver = self._translation.resolver
        table = None
        if wanted.table is not None:
            table = resolver.number("filter.table", wanted.table, self.names.tables)
        return table if wanted.vrf is None else resolver.vrf_table(wanted.vrf, "filter.vrf", table)

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
        every = all if wanted.whole else any
        if wanted.via is not None:
            gateway = Prefix(*parse_prefix(wanted.via))
            tests.append(lambda route: every(_goes_by(hop, route.family, gateway) for hop in _hops(route)))
        if wanted.dev is not None and wanted.whole:
            device = self._translation.resolver.ifindex(wanted.dev, "filter.dev")
            tests.append(lambda route: all(_device(hop) == device for hop in _hops(route)))
        if wanted.prefsrc is not None:
            preferred = Prefix(*parse_prefix(wanted.prefsrc))
            tests.append(lambda route: _in(preferred, route.family, route.prefsrc))
        if wanted.metric is not None:
            tests.append(lambda route: (route.priority or 0) == wanted.metric)
        if wanted.tos is not None:
            tos = self._translation.resolver.number("filter.tos", wanted.tos, self.names.dsfields)
            tests.append(lambda route: route.tos == tos)
        if wanted.nhid is not None:
            tests.append(lambda route: route.nh_id == wanted.nhid)
        return tests

    def key(self, key: RouteKey) -> Route:
        """A route key's numbers."""
        return self._translation.key_route(key)

    @property
    def naming(self) -> int:
        """The time, as far as names of devices go."""
        return self.around.naming

    def texts(
        self,
        rows: Iterable[Row],
        form: str,
        with_table: bool | None = None,
        naming: int | None = None,
    ) -> list[str]:
        """Routes as JSON objects, with the names of now or of then."""
        if naming is None or naming == self.around.naming:
            return self._listing.texts(rows, form, with_table)
        if self._earlier is None or self._earlier[0] != naming:
            earlier = Earlier(self.around, naming)
            translation = Translation(self.names, earlier, earlier, self.capabilities)
            self._earlier = (
                naming,
                Listing(translation.render_text, lambda: (self.around.version, self.names.version)),
            )
        return self._earlier[1].texts(rows, form, with_table)

    def text(self, route: Route, form: str) -> str:
        """One decoded route as a JSON object, such as the way that a look-up found."""
        return self._translation.text(route, form)

    def refresh(self) -> None:
        """Read again those of iproute2's databases that have changed; a request begins with it."""
        self.names.refresh()

    def table_name(self, table: int) -> str:
        """A route table's name, or its number."""
        return self.names.tables.name(table)

    def protocol_name(self, protocol: int) -> str:
        """A routing protocol's name, or its number."""
        return self.names.protocols.name(protocol)

    def device_name(self, index: int) -> str:
        """A device's name; ``if5`` for an unknown one."""
        return self.around.name(index)

    def rules(self, family: int) -> list[Rule]:
        """The policy rules of a family, in the order in which the kernel asks them."""
        return self.around.table_rules(family)


def _hops(route: Route) -> Sequence[Route | NextHop]:
    """The next hops of a route: its legs, or itself."""
    return route.multipath or (route,)


def _device(hop: Route | NextHop) -> int | None:
    return hop.ifindex if isinstance(hop, NextHop) else hop.oif


def _goes_by(hop: Route | NextHop, family: int, wanted: Prefix) -> bool:
    """Whether a next hop of a route of this family has a gateway in a prefix."""
    if hop.via is not None:
        return _in(wanted, hop.via.family, hop.via.address)
    return _in(wanted, family, hop.gateway)


def _in(wanted: Prefix, family: int, address: bytes | None) -> bool:
    return address is not None and family == wanted.family and wanted.covers(wanted.width, address)
