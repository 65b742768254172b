"""The mirror against a stupid oracle: a kernel that is a dictionary of lists and reports what it does.

The oracle's rules are those of fib_table_insert and fib6_add: routes of one key stand by tos and metric;
of the same rank, APPEND goes last, CREATE alone first, REPLACE takes the place of the first, and EXCL in
a notification means that none of that rank was there.  Whatever happens in it, a mirror that hears of it
must hold the same lists, and whoever adds up the differences must hold the same bag of routes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.rib.mirror import Difference, Doubt, Event, Mirror, Position, Rank

PLACES = (b"\xfe\0\0\0\x02\x18", b"\xfe\0\0\0\x02\x00")
RANKS: tuple[Rank, ...] = ((0, 0, b""), (0, 7, b""), (16, 0, b""), (0, 7, b"\x40"))


@dataclass(frozen=True)
class Shape:
    """``name`` is all of it but the rank; ``flags`` is what the kernel changes by itself."""

    place: bytes = PLACES[0]
    rank: Rank = RANKS[0]
    name: str = "a"
    flags: int = 0
    merges: bool = False
    devices: frozenset[int] = frozenset()

    @property
    def stable(self) -> bytes:
        return f"{self.rank} {self.name}".encode()


Report = tuple[bool, Shape, bytes, Position]
"""Deleted, shape, destination, position: what a notification says."""


def order(shape: Shape) -> tuple[int, int]:
    return (-shape.rank[0], shape.rank[1])


def lined_up(routes: Iterable[Shape]) -> tuple[Shape, ...]:
    """The routes of one key; those of different sources are in different tables, and have no order."""
    return tuple(sorted(routes, key=lambda shape: (order(shape), shape.rank[2])))


@dataclass
class Kernel:
    """The oracle: lists by key."""

    lists: dict[bytes, list[Shape]] = field(default_factory=dict)

    def do(self, operation: str, shape: Shape, destination: bytes) -> Report | None:
        """Do it as the kernel does; the notification, or None when the kernel says no."""
        routes = self.lists.setdefault(shape.place + destination, [])
        peers = [index for index, route in enumerate(routes) if route.rank == shape.rank]
        same = [index for index in peers if routes[index].name == shape.name]
        if operation == "delete":
            if not same:
                return None
            return True, routes.pop(same[0]), destination, Position.LAST
        if not peers:
            if operation == "change":
                return None
            routes.append(shape)
            routes.sort(key=order)
            return False, shape, destination, Position.INSTEAD  # the notification has EXCL
        if operation in ("replace", "change"):
            if same and same[0] != peers[0]:
                return None
            routes[peers[0]] = shape
            return False, shape, destination, Position.INSTEAD
        if operation == "add" or same:
            return None
        if operation == "append":
            routes.insert(peers[-1] + 1, shape)
            return False, shape, destination, Position.LAST
        routes.insert(peers[0], shape)
        return False, shape, destination, Position.FIRST

    def holds(self) -> dict[bytes, tuple[Shape, ...]]:
        return {key: lined_up(routes) for key, routes in self.lists.items() if routes}


def contents(mirror: Mirror[Shape]) -> dict[bytes, tuple[Shape, ...]]:
    held = {key: lined_up(mirror.at(key)) for key in mirror.keys()}  # noqa: SIM118 - no mapping
    for key in held:
        orders = list(map(order, mirror.at(key)))
        assert orders == sorted(orders)
    assert len(mirror) == sum(map(len, held.values()))
    walked = Counter((shape.place + destination, shape) for shape, destination in mirror.routes())
    assert walked == Counter((key, shape) for key, shapes in held.items() for shape in shapes)
    return held


def tell(mirror: Mirror[Shape], report: Report) -> Difference[Shape] | None:
    deleted, shape, destination, position = report
    return mirror.delete(shape, destination) if deleted else mirror.new(shape, destination, position)


class Ledger:
    """A watcher that adds up differences; it never takes away what it was not given."""

    def __init__(self) -> None:
        self.routes: Counter[tuple[bytes, Shape]] = Counter()

    def take(self, difference: Difference[Shape] | None) -> None:
        if difference is None:
            return
        assert difference.old != difference.new
        if difference.old is not None:
            gone = (difference.old.place + difference.destination, difference.old)
            assert self.routes[gone] > 0
            self.routes[gone] -= 1
        if difference.new is not None:
            self.routes[difference.new.place + difference.destination, difference.new] += 1

    def agrees(self, holds: dict[bytes, tuple[Shape, ...]]) -> bool:
        wanted = Counter((key, shape) for key, shapes in holds.items() for shape in shapes)
        return +self.routes == wanted


shapes = st.builds(
    Shape, st.sampled_from(PLACES), st.sampled_from(RANKS), st.sampled_from("abc"), st.integers(0, 1)
)


class Step(NamedTuple):
    operation: str
    shape: Shape
    address: int

    @property
    def destination(self) -> bytes:
        return b"" if self.shape.place == PLACES[1] else bytes([10, self.address, 0, 0])


def steps(*operations: str) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.sampled_from(operations), shapes, st.integers(0, 1))


ALL = ("add", "append", "prepend", "replace", "change", "delete", "delete")


@given(st.lists(steps(*ALL), max_size=60))
def test_a_mirror_that_hears_everything_holds_what_the_kernel_holds(done: list[Step]) -> None:
    kernel, mirror, ledger = Kernel(), Mirror[Shape](), Ledger()
    for step in done:
        report = kernel.do(step.operation, step.shape, step.destination)
        if report is not None:
            ledger.take(tell(mirror, report))
        assert contents(mirror) == kernel.holds()
    assert ledger.agrees(kernel.holds())


def test_a_walk_shows_the_moment_in_which_it_began() -> None:
    mirror = Mirror[Shape]()
    for number in range(4):
        mirror.new(Shape(), bytes([10, number, 0, 0]), Position.LAST)
    walk = mirror.routes()
    first = next(walk)
    for number in range(4):
        mirror.delete(Shape(), bytes([10, number, 0, 0]))
    mirror.new(Shape(name="b"), bytes(4), Position.LAST)
    every = [first, *walk]
    assert len(every) == 4
    assert set(every) == {(Shape(), bytes([10, number, 0, 0])) for number in range(4)}


def test_flags_that_the_kernel_set_in_silence_do_not_stop_a_delete() -> None:
    mirror = Mirror[Shape]()
    mirror.new(Shape(flags=0), bytes(4), Position.LAST)
    difference = mirror.delete(Shape(flags=16), bytes(4))
    assert difference == Difference(bytes(4), Shape(flags=0), None)
    assert difference.event is Event.DELETE
    assert contents(mirror) == {}


def test_of_two_aliases_the_very_one_goes_and_not_one_that_is_like_it() -> None:
    mirror = Mirror[Shape]()
    mirror.new(Shape(flags=0), bytes(4), Position.LAST)
    mirror.new(Shape(flags=1), bytes(4), Position.LAST)
    mirror.delete(Shape(flags=1), bytes(4))
    assert mirror.at(PLACES[0] + bytes(4)) == (Shape(flags=0),)


def test_one_leg_of_several_is_doubted_and_nothing_is_changed() -> None:
    mirror = Mirror[Shape]()
    both = Shape(name="via 1, via 2", merges=True)
    mirror.new(both, bytes(4), Position.LAST)
    with pytest.raises(Doubt) as caught:
        mirror.delete(Shape(name="via 2", merges=True), bytes(4))
    assert caught.value.key == PLACES[0] + bytes(4)
    assert contents(mirror) == {caught.value.key: (both,)}


@pytest.mark.parametrize(
    ("there", "comes", "after"),
    [
        # A gateway joins a gateway of the same metric; the kernel reports the joined route.
        ([("a", True, 0)], ("a+b", True, 0), ["a+b"]),
        ([("a", True, 0)], ("b", True, 7), ["a", "b"]),
        ([("dev", False, 0)], ("a", True, 0), ["dev", "a"]),
        ([("dev", False, 0), ("a", True, 0)], ("a+b", True, 0), ["dev", "a+b"]),
        ([("a", True, 0)], ("dev", False, 0), ["a", "dev"]),
    ],
)
def test_gateways_of_ipv6_join(
    there: list[tuple[str, bool, int]], comes: tuple[str, bool, int], after: list[str]
) -> None:
    mirror = Mirror[Shape]()
    for name, merges, metric in [*there, comes]:
        mirror.new(Shape(name=name, merges=merges, rank=(0, metric, b"")), bytes(4), Position.LAST)
    assert [shape.name for shape in mirror.at(PLACES[0] + bytes(4))] == after


def test_what_is_there_already_is_no_difference() -> None:
    mirror = Mirror[Shape]()
    for position in Position:
        assert (mirror.new(Shape(), bytes(4), position) is None) is (position is not Position.FIRST)
    assert mirror.delete(Shape(name="b"), b"\x0a\0\0\0") is None
