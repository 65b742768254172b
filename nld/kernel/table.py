"""The kernel table: the narrow interface that the FIB and the nld module both stand behind.

Everything above knows a kernel's routing table manager by this page alone.  A new one is a new file
that has these methods.

Source of the operations' meaning: ``ip-route(8)`` and the NLM_F_* flags of rtnetlink(7).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias

from nld.errors import NldError
from nld.kernel.capabilities import Capabilities
from nld.kernel.comparison import DEFAULT_METRIC
from nld.kernel.selection import Row, Selection
from nld.kernel.shape import Rank, Shape, place, rank
from nld.kernel.suspicion import Suspicion
from nld.netlink.header import Flag
from nld.netlink.route import Route
from nld.netlink.rule import Rule
from nld.netlink.template import Template
from nld.records import LookupQuestion, RouteFilter, RouteKey, RouteRecord


class Operation(StrEnum):
    """What to do with a route; ``ip route``'s commands of the same names."""

    ADD = "add"
    APPEND = "append"
    PREPEND = "prepend"
    REPLACE = "replace"
    CHANGE = "change"
    DELETE = "delete"

    @property
    def flags(self) -> int:
        """The NLM_F_* flags that ask the kernel for it."""
        return _FLAGS[self]


_FLAGS = {
    Operation.ADD: Flag.CREATE | Flag.EXCL,
    Operation.APPEND: Flag.CREATE | Flag.APPEND,
    Operation.PREPEND: Flag.CREATE,
    Operation.REPLACE: Flag.CREATE | Flag.REPLACE,
    Operation.CHANGE: Flag.REPLACE,
    Operation.DELETE: Flag(0),
}


News: TypeAlias = tuple[bool, int, int, Shape, bytes, str | None]
"""One notification about one route, a bare tuple, for there may be a million:

``deleted``      the route is gone; else it is there now.
``flags``        NLM_F_* of the notification: they tell new, appended and replaced apart.
``port_id``      netlink address of who asked; 0 is the kernel itself.
``shape``, ``destination``  the route.
``cause``        in words, where the kernel says one.
"""


class Sink(Protocol):
    """Who is told what happens in the table; each call is synchronous and in the kernel's order."""

    def news(self, news: list[News]) -> None:
        """Routes came, changed or went."""

    def suspect(self, suspicion: Suspicion) -> None:
        """Something happened that may change routes without news of them."""

    def overrun(self) -> None:
        """News was lost; what is lost is unknown."""

    def gone(self, cause: str) -> None:
        """The table is not there any more, nor are its routes."""

    def present(self) -> None:
        """The table is there again; what it holds is unknown."""


@dataclass(slots=True, eq=False)
class Pattern:
    """What routes to be written have in common: everything but the destination.

    Made by :meth:`KernelTable.wish` and :meth:`KernelTable.pattern`; two are the same when they are one
    object.

    ``record``    what was asked for, for errors and for comparing with what is read back.
    ``route``     the route without its destination; ``dst_len`` is filled in.
    ``template``  its message, made once for all of them.
    ``place``     with the destination, the mirror's key.
    ``rank``      tells it from other routes of one key.
    """

    operation: Operation
    record: RouteRecord
    route: Route
    template: Template
    place: bytes = field(init=False)
    rank: Rank = field(init=False)

    def __post_init__(self) -> None:
        route = self.route
        self.place = place(route.table, route.family, route.dst_len)
        self.rank = rank(route, DEFAULT_METRIC[route.family])


@dataclass(slots=True)
class Refusal:
    """One route was not written, or nobody knows (OutcomeUnknown): ``index`` is its place in the list."""

    index: int
    error: NldError


class Answer(NamedTuple):
    """What the kernel says to a look-up.

    ``asked``  the question's numbers.
    ``route``  the resolved route of this one address, as ``ip route get`` shows it; None when refused.
    ``match``  the route of the table that matched, or None.
    ``error``  why there is no route, or None.
    """

    asked: Route
    route: Route | None
    match: tuple[Shape, bytes] | None
    error: NldError | None


