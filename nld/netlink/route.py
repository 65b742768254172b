"""The route: RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE.

``struct rtmsg`` and the ``RTA_*`` attributes, as Linux's rt-route specification lists them, for IPv4,
IPv6 and, as far as nld shows them, MPLS and multicast.  Values are the kernel's own: addresses are
bytes in network order, numbers are raw, None means that the attribute is not there.

Source: rtnetlink(7), Documentation/netlink/specs/rt-route.yaml, net/ipv4/fib_semantics.c
(``fib_dump_info``), net/ipv6/route.c (``rt6_fill_node``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

from nld.errors import MalformedMessage
from nld.netlink.attribute import (
    ADDRESS,
    BE16,
    BE32,
    BYTES,
    STRING,
    U8,
    U16,
    U32,
    Attribute,
    AttributeSet,
    Kind,
    Table,
    Wire,
    nested,
    record,
    write_set,
)
from nld.netlink.encapsulation import (
    ENCAP,
    Encap,
    Ip6Encap,
    IpEncap,
    MplsEncap,
    OpaqueEncap,
    Seg6Encap,
    Seg6LocalEncap,
    TunnelTable,
    XfrmEncap,
)
from nld.netlink.form import Form, Wide
from nld.netlink.registry import AF, RTA, RTAX, TableId

__all__ = [
    "FORM", "HEADER_SIZE", "METRICS", "NEXT_HOP", "ROUTE", "CacheInfo", "Encap", "Ip6Encap", "IpEncap",
    "Metrics", "MfcStats", "MplsEncap", "NextHop", "OpaqueEncap", "Route", "Seg6Encap", "Seg6LocalEncap",
    "Via", "XfrmEncap", "decode", "encode",
]  # fmt: skip

HEADER_SIZE = 12
"""``struct rtmsg``."""

ADDRESS_SIZE: Mapping[int, int] = {AF.INET: 4, AF.INET6: 16, AF.IPMR: 4, AF.IP6MR: 16}
"""Bytes of an address, for the families where it is fixed."""

_FAMILY = struct.Struct("=H")
_HOP = struct.Struct("=HBBi")


class Via(NamedTuple):
    """A gateway of another family than the route's: ``RTA_VIA``, such as IPv6 for an IPv4 route."""

    family: int
    address: bytes


class CacheInfo(NamedTuple):
    """``struct rta_cacheinfo``.

    ``expires`` and ``lastuse`` are in 1/100 s (USER_HZ): remaining, and since the last use; expires 0
    means never.  ``error`` is what the route answers, as a negative errno; 0 for one that forwards.
    """

    clntref: int
    lastuse: int
    expires: int
    error: int
    used: int
    id: int
    ts: int
    tsage: int


class MfcStats(NamedTuple):
    """``struct rta_mfc_stats``: packets, bytes and wrong-interface packets of a multicast route."""

    packets: int
    bytes: int
    wrong_if: int


@dataclass(slots=True)
class Metrics(AttributeSet):
    """``RTA_METRICS``, in the kernel's units; None or 0 means the system's default.

    ``lock``      bit n pins metric number n (``1 << RTAX.MTU``).
    ``mtu``, ``advmss`` bytes; ``window`` bytes; ``ssthresh``, ``cwnd``, ``initcwnd``, ``initrwnd``
    segments; ``rtt`` in 1/8 ms, ``rttvar`` in 1/4 ms, ``rto_min`` in ms; ``hoplimit`` hops;
    ``reordering`` segments; ``features`` are ``RTAX_FEATURE_*`` bits; ``quickack`` and
    ``fastopen_no_cookie`` 1 or 0; ``cc_algo`` the congestion control's name.
    """

    lock: int | None = None
    mtu: int | None = None
    window: int | None = None
    rtt: int | None = None
    rttvar: int | None = None
    ssthresh: int | None = None
    cwnd: int | None = None
    advmss: int | None = None
    reordering: int | None = None
    hoplimit: int | None = None
    initcwnd: int | None = None
    features: int | None = None
    rto_min: int | None = None
    initrwnd: int | None = None
    quickack: int | None = None
    cc_algo: str | None = None
    fastopen_no_cookie: int | None = None


@dataclass(slots=True)
class NextHop(AttributeSet):
    """One leg of a multipath route: ``struct rtnexthop`` and its attributes.

    ``hops``     the weight minus 1, 0 to 255.
    ``flags``    ``RTNH_F_*``.
    ``ifindex``  0 lets the kernel find the device by the gateway.
    """

    flags: int = 0
    hops: int = 0
    ifindex: int = 0
    gateway: bytes | None = None
    via: Via | None = None
    flow: int | None = None
    newdst: bytes | None = None
    encap_type: int | None = None
    encap: Encap | None = None


