"""The messages of nld.ko: netlink protocol 31.

``struct nldmsg`` and attributes, as ``kmod/uapi/nld.h`` says them; the header is the manual, this is the
same as tables.  Values are the wire's own: addresses are bytes in network order, None means that the
attribute is not there.

A record is asked for, answered and announced in one form, :class:`Entry`.  What the module alone says
(generation, cause, remaining time) changes without the route being another, so :func:`cut` takes it off:
what is left, but for the destination, is the same bytes for all records that share it.

Source: kmod/uapi/nld.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

from nld.errors import MalformedMessage
from nld.netlink.attribute import (
    ADDRESS,
    BYTES,
    NESTED,
    STRING,
    TYPE_MASK,
    U8,
    U16,
    U32,
    U64,
    Attribute,
    AttributeSet,
    Kind,
    Table,
    nested,
    pack,
    walk,
    write_set,
)
from nld.netlink.form import Form
from nld.netlink.registry import AF

PROTOCOL = 31
"""``NETLINK_NLD``: the default; a parameter of the module may choose another."""

MAGIC = 0x6E6C646B
ABI_VERSION = 1
"""What ``GET_INFO`` must say: it is our module, and it speaks as this file does."""

GREETING = "Hello from kernel unicast"
TABLE_MAIN = 254
MAX_OWNER = 64
MAX_NEXTHOPS = 64
MAX_WEIGHT = 256
MAX_METRICS = 256
"""Records at one prefix."""
MAX_GREETING = 255
"""Bytes of a greeting."""
MAX_EXPIRES = 4294967
"""Seconds."""

HEADER_SIZE = 4
"""``struct nldmsg``."""

_ADDRESS_SIZE = {AF.INET: 4, AF.INET6: 16}


class NLD_MSG(IntEnum):  # noqa: N801 - the header's spelling
    """Message types."""

    GREET = 16
    GET_INFO = 17
    ROUTE_NEW = 18
    ROUTE_DEL = 19
    ROUTE_GET = 20
    FLUSH = 21
    STATS = 22


class NLD_GROUP(IntEnum):  # noqa: N801
    """Multicast groups."""

    ROUTE = 1


class NLD_F(IntFlag):  # noqa: N801
    """Flags of ``struct nldmsg``."""

    LOOKUP = 0x01


class NLD_TYPE(IntEnum):  # noqa: N801
    """What becomes of a packet; the values are those of RTN_*."""

    UNICAST = 1
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


class NLD_CAUSE(IntEnum):  # noqa: N801
    """Why a record changed."""

    REQUEST = 0
    FLUSH = 1
    EXPIRED = 2
    DEVICE = 3


class NLD_A(IntEnum):  # noqa: N801
    """Attributes of a route."""

    PAD = 1
    DST = 2
    GATEWAY = 3
    OIF = 4
    METRIC = 5
    TABLE = 6
    PROTOCOL = 7
    TYPE = 8
    PREFSRC = 9
    NEXTHOPS = 10
    EXPIRES = 11
    OWNER = 12
    GENERATION = 13
    CAUSE = 14
    AS_OF = 15


class NLD_NEXTHOPS(IntEnum):  # noqa: N801
    """Inside ``NLD_A.NEXTHOPS``: a list of entries."""

    ENTRY = 1


class NLD_NH(IntEnum):  # noqa: N801
    """Inside one entry of the list."""

    GATEWAY = 1
    OIF = 2
    WEIGHT = 3


class NLD_GREET(IntEnum):  # noqa: N801
    """Attributes of a greeting."""

    TEXT = 1


class NLD_FEATURE(IntFlag):  # noqa: N801
    """What a module can do."""

    NEXTHOPS = 0x01
    VIA = 0x02
    EXPIRES = 0x04
    OWNER = 0x08
    GENERATION = 0x10
    LOOKUP = 0x20


class NLD_INFO(IntEnum):  # noqa: N801
    """Attributes of the answer to ``GET_INFO``."""

    MAGIC = 1
    ABI = 2
    FEATURES = 3
    VERSION = 4
    MAX_ROUTES = 5
    MAX_ROUTES_NETNS = 6
    MAX_NEXTHOPS = 7
    MAX_OWNER = 8
    MAX_EXPIRES = 9
    MAX_METRICS = 10
    PAD = 11
    MAX_BYTES = 12
    MAX_BYTES_NETNS = 13


class NLD_STATS(IntEnum):  # noqa: N801
    """Attributes of the answer to ``STATS``."""

    PAD = 1
    GENERATION = 2
    ROUTES4 = 3
    ROUTES6 = 4
    NODES = 5
    BYTES = 6
    CREATED = 7
    REPLACED = 8
    DELETED = 9
    EXPIRED = 10
    DEVICE = 11
    UNANNOUNCED = 12
    LINKS = 13
    SENT = 14
    SENT_BYTES = 15
    BLACKHOLE = 16
    UNREACHABLE = 17
    PROHIBIT = 18
    NO_ROUTE = 19
    LOOP = 20
    NOT_UNICAST = 21
    MALFORMED = 22
    NO_MEMORY = 23


@dataclass(slots=True)
class NextHop(AttributeSet):
    """One entry of ``NLD_A_NEXTHOPS``. ``weight`` 1 to 256; None is 1."""

    gateway: bytes | None = None
    oif: int | None = None
    weight: int | None = None


@dataclass(slots=True)
class Entry(AttributeSet):
    """One record of the module, as it is asked for, answered or announced.

    ``flags``       ``NLD_F``.
    ``gateway``     of the record's family or the other: its size tells.
    ``metric``      None is 0, the best (in a dump: any).
    ``table``       None is 254, main (in a dump or flush: any).
    ``type``        ``NLD_TYPE``; None is unicast (in a dump: any).
    ``expires``     seconds; None is never.
    ``owner``       an opaque tag of 1 to 64 bytes.
    ``generation``  of the record; as a condition in a request.
    ``cause``       ``NLD_CAUSE``, in announcements.
    ``as_of``       the table's generation when this part of a dump was read.
    """

    family: int
    dst_len: int = 0
    flags: int = 0
    reserved: int = 0
    dst: bytes | None = None
    gateway: bytes | None = None
    oif: int | None = None
    nexthops: tuple[NextHop, ...] | None = None
    metric: int | None = None
    table: int | None = None
    protocol: int | None = None
    type: int | None = None
    prefsrc: bytes | None = None
    expires: int | None = None
    owner: bytes | None = None
    generation: int | None = None
    cause: int | None = None
    as_of: int | None = None


@dataclass(slots=True)
class Greeting(AttributeSet):
    """``NLD_MSG_GREET``: a text of at most 255 bytes."""

    family: int = 0
    dst_len: int = 0
    flags: int = 0
    reserved: int = 0
    text: str | None = None


@dataclass(slots=True)
class Info(AttributeSet):
    """``NLD_MSG_GET_INFO``: what answers, and its limits; a limit of 0 is none."""

    family: int = 0
    dst_len: int = 0
    flags: int = 0
    reserved: int = 0
    magic: int | None = None
    abi: int | None = None
    features: int | None = None
    version: str | None = None
    max_routes: int | None = None
    max_routes_netns: int | None = None
    max_nexthops: int | None = None
    max_owner: int | None = None
    max_expires: int | None = None
    max_metrics: int | None = None
    max_bytes: int | None = None
    max_bytes_netns: int | None = None


@dataclass(slots=True)
class Statistics(AttributeSet):
    """``NLD_MSG_STATS``: the namespace's counters; see the header."""

    family: int = 0
    dst_len: int = 0
    flags: int = 0
    reserved: int = 0
    generation: int | None = None
    routes4: int | None = None
    routes6: int | None = None
    nodes: int | None = None
    bytes: int | None = None
    created: int | None = None
    replaced: int | None = None
    deleted: int | None = None
    expired: int | None = None
    device: int | None = None
    unannounced: int | None = None
    links: int | None = None
    sent: int | None = None
    sent_bytes: int | None = None
    blackhole: int | None = None
    unreachable: int | None = None
    prohibit: int | None = None
    no_route: int | None = None
    loop: int | None = None
    not_unicast: int | None = None
    malformed: int | None = None
    no_memory: int | None = None