class KernelTable(Protocol):
    """One kernel routing table manager.

    ``protocol``     the rtm_protocol that marks nld's own routes.
    ``unavailable``  why the table cannot be used now, or None. Then everything raises KernelUnavailable.
    """

    name: str
    capabilities: Capabilities
    protocol: int
    unavailable: str | None

    async def open(self, sink: Sink) -> None:
        """Open the sockets and start to listen. News may come before this returns."""

    async def learn(self, everything: bool = True) -> None:
        """Read again what routes refer to: all of it, after news was lost; else what goes in silence."""

    async def caught_up(self) -> None:
        """Return when the kernel has done to the routes what it has told the causes of."""

    def shapes(self) -> Iterable[Shape]:
        """The shapes of all routes that the sink was told of, and maybe others."""

    def aligned(self, shape: Shape, before: Shape) -> Shape | None:
        """A shape that the sink was told of, in the form that a dump gives it; None when only that can tell.

        ``before``  the one whose place it takes.
        """

    async def close(self) -> None:
        """Stop, and fail what is under way with KernelUnavailable."""

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs until the table is closed; its end before that is a failure."""

    async def drained(self) -> None:
        """Hand the sink everything that has happened by now, with turns for the loop where there is much."""

    @property
    def port_id(self) -> int:
        """The netlink address that writes come from; 0 while the table cannot be used."""

    @property
    def naming(self) -> int:
        """The time, as far as names of devices go: it grows when one changes."""

    @property
    def piece(self) -> int:
        """Most routes that :meth:`write` should be given at once."""

    def wish(self, operation: Operation, record: RouteRecord, length: int) -> Pattern:
        """The pattern of a record's routes with this prefix length; remembered for the record.

        Raises InvalidRecord, DeviceNotFound, Unsupported.
        """

    def pattern(
        self, operation: Operation, record: RouteRecord, route: Route, how: Operation | None = None
    ) -> Pattern:
        """The pattern of exactly this route. Raises InvalidRecord when it fits no message.

        ``operation``  what was asked for, as errors tell it.
        ``how``        what the kernel is asked for; None for the same.
        """

    async def write(self, patterns: Sequence[Pattern], destinations: Sequence[bytes]) -> list[Refusal]:
        """Write routes in this order; ``patterns`` and ``destinations`` are two columns of one length.

        A destination is an address in network order, ``b""`` for the default route.
        Each route succeeds, is refused or stays unknown by itself.  Raises KernelUnavailable.
        """

    def select(self, wanted: RouteFilter) -> Selection:
        """A filter, compiled. Raises InvalidRecord, DeviceNotFound."""

    def dump(self, selection: Selection, consistent: bool = True) -> AsyncGenerator[list[Row], None]:
        """The routes of the table as they are now, at the reader's pace, in the kernel's order.

        Each list is of one datagram, and may be empty: so the reader has the loop for short steps only.

        ``consistent``  a table that can tell gives the state of one moment, or raises
                        ``InterruptedError`` before the first row.  False for who hears the news meanwhile,
                        and reads eagerly.
        """

    async def lookup(self, question: LookupQuestion) -> Answer:
        """Which route the kernel takes to an address."""

    def key(self, key: RouteKey) -> Route:
        """The numbers of a route key. Raises InvalidRecord for unknown names."""

    def rules(self, family: int) -> list[Rule]:
        """The policy rules of a family, in the order in which they are asked; maybe none."""

    def texts(
        self,
        rows: Iterable[Row],
        form: str,
        with_table: bool | None = None,
        naming: int | None = None,
    ) -> list[str]:
        """Routes as JSON objects, in order.

        ``naming``  with the devices' names as they were then (:attr:`naming`); None is now.
        """

    def text(self, route: Route, form: str) -> str:
        """One decoded route as a JSON object."""

    def key_text(self, pattern: Pattern, destination: bytes) -> str:
        """The key of one route to be written, in words."""

    def refresh(self) -> None:
        """Read again what names stand for, if that has changed; a request begins with it."""

    def table_name(self, table: int) -> str:
        """A route table's name, or its number."""

    def protocol_name(self, protocol: int) -> str:
        """A routing protocol's name, or its number."""

    def device_name(self, index: int) -> str:
        """A device's name; ``if5`` for an unknown one."""

    def status(self) -> dict[str, Any]:
        """Counters and granted buffers, for the status."""
