"""The kernel table: the narrow interface that the FIB and the nld module both stand behind.

Everything above knows a kernel's routing table manager by this page alone.  A new one is a new file
that has these methods.

Source of the operations' meaning: ``ip-route(8)`` and the NLM_F_* flags of rtnetlink(7).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from nld.errors import NldError
from nld.kernel.selection import Row, Selection
from nld.kernel.shape import Shape
from nld.kernel.surroundings import Suspicion
from nld.netlink.header import Flag
from nld.netlink.route import Route
from nld.netlink.rule import Rule
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


class News(NamedTuple):
    """One notification about one route.

    ``deleted``      the route is gone; else it is there now.
    ``flags``        NLM_F_* of the notification: they tell new, appended and replaced apart.
    ``sequence``     that of the request which caused it, 0 when no request did.
    ``port_id``      netlink address of who asked; 0 is the kernel itself.
    ``shape``, ``destination``  the route.
    """

    deleted: bool
    flags: int
    sequence: int
    port_id: int
    shape: Shape
    destination: bytes


class Sink(Protocol):
    """Who is told what happens in the table; each call is synchronous and in the kernel's order."""

    def news(self, news: list[News]) -> None:
        """Routes came, changed or went."""

    def suspect(self, suspicion: Suspicion) -> None:
        """Something happened that may change routes without news of them."""

    def overrun(self) -> None:
        """News was lost; what is lost is unknown."""


@dataclass(slots=True)
class Batch:
    """Routes to be written that differ in the destination only.

    ``record``        what was asked for, for errors and for comparing with what is read back.
    ``route``         the template; its ``dst`` and ``dst_len`` are filled in.
    ``length``        prefix length in bits.
    ``destinations``  addresses in network order; ``b""`` for the default route.
    """

    operation: Operation
    record: RouteRecord
    route: Route
    length: int
    destinations: Sequence[bytes]


@dataclass(slots=True)
class Refusal:
    """The kernel refused one route of a batch: ``index`` is its place in ``destinations``."""

    index: int
    error: NldError


class Answer(NamedTuple):
    """What the kernel says to a look-up.

    ``route``  the resolved route of this one address, as ``ip route get`` shows it; None when refused.
    ``match``  the route of the table that matched, or None.
    ``error``  why there is no route, or None.
    """

    route: Route | None
    match: tuple[Shape, bytes] | None
    error: NldError | None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a kernel table can do beyond adding, deleting and dumping; declared, not guessed.

    ``types``   route types it knows.
    ``alias``   several routes with one key (append, prepend).
    """

    types: frozenset[str]
    families: frozenset[int]
    multipath: bool
    metrics: bool
    encap: bool
    nexthop_objects: bool
    alias: bool

    def words(self) -> list[str]:
        """For the status: the names of what it can do."""
        can = ("multipath", "metrics", "encap", "nexthop_objects", "alias")
        return sorted(self.types) + [name for name in can if getattr(self, name)]


class KernelTable(Protocol):
    """One kernel routing table manager.

    ``protocol``  the rtm_protocol that marks nld's own routes.
    """

    name: str
    capabilities: Capabilities
    protocol: int

    async def open(self, sink: Sink) -> None:
        """Open the sockets and start to listen. News may come before this returns."""

    async def learn(self) -> None:
        """Read again what routes refer to (devices, nexthop objects, rules), after news was lost."""

    async def close(self) -> None:
        """Stop, and fail what is under way with KernelUnavailable."""

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs until the table is closed; its end before that is a failure."""

    def drain(self) -> None:
        """Hand the sink everything that has happened by now."""

    @property
    def piece(self) -> int:
        """Most routes that :meth:`write` should be given at once."""

    def batches(self, operation: Operation, record: RouteRecord) -> list[Batch]:
        """The record as batches to write. Raises InvalidRecord, DeviceNotFound, Unsupported."""

    async def write(self, batch: Batch) -> list[Refusal]:
        """Write a batch; each route succeeds or is refused by itself. Raises OutcomeUnknown."""

    def select(self, wanted: RouteFilter) -> Selection:
        """A filter, compiled. Raises InvalidRecord, DeviceNotFound."""

    def dump(self, selection: Selection) -> AsyncGenerator[list[Row], None]:
        """The routes of the table as they are now, at the reader's pace, in the kernel's order."""

    async def lookup(self, question: LookupQuestion) -> Answer:
        """Which route the kernel takes to an address."""

    def key(self, key: RouteKey) -> Route:
        """The numbers of a route key. Raises InvalidRecord for unknown names."""

    def rules(self, family: int) -> list[Rule]:
        """The policy rules of a family, in the order in which they are asked; maybe none."""

    def texts(self, rows: Iterable[Row], form: str, with_table: bool | None = None) -> list[str]:
        """Routes as JSON objects, in order."""

    def text(self, route: Route, form: str) -> str:
        """One decoded route as a JSON object."""

    def key_text(self, batch: Batch, destination: bytes) -> str:
        """The key of one route of a batch, in words."""

    def position(self, batch: Batch, nth: int) -> int:
        """Where in the record's list of destinations the ``nth`` of the batch stands."""

    def asked(self, question: LookupQuestion) -> Route:
        """A question's numbers."""

    def table_name(self, table: int) -> str:
        """A route table's name, or its number."""

    def protocol_name(self, protocol: int) -> str:
        """A routing protocol's name, or its number."""

    def device_name(self, index: int) -> str:
        """A device's name; ``if5`` for an unknown one."""

    def status(self) -> dict[str, Any]:
        """Counters and granted buffers, for the status."""
