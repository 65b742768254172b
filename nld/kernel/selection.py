"""A selection: a route filter, compiled to what can be asked of the kernel and what must be looked at.

Most of a filter is about a shape, and is decided once for each shape.  Only the prefix selectors
(``dst``, ``root``, ``match``) look at every route, and they compare bytes.  What the kernel can filter
in a dump (family, table, protocol, type, one device) it does; everything is looked at here all the
same, for kernels without strict checking ignore what they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy

from nld.kernel.shape import Shape
from nld.netlink.registry import AF, RTN
from nld.netlink.route import Route
from nld.prefix import WIDTH

Row = tuple[Shape, bytes]


class Prefix:
    """One prefix to compare destinations with: ``family``, ``length`` in bits, ``address`` bytes."""

    __slots__ = ("address", "family", "length", "number", "width")

    def __init__(self, family: int, length: int, address: bytes) -> None:
        self.family = family
        self.length = length
        self.address = address
        self.width = WIDTH[family]
        self.number = int.from_bytes(address, "big")

    def covers(self, length: int, destination: bytes) -> bool:
        """Whether a destination of this length is the prefix or inside it."""
        if length < self.length:
            return False
        shift = self.width - self.length
        return int.from_bytes(destination, "big") >> shift == self.number >> shift

    def within(self, length: int, destination: bytes) -> bool:
        """Whether the prefix is this destination or inside it."""
        if length > self.length:
            return False
        shift = self.width - length
        return int.from_bytes(destination, "big") >> shift == self.number >> shift


class Selection:
    """Which routes are wanted.

    ``families``      address families, in the order in which they are listed.
    ``table``, ``protocol``, ``type``  numbers, None for any.
    ``device``        interface index, None for any.
    ``shape_test``    a further test of a shape, asked once for each.
    ``exact``, ``root``, ``match``  prefixes, None for any.
    ``onward``        read on behind what is wanted: so it is noticed if something is hidden there.
    """

    def __init__(
        self,
        families: tuple[int, ...] = (AF.INET, AF.INET6),
        *,
        table: int | None = None,
        protocol: int | None = None,
        type: int | None = None,  # noqa: A002 - the field's word
        device: int | None = None,
        shape_test: Callable[[Shape], bool] | None = None,
        exact: Prefix | None = None,
        root: Prefix | None = None,
        match: Prefix | None = None,
        onward: bool = False,
    ) -> None:
        self.families = families
        self.table = table
        self.protocol = protocol
        self.type = type
        self.device = device
        self.onward = onward
        self._shape_test = shape_test
        self._exact = exact
        self._root = root
        self._match = match
        self._by_prefix = any(prefix is not None for prefix in (exact, root, match))
        self._known: dict[Shape, bool] = {}

    @property
    def within(self) -> Prefix | None:
        """A prefix that covers every route that is wanted, or None."""
        return self._exact or self._root

    def requests(self) -> list[Route]:
        """One dump request for each family, as far as the kernel can filter."""
        return [
            Route(
                family,
                table=self.table or 0,
                protocol=self.protocol or 0,
                # What a nexthop object makes of a route (blackhole) is shown, but not compared.
                type=0 if self.type in (RTN.UNICAST, RTN.BLACKHOLE) else self.type or 0,
                oif=self.device,
            )
            for family in self.families
        ]

    def of(self, family: int) -> Selection:
        """The same for one family."""
        one = copy(self)
        one.families = (family,)
        one._known = {}
        return one

    def takes(self, shape: Shape, destination: bytes) -> bool:
        """Whether one route is wanted."""
        wanted = self._known.get(shape)
        if wanted is None:
            if len(self._known) > 65536:
                self._known.clear()
            wanted = self._known[shape] = self.takes_shape(shape)
        return wanted and (not self._by_prefix or self._takes_destination(shape, destination))

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """Those of the routes that are wanted."""
        takes = self.takes
        return [row for row in rows if takes(*row)]

    def takes_shape(self, shape: Shape) -> bool:
        """Whether routes of this shape are wanted, as far as the shape alone tells."""
        return (
            shape.family in self.families
            and self.table in (None, shape.table)
            and self.protocol in (None, shape.protocol)
            and self.type in (None, shape.type)
            and (self.device is None or self.device in shape.devices)
            and (self._shape_test is None or self._shape_test(shape))
        )

    def _takes_destination(self, shape: Shape, destination: bytes) -> bool:
        length = shape.length
        exact, root, match = self._exact, self._root, self._match
        return (
            (
                exact is None
                or (
                    length == exact.length
                    and shape.family == exact.family
                    and int.from_bytes(destination, "big") == exact.number
                )
            )
            and (root is None or (shape.family == root.family and root.covers(length, destination)))
            and (match is None or (shape.family == match.family and match.within(length, destination)))
        )
