"""Whatever the bytes: decoding ends, with MalformedMessage or with something that encodes to what it was.

Run as ``python -m tests.netlink.fuzz_decode SECONDS``; coverage-guided by atheris, seeded with the
golden vectors.  The targets are the registries of message types, of NETLINK_ROUTE and of nld.ko, and
every other function that takes bytes from a socket, so a new message type is fuzzed the day it is
catalogued.  Any other exception, a message that does not encode again, or an input that takes over 10 s
ends the run with the input.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["nld"]):
    from nld.errors import MalformedMessage
    from nld.kernel.entry import EntryShapes
    from nld.netlink import module
    from nld.netlink.attribute import (
        ADDRESS,
        BE16,
        BE32,
        BE64,
        BYTES,
        FLAG,
        S32,
        TYPE_MASK,
        U8,
        U16,
        U32,
        U64,
        walk,
    )  # fmt: skip
    from nld.netlink.catalogue import MESSAGES, MODULE_MESSAGES, attribute_path, explain
    from nld.netlink.exchange import Exchange
    from nld.netlink.extack import parse_done, parse_error
    from nld.netlink.form import Form
    from nld.netlink.header import HEADER, Message, MessageType, split
    from nld.netlink.registry import RTA
    from nld.netlink.route import Route, decode
    from nld.netlink.shape import cut, walk_cuts

from .vector import load

EXACT = (ADDRESS, BE16, BE32, BE64, BYTES, FLAG, S32, U8, U16, U32, U64)
"""Kinds of values that have one encoding only; a nest may lack padding, a string its NUL."""

ENTRIES = (*MESSAGES.values(), *MODULE_MESSAGES.values())
CUT_OFF = {module.NLD_A.DST, module.NLD_A.GENERATION, module.NLD_A.EXPIRES, module.NLD_A.CAUSE}
PASSING = {module.NLD_A.PAD, module.NLD_A.AS_OF}

RECORDS = (
    module.Entry(2, 24, dst=bytes((10, 0, 0, 0)), gateway=bytes((192, 0, 2, 2)), oif=3, metric=5, table=100,
                 protocol=131, type=1, expires=30, owner=b"vpn", generation=7, cause=2, as_of=9),
    module.Entry(10, 48, dst=bytes(16), gateway=bytes((192, 0, 2, 2)), prefsrc=bytes(16), type=1),
    module.Entry(2, nexthops=(module.NextHop(bytes((192, 0, 2, 2)), 3, 256), module.NextHop(bytes(16), 4))),
    module.Entry(2, 32, dst=bytes((10, 1, 2, 3)), type=6),
)  # fmt: skip
OTHERS: tuple[tuple[Form[Any], bytes], ...] = (
    (module.GREETING_FORM, module.GREETING_FORM.encode(module.Greeting(text="Hello"))),
    (module.INFO_FORM, module.INFO_FORM.encode(module.Info(magic=module.MAGIC, abi=1, version="0.1.0"))),
    (module.STATISTICS_FORM, module.STATISTICS_FORM.encode(module.Statistics(generation=7, routes4=2))),
)

Target = Callable[[bytes], object]


def round_trip(form: Form[Any]) -> Target:
    """Decode; what decodes encodes, to the same attributes in the same order that mean the same."""
    exact = {number for number, row in form.table.by_number.items() if row.kind in EXACT}
    decode_checked = next(entry.decode for entry in ENTRIES if entry.form is form)

    def attributes(data: bytes) -> list[tuple[int, bytes]]:
        """Types in order, with those values that have one way only to be written."""
        found = walk(data, form.header.size, len(data))
        return [(k, data[a:b] if k & TYPE_MASK in exact else b"") for k, a, b in found]

    def target(data: bytes) -> None:
        message = decode_checked(data)
        wire = form.encode(message)
        again = form.decode(wire)
        assert again == message, "the encoded message means something else"
        assert form.encode(again) == wire, "encoding is not stable"
        assert attributes(wire) == attributes(data), "attributes were lost or changed"

    return target


def halves(data: bytes) -> None:
    """A route and its two halves mean the same, unless it names its destination twice."""
    shape, destination = cut(data)
    rest: Route = decode(shape)
    whole = decode(data)
    numbers = [kind & 0x3FFF for kind, *_ in whole.unknown]
    if RTA.DST not in numbers:
        assert rest.dst is None
        rest.dst = None if whole.dst is None else destination
        assert rest == whole, "the shape means something else"


def pieces(data: bytes) -> None:
    """A record of nld.ko and its pieces mean the same, unless it says twice what is cut off."""
    cut_ = module.cut(data)
    shapes = EntryShapes()
    assert shapes.intern(cut_) is shapes.intern(cut_), "two shapes of the same bytes"
    rest, whole = module.decode(cut_.shape), module.decode(data)
    numbers = {kind & TYPE_MASK for kind, _ in whole.unknown}
    if numbers & CUT_OFF:
        return
    kept = tuple(entry for entry in whole.unknown if entry[0] & TYPE_MASK not in PASSING)
    bare = replace(whole, dst=None, generation=None, expires=None, cause=None, as_of=None, unknown=kept)
    assert rest == bare, "the shape means something else"
    said = (whole.dst or b"", whole.generation or 0, whole.expires or 0, whole.cause)
    assert cut_[1:] == said, "what was cut off means something else"


def bulk(data: bytes) -> None:
    """The fast walk sees the messages that the plain one sees, and finds the same fault."""
    fast, slow = outcome(walk_cuts, data), outcome(split, data)
    if isinstance(slow, MalformedMessage):
        assert isinstance(fast, MalformedMessage), "the fast walk misses a fault"
    elif not isinstance(fast, MalformedMessage):
        assert [entry[:4] for entry in fast] == [entry[:4] for entry in slow if entry[0] != MessageType.NOOP]


def outcome(walk_: Callable[[bytes], Iterable[Any]], data: bytes) -> list[Any] | MalformedMessage:
    """What a walk gives, or how it fails."""
    try:
        return list(walk_(data))
    except MalformedMessage as error:
        return error


def answers(data: bytes) -> None:
    """Acknowledgements in both forms, and names for what they point at."""
    flags = data[0] << 8 if data else 0
    message = Message(2, flags, 1, 1, memoryview(data[1:]))
    parse_done(message)
    acknowledgement = parse_error(message)
    explain(data, acknowledgement)


def names(data: bytes) -> None:
    """Names at every offset of any request; never an error."""
    for offset in range(0, min(len(data), 200), 4):
        attribute_path(data, offset)


def conversation(data: bytes) -> None:
    """A whole exchange; never an error."""
    exchange = Exchange(1)
    for _ in range(3):
        exchange.request(26, 0)
        exchange.dump(26)
        exchange.batch(3)
    exchange.receive(data, truncated=len(data) % 7 == 0)


FORMS = list(dict.fromkeys(entry.form for entry in ENTRIES))
TARGETS: list[Target] = [
    *map(round_trip, FORMS),
    halves,
    bulk,
    answers,
    names,
    conversation,
    pieces,
]


def test_one_input(data: bytes) -> None:
    """The first byte chooses the target."""
    if not data:
        return
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except MalformedMessage as error:
        assert 0 <= error.offset <= len(data), "an offset outside the input"


def mutate(data: bytes, limit: int, seed: int) -> bytes:
    """Half of the time libFuzzer's mutation, else one that leaves the lengths alone.

    Inserting and erasing bytes breaks the outermost length, so that what is nested is rarely reached:
    change a byte where it stands, or append a copy of what looks like an attribute.
    """
    chance = random.Random(seed)
    if len(data) < 6 or chance.random() < 0.5:
        changed: bytes = atheris.Mutate(data, limit)
        return changed
    result = bytearray(data)
    if chance.random() < 0.8:
        for _ in range(chance.randint(1, 3)):
            result[chance.randrange(len(result))] = chance.choice((chance.randrange(256), 0, 1, 4, 8, 255))
    else:
        start = 1 + chance.randrange(0, len(result) - 4, 4)
        size = result[start]
        result += result[start : start + size] + bytes(-size & 3)
    return bytes(result[:limit])


def seeds(directory: Path) -> None:
    """The golden vectors for each target that can take them, and a few messages of nld.ko."""
    ours = [(module.ENTRY_FORM, module.encode(record)) for record in RECORDS]
    for number, (form, payload) in enumerate((*ours, *OTHERS)):
        (directory / f"nld{number}-message").write_bytes(bytes([FORMS.index(form)]) + payload)
        (directory / f"nld{number}-pieces").write_bytes(bytes([TARGETS.index(pieces)]) + payload)
    for number, vector in enumerate(load()):
        after = len(FORMS)
        if vector.type in MESSAGES:
            first = bytes([FORMS.index(MESSAGES[vector.type].form)])
            (directory / f"{number}-message").write_bytes(first + vector.payload)
            (directory / f"{number}-halves").write_bytes(bytes([after]) + vector.payload)
            (directory / f"{number}-names").write_bytes(bytes([after + 3]) + vector.data)
        else:
            flags = HEADER.unpack_from(vector.data)[2] >> 8
            (directory / f"{number}-answer").write_bytes(bytes([after + 2, flags]) + vector.payload)
        (directory / f"{number}-bulk").write_bytes(bytes([after + 1]) + vector.data * 2)
        (directory / f"{number}-talk").write_bytes(bytes([after + 4]) + vector.data * 2)


def main() -> None:
    """Fuzz for as many seconds as the first argument says; further ones go to libFuzzer."""
    seconds, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory() as corpus:
        seeds(Path(corpus))
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={seconds}", "-timeout=10", "-max_len=4096",
             "-print_final_stats=1", f"-artifact_prefix={tempfile.gettempdir()}/nld-fuzz-", *more, corpus],
            test_one_input,
            custom_mutator=mutate,
        )  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main()
