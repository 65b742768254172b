"""What ends a record without a request, and what keeps one out: limits, time, and devices that go."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .loaded import PARAMETERS, module, wire
from .test_module_wire import NET, packed, refusal
from .wire import REPLACE, A, Cause, Msg, Socket, Stats, Type, command, device, namespace

__all__ = ["module", "wire"]


@contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """Set a module parameter for a while."""
    before = (PARAMETERS / name).read_text()
    (PARAMETERS / name).write_text(str(value))
    try:
        yield
    finally:
        (PARAMETERS / name).write_text(before)


@pytest.mark.parametrize("name", ["max_routes", "max_routes_netns"])
def test_limit(wire: Socket, name: str) -> None:
    with limit(name, 3):
        for at in range(3):
            wire.new(f"10.{at}.0.0/16")
        got = refusal(wire.new, "2001:db8::/32")
        assert (got.errno, name in got.words) == (errno.ENOSPC, True)
        wire.new("10.0.0.0/16", flags=REPLACE, type=Type.PROHIBIT)  # takes no more room
        wire.delete("10.1.0.0/16")
        wire.new("2001:db8::/32")
        # The host's limit counts all namespaces, the other one each for itself.
        with namespace(), Socket() as elsewhere:
            if name == "max_routes":
                assert refusal(elsewhere.new, NET).errno == errno.ENOSPC
            else:
                elsewhere.new(NET)
        (PARAMETERS / name).write_text("1")  # below what is there: only refuses more
        assert len(wire.dump().records) == 3
        assert refusal(wire.new, NET).errno == errno.ENOSPC
        (PARAMETERS / name).write_text("0")
        wire.new(NET)
    assert len(wire.dump().records) == 4


def test_expiry_is_enforced_and_announced(wire: Socket) -> None:
    with Socket(join=True) as reader:
        start = time.monotonic()
        wire.new("10.0.0.0/8", expires=1)
        wire.new("2001:db8::/32", expires=1)
        wire.new("10.1.0.0/16", expires=1)
        wire.new("10.1.0.0/16", flags=REPLACE)  # ends its expiry
        wire.new("10.2.0.0/16", expires=4294967)
        assert wire.get("10.0.0.0/8").number(A.EXPIRES) == 1
        assert wire.get("10.2.0.0/16").number(A.EXPIRES) == 4294967
        assert A.EXPIRES not in wire.get("10.1.0.0/16").attributes
        announced = [one for _ in range(5) for one in reader.receive()]
        expired = [one for _ in range(2) for one in reader.receive()]
        took = time.monotonic() - start
    assert [one.type for one in announced] == [Msg.ROUTE_NEW] * 5
    assert [(one.prefix, one.type, one.number(A.CAUSE), one.seq, one.portid) for one in expired] == [
        ("10.0.0.0/8", Msg.ROUTE_DEL, Cause.EXPIRED, 0, 0),
        ("2001:db8::/32", Msg.ROUTE_DEL, Cause.EXPIRED, 0, 0),
    ]
    assert 1 <= took < 10  # a second, on a machine that may be slow
    assert [one.prefix for one in wire.dump().records] == ["10.1.0.0/16", "10.2.0.0/16"]
    stats = wire.stats()
    assert (stats[Stats.EXPIRED], stats[Stats.DELETED]) == (2, 2)


@pytest.mark.parametrize("how", ["ip link del d0", "ip link set d0 netns far"])
def test_a_device_that_goes_takes_its_records(wire: Socket, how: str) -> None:
    first, second = device("d0"), device("d1")
    command("ip netns add far")
    try:
        wire.new("10.0.0.0/8", oif=first)
        wire.new("2001:db8::/32", gateway="fe80::1", oif=first)
        wire.new("10.1.0.0/16", oif=second)
        wire.new("10.2.0.0/16", gateway="192.0.2.1")
        wire.new(
            "10.3.0.0/16", nexthops=packed([("192.0.2.1", first, 3), ("192.0.2.2", second, 4), (None, 1, 5)])
        )
        wire.new("10.4.0.0/16", nexthops=packed([("192.0.2.1", first, 3), ("192.0.2.2", first, 4)]))
        wire.new("10.5.0.0/16", nexthops=packed([("192.0.2.1", first, 3), ("192.0.2.2", 0, 4)]))
        before = wire.dump().table
        generation = wire.stats()[Stats.GENERATION]
        for words in ("up", "down"):
            command(f"ip link set d0 {words}")
        assert wire.dump().table == before
        with Socket(join=True) as reader:
            command(how)
            announced = [one for _ in range(5) for one in reader.receive()]
            assert reader.queued() == []
    finally:
        command("ip netns del far")
    assert {(one.number(A.CAUSE), one.seq, one.portid) for one in announced} == {(Cause.DEVICE, 0, 0)}
    assert [one.number(A.GENERATION) - generation for one in announced] == [1, 2, 3, 4, 5]
    assert sorted((one.prefix, one.type) for one in announced) == [
        ("10.0.0.0/8", Msg.ROUTE_DEL),
        ("10.3.0.0/16", Msg.ROUTE_NEW),
        ("10.4.0.0/16", Msg.ROUTE_DEL),
        ("10.5.0.0/16", Msg.ROUTE_NEW),
        ("2001:db8::/32", Msg.ROUTE_DEL),
    ]
    assert {one.prefix: one.hops for one in wire.dump().records} == {
        "10.1.0.0/16": [(None, second, 1)],
        "10.2.0.0/16": [("192.0.2.1", 0, 1)],
        "10.3.0.0/16": [("192.0.2.2", second, 4), (None, 1, 5)],
        "10.5.0.0/16": [("192.0.2.2", 0, 1)],
    }
    assert wire.stats()[Stats.DEVICE] == 3
    assert refusal(wire.new, "10.9.0.0/16", oif=first).errno == errno.ENODEV
