"""What the header says of each message, asked of the module itself, a table for each kind of saying."""

from __future__ import annotations

import errno
import itertools
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .loaded import PARAMETERS, module, wire
from .wire import (
    ACK,
    APPEND,
    CREATE,
    DUMP,
    DUMP_FILTERED,
    ECHO,
    EXCL,
    GREETING,
    LOOKUP,
    MAGIC,
    MULTI,
    REPLACE,
    ROOT,
    A,
    Cause,
    Greet,
    Info,
    Message,
    Msg,
    Nh,
    RefusedError,
    Socket,
    Stats,
    Type,
    attribute,
    body,
    device,
    nexthops,
    parse,
)

__all__ = ["module", "wire"]

AF_INET, AF_INET6 = socket.AF_INET, socket.AF_INET6
BLACKHOLE: dict[str, Any] = {"type": Type.BLACKHOLE}


def refusal(function: Callable[..., object], *arguments: Any, **named: Any) -> RefusedError:
    """Return the refusal that a call ends in."""
    with pytest.raises(RefusedError) as caught:
        function(*arguments, **named)
    return caught.value


def test_greeting_and_info(wire: Socket) -> None:
    (answer,) = wire.request(Msg.GREET, bytes(4) + attribute(Greet.TEXT, b"Good morning\0"))
    assert (answer.type, answer.words(Greet.TEXT)) == (Msg.GREET, GREETING)
    (info,) = wire.request(Msg.GET_INFO)
    assert set(info.attributes) - {Info.PAD} == set(Info) - {Info.PAD}
    assert (info.number(Info.MAGIC), info.number(Info.ABI)) == (MAGIC, 1)
    for name in ("max_routes", "max_routes_netns", "max_bytes", "max_bytes_netns"):
        assert info.number(Info[name.upper()]) == int((PARAMETERS / name).read_text())
    assert info.number(Info.MAX_METRICS) == 256
    assert (info.number(Info.MAX_NEXTHOPS), info.number(Info.MAX_OWNER)) == (64, 64)
    assert Path("/sys/module/nld/version").read_text().strip() == info.words(Info.VERSION)


# -- flags of a new record

CREATED, REPLACED = "created", "replaced"
FLAGS: list[tuple[int, str | int, str | int]] = [  # flags, without the record, with it
    (CREATE, CREATED, errno.EEXIST),
    (CREATE | EXCL, CREATED, errno.EEXIST),
    (CREATE | REPLACE, CREATED, REPLACED),
    (REPLACE, errno.ENOENT, REPLACED),
    (0, errno.EINVAL, errno.EINVAL),
    (EXCL, errno.EINVAL, errno.EINVAL),
    (EXCL | REPLACE, errno.EINVAL, errno.EINVAL),
    (CREATE | EXCL | REPLACE, errno.EINVAL, errno.EINVAL),
    (APPEND, errno.EOPNOTSUPP, errno.EOPNOTSUPP),
    (CREATE | APPEND, errno.EOPNOTSUPP, errno.EOPNOTSUPP),
]


