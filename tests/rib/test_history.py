"""The history against the list of all changes: it keeps the end of it, and says so when asked for more."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.errors import CursorExpired, InvalidRecord
from nld.rib.history import History
from tests.rib.test_mirror import Shape


def filled(limit: int, count: int) -> History[Shape]:
    history = History[Shape](limit, "e")
    for number in range(count):
        history.extend([(bytes([number % 256]), None, Shape(), number, None, 0)])
        assert history.generation == number + 1
    return history


@given(st.integers(0, 8), st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_a_watcher_gets_the_next_changes_or_is_told_that_they_are_gone(
    limit: int, count: int, after: int, most: int
) -> None:
    history = filled(limit, count)
    found = history.since(after, most)
    if found is None:
        assert after < count - max(1, limit)  # that many at least are kept
        with pytest.raises(CursorExpired):
            history.position(history.cursor(after))
    else:
        assert [change.generation for change in found] == list(range(after + 1, count + 1))[:most]
        assert after >= count - 2 * max(1, limit)  # and no more than that
        if after <= count:
            assert history.position(history.cursor(after)) == after


@given(st.integers(1, 8), st.integers(0, 100), st.integers(1, 5))
def test_reading_to_the_end_in_pieces_misses_nothing(limit: int, count: int, most: int) -> None:
    history = filled(limit, count)
    seen = max(0, count - limit)
    generations: list[int] = []
    while part := history.since(seen, most):
        generations += [change.generation for change in part]
        seen = part[-1].generation
    assert generations == list(range(max(0, count - limit) + 1, count + 1))


@given(st.integers(1, 8), st.integers(0, 60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))))
def test_few_changes_keep_their_texts_however_many_were_read(
    limit: int, count: int, reads: list[tuple[int, int]]
) -> None:
    """And what a change says is the same whenever it is read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nld.rib.history.READ", 3)
        history = filled(limit, count // 2)
        for number, (after, most) in enumerate(reads):
            for change in history.since(after, most) or []:
                change.texts = {"full": "text"}
                assert change.difference.destination == bytes([change.generation - 1])
                assert change.port_id == change.generation - 1
            assert len(history._read) <= 3
            if number < count // 2:
                at = history.generation
                history.extend([(bytes([at]), None, Shape(), at, None, 0)])


def test_a_change_that_nobody_reads_is_nothing_to_the_garbage_collector() -> None:
    """Which would look at each of a hundred thousand while everybody waits."""
    history = History[Shape](10_000, "e")
    shape = Shape()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(10_000):
        history.extend([(number.to_bytes(4, "big"), None, shape, 4711, None, 0)])
    assert len(gc.get_objects()) - before < 100
    assert [change.difference.destination for change in history.since(9_000, 1) or []] == [
        (9_000).to_bytes(4, "big")
    ]


@pytest.mark.parametrize(
    ("cursor", "error"),
    [
        ("", InvalidRecord),
        ("5", InvalidRecord),
        (":5", InvalidRecord),
        ("e:", InvalidRecord),
        ("e:-1", InvalidRecord),
        ("e:five", InvalidRecord),
        ("e:5 ", InvalidRecord),
        ("e:\N{SUPERSCRIPT TWO}", InvalidRecord),
        ("e:" + "9" * 5000, InvalidRecord),
        ("other:5", CursorExpired),
        ("other:e:5", CursorExpired),
        ("e:11", CursorExpired),
        ("e:0", CursorExpired),
    ],
)
def test_cursors_that_are_none(cursor: str, error: type[Exception]) -> None:
    history = filled(2, 10)
    with pytest.raises(error) as caught:
        history.position(cursor)
    assert type(caught.value) is error
    assert caught.value.field == "cursor"  # type: ignore[attr-defined]


def test_the_end_is_a_cursor_and_so_is_the_beginning_of_an_empty_history() -> None:
    assert filled(2, 10).position("e:10") == 10
    assert filled(2, 0).position("e:0") == 0
