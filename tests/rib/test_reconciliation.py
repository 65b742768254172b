"""A dump against the mirror: against a stupid oracle (``test_mirror.py``), with news coming meanwhile.

Whatever was lost before the dump, and whatever happens during it, the mirror ends with what the oracle
holds, once the keys that the reconciliation doubts are read again; and whoever adds up the differences holds
the same.  A dump of IPv6 that left out routes beside a writer takes none away.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nld.rib.mirror import Difference, Doubt, Mirror, Position, Rank
from nld.rib.reconciliation import Reconciliation
from tests.rib.test_mirror import (
    ALL,
    PLACES,
    RANKS,
    Kernel,
    Ledger,
    Shape,
    Step,
    contents,
    lined_up,
    steps,
    tell,
)

SIX = b"\xfe\0\0\0\x0a\x18"


@given(st.lists(steps(*ALL), max_size=40), st.lists(steps(*ALL), max_size=40), st.integers(1, 5))
def test_a_dump_mends_any_mirror_and_the_differences_are_the_set_difference(
    heard: list[Step], missed: list[Step], step: int
) -> None:
    kernel, mirror, ledger = Kernel(), Mirror[Shape](), Ledger()
    for one in heard:
        if (report := kernel.do(one.operation, one.shape, one.destination)) is not None:
            ledger.take(tell(mirror, report))
    before = kernel.holds()
    for one in missed:
        kernel.do(one.operation, one.shape, one.destination)
    reconciliation = Reconciliation(mirror, lambda shape: True)
    reconciliation.rows(
        (shape, key[len(shape.place) :]) for key, shapes in kernel.lists.items() for shape in shapes
    )
    reconciliation.end()
    found = [difference for part in reconciliation.differences(step) for difference in part]
    for difference in found:
        ledger.take(difference)
    assert contents(mirror) == kernel.holds()
    assert ledger.agrees(kernel.holds())

    def bag(holds: dict[bytes, tuple[Shape, ...]]) -> Counter[tuple[bytes, Shape]]:
        return Counter((key, shape) for key, shapes in holds.items() for shape in shapes)

    gone = Counter((one.old.place + one.destination, one.old) for one in found if one.old)
    come = Counter((one.new.place + one.destination, one.new) for one in found if one.new)
    assert gone == bag(before) - bag(kernel.holds())
    assert come == bag(kernel.holds()) - bag(before)


def test_no_step_looks_at_more_keys_than_it_may() -> None:
    """Where the dump shows all there is, those that it does not show are looked for in vain."""
    shape = Shape()
    routes = [(shape, number.to_bytes(4, "big")) for number in range(1000)]
    mirror = Mirror[Shape]()
    for one, destination in routes:
        mirror.new(one, destination, Position.FIRST)
    reconciliation = Reconciliation(mirror, lambda shape: True)
    reconciliation.rows(routes)
    reconciliation.end()
    looks = 0

    class Found(dict[bytes, Any]):
        def __contains__(self, key: object) -> bool:
            nonlocal looks
            looks += 1
            return super().__contains__(key)

    reconciliation._found = Found(reconciliation._found)
    for differences in reconciliation.differences(10):
        assert differences == []
        assert looks <= 10
        looks = 0


@given(st.lists(steps(*ALL), max_size=30), st.lists(steps(*ALL), max_size=30), st.sampled_from(RANKS))
def test_what_a_narrow_dump_does_not_show_stays(heard: list[Step], missed: list[Step], rank: Rank) -> None:
    kernel, mirror = Kernel(), Mirror[Shape]()
    for one in heard:
        if (report := kernel.do(one.operation, one.shape, one.destination)) is not None:
            tell(mirror, report)
    before = kernel.holds()
    for one in missed:
        kernel.do(one.operation, one.shape, one.destination)
    reconciliation = Reconciliation(mirror, lambda shape: shape.rank == rank, whole=False)
    reconciliation.rows(
        (shape, key[len(shape.place) :])
        for key, shapes in kernel.lists.items()
        for shape in shapes
        if shape.rank == rank
    )
    reconciliation.end()
    for _ in reconciliation.differences(3):
        pass
    after = kernel.holds()
    for key in {*before, *after}:
        wanted = [shape for shape in after.get(key, ()) if shape.rank == rank]
        wanted += [shape for shape in before.get(key, ()) if shape.rank != rank]
        assert contents(mirror).get(key, ()) == lined_up(wanted)


@given(
    st.lists(steps(*ALL), max_size=30),
    st.lists(steps(*ALL), max_size=20),
    st.lists(st.one_of(st.just(None), steps(*ALL)), max_size=30),
    st.integers(1, 3),
)
def test_news_during_the_dump_knows_better_and_the_dump_knows_the_rest(
    heard: list[Step], missed: list[Step], meanwhile: list[Step | None], step: int
) -> None:
    """None in ``meanwhile`` lets the dump, then the reconciliation, go one key on."""
    kernel, mirror, ledger, doubts = Kernel(), Mirror[Shape](), Ledger(), set[bytes]()
    for one in heard:
        if (report := kernel.do(one.operation, one.shape, one.destination)) is not None:
            ledger.take(tell(mirror, report))
    for one in missed:
        kernel.do(one.operation, one.shape, one.destination)
    reconciliation = Reconciliation(mirror, lambda shape: True)
    unread = [
        *(PLACES[0] + bytes([10, address, 0, 0]) for address in range(2)),
        PLACES[1],
    ]
    parts = reconciliation.differences(step)

    def read_on() -> None:
        if unread:
            key = unread.pop()
            reconciliation.rows((shape, key[6:]) for shape in kernel.lists.get(key, ()))
            if not unread:
                reconciliation.end()
        else:
            for difference in next(parts, []):
                ledger.take(difference)

    for now in meanwhile:
        if now is None:
            read_on()
        elif (report := kernel.do(now.operation, now.shape, now.destination)) is not None:
            deleted, shape, destination, position = report
            reconciliation.touch(shape.place + destination, deleted, shape, position)
            try:
                ledger.take(tell(mirror, report))
            except Doubt as doubt:
                doubts.add(doubt.key)
    while unread:
        read_on()
    for part in parts:
        for difference in part:
            ledger.take(difference)
    doubts |= reconciliation.doubts
    again = Reconciliation(mirror, None, frozenset(doubts))
    again.rows((shape, key[6:]) for key, shapes in kernel.lists.items() for shape in shapes)
    again.end()
    for part in again.differences(step):
        for difference in part:
            assert difference.destination in {key[6:] for key in doubts}
            ledger.take(difference)
    assert contents(mirror) == kernel.holds()
    assert ledger.agrees(kernel.holds())


def shapes_of(*names: str, place: bytes = SIX) -> list[Shape]:
    return [Shape(place, name=name) for name in names]


def mirror_of(*rows: tuple[Shape, bytes]) -> Mirror[Shape]:
    mirror = Mirror[Shape]()
    for shape, destination in rows:
        mirror.new(shape, destination, Position.LAST)
    return mirror


def settled(reconciliation: Reconciliation[Shape]) -> list[Difference[Shape]]:
    return [difference for part in reconciliation.differences() for difference in part]


def test_what_a_restless_ipv6_dump_leaves_out_stays_and_is_looked_for_again() -> None:
    (shape,) = shapes_of("a")
    mirror = mirror_of((shape, b"\1" * 16), (shape, b"\2" * 16))
    reconciliation = Reconciliation(mirror, lambda _: True)
    reconciliation.touch(SIX + b"\3" * 16, False, shape, Position.LAST)
    mirror.new(shape, b"\3" * 16, Position.LAST)
    reconciliation.rows([(shape, b"\2" * 16), (shape, b"\4" * 16), (shape, b"\2" * 16)])
    assert reconciliation.end() == {SIX[:5]}
    assert settled(reconciliation) == [Difference(b"\4" * 16, None, shape)]
    assert reconciliation.unproven == {SIX[:5]}
    assert {destination for _, destination in mirror.routes()} == {bytes([n]) * 16 for n in (1, 2, 3, 4)}


def test_another_table_does_not_disturb_a_dump() -> None:
    (shape,), (other,) = shapes_of("a"), shapes_of("a", place=b"\x64" + SIX[1:])
    mirror = mirror_of((shape, b"\1" * 16))
    reconciliation = Reconciliation(mirror, lambda _: True)
    reconciliation.touch(other.place + b"\3" * 16, True, other, Position.LAST)
    reconciliation.end()
    assert settled(reconciliation) == [Difference(b"\1" * 16, shape, None)]
    assert not reconciliation.unproven


def test_a_change_of_flags_in_a_restless_table_is_believed() -> None:
    dead = Shape(SIX, name="a", flags=1)
    (shape,) = shapes_of("a")
    mirror = mirror_of((shape, b"\1" * 16))
    reconciliation = Reconciliation(mirror, lambda _: True)
    reconciliation.touch(SIX + b"\3" * 16, True, shape, Position.LAST)
    reconciliation.rows([(shape, b"\1" * 16), (dead, b"\1" * 16)])  # it died between two walks
    reconciliation.end()
    assert settled(reconciliation) == [Difference(b"\1" * 16, shape, dead)]


def test_a_whole_key_is_settled_when_one_of_its_routes_is_concerned() -> None:
    gone, legs = Shape(SIX, name="two legs", merges=True), Shape(SIX, name="one leg", merges=True)
    mirror = mirror_of((gone, b"\1" * 16))
    reconciliation = Reconciliation(mirror, lambda shape: shape is gone)
    reconciliation.rows([(legs, b"\1" * 16), (legs, b"\2" * 16)])
    reconciliation.end()
    assert settled(reconciliation) == [Difference(b"\1" * 16, gone, legs)]


def test_what_a_concerned_route_has_become_need_not_be_concerned() -> None:
    dead = Shape(PLACES[0], name="two legs", flags=1)
    alive, elsewhere = shapes_of("two legs", "another device", place=PLACES[0])
    mirror = mirror_of((dead, b"\x0a\0\0\0"), (elsewhere, b"\x0a\0\0\0"), (dead, b"\x0b\0\0\0"))
    reconciliation = Reconciliation(mirror, lambda shape: bool(shape.flags), whole=False)
    reconciliation.rows([(alive, b"\x0a\0\0\0"), (alive, b"\x0c\0\0\0")])
    reconciliation.end()
    assert settled(reconciliation) == [
        Difference(b"\x0b\0\0\0", dead, None),
        Difference(b"\x0a\0\0\0", dead, alive),
    ]
    assert set(mirror.at(PLACES[0] + b"\x0a\0\0\0")) == {alive, elsewhere}


def test_news_that_was_applied_to_something_stale_is_doubted() -> None:
    stale, lost, added = shapes_of("a", "b", "c", place=PLACES[0])
    key = PLACES[0] + b"\x0a\0\0\0"
    mirror = mirror_of((stale, key[6:]), (lost, key[6:]))
    reconciliation = Reconciliation(mirror, lambda _: True)
    reconciliation.touch(key, False, added, Position.LAST)
    mirror.new(added, key[6:], Position.LAST)
    reconciliation.rows([(added, key[6:])])
    reconciliation.end()
    assert settled(reconciliation) == []
    assert reconciliation.doubts == {key}


class Counted(Shape):
    """A shape that counts how often it is compared with others."""

    asked = 0

    @property
    def stable(self) -> bytes:
        Counted.asked += 1
        return super().stable


def test_two_thousand_routes_at_one_key_are_not_each_compared_with_all_others() -> None:
    """Each device of a host has a ff00::/8, and they may all go down at once."""
    many = 2000
    before = [Counted(name=f"device {number}") for number in range(many)]
    after = [Counted(name=f"device {number}", flags=1) for number in range(many - 1)]
    mirror = Mirror[Shape]()
    mirror.settle(before[0].place + bytes(4), tuple(before), lambda _: True)
    Counted.asked = 0
    reconciliation = Reconciliation(mirror, lambda shape: True)
    reconciliation.rows((one, bytes(4)) for one in after)
    reconciliation.end()
    differences = [one for part in reconciliation.differences() for one in part]
    assert Counter(one.event for one in differences) == {"replace": many - 1, "delete": 1}
    assert all(one.new is None or one.old is None or one.old.stable == one.new.stable for one in differences)
    assert Counted.asked < 20 * many
