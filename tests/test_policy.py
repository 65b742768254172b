"""The policy as a table: who may write."""

from __future__ import annotations

import pytest

from nld.policy import Policy
from nld.records.peer import Peer


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "users", "allowed", "may"),
    [
        (0, 0, (), (), (), False),  # root is nobody special
        (0, 0, (), (0,), (), True),
        (1000, 1000, (), (0,), (), False),
        (1000, 1000, (), (0, 1000), (), True),
        (1000, 50, (), (), (50,), True),
        (1000, 1000, (4, 50), (), (50,), True),
        (1000, 1000, (4, 51), (), (50,), False),
        (50, 1000, (1000,), (), (50,), False),  # a user's number is no group's
        (1000, 50, (50,), (50,), (), False),
    ],
)
def test_who_may_write(  # noqa: PLR0917 - a table's columns
    uid: int,
    gid: int,
    groups: tuple[int, ...],
    users: tuple[int, ...],
    allowed: tuple[int, ...],
    may: bool,
) -> None:
    policy = Policy(frozenset(users), frozenset(allowed))
    assert policy.may_write(Peer(uid=uid, gid=gid, pid=1, groups=groups)) is may
