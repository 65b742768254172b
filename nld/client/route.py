"""Routes and filters as type checkers know them, with the manual of their fields. No code.

The daemon's own models (``nld.records``) say the same, and a test compares them.  All fields may be left
out.

Does not belong here: checking values (the daemon does, and ``Client.validate`` asks it to).
"""

from __future__ import annotations

from typing import Any, Literal, Required, TypeAlias, TypedDict

RouteFlag: TypeAlias = Literal[
    "dead", "onlink", "pervasive", "offload", "trap", "notify", "linkdown", "unresolved", "rt_offload",
    "rt_trap", "rt_offload_failed",
]  # fmt: skip
"""Of a route and of each of its legs."""


class Via(TypedDict, total=False):
    """A gateway of the other address family than the route's (RFC 5549)."""

    family: Literal["inet", "inet6"]
    """Family of ``host``."""
    host: str
    """The gateway's address."""


_Flow = TypedDict("_Flow", {"from": str}, total=False)


class Flow(_Flow, total=False):
    """Routing realms (IPv4 only), for classifiers and accounting.

    ``from``  Realm of the source; default none.
    """

    to: str
    """Realm of the destination: a name of rt_realms or 0 to 65535."""


class NextHop(TypedDict, total=False):
    """One leg of a multipath route."""

    gateway: str
    """Gateway of the route's family."""
    via: Via
    """Gateway of the other family, instead of ``gateway``."""
    dev: str
    """Device. May be left out where the gateway says it (IPv4 and IPv6 look it up)."""
    weight: int
    """Share of the flows, relative to the other legs."""
    flags: list[RouteFlag]
    """``onlink``: take the gateway to be on the link; the others are set by the kernel."""
    encap: dict[str, Any]
    """Encapsulation of this leg."""
    flow: Flow
    """Realms of this leg (IPv4)."""


class Metrics(TypedDict, total=False):
    """The metrics of one route. All default to the kernel's own."""

    mtu: int
    """Largest packet in bytes. The kernel would cut more than 65520."""
    window: int
    """Largest TCP window to advertise, in bytes."""
    rtt: float
    """Initial round trip time in ms, kept in steps of 1/8 ms."""
    rttvar: float
    """Initial variance of the round trip time in ms, kept in steps of 1/4 ms."""
    ssthresh: int
    """Initial slow start threshold in segments."""
    cwnd: int
    """Clamp of the congestion window in segments; takes effect when locked."""
    advmss: int
    """Maximum segment size to advertise, in bytes. The kernel would cut more than 65495."""
    reordering: int
    """Maximum reordering of packets on the path."""
    hoplimit: int
    """Hop limit (TTL) of packets sent."""
    initcwnd: int
    """Initial congestion window in segments."""
    ecn: bool
    """Ask for explicit congestion notification. ``ip`` prints it as a null, which counts as true."""
    features: str
    """All feature bits (RTAX_FEATURE_*) where there are others than ECN, such as ``0x10``."""
    rto_min: int
    """Least TCP retransmission time-out in ms. Always locked, as in ``ip``: unlocked it has no effect."""
    initrwnd: int
    """Initial receive window in segments."""
    quickack: int
    """1: acknowledge at once."""
    congestion: str
    """TCP congestion control algorithm, such as ``cubic`` (the word ``congctl`` of ``ip route add``)."""
    fastopen_no_cookie: int
    """1: TCP fast open without a cookie."""
    lock: list[
        Literal[
            "mtu",
            "window",
            "rtt",
            "rttvar",
            "ssthresh",
            "cwnd",
            "advmss",
            "reordering",
            "hoplimit",
            "initcwnd",
            "features",
            "rto_min",
            "initrwnd",
            "quickack",
            "congestion",
            "fastopen_no_cookie",
        ]
    ]
    """Metrics that must not be changed by what the path reports, such as ``mtu``. ``ip -j`` does not print
    locks, so they get lost in its output."""


_Route = TypedDict("_Route", {"from": str, "ttl-propogate": bool}, total=False)