@dataclass(slots=True)
class Route(AttributeSet):
    """One route as the kernel says it; see ``rtnetlink(7)`` for what each attribute means.

    ``table``     the full 32-bit id: ``RTA_TABLE`` where present, else ``rtm_table``.
    ``dst``       None for the default route (the kernel leaves it out), and in a shape.
    ``priority``  the metric.  None is 0 for IPv4 and, when adding, 1024 for IPv6.
    ``flow``      realms: source in the upper 16 bits, destination in the lower.
    ``expires``   seconds, when adding an IPv6 route; the kernel answers in ``cacheinfo``.
    ``pref``      ``RoutePreference``.
    ``newdst``    MPLS labels that replace the top one, as bytes.
    ``iif``, ``mark``, ``uid``, ``ip_proto``, ``sport``, ``dport``, ``flowlabel`` serve look-ups only.
    ``mfc_stats`` is only in what the kernel says about a multicast route.
    """

    family: int
    dst_len: int = 0
    src_len: int = 0
    tos: int = 0
    table: int = TableId.MAIN
    protocol: int = 0
    scope: int = 0
    type: int = 1
    flags: int = 0
    dst: bytes | None = None
    src: bytes | None = None
    iif: int | None = None
    oif: int | None = None
    gateway: bytes | None = None
    priority: int | None = None
    prefsrc: bytes | None = None
    metrics: Metrics | None = None
    multipath: tuple[NextHop, ...] | None = None
    flow: int | None = None
    cacheinfo: CacheInfo | None = None
    mark: int | None = None
    mfc_stats: MfcStats | None = None
    via: Via | None = None
    newdst: bytes | None = None
    pref: int | None = None
    encap_type: int | None = None
    encap: Encap | None = None
    expires: int | None = None
    uid: int | None = None
    ttl_propagate: int | None = None
    ip_proto: int | None = None
    sport: int | None = None
    dport: int | None = None
    nh_id: int | None = None
    flowlabel: int | None = None


def _unpack_via(data: bytes, start: int, end: int) -> Via:
    if end - start < _FAMILY.size:
        raise MalformedMessage(f"a via of {end - start} bytes, it has at least 2", start)
    (family,) = _FAMILY.unpack_from(data, start)
    address = data[start + _FAMILY.size : end]
    if len(address) != ADDRESS_SIZE.get(family, len(address)):
        raise MalformedMessage(f"an address of {len(address)} bytes for family {family}", start)
    return Via(family, address)


VIA = Kind("via", _unpack_via, lambda via: _FAMILY.pack(via.family) + via.address)

METRICS = Table(
    [
        Attribute(number, number.name.lower(), STRING if number is RTAX.CC_ALGO else U32)
        for number in RTAX
        if number is not RTAX.UNSPEC
    ]
)
"""Inside ``RTA_METRICS``: 32-bit numbers, but for the congestion control's name."""

NEXT_HOP = TunnelTable(
    (
        Attribute(RTA.NEWDST, "newdst", BYTES),
        Attribute(RTA.GATEWAY, "gateway", ADDRESS),
        Attribute(RTA.VIA, "via", VIA),
        Attribute(RTA.FLOW, "flow", U32),
        Attribute(RTA.ENCAP, "encap", ENCAP),
        Attribute(RTA.ENCAP_TYPE, "encap_type", U16),
    )
)
"""Inside one entry of ``RTA_MULTIPATH``."""


