"""Requests, batches and dumps meet their replies; losses and strangers are told apart."""

from __future__ import annotations

import errno
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.netlink.exchange import (
    LAST_SEQUENCE,
    STEPS,
    Arrival,
    Exchange,
    Finished,
    Lost,
    Notified,
    Replied,
    Sort,
    Unmatched,
)
from nld.netlink.extack import Acknowledgement, build_error
from nld.netlink.header import HEADER, Flag, Message, MessageType, frame, split

PORT = 2995777091


def answer(sequence: int, number: int = 0, words: str | None = None, port_id: int = PORT) -> bytes:
    request = Message(24, 1, sequence, port_id, memoryview(b"body"))
    return build_error(request, Acknowledgement(number, words))


def done(sequence: int, error: int = 0, flags: int = Flag.MULTI) -> bytes:
    return frame(MessageType.DONE, flags, sequence, (-error).to_bytes(4, "little", signed=True), PORT)


def part(sequence: int, flags: int = Flag.MULTI, port_id: int = PORT) -> bytes:
    return frame(24, flags, sequence, b"a route", port_id)


def test_every_pair_has_its_step() -> None:
    assert set(STEPS) == set(product(Sort, Arrival))


def test_a_request_is_ended_by_its_acknowledgement() -> None:
    exchange = Exchange(PORT)
    pending, data = exchange.request(26, Flag.ECHO, b"question")
    assert HEADER.unpack_from(data) == (24, 26, Flag.REQUEST | Flag.ACK | Flag.ECHO, 1, 0)
    reply, end = exchange.receive(part(1, 0) + answer(1))
    assert isinstance(reply, Replied)
    assert reply.pending is pending
    assert bytes(reply.message.payload) == b"a route"
    assert end == Finished(pending, Acknowledgement(0))
    assert exchange.pending == ()


def test_a_refusal_carries_the_kernels_words() -> None:
    exchange = Exchange(PORT)
    pending, _ = exchange.request(24, 0)
    (end,) = exchange.receive(answer(1, errno.EEXIST, "already there"))
    assert end == Finished(pending, Acknowledgement(errno.EEXIST, "already there"))
    assert pending.failures == {1: Acknowledgement(errno.EEXIST, "already there")}


def test_a_batch_is_over_with_its_last_and_knows_who_failed() -> None:
    exchange = Exchange(PORT, next_sequence=10)
    pending = exchange.batch(5)
    assert (pending.first, pending.last) == (10, 14)
    assert exchange.receive(answer(11, errno.EEXIST) + answer(13, errno.EINVAL)) == []
    assert exchange.receive(answer(14)) == [Finished(pending, Acknowledgement(0))]
    assert {number: ack.errno for number, ack in pending.failures.items()} == {11: 17, 13: 22}


def test_a_batch_whose_last_fails_is_over_too() -> None:
    exchange = Exchange(PORT)
    pending = exchange.batch(2)
    exchange.receive(answer(2, errno.EEXIST))
    assert exchange.pending == ()
    assert set(pending.failures) == {2}


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_batch_counts_like_a_list(fails: list[bool]) -> None:
    exchange = Exchange(PORT)
    pending = exchange.batch(len(fails))
    expected = {index + 1 for index, failed in enumerate(fails) if failed}
    for index, failed in enumerate(fails):
        last = index + 1 == len(fails)
        if failed or last:
            exchange.receive(answer(index + 1, errno.EEXIST if failed else 0))
    assert set(pending.failures) == expected
    assert exchange.pending == ()


def test_a_dump_is_ended_by_done_and_its_errno() -> None:
    exchange = Exchange(PORT)
    pending, data = exchange.dump(26)
    assert HEADER.unpack_from(data)[2] == Flag.REQUEST | Flag.DUMP
    assert len(exchange.receive(part(1) + part(1))) == 2
    assert exchange.receive(done(1, errno.ENOENT)) == [Finished(pending, Acknowledgement(errno.ENOENT))]
    assert not pending.interrupted


@pytest.mark.parametrize("where", ["part", "done"])
def test_an_interrupted_dump_says_so_wherever_the_flag_was(where: str) -> None:
    exchange = Exchange(PORT)
    pending, _ = exchange.dump(26)
    bad = Flag.MULTI | Flag.DUMP_INTR
    exchange.receive(part(1, bad if where == "part" else Flag.MULTI) + part(1))
    exchange.receive(done(1, flags=bad if where == "done" else Flag.MULTI))
    assert pending.interrupted


def test_a_dump_may_be_refused_before_it_begins() -> None:
    exchange = Exchange(PORT)
    pending, _ = exchange.dump(26)
    assert exchange.receive(answer(1, errno.EBUSY)) == [Finished(pending, Acknowledgement(errno.EBUSY))]