NEXT_HOP = Table(
    (
        Attribute(NLD_NH.GATEWAY, "gateway", ADDRESS),
        Attribute(NLD_NH.OIF, "oif", U32),
        Attribute(NLD_NH.WEIGHT, "weight", U16),
    )
)

_HOP = nested(NEXT_HOP, NextHop)


def _unpack_hops(data: bytes, start: int, end: int) -> tuple[NextHop, ...]:
    hops = []
    for kind, first, last in walk(data, start, end):
        if kind & TYPE_MASK != NLD_NEXTHOPS.ENTRY:
            raise MalformedMessage(f"attribute {kind & TYPE_MASK} in a list of next hops", first)
        hops.append(_HOP.unpack(data, first, last))
    return tuple(hops)


def _pack_hops(hops: tuple[NextHop, ...]) -> bytes:
    return b"".join(pack(NLD_NEXTHOPS.ENTRY | NESTED, write_set(NEXT_HOP, hop)) for hop in hops)


NEXTHOPS = Kind("list of next hops", _unpack_hops, _pack_hops, NEXT_HOP)

ENTRY = Table(
    (
        # New messages are written in this order, which is the module's own.
        Attribute(NLD_A.DST, "dst", ADDRESS),
        Attribute(NLD_A.GATEWAY, "gateway", ADDRESS),
        Attribute(NLD_A.OIF, "oif", U32),
        Attribute(NLD_A.NEXTHOPS, "nexthops", NEXTHOPS, NESTED),
        Attribute(NLD_A.METRIC, "metric", U32),
        Attribute(NLD_A.TABLE, "table", U32),
        Attribute(NLD_A.PROTOCOL, "protocol", U8),
        Attribute(NLD_A.TYPE, "type", U8),
        Attribute(NLD_A.PREFSRC, "prefsrc", ADDRESS),
        Attribute(NLD_A.EXPIRES, "expires", U32),
        Attribute(NLD_A.OWNER, "owner", BYTES),
        Attribute(NLD_A.GENERATION, "generation", U64),
        Attribute(NLD_A.CAUSE, "cause", U8),
        Attribute(NLD_A.AS_OF, "as_of", U64),
    )
)