def walk_hops(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Each entry of ``RTA_MULTIPATH``: flags, weight - 1, ifindex, where its attributes start and end.

    Raises :class:`MalformedMessage`.
    """
    offset = start
    while offset < end:
        if end - offset < _HOP.size:
            raise MalformedMessage(f"{end - offset} bytes left, a next hop has at least {_HOP.size}", offset)
        length, flags, weight, ifindex = _HOP.unpack_from(data, offset)
        if length < _HOP.size:
            raise MalformedMessage(f"next hop length {length} is under its header's {_HOP.size}", offset)
        if length > end - offset:
            raise MalformedMessage(f"next hop length {length} is past the {end - offset} bytes left", offset)
        yield flags, weight, ifindex, offset + _HOP.size, offset + length
        offset += (length + 3) & ~3


def _unpack_multipath(data: bytes, start: int, end: int) -> tuple[NextHop, ...]:
    hops = []
    for flags, weight, ifindex, first, last in walk_hops(data, start, end):
        values, unknown, types = NEXT_HOP.read(data, first, last)
        hops.append(NextHop(flags, weight, ifindex, **values, unknown=unknown, wire=Wire(types)))
    return tuple(hops)


def _pack_hop(hop: NextHop) -> bytes:
    attributes = write_set(NEXT_HOP, hop)
    return _HOP.pack(_HOP.size + len(attributes), hop.flags, hop.hops, hop.ifindex) + attributes


MULTIPATH = Kind(
    "list of next hops", _unpack_multipath, lambda hops: b"".join(_pack_hop(hop) for hop in hops), NEXT_HOP
)

ROUTE = TunnelTable(
    (
        # New messages are written in this order, which is the kernel's own in a dump.
        Attribute(RTA.TABLE, "table", U32),
        Attribute(RTA.DST, "dst", ADDRESS),
        Attribute(RTA.SRC, "src", ADDRESS),
        Attribute(RTA.IIF, "iif", U32),
        Attribute(RTA.PRIORITY, "priority", U32),
        Attribute(RTA.METRICS, "metrics", nested(METRICS, Metrics)),
        Attribute(RTA.PREFSRC, "prefsrc", ADDRESS),
        Attribute(RTA.NH_ID, "nh_id", U32),
        Attribute(RTA.NEWDST, "newdst", BYTES),
        Attribute(RTA.GATEWAY, "gateway", ADDRESS),
        Attribute(RTA.VIA, "via", VIA),
        Attribute(RTA.OIF, "oif", U32),
        Attribute(RTA.FLOW, "flow", U32),
        Attribute(RTA.ENCAP, "encap", ENCAP),
        Attribute(RTA.ENCAP_TYPE, "encap_type", U16),
        Attribute(RTA.MULTIPATH, "multipath", MULTIPATH),
        Attribute(RTA.EXPIRES, "expires", U32),
        Attribute(RTA.CACHEINFO, "cacheinfo", record("cacheinfo", "=IIiIIIII", CacheInfo)),
        Attribute(RTA.PREF, "pref", U8),
        Attribute(RTA.TTL_PROPAGATE, "ttl_propagate", U8),
        Attribute(RTA.MFC_STATS, "mfc_stats", record("mfc_stats", "=QQQ", MfcStats)),
        Attribute(RTA.MARK, "mark", U32),
        Attribute(RTA.UID, "uid", U32),
        Attribute(RTA.IP_PROTO, "ip_proto", U8),
        Attribute(RTA.SPORT, "sport", BE16),
        Attribute(RTA.DPORT, "dport", BE16),
        Attribute(RTA.FLOWLABEL, "flowlabel", BE32),
    )
)
"""Every attribute of a route that the specification lists and the kernel uses."""

FORM: Form[Route] = Form(
    Route,
    "=BBBBBBBBI",
    ("family", "dst_len", "src_len", "tos", "table", "protocol", "scope", "type", "flags"),
    ROUTE,
    Wide("table", RTA.TABLE, lambda table: TableId.UNSPEC),
)


def decode(payload: bytes | bytearray | memoryview) -> Route:
    """A route from the payload of its message.  Raises :class:`MalformedMessage`."""
    route = FORM.decode(payload)
    size = ADDRESS_SIZE.get(route.family)
    if size is not None:
        for name in ("dst", "src", "gateway", "prefsrc"):
            address = getattr(route, name)
            if address is not None and len(address) != size:
                raise MalformedMessage(
                    f"{name} of {len(address)} bytes for family {route.family}", HEADER_SIZE
                )
        for hop in route.multipath or ():
            if hop.gateway is not None and len(hop.gateway) != size:
                raise MalformedMessage(f"gateway of {len(hop.gateway)} bytes for {route.family}", HEADER_SIZE)
        if max(route.dst_len, route.src_len) > 8 * size:
            raise MalformedMessage(f"prefix length over {8 * size} for family {route.family}", 1)
    return route


def encode(route: Route) -> bytes:
    """The payload: rtmsg and attributes.  Raises ``ValueError`` for what does not fit its field.

    A table id over 255 goes in RTA_TABLE, with RT_TABLE_UNSPEC in the byte, as ``ip`` sends it.
    """
    return FORM.encode(route)


def encode_at(route: Route, destination: bytes | None) -> bytes:
    """As :func:`encode`, of the route at another destination."""
    return FORM.encode(route, dst=destination)


def copied(route: Route, **changes: Any) -> Route:
    """The route with other values in some fields; a tenth of what :func:`dataclasses.replace` takes."""
    copy = Route(*_FIELDS(route), unknown=route.unknown, wire=route.wire)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


_FIELDS = attrgetter(*(field.name for field in fields(Route) if not field.kw_only))
