"""The kernel table: the narrow interface that the FIB and the nld module both stand behind.

Everything above knows a kernel's routing table manager by this page alone.  A new one is a new file
that has these methods.

Source of the operations' meaning: ``ip-route(8)`` and the NLM_F_* flags of rtnetlink(7).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from nld.errors import NldError
from nld.kernel.selection import Selection
from nld.kernel.shape import Shape
from nld.kernel.surroundings import Suspicion
from nld.netlink.header import Flag
from nld.netlink.route import Route
from nld.records import LookupQuestion, RouteFilter, RouteRecord


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


class KernelTable(Protocol):
    """One kernel routing table manager."""

    name: str
    capabilities: Capabilities
    version: int

    async def open(self, sink: Sink) -> None:
        """Open the sockets and start to listen. News may come before this returns."""

    async def close(self) -> None:
        """Stop, and fail what is under way with KernelUnavailable."""

    def drain(self) -> None:
        """Hand the sink everything that has happened by now."""

    def batches(self, operation: Operation, record: RouteRecord) -> list[Batch]:
        """The record as batches to write. Raises InvalidRecord, DeviceNotFound, Unsupported."""

    async def write(self, batch: Batch) -> list[Refusal]:
        """Write a batch; each route succeeds or is refused by itself. Raises OutcomeUnknown."""

    def select(self, wanted: RouteFilter) -> Selection:
        """A filter, compiled. Raises InvalidRecord, DeviceNotFound."""

    def dump(self, selection: Selection) -> AsyncIterator[list[tuple[Shape, bytes]]]:
        """The routes of the table as they are now, at the reader's pace, in the kernel's order."""

    async def lookup(self, question: LookupQuestion, address: str) -> Answer:
        """Which route the kernel takes to an address."""

    def pieces(self, shape: Shape, form: str, with_table: bool | None) -> tuple[str, str]:
        """JSON text before and after the destination, for a route of this shape."""