GREET = Table((Attribute(NLD_GREET.TEXT, "text", STRING),))

_INFO_KINDS = {NLD_INFO.VERSION: STRING, NLD_INFO.MAX_BYTES: U64, NLD_INFO.MAX_BYTES_NETNS: U64}

INFO = Table(
    [
        Attribute(number, number.name.lower(), _INFO_KINDS.get(number, U32))
        for number in NLD_INFO
        if number is not NLD_INFO.PAD
    ]
)

STATISTICS = Table(
    [Attribute(number, number.name.lower(), U64) for number in NLD_STATS if number is not NLD_STATS.PAD]
)

_LAYOUT, _FIELDS = "=BBBB", ("family", "dst_len", "flags", "reserved")

ENTRY_FORM: Form[Entry] = Form(Entry, _LAYOUT, _FIELDS, ENTRY)
GREETING_FORM: Form[Greeting] = Form(Greeting, _LAYOUT, _FIELDS, GREET)
INFO_FORM: Form[Info] = Form(Info, _LAYOUT, _FIELDS, INFO)
STATISTICS_FORM: Form[Statistics] = Form(Statistics, _LAYOUT, _FIELDS, STATISTICS)


def decode(payload: bytes | bytearray | memoryview) -> Entry:
    """A record from the payload of its message.  Raises :class:`MalformedMessage`."""
    entry = ENTRY_FORM.decode(payload)
    size = _ADDRESS_SIZE.get(AF(entry.family)) if entry.family in _ADDRESS_SIZE else None
    if size is None:
        return entry
    for name in ("dst", "prefsrc"):
        value = getattr(entry, name)
        if value is not None and len(value) != size:
            raise MalformedMessage(f"{name} of {len(value)} bytes for family {entry.family}", HEADER_SIZE)
    gateways = [entry.gateway, *(hop.gateway for hop in entry.nexthops or ())]
    if any(gateway is not None and len(gateway) not in (4, 16) for gateway in gateways):
        raise MalformedMessage("a gateway of neither 4 nor 16 bytes", HEADER_SIZE)
    if entry.dst_len > 8 * size:
        raise MalformedMessage(f"prefix length over {8 * size} for family {entry.family}", 1)
    return entry


def encode(entry: Entry) -> bytes:
    """The payload: nldmsg and attributes.  Raises ``ValueError`` for what does not fit its field."""
    return ENTRY_FORM.encode(entry)


class Cut(NamedTuple):
    """A record's message, cut apart.

    ``shape``        the payload without destination and without what the module alone says.
    ``destination``  its bytes, ``b""`` for the default route.
    ``generation``   of the record; 0 when it is not said.
    ``expires``      seconds left; 0 for never.
    ``cause``        why it was announced, None in a dump.
    """

    shape: bytes
    destination: bytes
    generation: int
    expires: int
    cause: int | None


_DST, _EXPIRES, _GENERATION, _CAUSE = (
    int(NLD_A.DST), int(NLD_A.EXPIRES), int(NLD_A.GENERATION), int(NLD_A.CAUSE)
)  # fmt: skip
_PASSING = frozenset(map(int, (NLD_A.PAD, NLD_A.AS_OF)))


def cut(payload: bytes) -> Cut:
    """Cut one record's payload.  Raises :class:`MalformedMessage`."""
    if len(payload) < HEADER_SIZE:
        raise MalformedMessage(f"{len(payload)} bytes, a record's header has {HEADER_SIZE}", 0)
    parts = [payload[:HEADER_SIZE]]
    destination, generation, expires, cause = b"", 0, 0, None
    for kind, start, end in walk(payload, HEADER_SIZE, len(payload)):
        number = kind & TYPE_MASK
        if number == _DST:
            destination = payload[start:end]
        elif number == _GENERATION:
            generation = U64.unpack(payload, start, end)
        elif number == _EXPIRES:
            expires = U32.unpack(payload, start, end)
        elif number == _CAUSE:
            cause = U8.unpack(payload, start, end)
        elif number not in _PASSING:
            parts.append(payload[start - 4 : (end + 3) & ~3])
    if payload[0] not in _ADDRESS_SIZE or len(destination) not in (0, _ADDRESS_SIZE[AF(payload[0])]):
        raise MalformedMessage(
            f"a destination of {len(destination)} bytes for family {payload[0]}", HEADER_SIZE
        )
    return Cut(b"".join(parts), destination, generation, expires, cause)
