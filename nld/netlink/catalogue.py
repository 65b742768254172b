"""Every message type that has a form, and names for the bytes that extack points at.

The kernel says "offset 44" or "type 5 is missing"; people read ``RTA_GATEWAY``.  The tables that
decode a message name its parts.  Tests and the fuzzer go through :data:`MESSAGES` and
:data:`MODULE_MESSAGES`, so a new type is tested the day it is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nld.errors import Extack, MalformedMessage
from nld.netlink import address, link, module, nexthop, route, rule
from nld.netlink.attribute import TYPE_MASK, U16, Attribute, Table, walk
from nld.netlink.encapsulation import CLASSES, ENCAP
from nld.netlink.extack import Acknowledgement
from nld.netlink.form import Form
from nld.netlink.header import HEADER, HEADER_SIZE
from nld.netlink.module import NLD_MSG
from nld.netlink.registry import RTM


class Entry(NamedTuple):
    """One kind of message: its form, and the two directions over the payload."""

    form: Form[Any]
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def _plain(form: Form[Any]) -> Entry:
    """A message that its form alone decodes."""
    return Entry(form, form.decode, form.encode)


_ROUTE = Entry(route.FORM, route.decode, route.encode)
_LINK = Entry(link.FORM, link.decode, link.encode)
_ADDRESS = Entry(address.FORM, address.decode, address.encode)
_NEXTHOP = Entry(nexthop.FORM, nexthop.decode, nexthop.encode)
_RULE = Entry(rule.FORM, rule.decode, rule.encode)

MESSAGES: Mapping[int, Entry] = {
    RTM.NEWLINK: _LINK, RTM.DELLINK: _LINK, RTM.GETLINK: _LINK, RTM.SETLINK: _LINK,
    RTM.NEWADDR: _ADDRESS, RTM.DELADDR: _ADDRESS, RTM.GETADDR: _ADDRESS,
    RTM.NEWROUTE: _ROUTE, RTM.DELROUTE: _ROUTE, RTM.GETROUTE: _ROUTE,
    RTM.NEWRULE: _RULE, RTM.DELRULE: _RULE, RTM.GETRULE: _RULE,
    RTM.NEWNEXTHOP: _NEXTHOP, RTM.DELNEXTHOP: _NEXTHOP, RTM.GETNEXTHOP: _NEXTHOP,
}  # fmt: skip
"""Of NETLINK_ROUTE, by message type."""

_RECORD = Entry(module.ENTRY_FORM, module.decode, module.encode)

MODULE_MESSAGES: Mapping[int, Entry] = {
    NLD_MSG.GREET: _plain(module.GREETING_FORM),
    NLD_MSG.GET_INFO: _plain(module.INFO_FORM),
    NLD_MSG.ROUTE_NEW: _RECORD, NLD_MSG.ROUTE_DEL: _RECORD, NLD_MSG.ROUTE_GET: _RECORD,
    NLD_MSG.FLUSH: _RECORD,
    NLD_MSG.STATS: _plain(module.STATISTICS_FORM),
}  # fmt: skip
"""Of nld.ko, by message type; the numbers are those of other messages of NETLINK_ROUTE."""


class _Spot(NamedTuple):
    """An attribute in a request: its number, its row if it has one, and where its value lies."""

    number: int
    row: Attribute | None
    siblings: Mapping[int, tuple[int, int]]
    start: int
    end: int

    @property
    def name(self) -> str:
        return self.row.kernel_name if self.row else f"attribute {self.number}"


def attribute_path(request: bytes, offset: int) -> tuple[str, ...]:
    """Kernel names from the outermost attribute to the one whose header is at ``offset``.

    ``request`` is a whole message with its netlink header, ``offset`` counts from its start, as
    NLMSGERR_ATTR_OFFS does.  Empty when no attribute starts there or the message type is unknown.
    """
    return tuple(spot.name for spot in _path(request, offset))


def explain(request: bytes, acknowledgement: Acknowledgement) -> Extack | None:
    """The kernel's words with numbers turned into names; None when it said nothing."""
    offset, missing = acknowledgement.offset, acknowledgement.missing_type
    if acknowledgement.message is None and offset is None and missing is None:
        return None
    path = attribute_path(request, offset) if offset is not None else ()
    return Extack(
        message=acknowledgement.message,
        attribute=path[-1] if path else None,
        offset=offset,
        missing=None if missing is None else _missing_name(request, acknowledgement.missing_nest, missing),
    )


def _missing_name(request: bytes, nest: int | None, number: int) -> str:
    table: Table | None = None
    if nest is None:
        entry = MESSAGES.get(_message_type(request))
        table = entry.form.table if entry else None
    elif path := _path(request, nest):
        table = _inside(request, path[-1])
    row = table.by_number.get(number) if table else None
    return row.kernel_name if row else f"attribute {number}"


def _message_type(request: bytes) -> int:
    if len(request) < HEADER_SIZE:
        return -1
    number: int = HEADER.unpack_from(request)[1]
    return number


def _path(request: bytes, offset: int) -> list[_Spot]:
    entry = MESSAGES.get(_message_type(request))
    if entry is None:
        return []
    path: list[_Spot] = []
    table: Table | None = entry.form.table
    start, end = HEADER_SIZE + entry.form.header.size, len(request)
    try:
        while table is not None:
            spot = _covering(request, start, end, table, offset)
            if spot is None:
                return []
            path.append(spot)
            if spot.start - 4 == offset:
                return path
            table = _inside(request, spot)
            start, end = spot.start, spot.end
            if spot.row is not None and spot.row.kind is route.MULTIPATH:
                hops = route.walk_hops(request, start, end)
                start, end = next(((a, b) for *_, a, b in hops if a <= offset < b), (end, end))
    except MalformedMessage:
        return []
    return []


def _covering(data: bytes, start: int, end: int, table: Table, offset: int) -> _Spot | None:
    spans = {kind & TYPE_MASK: (first, last) for kind, first, last in walk(data, start, end)}
    for kind, first, last in walk(data, start, end):
        if first - 4 <= offset < max(last, first):
            number = kind & TYPE_MASK
            return _Spot(number, table.by_number.get(number), spans, first, last)
    return None


def _inside(data: bytes, spot: _Spot) -> Table | None:
    """The table of what is nested in an attribute; a tunnel's depends on its neighbour, the type."""
    if spot.row is None:
        return None
    if spot.row.kind is not ENCAP:
        return spot.row.kind.table
    # RTA_ENCAP_TYPE and NHA_ENCAP_TYPE are both the number before.
    span = spot.siblings.get(spot.number - 1)
    cls = None if span is None else CLASSES.get(U16.unpack(data, *span))
    return cls.TABLE if cls else None
