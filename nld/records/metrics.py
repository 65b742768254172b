"""A route's metrics (RTAX_*): what TCP and the IP layer take from the route instead of their defaults.

Names and units are those of ``ip -j route``.  0, where the kernel takes it, means "no value of the
route's own".  What the kernel would silently make smaller is refused (``net/ipv4/metrics.c``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from nld.records.model import U32, Hexadecimal, Record

Lock = Literal[
    "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit", "initcwnd",
    "features", "rto_min", "initrwnd", "quickack", "congestion", "fastopen_no_cookie",
]  # fmt: skip

Switch = Annotated[int, Field(ge=0, le=1)]


class MetricsRecord(Record):
    """The metrics of one route. All default to the kernel's own."""

    mtu: Annotated[int, Field(ge=0, le=65520)] | None = None
    """Largest packet in bytes. The kernel would cut more than 65520."""
    window: U32 | None = None
    """Largest TCP window to advertise, in bytes."""
    rtt: Annotated[float, Field(ge=0, le=536870911.875, allow_inf_nan=False)] | None = None
    """Initial round trip time in ms, kept in steps of 1/8 ms."""
    rttvar: Annotated[float, Field(ge=0, le=1073741823.75, allow_inf_nan=False)] | None = None
    """Initial variance of the round trip time in ms, kept in steps of 1/4 ms."""
    ssthresh: U32 | None = None
    """Initial slow start threshold in segments."""
    cwnd: U32 | None = None
    """Clamp of the congestion window in segments; takes effect when locked."""
    advmss: Annotated[int, Field(ge=0, le=65495)] | None = None
    """Maximum segment size to advertise, in bytes. The kernel would cut more than 65495."""
    reordering: U32 | None = None
    """Maximum reordering of packets on the path."""
    hoplimit: Annotated[int, Field(ge=0, le=255)] | None = None
    """Hop limit (TTL) of packets sent."""
    initcwnd: U32 | None = None
    """Initial congestion window in segments."""
    ecn: Annotated[bool | None, BeforeValidator(lambda value: True if value is None else value)] = None
    """Ask for explicit congestion notification. ``ip`` prints it as a null, which counts as true."""
    features: Hexadecimal | None = None
    """All feature bits (RTAX_FEATURE_*) where there are others than ECN, such as ``0x10``."""
    rto_min: U32 | None = None
    """Least TCP retransmission time-out in ms. Always locked, as in ``ip``: unlocked it has no effect."""
    initrwnd: U32 | None = None
    """Initial receive window in segments."""
    quickack: Switch | None = None
    """1: acknowledge at once."""
    congestion: Annotated[str, Field(min_length=1, max_length=15, pattern=r"^[!-~]+$")] | None = None
    """TCP congestion control algorithm, such as ``cubic`` (the word ``congctl`` of ``ip route add``)."""
    fastopen_no_cookie: Switch | None = None
    """1: TCP fast open without a cookie."""
    lock: list[Lock] | None = None
    """Metrics that must not be changed by what the path reports, such as ``mtu``. ``ip -j`` does not
    print locks, so they get lost in its output."""
