"""What every kernel table does, whatever is behind it: one suite, run against each.

``test_fib.py`` runs it on the kernel's own table, ``tests/vm/guest/test_contract.py`` on both tables of a
booted kernel.  What a table declares not to have (``nld.kernel.capabilities``) it must refuse, and name
the field; nothing is guessed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nld.client import Client
from nld.errors import ForeignRoute, InvalidRecord, NldError, RouteExists, RouteNotFound, Unsupported
from nld.kernel.capabilities import FIB, MODULE, Capabilities, Feature
from tests.stand import Stand

TABLES = {"fib": FIB, "module": MODULE}
FOREIGN = Path(__file__).with_name("foreign.py")

V4, V6 = "10.1.0.0/16", "2001:db8:77::/48"
GATEWAYS = {
    V4: ("192.0.2.2", "192.0.2.3", "192.0.3.2"),
    V6: ("2001:db8::2", "2001:db8::3", "2001:db8:0:1::2"),
}
DESTINATIONS = pytest.mark.parametrize("dst", [V4, V6])

RECORDS: list[dict[str, Any]] = [
    {"dst": V4, "gateway": "192.0.2.2"},
    {"dst": V4, "gateway": "192.0.2.2", "metric": 7, "table": "100"},
    {"dst": V4, "gateway": "192.0.2.2", "dev": "nld0", "table": "70000"},
    {"dst": V4, "dev": "nld1"},
    {"dst": V4, "via": {"family": "inet6", "host": "2001:db8::2"}, "dev": "nld0"},
    {"dst": V4, "gateway": "192.0.2.2", "prefsrc": "192.0.2.1"},
    {"dst": V4, "gateway": "192.0.2.2", "protocol": "98"},
    {"dst": "default", "gateway": "192.0.2.2"},
    {"dst": "10.1.2.3", "gateway": "192.0.2.2"},
    {
        "dst": V4,
        "nexthops": [
            {"gateway": "192.0.2.2", "dev": "nld0", "weight": 3},
            {"gateway": "192.0.3.2", "dev": "nld1", "weight": 256},
        ],
    },
    {"type": "blackhole", "dst": V4},
    {"type": "unreachable", "dst": V4, "metric": 4294967295},
    {"type": "prohibit", "dst": V4},
    {"dst": V6, "gateway": "2001:db8::2"},
    {"dst": V6, "gateway": "2001:db8::2", "dev": "nld0", "metric": 7, "table": "100"},
    {"dst": V6, "dev": "nld1"},
    {"dst": "default", "gateway": "2001:db8::2"},
    {
        "dst": V6,
        "nexthops": [
            {"gateway": "2001:db8::2", "dev": "nld0", "weight": 1},
            {"gateway": "2001:db8:0:1::2", "dev": "nld1", "weight": 20},
        ],
    },
    {"type": "blackhole", "dst": V6},
    {"dst": V6, "gateway": "2001:db8::2", "expires": 3000},
]

WISHES: list[tuple[Feature, str, dict[str, Any]]] = [
    (Feature.METRICS, "metrics", {"dst": V4, "gateway": "192.0.2.2", "metrics": [{"mtu": 1400}]}),
    (Feature.TOS, "tos", {"dst": V4, "gateway": "192.0.2.2", "tos": "0x10"}),
    (Feature.SCOPE, "scope", {"dst": V4, "dev": "nld0", "scope": "host"}),
    (Feature.ONLINK, "flags", {"dst": V4, "gateway": "198.51.100.1", "dev": "nld0", "flags": ["onlink"]}),
    (Feature.PREFERENCE, "pref", {"dst": V6, "gateway": "2001:db8::2", "pref": "high"}),
    (Feature.REALMS, "flow", {"dst": V4, "gateway": "192.0.2.2", "flow": {"to": "3"}}),
    (Feature.EXPIRES4, "expires", {"dst": V4, "gateway": "192.0.2.2", "expires": 3000}),
    (Feature.EXPIRES6, "expires", {"dst": V6, "gateway": "2001:db8::2", "expires": 3000}),
    (
        Feature.VIA4,
        "via",
        {"dst": V6, "via": {"family": "inet", "host": "192.0.2.2"}, "dev": "nld0"},
    ),
    (
        Feature.MULTIPATH,
        "nexthops",
        {"dst": V4, "nexthops": [{"gateway": "192.0.2.2"}, {"gateway": "192.0.3.2"}]},
    ),
]


class Contract:
    """The suite; a subclass says which table by ``kernel``."""

    kernel: ClassVar[str]

    @property
    def can(self) -> Capabilities:
        """What the table declares."""
        return TABLES[self.kernel]

    @pytest.fixture(scope="class")
    @classmethod
    def room(cls) -> Iterator[Stand]:
        """One sandbox for all."""
        with Stand() as made:
            yield made

    @pytest.fixture
    def client(self, room: Stand) -> Iterator[Client]:
        """A client in it; but for the kernel's own routes the table is empty, before and afterwards."""
        with Client(room.socket, timeout=300) as made:
            assert self.routes(made) == []
            yield made
            for route in self.routes(made):
                made.delete(route, takeover=True, kernel=self.kernel)
            assert self.routes(made) == []

    def routes(self, client: Client, **wanted: Any) -> list[dict[str, Any]]:
        """What the table has, without what the kernel itself put there."""
        found = client.list(wanted, form="full", kernel=self.kernel)
        return [
            {name: value for name, value in route.items() if name != "expires"}
            for route in found
            if route.get("protocol") != "kernel"
        ]

    def foreign(self, room: Stand, verb: str, dst: str, gateway: str) -> None:
        """Somebody else's change, past nld."""
        if self.kernel == "fib":
            room.ip(f"route {verb} {dst} via {gateway} proto static")
        else:
            room.run(sys.executable, str(FOREIGN), verb, dst, gateway, check=True)

    # -- one route

    @pytest.mark.parametrize("record", RECORDS, ids=" ".join)
    def test_what_is_added_is_listed_and_found_and_goes(self, client: Client, record: dict[str, Any]) -> None:
        assert client.add(record, kernel=self.kernel) == 1
        (found,) = self.routes(client)
        for name, value in record.items():
            if name != "expires":
                assert str(found[name]) == str(value) if name == "table" else self.same(found[name], value)
        key: dict[str, Any] = {name: found[name] for name in ("dst", "table", "metric") if name in found}
        if found["dst"] == "default":
            key["family"] = "inet6" if ":" in record["gateway"] else "inet"
        (again,) = client.get(key, kernel=self.kernel)
        assert {name: dict(again)[name] for name in found} == found
        with pytest.raises(RouteExists):
            client.add(record, kernel=self.kernel)
        assert client.delete(key, kernel=self.kernel) == 1
        assert self.routes(client) == []
        with pytest.raises(RouteNotFound):
            client.delete(key, kernel=self.kernel)

    @staticmethod
    def same(found: Any, wanted: Any) -> bool:
        """Whether a field is as asked, but for what a list of next hops says besides."""
        if isinstance(wanted, list):
            return len(found) == len(wanted) and all(
                all(one[name] == value for name, value in leg.items())
                for one, leg in zip(found, wanted, strict=True)
            )
        return bool(found == wanted)

    @DESTINATIONS
    def test_replace_and_change(self, client: Client, dst: str) -> None:
        first, second, third = GATEWAYS[dst]
        with pytest.raises(RouteNotFound):
            client.change({"dst": dst, "gateway": first}, kernel=self.kernel)
        for operation, gateway in ((client.replace, first), (client.replace, second), (client.change, third)):
            assert operation({"dst": dst, "gateway": gateway}, kernel=self.kernel) == 1
            (found,) = [route for route in self.routes(client) if route["dst"] == dst]
            assert found["gateway"] == gateway

    @DESTINATIONS
    def test_the_metric_tells_routes_apart(self, client: Client, dst: str) -> None:
        first, second, _ = GATEWAYS[dst]
        client.add({"dst": dst, "gateway": first, "metric": 20}, kernel=self.kernel)
        client.add({"dst": dst, "gateway": second, "metric": 10}, kernel=self.kernel)
        assert [route["metric"] for route in self.routes(client) if route["dst"] == dst] == [10, 20]
        client.delete({"dst": dst, "metric": 20}, kernel=self.kernel)
        assert [route["gateway"] for route in self.routes(client) if route["dst"] == dst] == [second]

    @DESTINATIONS
    @pytest.mark.parametrize("operation", ["replace", "change", "delete"])
    def test_a_foreign_route_is_left_alone(
        self, room: Stand, client: Client, dst: str, operation: str
    ) -> None:
        first, second, _ = GATEWAYS[dst]
        self.foreign(room, "add", dst, first)
        there = self.routes(client)
        record = {"dst": dst} if operation == "delete" else {"dst": dst, "gateway": second}
        with pytest.raises(ForeignRoute, match="static"):
            getattr(client, operation)(record, kernel=self.kernel)
        assert self.routes(client) == there
        assert getattr(client, operation)(record, takeover=True, kernel=self.kernel) == 1
        assert self.routes(client) != there

    @pytest.mark.parametrize(("feature", "field", "record"), WISHES, ids=[str(wish[0]) for wish in WISHES])
    def test_a_feature_is_there_or_refused_by_name(
        self, client: Client, feature: Feature, field: str, record: dict[str, Any]
    ) -> None:
        if feature in self.can.features:
            assert client.add(record, kernel=self.kernel) == 1
            return
        with pytest.raises(Unsupported) as caught:
            client.add(record, kernel=self.kernel)
        assert caught.value.field == f"routes[0].{field}"
        assert self.routes(client) == []

    @pytest.mark.parametrize("type_", ["local", "broadcast", "throw", "multicast"])
    def test_a_type_is_there_or_refused_by_name(self, client: Client, type_: str) -> None:
        record = {"type": type_, "dst": V4} | ({} if type_ == "throw" else {"dev": "nld0"})
        if type_ in self.can.types:
            assert client.add(record, kernel=self.kernel) == 1
            return
        with pytest.raises(Unsupported) as caught:
            client.add(record, kernel=self.kernel)
        assert caught.value.field == "routes[0].type"

    def test_append_is_there_or_refused(self, client: Client) -> None:
        client.add({"dst": V4, "gateway": "192.0.2.2"}, kernel=self.kernel)
        record = {"dst": V4, "gateway": "192.0.2.3"}
        if Feature.ALIAS in self.can.features:
            assert client.append(record, kernel=self.kernel) == 1
            assert len([route for route in self.routes(client) if route["dst"] == V4]) == 2
            return
        with pytest.raises(Unsupported):
            client.append(record, kernel=self.kernel)
        assert len([route for route in self.routes(client) if route["dst"] == V4]) == 1

    # -- many

    def test_many_and_each_failure_with_its_place(self, client: Client) -> None:
        prefixes = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(5000)]
        client.add({"dst": prefixes[7], "gateway": "192.0.2.2"}, kernel=self.kernel)
        client.add({"dst": prefixes[4000], "gateway": "192.0.2.2"}, kernel=self.kernel)
        with pytest.raises(RouteExists) as caught:
            client.add({"dst": prefixes, "gateway": "192.0.2.2"}, kernel=self.kernel)
        assert (caught.value.done, caught.value.failed) == (4998, 2)
        assert caught.value.destination_index == 7
        assert [failure["destination_index"] for failure in caught.value.failures] == [7, 4000]
        found = {route["dst"] for route in self.routes(client)}
        assert found >= set(prefixes)
        assert client.delete({"dst": prefixes}, kernel=self.kernel) == 5000
        assert self.routes(client) == []

    def test_records_of_one_call_are_written_in_order(self, client: Client) -> None:
        records = [
            {"dst": f"10.{number}.0.0/16", "gateway": ("192.0.2.2", "192.0.3.2")[number % 2]}
            for number in range(256)
        ]
        assert client.add(records, kernel=self.kernel) == 256
        found = {route["dst"]: route["gateway"] for route in self.routes(client) if "gateway" in route}
        assert found.items() >= {record["dst"]: record["gateway"] for record in records}.items()
        again = [records[3] | {"gateway": "192.0.2.9"}, records[3] | {"gateway": "192.0.2.8"}]
        assert client.replace(again, kernel=self.kernel) == 2
        (last,) = client.get(records[3]["dst"], kernel=self.kernel)
        assert last["gateway"] == "192.0.2.8"

    def test_an_invalid_record_refuses_the_whole_call(self, client: Client) -> None:
        good, bad = {"dst": V4, "gateway": "192.0.2.2"}, {"dst": "10.1.2.3/16", "gateway": "192.0.2.2"}
        with pytest.raises(InvalidRecord) as caught:
            client.add([good, bad], kernel=self.kernel)
        assert caught.value.field == "routes[1].dst"
        assert self.routes(client) == []

    def test_what_is_listed_goes_back_and_changes_nothing(self, client: Client) -> None:
        client.add(
            [record for record in RECORDS if record["dst"] not in (V4, V6)]
            + [RECORDS[9] | {"table": "101"}, RECORDS[1], RECORDS[14]],
            kernel=self.kernel,
        )
        there = self.routes(client)
        assert len(there) == 6
        assert client.replace(there, takeover=True, kernel=self.kernel) == len(there)
        assert self.routes(client) == there

    # -- reading

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ({"table": "100"}, {"10.2.0.0/16"}),
            ({"protocol": "98"}, {"10.1.0.0/16"}),
            ({"dev": "nld1", "table": "main", "protocol": "131"}, {"10.1.128.0/17", "2001:db8:77::/48"}),
            ({"type": "blackhole"}, {"10.3.0.0/16"}),
            ({"root": "10.1.0.0/16"}, {"10.1.0.0/16", "10.1.128.0/17", "10.1.128.9"}),
            ({"match": "10.1.128.9"}, {"10.1.0.0/16", "10.1.128.0/17", "10.1.128.9"}),
            ({"dst": "10.1.128.0/17"}, {"10.1.128.0/17"}),
            ({"metric": 55}, {"10.1.128.9"}),
            ({"family": "inet6", "protocol": "131"}, {"2001:db8:77::/48"}),
            ({"via": "192.0.2.3"}, {"10.1.128.9"}),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
    )
    def test_filters(self, client: Client, wanted: dict[str, Any], expected: set[str]) -> None:
        client.add(
            [
                {"dst": "10.1.0.0/16", "gateway": "192.0.2.2", "protocol": "98"},
                {"dst": "10.1.128.0/17", "dev": "nld1"},
                {"dst": "10.1.128.9", "gateway": "192.0.2.3", "metric": 55},
                {"dst": "10.2.0.0/16", "gateway": "192.0.2.2", "table": "100"},
                {"dst": "10.3.0.0/16", "type": "blackhole"},
                {"dst": "2001:db8:77::/48", "dev": "nld1"},
            ],
            kernel=self.kernel,
        )
        assert {route["dst"] for route in self.routes(client, **wanted)} == expected

    def test_lookup_takes_the_longest_prefix(self, client: Client) -> None:
        client.add(
            [
                {"dst": "10.0.0.0/8", "gateway": "192.0.2.2"},
                {"dst": "10.1.0.0/16", "gateway": "192.0.2.3"},
                {"dst": "10.1.1.0/24", "gateway": "192.0.3.2"},
                {"dst": "10.1.1.64/26", "type": "unreachable"},
                {"dst": "2001:db8:77::/48", "gateway": "2001:db8::2"},
            ],
            kernel=self.kernel,
        )
        asked = ["10.9.9.9", "10.1.9.9", "10.1.1.9", "10.1.1.70", "2001:db8:77::9", "203.0.113.1"]
        answers = client.lookup(asked, kernel=self.kernel)
        ways = [answer.get("route", {}).get("gateway") for answer in answers]
        assert ways == ["192.0.2.2", "192.0.2.3", "192.0.3.2", None, "2001:db8::2", None]
        matched = [answer.get("match", {}).get("dst") for answer in answers]
        assert matched == [
            "10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.64/26", "2001:db8:77::/48", None
        ]  # fmt: skip
        assert answers[3]["error"]["errno"] == "EHOSTUNREACH"
        assert answers[5]["error"]["errno"] == "ENETUNREACH"

    def test_a_watch_sees_ours_and_foreign_changes_in_order(self, room: Stand, client: Client) -> None:
        seen: list[tuple[str, str, str | None]] = []
        synced, done = threading.Event(), threading.Event()

        def follow() -> None:
            with Client(room.socket, timeout=300) as other:
                for reply in other.watch({"root": "10.0.0.0/8"}, kernel=self.kernel):
                    if reply["kind"] == "synced":
                        synced.set()
                    for change in reply.get("changes", ()):
                        route = change["route"]
                        seen.append((change["event"], route["dst"], route.get("gateway")))
                        if route["dst"] == "10.255.0.0/16":
                            done.set()
                            return

        watcher = threading.Thread(target=follow, daemon=True)
        watcher.start()
        assert synced.wait(120)
        client.add({"dst": V4, "gateway": "192.0.2.2"}, kernel=self.kernel)
        client.replace({"dst": V4, "gateway": "192.0.2.3"}, kernel=self.kernel)
        self.foreign(room, "add", "10.7.0.0/16", "192.0.2.2")
        client.delete({"dst": V4}, kernel=self.kernel)
        self.foreign(room, "del", "10.7.0.0/16", "192.0.2.2")
        client.add({"dst": "10.255.0.0/16", "gateway": "192.0.2.2"}, kernel=self.kernel)
        assert done.wait(120)
        watcher.join(120)
        assert seen == [
            ("new", V4, "192.0.2.2"),
            ("replace", V4, "192.0.2.3"),
            ("new", "10.7.0.0/16", "192.0.2.2"),
            ("delete", V4, "192.0.2.3"),
            ("delete", "10.7.0.0/16", "192.0.2.2"),
            ("new", "10.255.0.0/16", "192.0.2.2"),
        ]

    def test_routes_go_with_their_device_and_the_watch_says_why(self, room: Stand, client: Client) -> None:
        room.ip("link add spare type veth peer name other")
        room.ip("link set spare up")
        room.ip("address add 198.51.100.1/24 dev spare")
        causes: list[str | None] = []
        synced = threading.Event()

        def follow() -> None:
            with Client(room.socket, timeout=300) as other:
                for reply in other.watch({"dst": V4}, kernel=self.kernel):
                    if reply["kind"] == "synced":
                        synced.set()
                    for change in reply.get("changes", ()):
                        if change["event"] == "delete":
                            causes.append(change.get("cause"))
                            return

        watcher = threading.Thread(target=follow, daemon=True)
        client.add({"dst": V4, "gateway": "198.51.100.2", "dev": "spare"}, kernel=self.kernel)
        watcher.start()
        assert synced.wait(120)
        room.ip("link delete spare")
        watcher.join(120)
        assert not watcher.is_alive()
        assert causes
        assert "device" in str(causes[0])
        assert self.routes(client) == []

    def test_the_status_says_what_it_can_do(self, client: Client) -> None:
        (status,) = [entry for entry in client.status()["kernels"] if entry["name"] == self.kernel]
        assert status["available"] is True
        assert status["capabilities"] == self.can.words()

    def test_errors_name_the_kernels_own_words(self, client: Client) -> None:
        with pytest.raises(NldError) as caught:
            client.add({"dst": V4, "dev": "nld9"}, kernel=self.kernel)
        assert caught.value.field == "routes[0].dev"
        assert caught.value.errno == "ENODEV"
