"""One call of many records on a real kernel: as if each had been written by itself, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nld.client import Client
from nld.errors import KernelRefused, NldError, RouteExists, RouteNotFound
from tests.stand import Stand

pytestmark = pytest.mark.namespace

FIRST, SECOND = "192.0.2.2", "192.0.2.3"
MANY = 1500
"""More than are written at once."""


@pytest.fixture
def client(shared: Stand) -> Iterator[Client]:
    with Client(shared.socket, timeout=300) as made:
        yield made
    shared.ip("route flush table all proto 131", check=False)
    shared.ip("-6 route flush table all proto 131", check=False)


def write(client: Client, operation: str, records: list[dict[str, Any]]) -> int:
    """One call as it stands; the client's own methods group records."""
    done = client.call(f"io.nld.{operation}", {"routes": records}).values()["done"]
    assert isinstance(done, int)
    return done


def gateways(stand: Stand) -> dict[str, str]:
    return {
        route["dst"]: route["gateway"]
        for route in stand.routes("ip")
        if route["protocol"] in {"131", "nld"} and "gateway" in route
    }


def alternating(count: int) -> list[dict[str, Any]]:
    return [
        {"dst": f"10.{number >> 8}.{number & 255}.0/24", "gateway": (FIRST, SECOND)[number % 2]}
        for number in range(count)
    ]


def test_neighbours_by_different_gateways(shared: Stand, client: Client) -> None:
    records = alternating(MANY)
    assert write(client, "Add", records) == MANY
    assert gateways(shared) == {record["dst"]: record["gateway"] for record in records}
    turned = [record | {"gateway": FIRST} for record in records]
    assert write(client, "Replace", turned) == MANY
    assert set(gateways(shared).values()) == {FIRST}
    assert write(client, "Delete", turned) == MANY
    assert gateways(shared) == {}


def test_a_gateway_may_be_reached_by_an_earlier_record(shared: Stand, client: Client) -> None:
    nets = [{"dst": f"203.0.113.{number}", "dev": "nld0"} for number in range(3)]
    behind = [{"dst": f"10.{number}.0.0/16", "gateway": f"203.0.113.{number}"} for number in range(3)]
    mixed = [record for pair in zip(nets, behind, strict=True) for record in pair]
    assert write(client, "Add", mixed) == 6
    assert gateways(shared) == {record["dst"]: record["gateway"] for record in behind}
    write(client, "Delete", mixed)
    with pytest.raises(KernelRefused) as caught:
        write(client, "Add", [behind[0], nets[0], behind[0]])
    assert (caught.value.errno, caught.value.index, caught.value.done) == ("ENETUNREACH", 0, 2)


def test_failures_are_told_of_the_right_record_and_destination(client: Client) -> None:
    there = alternating(MANY)[::7]
    write(client, "Add", there)
    taken = {record["dst"] for record in there}
    every = alternating(MANY)
    # Single records, and lists of destinations of several lengths, between each other.
    records: list[dict[str, Any]] = []
    expected: list[tuple[int, int | None]] = []
    for start in range(0, MANY, 5):
        part = [record["dst"] for record in every[start : start + 5]]
        expected += [(len(records), None)] if part[0] in taken else []
        records.append({"dst": part[0], "gateway": FIRST})
        group = [part[1], f"172.16.{start >> 8}.{start & 255}", *part[2:]]
        expected += [(len(records), position) for position, dst in enumerate(group) if dst in taken]
        records.append({"dst": group, "gateway": SECOND})
    with pytest.raises(RouteExists) as caught:
        write(client, "Add", records)
    error = caught.value
    assert (error.failed, error.done) == (len(expected), MANY + MANY // 5 - len(expected))
    told = [(failure["index"], failure.get("destination_index")) for failure in error.failures]
    assert told[0] == (error.index, error.destination_index)
    assert told == expected[:100]


def test_a_key_twice_in_a_call(shared: Stand, client: Client) -> None:
    dst = "10.0.0.0/8"
    with pytest.raises(RouteExists) as caught:
        write(client, "Add", [{"dst": dst, "gateway": FIRST}, {"dst": dst, "gateway": SECOND}])
    assert (caught.value.index, caught.value.done) == (1, 1)
    turns = [{"dst": dst, "gateway": gateway} for gateway in (SECOND, FIRST, SECOND)]
    assert write(client, "Replace", turns) == 3
    assert gateways(shared) == {dst: SECOND}
    with pytest.raises(RouteNotFound) as missing:
        write(client, "Delete", [{"dst": [dst, dst]}])
    assert (missing.value.index, missing.value.destination_index, missing.value.done) == (0, 1, 1)


def test_appending_to_one_key_many_times(shared: Stand, client: Client) -> None:
    dst = "2001:db8:9::/48"
    legs = [{"dst": dst, "gateway": f"2001:db8::{number}"} for number in range(2, 9)]
    assert write(client, "Append", legs) == len(legs)
    (route,) = [route for route in shared.routes("ip") if route["dst"] == dst]
    assert len(route["nexthops"]) == len(legs)


@pytest.mark.parametrize(
    "bad",
    [
        {"dst": "10.9.0.1/16", "gateway": FIRST},
        {"dst": "10.9.0.0/16", "gateway": FIRST, "gatway": FIRST},
        {"dst": "10.9.0.0/16", "dev": "nosuch0"},
        {"dst": ["10.9.0.1/16"], "gateway": FIRST},
    ],
)
def test_nothing_is_written_when_a_record_is_wrong(
    shared: Stand, client: Client, bad: dict[str, Any]
) -> None:
    with pytest.raises(NldError) as caught:
        write(client, "Add", [*alternating(9), bad])
    assert caught.value.index == 9
    assert not caught.value.done
    assert gateways(shared) == {}
