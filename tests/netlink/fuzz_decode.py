"""Whatever the bytes: decoding ends, with MalformedMessage or with something that encodes to what it was.

Run as ``python -m tests.netlink.fuzz_decode SECONDS``; coverage-guided by atheris, seeded with the
golden vectors.  The targets are the registry of message types and every other function that takes
bytes from a socket, so a new message type is fuzzed the day it is catalogued.  Any other exception, a
message that does not encode again, or an input that takes over 10 s ends the run with the input.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["nld"]):
    from nld.errors import MalformedMessage
    from nld.netlink.catalogue import MESSAGES, Entry, attribute_path, explain
    from nld.netlink.exchange import Exchange
    from nld.netlink.extack import parse_done, parse_error
    from nld.netlink.header import HEADER, Message, split
    from nld.netlink.registry import RTA
    from nld.netlink.route import Route, decode
    from nld.netlink.shape import cut, walk_cuts

from .vector import load

Target = Callable[[bytes], object]


def round_trip(entry: Entry) -> Target:
    """Decode; what decodes encodes, to bytes that mean the same and stay the same."""

    def target(data: bytes) -> None:
        message = entry.decode(data)
        wire = entry.encode(message)
        again = entry.decode(wire)
        assert again == message, "the encoded message means something else"
        assert entry.encode(again) == wire, "encoding is not stable"

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


def bulk(data: bytes) -> None:
    """The fast walk sees the messages that the plain one sees."""
    found = [message for message in split(data) if message.type != 1]
    assert [entry[:4] for entry in walk_cuts(data)] == [message[:4] for message in found]


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


TARGETS: list[Target] = [
    *(round_trip(MESSAGES[kind]) for kind in sorted(MESSAGES)),
    halves,
    bulk,
    answers,
    names,
    conversation,
]


def test_one_input(data: bytes) -> None:
    """The first byte chooses the target."""
    if not data:
        return
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except MalformedMessage as error:
        assert 0 <= error.offset <= len(data), "an offset outside the input"


def seeds(directory: Path) -> None:
    """The golden vectors for each target that can take them."""
    for number, vector in enumerate(load()):
        kinds = sorted(MESSAGES)
        if vector.type in MESSAGES:
            first = bytes([kinds.index(vector.type)])
            (directory / f"{number}-message").write_bytes(first + vector.payload)
            (directory / f"{number}-halves").write_bytes(bytes([len(kinds)]) + vector.payload)
            (directory / f"{number}-names").write_bytes(bytes([len(kinds) + 3]) + vector.data)
        else:
            flags = HEADER.unpack_from(vector.data)[2] >> 8
            (directory / f"{number}-answer").write_bytes(bytes([len(kinds) + 2, flags]) + vector.payload)
        (directory / f"{number}-bulk").write_bytes(bytes([len(kinds) + 1]) + vector.data * 2)
        (directory / f"{number}-talk").write_bytes(bytes([len(kinds) + 4]) + vector.data * 2)


def main() -> None:
    """Fuzz for as many seconds as the first argument says; further ones go to libFuzzer."""
    seconds, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory() as corpus:
        seeds(Path(corpus))
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={seconds}", "-timeout=10", "-max_len=4096",
             "-print_final_stats=1", f"-artifact_prefix={tempfile.gettempdir()}/nld-fuzz-", *more, corpus],
            test_one_input,
        )  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main()
