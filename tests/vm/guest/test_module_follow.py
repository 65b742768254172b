"""What a reader can know for sure while others write: interruptions, gaps, and what it missed."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from .loaded import module, wire
from .wire import (
    ACK,
    CREATE,
    DUMP,
    DUMP_INTR,
    REPLACE,
    A,
    Message,
    Msg,
    RefusedError,
    Socket,
    Stats,
    Type,
    body,
    namespace,
)

__all__ = ["module", "wire"]

MANY = 2000


@contextmanager
def another_process(work: Callable[[Socket], None]) -> Iterator[Callable[[], None]]:
    """Have another process ready; each call of what this yields lets it work once, to its end."""
    to_child, go = os.pipe()
    done, to_parent = os.pipe()
    child = os.fork()
    if not child:
        os.close(go)
        try:
            with Socket() as mine:
                while os.read(to_child, 1):
                    work(mine)
                    os.write(to_parent, b"x")
        finally:
            os._exit(0)
    os.close(to_parent)

    def turn() -> None:
        os.write(go, b"x")
        assert os.read(done, 1) == b"x", "the other process failed"

    try:
        yield turn
    finally:
        os.close(go)
        os.waitpid(child, 0)
        for one in (to_child, done):
            os.close(one)


def fill(wire: Socket, first: int = 0, count: int = MANY) -> None:
    """Make records, a hundred at a time."""
    for start in range(first, first + count, 100):
        messages = [
            wire.compose(Msg.ROUTE_NEW, CREATE, body(prefix(at), type=Type.BLACKHOLE))[1]
            for at in range(start, start + 99)
        ]
        _, last = wire.compose(Msg.ROUTE_NEW, CREATE | ACK, body(prefix(start + 99), type=Type.BLACKHOLE))
        wire.send_all([*messages, last])
        (acknowledgement,) = wire.receive()
        assert acknowledgement.error == 0


def prefix(at: int) -> str:
    """Return the at-th prefix; their order is that of the numbers."""
    return f"10.{at >> 8}.{at & 255}.0/24"


def test_an_undisturbed_dump_is_the_state_at_its_generation(wire: Socket) -> None:
    fill(wire)
    parts = list(wire.dump_parts())
    assert len(parts) > 3
    dump = wire.finish(parts)
    assert not dump.interrupted
    assert not any(one.flags & DUMP_INTR for one in dump.records)
    assert [one.prefix for one in dump.records] == [prefix(at) for at in range(MANY)]
    # The first record of each part tells as of when, the others do not.
    firsts = [part[0].number(A.AS_OF) for part in parts if part[0].type == Msg.ROUTE_NEW]
    assert set(firsts) == {wire.stats()[Stats.GENERATION]}
    assert sum(A.AS_OF in one.attributes for one in dump.records) == len(firsts)


def test_a_dump_while_another_process_writes_is_flagged(wire: Socket) -> None:
    fill(wire)

    def disturb(mine: Socket) -> None:
        mine.delete(prefix(MANY - 1))
        mine.new(prefix(MANY + 1))

    with another_process(disturb) as turn:
        parts = wire.dump_parts()
        before = next(parts)
        turn()
        rest = list(parts)
    # The core reads one part ahead: what was read before the change may say so, what comes after must.
    assert not any(one.flags & DUMP_INTR for one in before)
    flags = [bool(one.flags & DUMP_INTR) for part in rest for one in part]
    assert flags == sorted(flags), "once interrupted, always interrupted"
    dump = Socket.finish([before, *rest])
    assert dump.interrupted
    assert dump.records[-1].flags & DUMP_INTR
    # Those that nobody touched are all there, once and in order.
    untouched = [one.prefix for one in dump.records if one.prefix not in (prefix(MANY - 1), prefix(MANY + 1))]
    assert untouched == [prefix(at) for at in range(MANY - 1)]
    assert not wire.dump().interrupted


def test_a_change_in_another_namespace_interrupts_nothing(wire: Socket) -> None:
    fill(wire)
    parts = wire.dump_parts()
    before = next(parts)
    with namespace(), Socket() as there:
        there.new("10.0.0.0/8")
    assert not Socket.finish([before, *parts]).interrupted


def test_one_dump_at_a_time_for_a_socket(wire: Socket) -> None:
    fill(wire)
    parts = wire.dump_parts()
    next(parts)
    seq = wire.send(Msg.ROUTE_GET, DUMP)
    answers: list[Message] = []
    dumped = 0
    while not any(one.error for one in answers) or dumped < MANY - 1000:
        part = wire.receive()
        answers += [one for one in part if one.seq == seq]
        dumped += sum(one.seq != seq for one in part)
    (refused,) = answers
    assert RefusedError(refused).errno == errno.EBUSY


# -- announcements


def test_announcements_follow_each_other(wire: Socket) -> None:
    """Whatever changes the table, from any process: one number more each time, and nothing else."""
    start = wire.stats()[Stats.GENERATION]

    def work(mine: Socket) -> None:
        random.seed(1)
        for _ in range(60):
            at = random.randrange(8)
            mine.new(prefix(at), flags=CREATE | REPLACE, type=random.choice((Type.BLACKHOLE, Type.PROHIBIT)))
            if random.random() < 0.2:
                mine.flush(prefix(at))

    with Socket(join=True) as reader, another_process(work) as turn:
        turn()
        announced = reader.queued()
    assert [one.number(A.GENERATION) for one in announced] == list(
        range(start + 1, wire.stats()[Stats.GENERATION] + 1)
    )
    model: dict[str, int] = {}
    for one in announced:
        apply(model, one)
    assert model == {one.prefix: one.number(A.TYPE) for one in wire.dump().records}


def apply(model: dict[str, int], announced: Message) -> None:
    """Carry out an announcement in a model of the table; it must fit."""
    if announced.type == Msg.ROUTE_DEL:
        del model[announced.prefix]
    else:
        assert (announced.prefix in model) == bool(announced.flags & REPLACE)
        model[announced.prefix] = announced.number(A.TYPE)


def test_a_reader_that_fell_behind_knows_what_it_missed(wire: Socket) -> None:
    """ENOBUFS, then a gap of exactly the changes that are missing, then a dump that puts it right."""
    start = wire.stats()[Stats.GENERATION]

    def work(mine: Socket) -> None:
        here = {one.prefix for one in mine.dump().records}
        for at in range(400):
            if prefix(at % 150) in here:
                mine.delete(prefix(at % 150))
                here.remove(prefix(at % 150))
            else:
                mine.new(prefix(at % 150))
                here.add(prefix(at % 150))

    with Socket(join=True, receive_buffer=1) as reader, another_process(work) as turn:
        turn()
        with pytest.raises(OSError, match=os.strerror(errno.ENOBUFS)):
            reader.receive()
        seen = [one.number(A.GENERATION) for one in reader.queued()]
        last = wire.stats()[Stats.GENERATION]
        assert last == start + 400
        # What the buffer took is the beginning, without a hole; all behind it is lost.
        assert seen == list(range(start + 1, start + 1 + len(seen)))
        assert 0 < len(seen) < 400

        dump = wire.dump()
        assert not dump.interrupted
        assert dump.as_of == last
        model = {one.prefix: one.number(A.TYPE) for one in dump.records}
        assert model == {prefix(at): Type.BLACKHOLE for at in range(100)}

        # From here on it follows again; the first number tells how many it missed.
        wire.new(prefix(500))
        later = reader.receive()
        wire.new(prefix(0), flags=REPLACE, type=Type.PROHIBIT)
        later += reader.receive()
        wire.delete(prefix(1))
        later += reader.receive()
        assert later[0].number(A.GENERATION) - seen[-1] - 1 == 400 - len(seen)
        for one in later:
            assert one.number(A.GENERATION) > dump.as_of
            apply(model, one)
    generations = [one.number(A.GENERATION) for one in later]
    assert all(second == first + 1 for first, second in pairwise(generations))
    assert model == {one.prefix: one.number(A.TYPE) for one in wire.dump().records}


def test_a_dump_that_raced_is_put_right_by_the_announcements(wire: Socket) -> None:
    """The header's recipe: join, dump, drop what is not above the dump's generation, apply the rest."""
    fill(wire)

    def work(mine: Socket) -> None:
        for at in range(0, MANY, 50):
            mine.new(prefix(at), flags=REPLACE, type=Type.PROHIBIT)
            mine.delete(prefix(at + 1))

    with Socket(join=True) as reader, another_process(work) as turn:
        parts = wire.dump_parts()
        first = next(parts)
        turn()
        dump = Socket.finish([first, *parts])
        assert dump.interrupted
        again = wire.dump()
        assert not again.interrupted
        model = {one.prefix: one.number(A.TYPE) for one in again.records}
        turned = reader.queued()
        assert len(turned) == 2 * (MANY // 50)
        assert all(one.number(A.GENERATION) <= again.as_of for one in turned)
        wire.delete(prefix(2))
        (late,) = reader.queued()
        assert late.number(A.GENERATION) == again.as_of + 1
        apply(model, late)
    assert model == {one.prefix: one.number(A.TYPE) for one in wire.dump().records}