def test_a_notification_has_no_sequence() -> None:
    (event,) = Exchange(PORT).receive(part(0, 0, 0))
    assert isinstance(event, Notified)


@pytest.mark.parametrize(
    "data",
    [part(2), part(1, port_id=PORT + 1), answer(9), answer(1, port_id=1), done(1), done(7)],
)
def test_what_fits_nothing_is_counted_and_given_back(data: bytes) -> None:
    exchange = Exchange(PORT)
    pending, _ = exchange.request(24, 0)
    (event,) = exchange.receive(data)
    assert event == Unmatched(next(split(data)))
    assert exchange.unmatched == 1
    assert exchange.pending == (pending,)


def test_another_process_is_not_heard() -> None:
    exchange = Exchange(PORT)
    exchange.request(24, 0)
    assert exchange.receive(answer(1), sender=4711) == []
    assert exchange.foreign == 1
    assert len(exchange.pending) == 1


def test_noop_is_skipped_and_overrun_is_a_loss() -> None:
    exchange = Exchange(PORT)
    pending, _ = exchange.request(24, 0)
    assert exchange.receive(frame(MessageType.NOOP, 0, 1, b"", PORT)) == []
    assert exchange.receive(frame(MessageType.OVERRUN, 0, 0)) == [Lost("NLMSG_OVERRUN")]
    assert exchange.abandon_all() == (pending,)
    assert exchange.receive(answer(1)) == [Unmatched(next(split(answer(1))))]


def test_a_truncated_datagram_is_a_loss_but_what_is_whole_counts() -> None:
    exchange = Exchange(PORT)
    pending, _ = exchange.request(24, 0)
    events = exchange.receive(answer(1) + part(1)[:20], truncated=True)
    assert events == [Finished(pending, Acknowledgement(0)), Lost("a truncated datagram")]
    assert exchange.receive(b"", truncated=True) == [Lost("a truncated datagram")]


def test_broken_bytes_are_a_loss() -> None:
    (event,) = Exchange(PORT).receive(b"broken")
    assert isinstance(event, Lost)
    assert "at byte 0" in event.reason


def test_abandoning_twice_does_nothing() -> None:
    exchange = Exchange(PORT)
    pending, _ = exchange.request(24, 0)
    exchange.abandon(pending)
    exchange.abandon(pending)
    assert exchange.pending == ()


def test_sequence_numbers_wrap_past_the_last_and_never_are_zero() -> None:
    exchange = Exchange(PORT, next_sequence=LAST_SEQUENCE)
    assert exchange.request(24, 0)[0].first == LAST_SEQUENCE
    assert exchange.request(24, 0)[0].first == 1


def test_a_batch_does_not_straddle_the_wrap() -> None:
    exchange = Exchange(PORT, next_sequence=LAST_SEQUENCE - 1)
    pending = exchange.batch(3)
    assert (pending.first, pending.last) == (1, 3)


def test_numbers_still_in_use_are_not_used_again() -> None:
    exchange = Exchange(PORT)
    old = exchange.batch(5)
    exchange.next_sequence = LAST_SEQUENCE - 1
    assert exchange.batch(3).first == old.last + 1
    exchange.next_sequence = 4
    assert exchange.request(24, 0)[0].first == 9


@pytest.mark.parametrize("count", [0, -1, 2**32])
def test_a_batch_has_at_least_one(count: int) -> None:
    with pytest.raises(ValueError, match="sequence numbers"):
        Exchange(PORT).batch(count)


def test_a_request_that_cannot_be_framed_leaves_nothing_outstanding() -> None:
    exchange = Exchange(PORT)
    with pytest.raises(ValueError, match="out of range"):
        exchange.request(70000, 0)
    assert exchange.pending == ()


@given(st.lists(st.sampled_from(["request", "batch", "dump"]), max_size=5), st.integers(0, 12))
def test_the_plain_acknowledgement_is_read_by_the_same_rules(asked: list[str], sequence: int) -> None:
    """Alone it takes a shorter way than with another message behind it, to the same end."""
    outcomes = []
    for behind in (b"", frame(MessageType.NOOP, 0, 0)):
        exchange = Exchange(PORT)
        for what in asked:
            if what == "batch":
                exchange.batch(3)
            elif what == "dump":
                exchange.dump(26)
            else:
                exchange.request(26, 0)
        events = exchange.receive(answer(sequence) + behind)
        ends = [(type(event), getattr(event, "acknowledgement", None)) for event in events]
        left = [(one.sort, one.first) for one in exchange.pending]
        outcomes.append((ends, left, exchange.matched, exchange.unmatched))
    assert outcomes[0] == outcomes[1]
