"""Which routes each cause makes suspect: a table of causes and shapes, and what a narrow dump may answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.kernel.shape import Shape, Shapes
from nld.kernel.suspicion import Suspicion, Suspicions, concerning
from nld.netlink.registry import AF, NextHopFlag
from nld.netlink.route import NextHop, Route, encode

FOUR, SIX = bytes([192, 0, 2, 1]), bytes(15) + b"\1"
DEAD = int(NextHopFlag.DEAD)


def shape(family: int = AF.INET, **fields: object) -> Shape:
    route = Route(family, dst_len=24, table=254, type=1, **fields)  # type: ignore[arg-type]
    found = Shapes().intern(encode(route))
    assert found is not None
    return found


def legs(*indexes: int, flags: int = 0) -> tuple[NextHop, ...]:
    return tuple(NextHop(flags, ifindex=index, gateway=FOUR) for index in indexes)


@pytest.mark.parametrize(
    ("suspicion", "concerned", "others"),
    [
        (
            Suspicion("down", 2, frozenset({7})),
            [shape(oif=2), shape(AF.INET6, oif=2), shape(multipath=legs(3, 2)), shape(nh_id=7)],
            [shape(oif=3), shape(nh_id=8), shape(multipath=legs(3, 4)), shape()],
        ),
        (Suspicion("replaced", objects=frozenset({7, 9})), [shape(nh_id=9)], [shape(oif=2), shape()]),
        (
            Suspicion("address gone", source=FOUR, family=AF.INET, made=True),
            [shape(oif=2, prefsrc=FOUR), shape(oif=9, prefsrc=FOUR)],
            [shape(oif=2), shape(oif=2, protocol=2), shape(oif=2, prefsrc=bytes(4))],
        ),
        (
            Suspicion("last address gone", 2, source=FOUR, family=AF.INET),
            [shape(oif=9, prefsrc=FOUR), shape(oif=2), shape(multipath=legs(2, 3))],
            [shape(AF.INET6, oif=2), shape(oif=3)],
        ),
        (
            Suspicion("address added", 2, family=AF.INET, dead=True),
            [shape(oif=2, flags=DEAD), shape(multipath=legs(3, 2, flags=DEAD))],
            [shape(oif=2), shape(oif=3, flags=DEAD), shape(AF.INET6, oif=2, flags=DEAD)],
        ),
        (
            Suspicion("address added", 2, family=AF.INET6, made=True),
            [shape(AF.INET6, oif=2, protocol=2)],
            [shape(AF.INET6, oif=2, protocol=4), shape(oif=2, protocol=2)],
        ),
    ],
)
def test_what_a_cause_concerns(suspicion: Suspicion, concerned: list[Shape], others: list[Shape]) -> None:
    assert [suspicion.concerns(one) for one in (*concerned, *others)] == [True] * len(concerned) + [
        False
    ] * len(others)


def test_several_causes_are_about_one_family_at_a_time() -> None:
    concerns = concerning([Suspicion("a", 2), Suspicion("b", 3)], AF.INET6)
    shapes = [shape(AF.INET6, oif=3), shape(AF.INET6, oif=2), shape(AF.INET6, oif=4), shape(oif=2)]
    assert list(map(concerns, shapes)) == [True, True, False, False]


SOME = [
    shape(oif=2), shape(oif=3, prefsrc=FOUR), shape(nh_id=7), shape(multipath=legs(3, 4)), shape(),
    shape(AF.INET6, oif=2, prefsrc=SIX), shape(oif=2, protocol=2), shape(oif=3, flags=DEAD),
]  # fmt: skip


@given(
    st.lists(
        st.builds(
            Suspicion,
            st.sampled_from("abc"),
            st.sampled_from((0, 2, 3, 4)),
            st.frozensets(st.sampled_from((7, 8))),
            st.sampled_from((None, FOUR, SIX)),
            st.sampled_from((0, int(AF.INET), int(AF.INET6))),
            st.booleans(),
            st.booleans(),
        )
    )
)
def test_what_is_found_without_asking_each_is_what_asking_each_finds(some: list[Suspicion]) -> None:
    every = Suspicions(some)
    assert list(every) == list(dict.fromkeys(some))
    for one in SOME:
        assert every.about(one) == [suspicion for suspicion in every if suspicion.concerns(one)]


def test_of_two_thousand_devices_few_are_asked_about_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    every = Suspicions(Suspicion("down", device) for device in range(2000))
    asked: list[Suspicion] = []

    def noted(self: Suspicion, _: Shape) -> bool:
        asked.append(self)
        return True

    monkeypatch.setattr(Suspicion, "concerns", noted)
    assert every.about(shape(oif=1000)) == asked
    assert [one.device for one in asked] == [1000]


def test_what_may_lose_a_device_and_live_on_is_not_looked_for_among_its_routes() -> None:
    down = Suspicion("down", 2, frozenset({7}))
    six_legs = tuple(NextHop(ifindex=index, gateway=SIX) for index in (2, 3))
    assert down.stays_on_its_device(shape(oif=2))
    assert down.stays_on_its_device(shape(multipath=legs(2, 3)))
    assert not down.stays_on_its_device(shape(AF.INET6, multipath=six_legs))
    assert not down.stays_on_its_device(shape(oif=2, nh_id=7))
