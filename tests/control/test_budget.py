"""The budget is arithmetic: who may enter, and who must go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.control.budget import Budget, Limits
from nld.errors import LimitExceeded


def test_connections_in_all() -> None:
    budget: Budget[int] = Budget(Limits(connections=2))
    budget.enter(1, 0)
    budget.enter(2, 1)
    with pytest.raises(LimitExceeded, match="2 connections") as caught:
        budget.enter(3, 2)
    assert caught.value.field == "connections"
    budget.leave(1)
    budget.enter(3, 2)
    assert sorted(budget) == [2, 3]


def test_connections_of_one_uid() -> None:
    budget: Budget[int] = Budget(Limits(connections_per_uid=1))
    budget.enter(1, 1000)
    with pytest.raises(LimitExceeded, match="uid 1000"):
        budget.enter(2, 1000)
    budget.enter(2, 0)
    budget.leave(1)
    budget.enter(3, 1000)


def test_the_largest_of_the_greediest_uid_goes() -> None:
    budget: Budget[str] = Budget(Limits(partial_bytes=100))
    for name, uid in (("big", 0), ("a", 1000), ("b", 1000), ("c", 1000)):
        budget.enter(name, uid)
    assert budget.hold("big", 40) is None
    assert budget.hold("a", 20) is None
    assert budget.hold("b", 25) is None
    assert budget.hold("c", 16) == "b"  # uid 1000 holds 61, more than root, though no single one does
    budget.leave("b")
    assert budget.held == 76


def test_who_is_not_in_holds_nothing() -> None:
    budget: Budget[int] = Budget(Limits(partial_bytes=1))
    assert budget.hold(1, 100) is None
    assert budget.held == 0
    budget.leave(1)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50) | st.none())))
def test_held_is_the_sum_of_what_each_holds(steps: list[tuple[int, int | None]]) -> None:
    budget: Budget[int] = Budget(Limits(partial_bytes=60))
    holds: dict[int, int] = {}
    for connection, size in steps:
        if connection not in holds:
            budget.enter(connection, connection % 2)
            holds[connection] = 0
        elif size is None:
            budget.leave(connection)
            del holds[connection]
        else:
            holds[connection] = size
            victim = budget.hold(connection, size)
            assert (victim is not None) == (sum(holds.values()) > 60)
            if victim is not None:
                assert holds[victim] > 0
                budget.leave(victim)
                del holds[victim]
        assert budget.held == sum(holds.values())
        assert len(budget) == len(holds)


def test_a_limit_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="connections must be at least 1"):
        Limits(connections=0)
