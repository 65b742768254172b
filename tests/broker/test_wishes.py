"""Wishes: pieces are all of the columns in order, as long as they may be, and have no key twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.broker.wishes import Wishes, keys_of
from nld.errors import DeviceNotFound, InvalidRecord, NldError
from nld.kernel.capabilities import FIB
from nld.kernel.surroundings import Surroundings
from nld.kernel.table import Operation, Pattern
from nld.kernel.vocabulary import Vocabulary
from nld.netlink.route import Route
from nld.netlink.template import for_route
from nld.records import Names, RouteRecord
from nld.records.many import Records


class Table(Vocabulary):
    """As much of a kernel table as wishes need."""

    protocol = 131
    capabilities = FIB

    def pattern(
        self, operation: Operation, record: RouteRecord, route: Route, how: Operation | None = None
    ) -> Pattern:
        return Pattern(operation, record, route, for_route(24, 0, route))


def wishes(records: list[dict[str, Any]], operation: Operation = Operation.ADD) -> Wishes:
    table: Any = Table(Names([]), Surroundings())
    made = Wishes(table, operation, Records.read(records))
    for _ in made.resolve():
        pass
    return made


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 6), min_size=1, max_size=4), st.sampled_from((None, 7)), st.booleans()
        ),
        max_size=12,
    ),
    st.integers(1, 9),
)
def test_pieces(parts: list[tuple[list[int], int | None, bool]], most: int) -> None:
    records: list[dict[str, Any]] = [
        {"dst": [f"10.{number}.0.0/16" for number in numbers], "type": "blackhole", "metric": metric}
        | ({"table": 7} if other else {})
        for numbers, metric, other in parts
    ]
    all_of = wishes(records)
    keys = keys_of(all_of.patterns, all_of.destinations)
    pieces = list(all_of.pieces(most))
    assert [key for piece in pieces for key in piece.keys] == keys
    assert [pattern for piece in pieces for pattern in piece.patterns] == all_of.patterns
    assert [destination for piece in pieces for destination in piece.destinations] == all_of.destinations
    for piece, following in zip(pieces, [*pieces[1:], None], strict=False):
        inside = piece.keys
        assert keys[piece.start] == inside[0]
        assert len(set(inside)) == len(inside) <= most
        if following:  # it ends for a reason
            assert len(inside) == most or following.keys[0] in inside
    places = [
        (index, position) for index, (numbers, *_) in enumerate(parts) for position in range(len(numbers))
    ]
    assert [all_of.where(nth) for nth in range(len(keys))] == places


def test_the_metric_is_no_part_of_the_key() -> None:
    """The kernel keeps routes of one prefix in one place, and the mirror does."""
    both = wishes([{"dst": "10.0.0.0/8", "type": "blackhole", "metric": metric} for metric in (5, 6)])
    assert len(list(both.pieces(9))) == 2


def test_families_and_lengths_in_their_order() -> None:
    texts = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "10.1.0.0/16", "default"]
    mixed = wishes([{"dst": text, "type": "blackhole"} for text in texts])
    assert [pattern.route.dst_len for pattern in mixed.patterns] == [8, 32, 32, 16, 0]
    assert [len(destination) for destination in mixed.destinations] == [4, 16, 4, 4, 0]
    assert [mixed.where(nth) for nth in range(5)] == [(nth, None) for nth in range(5)]


def test_patterns_are_shared() -> None:
    many = wishes([{"dst": f"10.{number}.0.0/16", "type": "blackhole"} for number in range(9)])
    assert len(set(many.patterns)) == 1


def test_the_record_that_is_wrong_is_named() -> None:
    good = {"dst": "10.0.0.0/8", "type": "blackhole"}
    with pytest.raises(DeviceNotFound) as caught:
        wishes([good, {"dst": ["10.1.0.0/16", "10.2.0.0/16"], "dev": "nosuch0"}])
    assert (caught.value.index, caught.value.field) == (1, "routes[1].dev")
    assert caught.value.key is not None and "10.1.0.0/16" in caught.value.key


def test_every_bad_destination_is_named() -> None:
    with pytest.raises(InvalidRecord) as caught:
        wishes(
            [
                {"dst": "10.0.0.0/8", "type": "blackhole"},
                {"dst": ["10.1.0.0/16", "10.2.0.1/16", "2001:db8::/32"], "type": "blackhole"},
            ]
        )
    error = caught.value
    assert (error.index, error.destination_index, error.field, error.failed) == (1, 1, "routes[1].dst[1]", 2)
    assert [failure["destination_index"] for failure in error.failures] == [1, 2]
    assert error.key is not None and error.key.startswith("10.2.0.1/16")


@pytest.mark.parametrize("count", [1, 99, 100, 101, 3000])
def test_what_is_wrong_is_looked_for_until_enough_is_found(count: int) -> None:
    """So that the search has a bound, however many records are wrong, and in whatever way."""
    dsts = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(count)]
    for records, told in (
        ([{"dst": dst, "dev": "nosuch0"} for dst in dsts], list(range(min(count, 100)))),
        ([{"dst": dst, "dev": "nosuch0", "metric": at} for at, dst in enumerate(dsts)],
         list(range(min(count, 100)))),
        ([{"dst": [*dsts, "10.255.0.0/16"], "dev": name} for name in ("nosuch0", "nosuch1")], [0, 1]),
        ([{"dst": ["10.0.0.1/8"], "type": "blackhole"}] * count, list(range(min(count, 100)))),
    ):  # fmt: skip
        with pytest.raises(NldError) as caught:
            wishes(records)
        assert [failure["index"] for failure in caught.value.failures] == told
        assert (caught.value.index, caught.value.done, caught.value.failed) == (0, 0, len(told))
