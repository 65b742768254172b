"""Many records: read together they are what each is by itself, and as wrong as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from nld.prefix import DestinationError, parse_prefix
from nld.records import RouteRecord
from nld.records.many import Records

ALL = TypeAdapter(list[RouteRecord])

GOOD: list[dict[str, Any]] = [
    {"dst": "10.0.0.0/8", "gateway": "192.0.2.1"},
    {"dst": "11.0.0.0/8", "gateway": "192.0.2.1"},
    {"dst": "11.0.0.0/8", "gateway": "192.0.2.2", "table": 7},
    {"gateway": "192.0.2.1", "dst": ["10.1.0.0/16", "10.2.0.1", "default"]},
    {"dst": "2001:db8::/32", "dev": "veth0"},
    {"dst": "10.3.0.0/16", "dev": "veth0"},
    {"dst": "default", "gateway": "fe80::1", "dev": "veth0"},
    {"dst": ["default", "2001:db8::/32"], "dev": "veth0"},
    {"dst": "10.4.0.0/16", "nexthops": [{"gateway": "192.0.2.1", "weight": 3}, {"dev": "veth0"}]},
    {"dst": "10.5.0.0/16", "encap": {"type": "mpls", "dst": "100"}, "dev": "veth0"},
    {"dst": "0.0.0.0/0", "gateway": "192.0.2.1", "flags": []},
    {"dst": "10.6.0.0/16", "nexthops": [{"dev": "v" * 100}] * 6},
    {"dst": "default", "gateway": "192.0.2.1"},
    {"dst": ["default", "default"], "gateway": "192.0.2.1"},
    {"dst": "default", "dev": "veth0"},
    {"dst": ["default", "10.0.0.0/8"], "dev": "veth0"},
]
BAD: list[Any] = [
    {"dst": "10.0.0.1/8", "gateway": "192.0.2.1"},
    {"dst": "10.0.0.0/8", "gateway": "2001:db8::1"},
    {"dst": "10.0.0.0/8", "gateway": 5},
    {"dst": "10.0.0.0/8", "gatway": "192.0.2.1"},
    {"dst": 5},
    {"dst": []},
    {"dst": ["10.0.0.0/8", 5], "dev": "veth0"},
    {"dev": "veth0"},
    "10.0.0.0/8",
    None,
]


@given(st.lists(st.sampled_from(GOOD), max_size=8))
def test_each_is_what_it_is_alone(values: list[dict[str, Any]]) -> None:
    alone = [RouteRecord.model_validate_json(to_json(value)) for value in values]
    records = Records.read(values)
    assert list(records) == alone
    assert [record.model_fields_set for record in records] == [record.model_fields_set for record in alone]
    starts, rests, lengths, addresses = records.columns
    told = zip(rests, lengths, addresses, strict=True)
    for index, record in enumerate(alone):
        assert starts[index] == sum(len(before.destinations) for before in alone[:index])
        for text in record.destinations:
            rest, length, address = next(told)
            family, *parsed = parse_prefix(text, record.address_family)
            assert [length, address] == parsed
            assert (rest.model_copy(update={"dst": record.dst}), rest.address_family) == (record, family)
    assert next(told, None) is None


def test_those_that_differ_in_the_destination_share_the_rest() -> None:
    rests = Records.read(GOOD).rests
    assert rests[0] is rests[1]
    assert rests[0] is not rests[2]
    assert rests[4] is not rests[5]
    assert rests[12] is rests[13]
    assert rests[12] is not rests[0]


@given(st.lists(st.sampled_from([*GOOD, *BAD]), max_size=8))
def test_what_is_wrong_is_said_as_for_the_list(values: list[Any]) -> None:
    try:
        ALL.validate_json(to_json(values))
    except ValidationError as error:
        with pytest.raises(ValidationError) as caught:
            Records.read(values)
        assert caught.value.errors(include_context=False) == error.errors(include_context=False)
    else:
        assert len(Records.read(values)) == len(values)


def test_a_bad_text_in_a_list_is_left_for_the_columns() -> None:
    records = Records.read([GOOD[0], {"dst": ["10.0.0.0/8", "10.0.0.1/8"], "dev": "veth0"}])
    with pytest.raises(DestinationError, match="the prefix would be"):
        _ = records.columns


@pytest.mark.parametrize("values", [None, 5, "10.0.0.0/8", {"dst": "10.0.0.0/8"}])
def test_no_list_at_all(values: Any) -> None:
    with pytest.raises(ValidationError):
        Records.read(values)


def test_a_part_is_records_too() -> None:
    records = Records.read(GOOD)
    assert list(records[2:5]) == list(records)[2:5]
    assert records[-1] == list(records)[-1]


@pytest.mark.parametrize("destinations", [["11.0.0.0/8"], ["10.1.2.3"], ["192.0.2.0/30", "10.1.2.3"]])
def test_at_another_place_they_say_the_same(destinations: list[str | list[str]]) -> None:
    rest = {"gateway": "192.0.2.1", "metric": 5}
    [read] = Records.read([{"dst": "10.0.0.0/8"} | rest]).rests
    moved = Records([read] * len(destinations), destinations)
    wanted = Records.read([{"dst": destination} | rest for destination in destinations])
    assert list(moved) == list(wanted)
    assert moved.columns == wanted.columns


@pytest.mark.parametrize("destination", ["2001:db8::/32", "10.0.0.1/8", "x", ""])
@pytest.mark.parametrize("others", [[], ["11.0.0.0/8"]])
def test_at_no_place_they_are_refused(destination: str, others: list[str]) -> None:
    rests = Records.read([{"dst": "10.0.0.0/8", "dev": "nld0"}] * (1 + len(others))).rests
    with pytest.raises(DestinationError, match=r"prefix|IPv6"):
        _ = Records(rests, [*others, destination]).columns