class Route(_Route, total=False):
    """A route as ``ip -j route`` prints it.

    In a route that is written, ``dst`` may also be a list, and addresses may be objects of ``ipaddress``.

    ``from``  Source prefix (IPv6 with source routing only).

    ``ttl-propogate``  MPLS only, refused on others; ``ip`` spells it so.
    """

    type: Literal[
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
        "nat",
    ]
    """Default unicast (for a delete: any)."""
    dst: Required[str]
    """Destination prefix such as ``10.0.0.0/8``, ``2001:db8::1``, ``default``; or a list of them."""
    nhid: int
    """Id of a nexthop object. The next hop fields beside it repeat what that object says."""
    encap: dict[str, Any]
    """Encapsulation."""
    tos: str
    """Type of service that the route is for (IPv4): a name or hexadecimal. Default any, 0."""
    gateway: str
    """Next router, of the route's own family."""
    via: Via
    """Next router of the other family, instead of ``gateway``."""
    dev: str
    """Device that packets leave by."""
    table: str
    """Routing table, a name or 1 to 4294967295. Default main; local for local, broadcast, anycast, nat. A
    record with ``flags`` was printed by ``ip`` or nld; there a missing table is main."""
    vrf: str
    """Instead of ``table``: the table of this VRF device."""
    protocol: str
    """Who made the route, a name or 0 to 255. Default nld (131)."""
    scope: str
    """Distance of the destination (IPv4). Default link without a gateway, host for type local, link for
    broadcast, multicast and anycast, else global; in a printed record (see ``table``) global."""
    prefsrc: str
    """Source address that this host prefers for these destinations."""
    metric: int
    """Priority, lower wins. Default 0 (IPv4) or 1024 (IPv6, where 0 means 1024)."""
    flags: list[RouteFlag]
    """``onlink``: take the gateway to be on the link; ``pervasive``. Others are set by the kernel."""
    flow: Flow
    """Routing realms (IPv4)."""
    expires: int
    """Seconds until the kernel removes the route (IPv6). Default never; writing needs 1 or more."""
    metrics: list[Metrics]
    """One object with the route's metrics."""
    pref: Literal["low", "medium", "high"]
    """Router preference (IPv6, RFC 4191). Default medium."""
    nexthops: list[NextHop]
    """Legs of a multipath route."""
    family: Literal["inet", "inet6"]
    """Address family; needed only for a ``default`` route that nothing else tells the family of."""
    nh_info: dict[str, Any]
    """The nexthop object behind ``nhid``. Output only."""
    error: int
    """Error of a reject route, as ``ip`` prints it. Output only."""
    users: int
    """Statistics of ``ip -s``. Output only."""
    used: int
    """Statistics of ``ip -s``. Output only."""
    age: int
    """Statistics of ``ip -s``. Output only."""
    ipid: str
    """Output only."""
    ts: str
    """Output only."""
    tsage: int
    """Output only."""
    uid: int
    """User that a look-up was made for. In answers of a look-up only."""
    mark: int
    """Firewall mark that a look-up was made for. In answers of a look-up only."""
    iif: str
    """Device that a looked up packet came in by. In answers of a look-up only."""
    cache: list[str]
    """Flags of a looked up route. In answers of a look-up only."""


_Filter = TypedDict("_Filter", {"from": str}, total=False)


class Filter(_Filter, total=False):
    """Which routes: all that is given must hold; an empty filter takes all routes of all tables.

    ``from``  Exactly this source prefix (IPv6).
    """

    family: Literal["inet", "inet6"]
    """Address family. Default both."""
    table: str
    """Routing table, a name or number. Default all."""
    vrf: str
    """Instead of ``table``: the table of this VRF device."""
    protocol: str
    """Who made the route, a name or number."""
    dev: str
    """Device of the route, or of any of its next hops."""
    type: Literal[
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
        "nat",
    ]
    """Type."""
    scope: str
    """Scope, a name or number."""
    dst: str
    """Exactly this destination."""
    root: str
    """This prefix and all inside it."""
    match: str
    """This prefix and all that cover it; with a host address, all routes that could take it."""
    via: str
    """Gateway of the route, or of any of its next hops: an address, or a prefix that it is in."""
    whole: bool
    """With ``dev`` or ``via``: only routes all of whose next hops go by it. Default false."""
    prefsrc: str
    """Preferred source address, or a prefix that it is in."""
    metric: int
    """Metric."""
    tos: str
    """Type of service."""
    nhid: int
    """Id of the nexthop object."""
    owner: str
    """Owner of the route in nld's own records."""
