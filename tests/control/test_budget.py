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


def test_the_last_connections_are_for_those_who_may_write() -> None:
    budget: Budget[int] = Budget(Limits(connections=32))
    for number in range(30):
        budget.enter(number, 1000 + number)
    with pytest.raises(LimitExceeded, match="30 connections"):
        budget.enter(30, 2000)
    budget.enter(31, 0, writes=True)
    budget.enter(32, 0, writes=True)
    with pytest.raises(LimitExceeded, match="32 connections"):
        budget.enter(33, 0, writes=True)
    budget.leave(0)
    budget.enter(34, 2000)


def test_the_largest_of_the_greediest_uid_goes() -> None:
    budget: Budget[str] = Budget(Limits(partial_bytes=100))
    for name, uid in (("big", 0), ("a", 1000), ("b", 1000), ("c", 1000)):
        budget.enter(name, uid)
    for name, size in (("big", 40), ("a", 20), ("b", 25)):
        budget.hold(name, size)
        assert budget.victim() is None
    budget.hold("c", 16)
    assert budget.victim() == "b"  # uid 1000 holds 61, more than root, though no single one does
    budget.leave("b")
    assert budget.held == 76
    assert budget.victim() is None


def test_those_who_only_read_go_first() -> None:
    budget: Budget[str] = Budget(Limits(partial_bytes=100, reader_bytes=50))
    budget.enter("root", 0, writes=True)
    budget.hold("root", 60)
    for number in range(6):
        budget.enter(f"reader {number}", 1000 + number)
        budget.hold(f"reader {number}", 8)
    assert budget.victim() == "reader 0"  # root holds more than all of them, but is not one of them
    budget.leave("reader 0")
    assert budget.victim() is None
    budget.hold("reader 1", 30)
    assert budget.victim() == "reader 1"
    budget.leave("reader 1")
    for number in range(2, 6):
        budget.leave(f"reader {number}")
    budget.enter("other", 1, writes=True)
    budget.hold("other", 45)
    assert budget.victim() == "root"


def test_sixty_four_users_cost_root_nothing() -> None:
    """63 who read hold as much as they may of unfinished messages; root's one message is longer than any."""
    limits = Limits()
    budget: Budget[str] = Budget(limits)
    budget.enter("root", 0, writes=True)
    budget.hold("root", 4 << 20)
    gone: list[str] = []
    for turn in range(1, limits.reader_message_bytes // (64 << 10) + 1):
        for user in range(63):
            for nth in range(4):
                name = f"{user}.{nth}"
                if turn == 1:
                    budget.enter(name, 1000 + user)
                if name in gone:
                    continue
                budget.hold(name, turn * 64 << 10)
                while (victim := budget.victim()) is not None:
                    assert victim != "root"
                    gone.append(victim)
                    budget.leave(victim)
                assert budget.held <= (4 << 20) + limits.reader_bytes
    assert len(gone) > 63
    assert budget.held >= limits.reader_bytes  # no more of them went than had to
    budget.hold("root", 40 << 20)
    assert budget.victim() is None


def test_readers_go_before_writers_where_both_are_many() -> None:
    """Half of 64 users may write: none of theirs goes as long as a reader holds anything."""
    budget: Budget[int] = Budget(Limits(partial_bytes=64 << 20))
    for uid in range(64):
        budget.enter(uid, uid, writes=uid % 2 == 0)
    gone: set[int] = set()
    for uid in range(64):
        budget.hold(uid, (3 << 20) if uid % 2 == 0 else 256 << 10)
        while (victim := budget.victim()) is not None:
            assert victim % 2 or gone.issuperset(range(1, uid, 2))
            gone.add(victim)
            budget.leave(victim)
    assert {uid % 2 for uid in gone} == {0, 1}


def test_what_is_under_way_is_bounded_for_each_uid() -> None:
    budget: Budget[str] = Budget(Limits(uid_bytes=100))
    for name, uid in (("a", 1000), ("b", 1000), ("c", 1001)):
        budget.enter(name, uid)
    assert budget.take("a", 150)  # one may be of any size
    assert not budget.take("b", 1)
    assert budget.take("c", 60)
    assert budget.takers(1000) == ("a",)
    budget.give("a")
    budget.give("a")
    assert budget.take("b", 1)
    assert budget.held == 61
    budget.leave("b")
    budget.leave("c")
    assert budget.held == 0
    assert budget.takers(1001) == ()


@pytest.mark.parametrize("writes", [False, True])
def test_while_too_much_is_held_a_user_has_one_call_under_way(writes: bool) -> None:
    limits = Limits(partial_bytes=100, reader_bytes=50, uid_bytes=40)
    budget: Budget[str] = Budget(limits)
    whole = limits.partial_bytes if writes else limits.reader_bytes
    budget.enter("crowd", 1, writes=writes)
    for name in ("one", "two"):
        budget.enter(name, 2, writes=writes)
    budget.hold("crowd", whole)
    assert budget.take("one", 10)  # the crowd pays for it
    assert budget.victim() == "crowd"
    assert not budget.take("two", 10)
    budget.leave("crowd")
    assert budget.take("two", 10)


def test_who_is_not_in_holds_nothing() -> None:
    budget: Budget[int] = Budget(Limits(partial_bytes=1))
    budget.hold(1, 100)
    assert budget.take(1, 100)
    budget.give(1)
    assert budget.victim() is None
    assert budget.held == 0
    budget.leave(1)


STEPS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["hold", "take", "give", "leave"]), st.integers(0, 50))
)


@given(STEPS)
def test_held_is_the_sum_of_what_each_holds(steps: list[tuple[int, str, int]]) -> None:
    """Against a plain sum, with two uids that read and one that writes."""
    limits = Limits(partial_bytes=120, reader_bytes=60, uid_bytes=40)
    budget: Budget[int] = Budget(limits)
    holds: dict[int, list[int]] = {}

    def held(*, readers: bool = False) -> int:
        return sum(max(sizes) for name, sizes in holds.items() if not (readers and name % 3 == 0))

    for connection, step, size in steps:
        if connection not in holds:
            budget.enter(connection, connection % 3, writes=connection % 3 == 0)
            holds[connection] = [0, 0]
        elif step == "leave":
            budget.leave(connection)
            del holds[connection]
        elif step == "hold":
            budget.hold(connection, size)
            holds[connection][0] = size
        elif step == "give":
            budget.give(connection)
            holds[connection][1] = 0
        else:
            of_uid = sum(sizes[1] for name, sizes in holds.items() if name % 3 == connection % 3)
            granted = budget.take(connection, size)
            fits = held() + size <= 120 and (connection % 3 == 0 or held(readers=True) + size <= 60)
            assert granted == (not of_uid or (of_uid + size <= limits.uid_bytes and fits))
            if granted:
                holds[connection][1] += size
        victim = budget.victim()
        assert (victim is not None) == (held() > 120 or held(readers=True) > 60)
        if victim is not None:
            assert max(holds[victim]) > 0
            assert victim % 3 or not held(readers=True)
            budget.leave(victim)
            del holds[victim]
        assert budget.held == held()
        assert len(budget) == len(holds)


def test_a_limit_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="connections must be at least 1"):
        Limits(connections=0)
