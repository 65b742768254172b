"""A walk yields what a copy of its moment would have, whatever changes meanwhile. The copy is the oracle."""

from __future__ import annotations

import gc
import weakref
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.rib.history import History
from nld.rib.mirror import Difference, Mirror
from nld.rib.roster import LostError, Roster, Rosters, Walk
from tests.rib.test_mirror import PLACES, RANKS, Kernel, Shape

DESTINATIONS = tuple(bytes([10, number, 0, 0]) for number in range(6))
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["add", "append", "replace", "delete"]),
            st.builds(Shape, st.sampled_from(PLACES), st.sampled_from(RANKS), st.sampled_from("ab")),
            st.sampled_from(DESTINATIONS),
        ),
        st.sampled_from(["walk", "step", "hold", "release", "end"]),
    ),
    max_size=60,
)
Bag = Counter[tuple[Shape, bytes]]


class Table:
    """A mirror with its history, told by a kernel of lists."""

    def __init__(self, limit: int) -> None:
        self.kernel = Kernel()
        self.mirror: Mirror[Shape] = Mirror()
        self.history: History[Shape] = History(limit, "e")
        self.rosters = Rosters(self.mirror, self.history)

    def do(self, operation: str, shape: Shape, destination: bytes) -> None:
        report = self.kernel.do(operation, shape, destination)
        if report is None:
            return
        deleted, shape, destination, position = report
        difference: Difference[Shape] | None
        if deleted:
            difference = self.mirror.delete(shape, destination)
        else:
            difference = self.mirror.new(shape, destination, position)
        if difference is not None:
            self.history.extend([(destination, difference.old, difference.new, None, None, 0)])

    def routes(self) -> Bag:
        return Counter(self.mirror.routes())


def take(walk: Walk[Shape], found: Bag, most: int) -> bool:
    rows = walk.step(most)
    found.update(rows or ())
    return rows is not None


@given(STEPS, st.integers(1, 4))
def test_a_walk_is_a_copy_of_its_moment(steps: list[str | tuple[str, Shape, bytes]], most: int) -> None:
    table = Table(1000)
    walks: list[tuple[Walk[Shape], Bag, Bag]] = []
    for step in steps:
        match step:
            case "walk":
                table.history.catch_up()
                walks.append((table.rosters.walk(), table.routes(), Counter()))
            case "step":
                for walk, _, found in walks:
                    take(walk, found, most)
            case "hold":
                some = DESTINATIONS[:3]
                table.history.hold(place + destination for place in PLACES for destination in some)
            case "release":
                table.history.release()
            case "end" if walks:
                walk, wanted, found = walks.pop()
                while take(walk, found, most):
                    pass
                assert found == wanted
            case (operation, shape, destination):
                table.do(operation, shape, destination)
    for walk, wanted, found in walks:
        while take(walk, found, most):
            pass
        assert found == wanted


def filled(table: Table, count: int) -> None:
    for number in range(count):
        table.do("add", Shape(), number.to_bytes(4, "big"))


def test_walks_of_one_moment_share_a_roster_and_it_goes_with_the_last() -> None:
    table = Table(1000)
    filled(table, 100)
    walks = [table.rosters.walk() for _ in range(50)]
    rosters = [one for one in gc.get_objects() if isinstance(one, Roster) and one._mirror is table.mirror]
    assert len(rosters) == 1
    alive = weakref.ref(rosters.pop())
    assert alive() is not None
    walks.clear()
    assert alive() is None


def test_who_is_overtaken_by_the_history_is_lost_and_holds_nothing() -> None:
    table = Table(8)
    filled(table, 100)
    walk = table.rosters.walk()
    assert walk.step(10)
    roster = walk._roster
    for number in range(20):
        table.do("delete", Shape(), number.to_bytes(4, "big"))
    table.rosters.walk()
    assert roster._parts == []
    with pytest.raises(LostError):
        walk.step(10)


def test_what_has_changed_is_taken_notice_of_a_part_at_a_time() -> None:
    table = Table(100_000)
    filled(table, 10)
    walk = table.rosters.walk()
    for _ in range(5000):
        table.do("replace", Shape(name="b"), DESTINATIONS[0])
        table.do("replace", Shape(name="a"), DESTINATIONS[0])
    assert walk.step(100) == []
    assert walk.step(100) == []
    assert len(walk.step(100) or ()) == 10
    assert walk.step(100) == []
    assert walk.step(100) is None