@pytest.mark.parametrize("prefix", ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"])
def test_flags_of_a_new_record(wire: Socket, prefix: str) -> None:
    for (flags, absent, present), there in itertools.product(FLAGS, (False, True)):
        wire.flush()
        wire.new(prefix, metric=8, type=Type.PROHIBIT)  # another key, which nothing may touch
        if there:
            wire.new(prefix, metric=7, type=Type.PROHIBIT)
        before = wire.dump().table
        generation = wire.stats()[Stats.GENERATION]
        expected = present if there else absent
        case = f"flags {flags:#x}, {'with' if there else 'without'} the record"
        if isinstance(expected, int):
            got = refusal(wire.new, prefix, flags=flags, metric=7)
            assert (got.errno, bool(got.words)) == (expected, True), case
            assert wire.dump().table == before, case
            assert wire.stats()[Stats.GENERATION] == generation, case
        else:
            (echo,) = wire.new(prefix, flags=flags | ECHO, metric=7)
            assert echo.flags == {CREATED: CREATE, REPLACED: REPLACE}[expected], case
            assert echo.number(A.GENERATION) == generation + 1, case
            assert wire.get(prefix, metric=7).number(A.TYPE) == Type.BLACKHOLE, case
            assert wire.get(prefix, metric=8).number(A.TYPE) == Type.PROHIBIT, case


def test_nothing_of_a_replaced_record_is_kept(wire: Socket) -> None:
    wire.new("10.0.0.0/8", gateway="192.0.2.1", protocol=4, prefsrc="192.0.2.9", owner=b"me", expires=500)
    wire.new("10.0.0.0/8", flags=REPLACE, type=Type.UNREACHABLE)
    assert set(wire.get("10.0.0.0/8").attributes) - {A.PAD} == {
        A.DST, A.METRIC, A.TABLE, A.PROTOCOL, A.TYPE, A.GENERATION,
    }  # fmt: skip


def test_a_replace_that_changes_nothing_is_no_change(wire: Socket) -> None:
    wire.new("10.0.0.0/8", gateway="192.0.2.1", owner=b"me")
    before = wire.stats()
    with Socket(join=True) as reader:
        wire.new("10.0.0.0/8", flags=REPLACE, gateway="192.0.2.1", owner=b"me")
        assert wire.stats() == before
        wire.new("10.0.0.0/8", flags=REPLACE, gateway="192.0.2.1", owner=b"you")
        (announcement,) = reader.receive()
    assert announcement.number(A.GENERATION) == before[Stats.GENERATION] + 1
    assert announcement.attributes[A.OWNER] == b"you"


# -- answers, echoes, batches


def test_echo_comes_before_the_acknowledgement_and_to_the_sender_alone(wire: Socket) -> None:
    with Socket() as other, Socket(join=True) as reader:
        (made,) = wire.new("10.0.0.0/8", flags=CREATE | ECHO)
        (deleted,) = wire.delete("10.0.0.0/8", flags=ECHO)
        for at in range(3):
            wire.new(f"10.{at}.0.0/16")
        flushed = wire.flush(flags=ECHO)
        assert other.queued() == []
        announced = reader.queued()
    assert [(one.type, one.number(A.CAUSE)) for one in (made, deleted, *flushed)] == [
        (Msg.ROUTE_NEW, Cause.REQUEST),
        (Msg.ROUTE_DEL, Cause.REQUEST),
        *[(Msg.ROUTE_DEL, Cause.FLUSH)] * 3,
    ]
    assert all(one.portid == wire.portid for one in announced)
    generations = [one.number(A.GENERATION) for one in announced]
    assert generations == list(range(generations[0], generations[0] + 8))
    assert [one for one in announced if one.number(A.GENERATION) in {
        echo.number(A.GENERATION) for echo in (made, deleted, *flushed)
    }] == [made, deleted, *flushed]  # fmt: skip


def test_a_batch_is_answered_message_by_message(wire: Socket) -> None:
    steps: list[tuple[int, int, bytes, list[int | str]]] = [
        (Msg.ROUTE_NEW, CREATE | ACK, body("10.0.0.0/8", **BLACKHOLE), [0]),
        (Msg.ROUTE_NEW, CREATE, body("10.0.0.0/8", **BLACKHOLE), [errno.EEXIST]),  # told without ACK
        (Msg.ROUTE_NEW, CREATE, body("11.0.0.0/8", **BLACKHOLE), []),  # after a failure
        (99, 0, bytes(4), [errno.EOPNOTSUPP]),
        (Msg.ROUTE_DEL, 0, body("12.0.0.0/8"), [errno.ESRCH]),
        (Msg.ROUTE_GET, 0, body("11.0.0.0/8"), ["record"]),
        (Msg.ROUTE_GET, ACK, body("11.1.2.3/32", flags=LOOKUP), ["record", 0]),
        (Msg.ROUTE_DEL, ECHO | ACK, body("11.0.0.0/8"), ["record", 0]),
        (Msg.ROUTE_GET, ACK, body("11.1.2.3/32", flags=LOOKUP), [errno.ENETUNREACH]),
        (Msg.FLUSH, ACK, body(), [0]),
    ]
    composed = [wire.compose(kind, flags, content) for kind, flags, content, _ in steps]
    wire.send_all(data for _, data in composed)
    expected = [(seq, what) for (seq, _), step in zip(composed, steps, strict=True) for what in step[3]]
    got = [(one.seq, "record" if one.error is None else one.error) for one in wire.queued()]
    assert got == expected
    assert wire.dump().records == []


# -- attributes there and back

RECORDS: list[tuple[str, dict[str, Any]]] = [
    ("0.0.0.0/0", {"gateway": "192.0.2.1"}),
    ("::/0", {"gateway": "2001:db8::1"}),
    ("10.0.0.1/32", {"oif": 1, "metric": 0xFFFFFFFF, "table": 0xFFFFFFFF, "protocol": 255}),
    ("2001:db8::1/128", {"oif": 1, "metric": 1, "table": 1, "prefsrc": "2001:db8::2"}),
    ("10.1.0.0/16", {"gateway": "2001:db8::1", "prefsrc": "10.1.0.1"}),  # of the other family
    ("fd00::/8", {"gateway": "192.0.2.1"}),
    ("fd01::/16", {"gateway": "fe80::1", "oif": 1}),
    ("10.2.0.0/16", {"owner": b"x", "gateway": "192.0.2.1"}),
    ("10.3.0.0/16", {"owner": bytes(range(64)), "gateway": "192.0.2.1"}),
    *((f"10.{int(one)}.0.0/17", {"type": one}) for one in Type if one is not Type.UNICAST),
]


def test_attributes_come_out_as_they_went_in(wire: Socket) -> None:
    for prefix, attributes in RECORDS:
        wire.new(prefix, **attributes)
    for prefix, attributes in RECORDS:
        key = {name: attributes[name] for name in ("table", "metric") if name in attributes}
        got = wire.get(prefix, **key)
        given = {"metric": 0, "table": 254, "protocol": 0, "type": Type.UNICAST} | attributes
        expected = Message(
            got.type, 0, got.seq, wire.portid, body(prefix)[:4],
            parse_body(body(prefix, **given)) | {A.GENERATION: got.attributes[A.GENERATION]},
        )  # fmt: skip
        assert got == expected, prefix
    assert len(wire.dump().table) == len(RECORDS)


def parse_body(content: bytes) -> dict[int, bytes]:
    """Return a request's attributes."""
    return parse(content[4:])


def test_next_hops_keep_order_and_weight(wire: Socket) -> None:
    hops: list[tuple[str | None, int, int]] = [
        ("192.0.2.3", 0, 256), ("2001:db8::1", 0, 1), (None, 1, 7), ("192.0.2.1", 1, 2),
    ]  # fmt: skip
    wire.new("10.0.0.0/8", nexthops=packed(hops))
    assert wire.get("10.0.0.0/8").hops == hops
    many: list[tuple[str | None, int, int]] = [(f"192.0.2.{at}", 1, at) for at in range(1, 65)]
    wire.new("10.0.0.0/8", flags=REPLACE, nexthops=packed(many))
    assert wire.get("10.0.0.0/8").hops == many
    assert wire.dump().records[0].hops == many
    # A list of one is a gateway and a device, and loses its weight.
    wire.new("10.0.0.0/8", flags=REPLACE, nexthops=packed([("192.0.2.1", 1, 9)]))
    got = wire.get("10.0.0.0/8")
    assert (got.hops, A.NEXTHOPS in got.attributes) == ([("192.0.2.1", 1, 1)], False)


def packed(hops: list[tuple[str | None, int, int]]) -> bytes:
    """Return NLD_A_NEXTHOPS' content for (gateway, device, weight) each."""
    return nexthops(
        *(
            {"weight": weight}
            | ({} if gateway is None else {"gateway": gateway})
            | ({"oif": oif} if oif else {})
            for gateway, oif, weight in hops
        )
    )


def test_lookup_takes_the_longest_prefix_and_there_the_lowest_metric(wire: Socket) -> None:
    for prefix, metric in (("0.0.0.0/0", 1), ("10.0.0.0/8", 5), ("10.0.0.0/8", 3), ("10.1.0.0/16", 9)):
        wire.new(prefix, metric=metric)
    wire.new("10.1.2.0/24", table=7)
    for asked, found in (
        ("10.1.2.3/32", ("10.1.0.0/16", 254, 9)),
        ("10.2.0.0/16", ("10.0.0.0/8", 254, 3)),
        ("10.0.0.0/7", ("0.0.0.0/0", 254, 1)),  # what it asks for must be covered whole
        ("192.0.2.1/32", ("0.0.0.0/0", 254, 1)),
    ):
        assert wire.get(asked, lookup=True).key == found
    assert wire.get("10.1.2.3/32", lookup=True, table=7).key == ("10.1.2.0/24", 7, 0)
    assert refusal(wire.get, "10.2.0.0/16", lookup=True, table=7).errno == errno.ENETUNREACH
    assert refusal(wire.get, "10.1.2.0/24").errno == errno.ESRCH
    assert wire.get("10.0.0.0/8").number(A.METRIC) == 3
    assert wire.get("10.0.0.0/8", metric=5).number(A.METRIC) == 5


# -- refusals


class Refused(NamedTuple):
    """A message, what it is refused with, and the attribute at fault: by its number, or missing."""

    code: int
    words: str
    content: bytes
    at: int | None = None
    missing: int | None = None
    kind: int = Msg.ROUTE_NEW
    flags: int = CREATE


GATEWAY: dict[str, Any] = {"gateway": "192.0.2.1"}
NET = "10.0.0.0/8"
HOP: dict[str, Any] = {"gateway": "192.0.2.1"}
INVALID, RANGE = errno.EINVAL, errno.ERANGE
U32 = (1).to_bytes(4, "little")

REFUSED: dict[str, Refused] = {
    "unknown attribute": Refused(INVALID, "", body(NET, **BLACKHOLE, extra=attribute(16, U32)), at=16),
    "attribute far away": Refused(INVALID, "", body(NET, **BLACKHOLE, extra=attribute(999, U32)), at=999),
    "only out: cause": Refused(INVALID, "", body(NET, **BLACKHOLE, cause=0), at=A.CAUSE),
    "only out: as of": Refused(INVALID, "", body(NET, **BLACKHOLE, as_of=0), at=A.AS_OF),
    "only out: pad": Refused(INVALID, "", body(NET, **BLACKHOLE, pad=b""), at=A.PAD),
    "reserved byte": Refused(INVALID, "header", body(NET, **BLACKHOLE, reserved=1)),
    "flag in the header": Refused(INVALID, "header", body(NET, **BLACKHOLE, flags=LOOKUP)),
    "no family": Refused(errno.EAFNOSUPPORT, "family", body(**BLACKHOLE)),
    "family of another": Refused(errno.EAFNOSUPPORT, "family", body(**BLACKHOLE, family=9)),
    "length over 32": Refused(INVALID, "prefix length", body(NET, length=33, **BLACKHOLE)),
    "length over 128": Refused(INVALID, "prefix length", body("::/0", length=129, **BLACKHOLE)),
    "host bits": Refused(INVALID, "behind its prefix", body("10.0.0.1/8", **BLACKHOLE), at=A.DST),
    "host bits, length 0": Refused(
        INVALID, "behind", body(family=AF_INET, **BLACKHOLE, dst="10.0.0.0"), at=A.DST
    ),
    "length without destination": Refused(
        INVALID, "needs a destination", body(family=AF_INET, length=8, **BLACKHOLE), missing=A.DST
    ),
    "destination of the other family": Refused(
        INVALID, "family", body(family=AF_INET6, length=8, dst="10.0.0.0", **BLACKHOLE), at=A.DST
    ),
    "destination of 5 bytes": Refused(INVALID, "4 or 16", body(family=AF_INET, dst=bytes(5)), at=A.DST),
    "no next hop": Refused(INVALID, "needs a gateway", body(NET), missing=A.OIF),
    "gateway of zeros": Refused(INVALID, "unicast", body(NET, gateway="0.0.0.0"), at=A.GATEWAY),
    "gateway to many": Refused(INVALID, "unicast", body(NET, gateway="224.0.0.1"), at=A.GATEWAY),
    "gateway to all": Refused(INVALID, "unicast", body(NET, gateway="255.255.255.255"), at=A.GATEWAY),
    "IPv6 gateway to many": Refused(INVALID, "unicast", body(NET, gateway="ff02::1"), at=A.GATEWAY),
    "link-local alone": Refused(INVALID, "link-local", body(NET, gateway="fe80::1"), at=A.GATEWAY),
    "device 0": Refused(RANGE, "", body(NET, oif=0), at=A.OIF),
    "device over INT_MAX": Refused(RANGE, "", body(NET, oif=0x80000000), at=A.OIF),
    "no such device": Refused(errno.ENODEV, "device", body(NET, oif=4711), at=A.OIF),
    "number too short": Refused(INVALID, "", body(NET, oif=b"\1\0"), at=A.OIF),
    "number too long": Refused(INVALID, "", body(NET, **BLACKHOLE, metric=bytes(8)), at=A.METRIC),
    "table 0": Refused(RANGE, "", body(NET, **BLACKHOLE, table=0), at=A.TABLE),
    "type between": Refused(INVALID, "type must be", body(NET, type=2), at=A.TYPE),
    "type above": Refused(RANGE, "", body(NET, type=9), at=A.TYPE),
    "blackhole with a gateway": Refused(INVALID, "no next hop", body(NET, **GATEWAY, **BLACKHOLE), at=A.TYPE),
    "source of zeros": Refused(INVALID, "zeros", body(NET, **GATEWAY, prefsrc="0.0.0.0"), at=A.PREFSRC),
    "source of the other family": Refused(
        INVALID, "family", body(NET, **GATEWAY, prefsrc="2001:db8::1"), at=A.PREFSRC
    ),
    "expiry beyond": Refused(RANGE, "", body(NET, **GATEWAY, expires=4294968), at=A.EXPIRES),
    "owner of nothing": Refused(RANGE, "", body(NET, **GATEWAY, owner=b""), at=A.OWNER),
    "owner of 65 bytes": Refused(RANGE, "", body(NET, **GATEWAY, owner=bytes(65)), at=A.OWNER),
    "next hops and a gateway": Refused(
        INVALID, "exclude", body(NET, **GATEWAY, nexthops=nexthops(HOP)), at=A.NEXTHOPS
    ),
    "no next hops": Refused(INVALID, "empty", body(NET, nexthops=b""), at=A.NEXTHOPS),
    "65 next hops": Refused(INVALID, "more than 64", body(NET, nexthops=nexthops(*[HOP] * 65))),
    "next hop to nowhere": Refused(INVALID, "a gateway or a", body(NET, nexthops=nexthops({"weight": 1}))),
    "weight 0": Refused(RANGE, "", body(NET, nexthops=nexthops(HOP | {"weight": 0}))),
    "weight 257": Refused(RANGE, "", body(NET, nexthops=nexthops(HOP | {"weight": 257}))),
    "unknown in a next hop": Refused(
        INVALID, "", body(NET, nexthops=attribute(0x8001, attribute(Nh.WEIGHT + 1, U32)))
    ),
    "next hop of no device": Refused(
        errno.ENODEV, "device", body(NET, nexthops=nexthops({"oif": 4711}, HOP))
    ),
    "list without its flag": Refused(INVALID, "", body(NET, extra=attribute(A.NEXTHOPS, nexthops(HOP)))),
    "generation without REPLACE": Refused(
        INVALID, "REPLACE", body(NET, **GATEWAY, generation=1), at=A.GENERATION
    ),
    "bytes behind": Refused(INVALID, "", body(NET, **BLACKHOLE) + b"\1\1\1"),
    "no header": Refused(INVALID, "", b""),
    "half a header": Refused(INVALID, "", b"\2\0"),
    "delete, of what it does not know": Refused(
        INVALID, "no meaning", body(NET, expires=1), at=A.EXPIRES, kind=Msg.ROUTE_DEL, flags=0
    ),
    "delete, without a record": Refused(errno.ESRCH, "no route", body(NET), kind=Msg.ROUTE_DEL, flags=0),
    "delete, with a flag of others": Refused(
        errno.EOPNOTSUPP, "flag", body(NET), kind=Msg.ROUTE_DEL, flags=CREATE
    ),
    "get, of what it does not know": Refused(
        INVALID, "no meaning", body(NET, oif=1), at=A.OIF, kind=Msg.ROUTE_GET, flags=0
    ),
    "get, unknown flag of the header": Refused(
        INVALID, "header", body(NET, flags=2), kind=Msg.ROUTE_GET, flags=0
    ),
    "get, half a dump": Refused(errno.EOPNOTSUPP, "flag", body(NET), kind=Msg.ROUTE_GET, flags=ROOT),
    "lookup by metric": Refused(
        INVALID, "lowest", body(NET, flags=LOOKUP, metric=1), at=A.METRIC, kind=Msg.ROUTE_GET, flags=0
    ),
    "dump, destination without family": Refused(
        INVALID, "family", body(length=8, dst="10.0.0.0"), kind=Msg.ROUTE_GET, flags=DUMP
    ),
    "dump, of what it does not know": Refused(
        INVALID, "no meaning", body(gateway="192.0.2.1"), at=A.GATEWAY, kind=Msg.ROUTE_GET, flags=DUMP
    ),
    "dump, of a lookup": Refused(INVALID, "header", body(flags=LOOKUP), kind=Msg.ROUTE_GET, flags=DUMP),
    "flush, of what it does not know": Refused(
        INVALID, "no meaning", body(expires=1), at=A.EXPIRES, kind=Msg.FLUSH, flags=0
    ),
    "flush, as a dump": Refused(errno.EOPNOTSUPP, "flag", body(), kind=Msg.FLUSH, flags=DUMP),
    "info, as a dump": Refused(errno.EOPNOTSUPP, "flag", body(), kind=Msg.GET_INFO, flags=DUMP),
    "info, with a family": Refused(INVALID, "zeros", body(family=AF_INET), kind=Msg.GET_INFO, flags=0),
    "stats, with an attribute": Refused(INVALID, "", body(table=1), at=A.TABLE, kind=Msg.STATS, flags=0),
    "greeting without a text": Refused(INVALID, "text", body(), missing=Greet.TEXT, kind=Msg.GREET, flags=0),
    "greeting without its end": Refused(
        INVALID, "", body(extra=attribute(Greet.TEXT, b"Hello")), at=Greet.TEXT, kind=Msg.GREET, flags=0
    ),
    "greeting too long": Refused(  # the end is not where it has to be
        INVALID,
        "",
        body(extra=attribute(Greet.TEXT, b"x" * 256 + b"\0")),
        at=Greet.TEXT,
        kind=Msg.GREET,
        flags=0,
    ),
    "message above": Refused(errno.EOPNOTSUPP, "type", body(), kind=max(Msg) + 1, flags=0),
}


def offset_of(content: bytes, number: int) -> int | None:
    """Return where an attribute is, counted from the message's first byte."""
    at = 4
    while at < len(content):
        length, found = int.from_bytes(content[at : at + 2], "little"), content[at + 2 : at + 4]
        if int.from_bytes(found, "little") & 0x3FFF == number:
            return 16 + at
        at += (length + 3) & ~3
    return None


def test_what_the_header_does_not_know_is_refused(wire: Socket) -> None:
    """Each with its errno, a sentence, and the attribute at fault; and nothing has changed."""
    wire.new("192.0.2.0/24")
    before = wire.stats()
    wrong = []
    for name, case in REFUSED.items():
        got = refusal(wire.request, case.kind, case.content, case.flags)
        at = None if case.at is None else offset_of(case.content, case.at)
        told = (got.errno, case.words in got.words, bool(got.words) or len(case.content) < 4, got.missing)
        if told != (case.code, True, True, case.missing) or (at is not None and got.offset != at):
            wrong.append(f"{name}: {got}, at {got.offset} (expected {at}), missing {got.missing}")
    assert wrong == []
    assert wire.stats() == before


@pytest.mark.parametrize("case", ["65 next hops", "weight 0", "next hop to nowhere", "next hop of no device"])
def test_a_wrong_next_hop_is_pointed_at(wire: Socket, case: str) -> None:
    content = REFUSED[case].content
    offset = refusal(wire.request, Msg.ROUTE_NEW, content, CREATE).offset
    start = offset_of(content, A.NEXTHOPS)
    assert offset is not None
    assert start is not None
    assert start < offset < 16 + len(content)


# -- conditions


def test_generation_is_a_condition(wire: Socket) -> None:
    (made,) = wire.new(NET, flags=CREATE | ECHO)
    generation = made.number(A.GENERATION)
    for wrong in (generation - 1, generation + 1):
        for function, flags in ((wire.new, REPLACE), (wire.new, CREATE | REPLACE), (wire.delete, 0)):
            got = refusal(function, NET, flags=flags, generation=wrong)
            assert (got.errno, got.offset is not None, "generation" in got.words) == (
                errno.ESTALE,
                True,
                True,
            )
    # What is not there is of no generation.
    absent = refusal(wire.new, "11.0.0.0/8", flags=CREATE | REPLACE, generation=generation)
    assert absent.errno == errno.ESTALE
    (replaced,) = wire.new(NET, flags=REPLACE | ECHO, generation=generation, type=Type.PROHIBIT)
    assert refusal(wire.delete, NET, generation=generation).errno == errno.ESTALE
    wire.delete(NET, generation=replaced.number(A.GENERATION))
    assert wire.dump().records == []


def test_compare_and_swap_loses_no_update(wire: Socket) -> None:
    """Writers that race for one record, each adding to what it read, end at their sum."""
    wire.new(NET, owner=(0).to_bytes(8, "little"))
    turns, refused = 40, []

    def add(socket_: Socket) -> None:
        for _ in range(turns):
            while True:
                got = socket_.get(NET)
                value = int.from_bytes(got.attributes[A.OWNER], "little") + 1
                try:
                    socket_.new(
                        NET,
                        flags=REPLACE,
                        owner=value.to_bytes(8, "little"),
                        generation=got.number(A.GENERATION),
                    )
                    break
                except RefusedError as error:
                    refused.append(error.errno)

    with Socket() as one, Socket() as two:
        writers = [threading.Thread(target=add, args=(each,)) for each in (one, two)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    assert int.from_bytes(wire.get(NET).attributes[A.OWNER], "little") == 2 * turns
    assert set(refused) <= {errno.ESTALE}


CONDITIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [  # what does not hold, what does
    ({"protocol": 5}, {"protocol": 4}),
    ({"type": Type.BLACKHOLE}, {"type": Type.UNICAST}),
    ({"oif": 2}, {"oif": 1}),
    ({"gateway": "192.0.2.2"}, {"gateway": "192.0.2.1"}),
    ({"gateway": "2001:db8::1"}, {"gateway": "192.0.2.1", "oif": 1}),
    ({"owner": b"m"}, {"owner": b"me"}),
    ({"owner": b"me\0"}, {"owner": b"me", "protocol": 4}),
    ({"metric": 2}, {"metric": 1}),
]


def test_a_delete_whose_conditions_do_not_hold_deletes_nothing(wire: Socket) -> None:
    for wrong, right in CONDITIONS:
        wire.new(NET, gateway="192.0.2.1", oif=1, protocol=4, owner=b"me", metric=1)
        got = refusal(wire.delete, NET, **{"metric": 1} | wrong)
        assert got.errno == errno.ESRCH, wrong
        assert (got.offset is None) == ("metric" in wrong), wrong
        assert len(wire.dump().records) == 1, wrong
        wire.delete(NET, **{"metric": 1} | right)
        assert wire.dump().records == [], right


# -- filters


def crowd(first: int, second: int) -> list[tuple[str, dict[str, Any]]]:
    """Records that differ in everything a filter can ask for."""
    prefixes = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1/128"]
    ways: list[dict[str, Any]] = [
        {"type": Type.BLACKHOLE, "owner": b"a"},
        {"oif": first, "protocol": 4, "metric": 5},
        {"gateway": "192.0.2.1", "table": 7, "owner": b"ab"},
        {"nexthops": nexthops({"oif": second}, {"oif": first}), "table": 7, "metric": 9},
    ]
    return [(prefix, way) for prefix in prefixes for way in ways]


FILTERS: list[dict[str, Any]] = [
    {}, {"family": AF_INET}, {"family": AF_INET6}, {"table": 7}, {"table": 8}, {"protocol": 4},
    {"protocol": 0}, {"type": Type.BLACKHOLE}, {"type": Type.PROHIBIT}, {"metric": 0}, {"metric": 9},
    {"oif": "first"}, {"oif": "second"}, {"owner": b"a"}, {"owner": b"ab"}, {"owner": b"abc"},
    {"prefix": "10.1.0.0/16"}, {"prefix": "10.1.0.0/16", "table": 7}, {"prefix": "2001:db8::/33"},
    {"prefix": "10.0.0.0/9", "oif": "first", "metric": 9},
    {"family": AF_INET, "table": 7, "oif": "second", "type": Type.UNICAST},
]  # fmt: skip


def matches(record: Message, asked: dict[str, Any]) -> bool:
    """Say whether a record matches, in the plainest way."""
    for name, value in asked.items():
        if name == "prefix":
            mine, theirs = ip_network(record.prefix), ip_network(value)
            if mine.version != theirs.version or not mine.subnet_of(theirs):  # type: ignore[arg-type]
                return False
        elif name == "family":
            if record.header[0] != value:
                return False
        elif name == "oif":
            if value not in [oif for _, oif, _ in record.hops]:
                return False
        elif name == "owner":
            if record.attributes.get(A.OWNER) != value:
                return False
        elif record.number(A[name.upper()]) != value:
            return False
    return True


def test_dumps_and_flushes_take_what_matches(wire: Socket) -> None:
    devices = {"first": device("d0"), "second": device("d1")}
    for prefix, attributes in crowd(*devices.values()):
        wire.new(prefix, **attributes)
    everything = wire.dump().records
    order = [
        (ip_network(one.prefix).version, one.number(A.TABLE), ip_network(one.prefix), one.number(A.METRIC))
        for one in everything
    ]
    assert order == sorted(order)
    assert len(order) == 24
    for raw in FILTERS:
        asked = {name: devices.get(value, value) if name == "oif" else value for name, value in raw.items()}
        expected = [one for one in everything if matches(one, asked)]
        got = wire.dump(**asked)
        assert [one.key for one in got.records] == [one.key for one in expected], asked
        assert {one.flags for one in got.records} <= {MULTI | (DUMP_FILTERED if asked else 0)}, asked
        assert not got.interrupted
    for raw in FILTERS[1:]:
        asked = {name: devices.get(value, value) if name == "oif" else value for name, value in raw.items()}
        gone = [one.key for one in everything if matches(one, asked)]
        flushed = wire.flush(flags=ECHO, **asked)
        assert [one.key for one in flushed] == gone, asked
        everything = [one for one in everything if one.key not in gone]
        assert [one.key for one in wire.dump().records] == [one.key for one in everything], asked
