"""Replacing where other programs write: by way of a stand-in, and what if it does not go well."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from nld.broker.broker import Broker
from nld.broker.view import View
from nld.broker.wishes import Wishes, keys_of
from nld.client import Client
from nld.errors import ForeignRoute, NldError
from nld.kernel.fib import FibTable
from nld.kernel.table import Operation, Pattern, Refusal
from nld.records import Names
from nld.records.many import Records
from nld.records.peer import Peer
from tests.kernel.inside import inside, ip
from tests.stand import Stand

pytestmark = pytest.mark.namespace

V4, V6 = "10.0.0.0/16", "2001:db8:8::/48"
GATEWAYS = {
    V4: ("192.0.2.2", "192.0.2.3", "192.0.3.2"),
    V6: ("2001:db8::2", "2001:db8::3", "2001:db8:0:1::2"),
}
FAMILIES = pytest.mark.parametrize("dst", list(GATEWAYS))
PEER = Peer(uid=0, gid=0, pid=1)


@pytest.fixture(scope="module")
def shared() -> Iterator[Stand]:
    """Somebody else has written to the table main, in both families."""
    with Stand() as made:
        made.ip("route add 198.51.100.0/24 via 192.0.2.9 proto static")
        made.ip("route add 2001:db8:99::/48 via 2001:db8::9 proto static")
        yield made


@pytest.fixture
def place(shared: Stand) -> Iterator[Stand]:
    yield shared
    for family in ("-4", "-6"):
        for protocol in ("131", "186"):
            shared.ip(f"{family} route flush table all proto {protocol}", check=False)


def there(place: Stand, dst: str) -> list[tuple[Any, ...]]:
    return [
        (
            route.get("metric", 0),
            route.get("gateway")
            or sorted(hop["gateway"] for hop in route.get("nexthops", ()))
            or route["dev"],
        )
        for route in place.routes("ip")
        if route["dst"] == dst
    ]


@FAMILIES
@pytest.mark.parametrize("operation", ["replace", "change"])
def test_a_replacement_is_one_change_to_a_watcher(
    place: Stand, client: Client, dst: str, operation: str
) -> None:
    first, second, third = GATEWAYS[dst]
    client.add({"dst": dst, "gateway": first})
    seen: list[tuple[str, str]] = []
    synced = threading.Event()

    def follow() -> None:
        with Client(place.socket, timeout=300) as watcher:
            for reply in watcher.watch({"root": dst}, snapshot=False):
                if reply["kind"] == "synced":
                    synced.set()
                for change in reply.get("changes", ()):
                    gateway = change["route"].get("gateway", "legs")
                    seen.append((change["event"], gateway))
                    if change["event"] == "delete":
                        return

    watcher = threading.Thread(target=follow)
    watcher.start()
    assert synced.wait(300)
    getattr(client, operation)({"dst": dst, "gateway": second})
    getattr(client, operation)({"dst": dst, "gateway": third})
    getattr(client, operation)({"dst": dst, "nexthops": [{"gateway": first}, {"gateway": third}]})
    getattr(client, operation)({"dst": dst, "gateway": second})
    getattr(client, operation)({"dst": dst, "gateway": second})
    client.delete({"dst": dst})
    watcher.join(300)
    events = [("replace", second), ("replace", third), ("replace", "legs"), ("replace", second)]
    assert seen == [*events, ("delete", second)]


@FAMILIES
@pytest.mark.parametrize("metric", [0, 1, 4294967294, 4294967295])
def test_the_next_free_metric_is_taken_and_given_back(
    place: Stand, client: Client, dst: str, metric: int
) -> None:
    first, second, third = GATEWAYS[dst]
    metric = metric or (0 if dst == V4 else 1024)
    neighbours = [metric + 1] if metric < 4294967295 else []
    for near in neighbours:
        place.ip(f"route add {dst} via {first} metric {near} proto 186")
    client.add({"dst": dst, "gateway": second, "metric": metric})
    client.replace({"dst": dst, "gateway": third, "metric": metric})
    assert there(place, dst) == [(metric, third), *((near, first) for near in neighbours)]


@FAMILIES
def test_what_the_kernel_does_not_take_changes_nothing(place: Stand, client: Client, dst: str) -> None:
    first, second, _ = GATEWAYS[dst]
    bad = "203.0.113.9" if dst == V4 else "2001:db8:dead::1"
    other = "10.1.0.0/16" if dst == V4 else "2001:db8:9::/48"
    client.add({"dst": [dst, other], "gateway": first})
    with pytest.raises(NldError) as caught:
        client.replace([{"dst": dst, "gateway": bad}, {"dst": other, "gateway": second}])
    assert (caught.value.index, caught.value.failed, caught.value.done) == (0, 1, 1)
    assert caught.value.message.startswith(f"replace {dst}: ")
    assert len(there(place, dst)) == 1
    assert there(place, dst)[0][1] == first
    assert there(place, other)[0][1] == second


@FAMILIES
def test_a_route_that_leads_to_its_own_new_gateway(place: Stand, client: Client, dst: str) -> None:
    """The kernel takes it only as long as the old one is there."""
    inside_it = "10.0.0.1" if dst == V4 else "2001:db8:8::1"
    client.add({"dst": dst, "dev": "nld0"})
    client.replace({"dst": dst, "gateway": inside_it})
    ((_, gateway),) = there(place, dst)
    assert gateway == inside_it


def test_of_several_aliases_the_first_is_replaced(place: Stand, client: Client) -> None:
    for gateway in GATEWAYS[V4]:
        client.append({"dst": V4, "gateway": gateway})
    client.replace({"dst": V4, "gateway": "192.0.2.7"})
    assert [gateway for _, gateway in there(place, V4)] == ["192.0.2.7", *GATEWAYS[V4][1:]]


def test_thousands_at_once(place: Stand, client: Client) -> None:
    many = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(5000)]
    client.add({"dst": many, "gateway": "192.0.2.2"})
    assert client.replace({"dst": many, "gateway": "192.0.2.3"}) == 5000
    gateways = {route["gateway"] for route in place.routes("ip") if route["dst"] in set(many)}
    assert gateways == {"192.0.2.3"}
    assert client.delete({"dst": many}) == 5000


# -- somebody is quicker, at each step


class Quicker:
    """Somebody who does this before the daemon's ``step``-th message from now."""

    def __init__(self, table: FibTable, step: int, line: str) -> None:
        self.came = False
        self._write, self._left, self._line = table.write, step, line

    async def write(self, patterns: Sequence[Pattern], destinations: Sequence[bytes]) -> list[Refusal]:
        self._left -= 1
        if self._left == 0:
            ip(self._line)
            self.came = True
        return await self._write(patterns, destinations)


