"""What is wrong with many records: all of it, at the caller's own positions, however the client cuts."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nld.client import AsyncClient, Client
from nld.client.check import Check
from nld.client.protocol import Reply
from nld.errors import InvalidRecord, LimitExceeded, NldError
from tests.control.stand import Stand, stand

MANY = [
    {"dst": f"10.{n >> 8}.{n & 255}.0/24", "gateway": "192.0.2.1", "metric": n % 50} for n in range(9_000)
]


def told(errors: Any) -> list[tuple[int, int | None, str]]:
    return [(error.index, error.destination_index, error.field) for error in errors]


def bad_among(count: int, *places: int) -> list[dict[str, Any]]:
    return [{**MANY[n], "dst": "10.0.0.1/8"} if n in places else MANY[n] for n in range(count)]


@pytest.mark.parametrize(
    "places", [(321,), (0, 1), (5, 321, 322, 8_888), (8_999,), tuple(range(0, 9_000, 60))]
)
def test_positions_are_the_callers(running: Stand, places: tuple[int, ...]) -> None:
    expected = [(place, None, f"routes[{place}].dst") for place in places]
    with Client(running.path) as nld:
        routes = bad_among(9_000, *places)
        assert told(nld.validate(routes)) == expected
        assert running.broker.routes == {}
        with pytest.raises(InvalidRecord) as caught:
            nld.add(routes)
        error = caught.value
        assert str(error).startswith(f"routes[{places[0]}].dst: ")
        assert (error.index, error.failed) == (places[0], len(places))
        assert [failure["index"] for failure in error.failures] == list(places)
        assert error.done == len(running.broker.routes)
        assert (f"{error.done} routes of the list had been written" in str(error)) == (error.done > 0)


async def test_in_asyncio_too(running: Stand) -> None:
    async with AsyncClient(running.path) as nld:
        routes = bad_among(700, 321, 600)
        assert [error.index for error in await nld.validate(routes)] == [321, 600]
        with pytest.raises(InvalidRecord) as caught:
            await nld.replace(routes)
        assert [failure["index"] for failure in caught.value.failures] == [321, 600]
        assert caught.value.done == 0
        assert await nld.validate(MANY[:5], "delete") == []


def test_destinations_of_a_list(running: Stand) -> None:
    listed = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(2000)]
    for place in (3, 400, 1999):
        listed[place] = "10.0.0.1/8"
    routes: list[dict[str, Any]] = [{"dst": "10.0.0.0/8", "gatway": "x"}, {"dst": listed}]
    with Client(running.path) as nld:
        assert told(nld.validate(routes)) == [
            (0, None, "routes[0].gatway"),
            *((1, place, f"routes[1].dst[{place}]") for place in (3, 400, 1999)),
        ]
        [error] = nld.validate({"dst": "10.0.0.0/8", "metric": "much"})
        assert (error.index, error.field) == (0, "routes[0].metric")
        with pytest.raises(InvalidRecord) as caught:
            nld.add({"dst": "10.0.0.0/8", "metric": "much"})
        assert [failure["field"] for failure in caught.value.failures] == ["routes[0].metric"]


records = st.lists(
    st.one_of(
        st.booleans(), st.lists(st.booleans(), min_size=1, max_size=5).filter(lambda found: len(found) > 0)
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(records, st.integers(1, 7))
def test_every_complaint_is_found_once(good: list[bool | list[bool]], most: int) -> None:
    """The daemon here tells ``most`` complaints at a time, and of lists only when no record alone is bad."""
    routes = [
        {"dst": ["bad g"[4 * ok :] for ok in x] if isinstance(x, list) else "bad g"[4 * x :]} for x in good
    ]
    expected = {
        (at, place)
        for at, ok in enumerate(good)
        for place, fine in (enumerate(ok) if isinstance(ok, list) else [(None, ok)])
        if not fine
    }

    def answer(asked: list[dict[str, Any]]) -> Reply | NldError:
        alone = [(at, None) for at, route in enumerate(asked) if str(route["dst"]).startswith("bad")]
        listed = [
            (at, place)
            for at, route in enumerate(asked)
            if isinstance(route["dst"], list)
            for place, text in enumerate(route["dst"])
            if text.startswith("bad")
        ]
        found = [
            {"message": "bad", "index": at} | ({} if place is None else {"destination_index": place})
            for at, place in (alone or listed)[:most]
        ]
        return InvalidRecord("bad", index=0, failures=tuple(found)) if found else Reply(b"{}", False)

    check = Check(routes, "add", None)
    for question in check.questions():
        check.absorb(answer(list(question["routes"])))
    found = [(error.index, error.destination_index) for error in check.found]
    assert len(found) == len(set(found))
    assert set(found) == expected


def legs(count: int) -> dict[str, Any]:
    hops = [{"gateway": f"192.0.2.{n % 250 + 2}", "dev": "nld0", "weight": 1 + n % 200} for n in range(count)]
    return {"dst": "172.16.0.0/24", "nexthops": hops}


def test_what_a_write_takes_may_be_asked_about(running: Stand) -> None:
    """Long records too; one that is too long is a complaint beside the others."""
    bad = {"dst": "bad"}
    with Client(running.path) as nld:
        for count in (400, 600, 1500):
            assert nld.validate(legs(count)) == []
            assert nld.replace(legs(count)) == 1
            assert nld.validate([bad, legs(count), bad, legs(400)])[1].index == 2
        routes = [bad, legs(8000), MANY[0], bad]
        first, second, third = nld.validate(routes)
        assert isinstance(second, LimitExceeded)
        assert [first.index, second.index, third.index] == [0, 1, 3]
        assert str(second).startswith("routes[1]: ")
        assert "262144" in str(second)
        running.broker.routes.clear()
        with pytest.raises(LimitExceeded) as caught:
            nld.add([*MANY[:2], legs(8000), MANY[2]])
        assert (caught.value.index, caught.value.field) == (2, "routes[2]")
        assert caught.value.done == len(running.broker.routes) == 2


def test_who_may_not_write_asks_about_less(tmp_path: Path) -> None:
    with stand(tmp_path / "nld", writers=False) as readers, Client(readers.path) as nld:
        assert nld.validate(legs(500)) == []
        for count in (1500, 8000):
            first, second = nld.validate([legs(500), legs(count), {"dst": "bad"}, MANY[0]])
            assert isinstance(first, LimitExceeded)
            assert (first.index, second.index) == (1, 2)


async def test_long_records_in_asyncio(running: Stand) -> None:
    async with AsyncClient(running.path) as nld:
        assert await nld.validate(legs(1500)) == []
        found = await nld.validate([{"dst": "bad"}, legs(8000), {"dst": "bad"}])
        assert [error.index for error in found] == [0, 1, 2]


def test_it_is_said_that_there_is_more(running: Stand) -> None:
    """The daemon tells a hundred complaints; those of a record that has more end with the word for it."""
    many = {"dst": "10.0.0.0/8", **{f"unknown{n}": 1 for n in range(300)}}
    with Client(running.path) as nld:
        found = nld.validate([{"dst": "bad"}, many, MANY[0], {"dst": "10.0.0.0/8", "gatway": "x"}])
        assert [error.index for error in found] == [0, *[1] * 101, 3]
        assert str(found[101]) == "routes[1]: 200 or more further fields of this record are wrong"
        assert len(nld.validate(many)) == 101
        with pytest.raises(InvalidRecord) as caught:
            nld.add(many)
        assert "further fields" in caught.value.failures[-1]["message"]


def test_addresses_may_be_objects(running: Stand) -> None:
    with Client(running.path) as nld:
        network = ipaddress.ip_network("10.9.0.0/16")
        router = ipaddress.ip_address("192.0.2.1")
        assert nld.add({"dst": network, "gateway": router}) == 1
        assert nld.replace([{"dst": [ipaddress.ip_network("10.10.0.0/16")], "gateway": router}] * 2) == 2
        assert nld.get(network)[0]["gateway"] == "192.0.2.1"
        assert nld.lookup(router)[0]["address"] == "192.0.2.1"
        assert nld.lookup([router, "::1"])[1]["address"] == "::1"
        assert nld.validate({"dst": network, "gateway": router}) == []
        assert list(nld.list({"root": network}))
        with pytest.raises(TypeError, match="object"):
            nld.add({"dst": "10.0.0.0/8", "gateway": object()})
