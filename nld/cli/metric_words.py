"""The words of a route's metrics: ``mtu [lock] 1400``, ``rtt 300ms``, ``features ecn`` and their like.

Each function here makes a row of the route's table of words, or reads one.  Times become milliseconds, as
``ip -j`` prints them; a bare number is in the kernel's own units (1/8 ms of rtt, 1/4 ms of rttvar).
"""

from __future__ import annotations

from typing import Any

from nld.cli import values
from nld.cli.line import Line
from nld.cli.values import U32
from nld.cli.vocabulary import Word, choice

FEATURES = ("ecn", "tcp_usec_ts")


class MetricWords:
    """What has been read of a route's metrics.

    ``spots``  the index of each metric's word, by the path of its field (``metrics[0].mtu``).
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.spots: dict[str, int] = {}
        self.metrics: dict[str, Any] = {}
        self.locked: list[str] = []

    def metric(self, name: str, value: Any) -> None:
        """Record one metric whose value stands at the position."""
        self.metrics[name] = value
        self.spots[f"metrics[0].{name}"] = self.line.at

    def lockable(self, name: str, expected: str) -> None:
        """Move to a metric's value, past the word ``lock`` if it is there."""
        if self.line.argument(f"[lock] {expected}") == "lock":
            self.lock(name)
            self.line.argument(expected)

    def lock(self, name: str) -> None:
        """Mark a metric as locked."""
        if name not in self.locked:
            self.locked.append(name)


def lockable(name: str, maximum: int = U32) -> Word[MetricWords]:
    """A metric that is a number, 0 to ``maximum``, and may be locked."""

    def read(route: MetricWords) -> None:
        route.lockable(name, "a number")
        route.metric(name, values.number(route.line, name, maximum))

    return Word(name, read, "[lock] NUMBER", name in ("mtu", "advmss", "hoplimit"), "a metric")


def switch(name: str) -> Word[MetricWords]:
    """A metric that is 0 or 1."""

    def read(route: MetricWords) -> None:
        route.line.argument("0 or 1")
        route.metric(name, values.switch(route.line, name))

    return Word(name, read, "0|1", about="a metric")


def milliseconds(name: str, scale: int, *, exact: bool, always_locked: bool = False) -> Word[MetricWords]:
    """A time metric; the kernel keeps ``scale`` units to the millisecond, a bare number is in those."""

    def read(route: MetricWords) -> None:
        if always_locked:
            route.lock(name)
            route.line.argument("a time")
        else:
            route.lockable(name, "a time")
        value, raw = values.time(route.line, name)
        if raw and scale > 1:
            route.metric(name, value / scale if value % scale else value // scale)
        else:
            route.metric(name, value)

    return Word(name, read, "TIME", exact, "a metric, such as 300ms")


def features(route: MetricWords) -> None:
    """``ecn`` and ``tcp_usec_ts`` (iproute2 6.8), one or both."""
    route.line.argument("ecn or tcp_usec_ts")
    choice(route.line, "feature", FEATURES)
    while True:
        if route.line.word == "ecn":
            route.metric("ecn", True)
        else:
            route.metric("features", "0x10")  # RTAX_FEATURE_TCP_USEC_TS of linux/rtnetlink.h
        following = route.line.words[route.line.at + 1 : route.line.at + 2]
        if not following or following[0] not in FEATURES:
            return
        route.line.step()


def congestion(route: MetricWords) -> None:
    """The name of a TCP congestion control algorithm."""
    route.lockable("congestion", "a congestion control algorithm")
    route.metric("congestion", route.line.word)