async def somebody_is_quicker() -> None:
    """A foreign route comes in the middle of the operation, before its n-th message."""
    table = FibTable(Names(), protocol=131)
    view = View(table, 65536)
    await view.start()
    broker = Broker({"fib": view}, "fib", 1000)
    ip("route add 198.51.100.0/24 dev veth0 proto 186", "route add 2001:db8:99::/48 dev veth0 proto 186")
    write = table.write
    cases = [
        (dst, had, operation, step)
        for dst in GATEWAYS
        for had, operation in (
            (False, Operation.REPLACE), (False, Operation.APPEND), (False, Operation.PREPEND),
            (True, Operation.REPLACE), (True, Operation.CHANGE), (True, Operation.DELETE),
        )
        for step in range(1, 5)
    ]  # fmt: skip
    for what in cases:
        dst, had, operation, step = what
        first, second, third = GATEWAYS[dst]
        if had:
            await broker.write(PEER, Operation.ADD, Records.read([{"dst": dst, "gateway": first}]))
        quicker = Quicker(table, step, f"route replace {dst} via {third} proto 186")
        table.write = quicker.write  # type: ignore[method-assign]
        record = {"dst": dst} if operation is Operation.DELETE else {"dst": dst, "gateway": second}
        refused = None
        try:
            await broker.write(PEER, operation, Records.read([record]))
        except NldError as error:
            refused = error
        table.write = write  # type: ignore[method-assign]
        await view.settled()
        found = [(shape.protocol, shape.rank[1]) for shape in view.mirror.at(key(view, dst))]
        metric = 0 if dst == V4 else 1024
        if quicker.came:  # the foreign route is there, and alone
            assert found == [(186, metric)], (what, found)
            assert step > 1 or isinstance(refused, ForeignRoute), (what, refused)
        else:
            assert found == ([] if operation is Operation.DELETE else [(131, metric)]), (what, found)
            assert refused is None, (what, refused)
        if found:
            ip(f"route del {dst}")
        await view.settled()
    await view.close()


def key(view: View, dst: str) -> bytes:
    wishes = Wishes(view.table, Operation.ADD, Records.read([{"dst": dst, "dev": "lo"}]))
    list(wishes.resolve())
    return keys_of(wishes.patterns, wishes.destinations)[0]


def test_somebody_is_quicker() -> None:
    inside(somebody_is_quicker)
