"""The output against real sockets: everything arrives once and in order, however much is taken at a time."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator

import pytest

from nld.control.output import VECTOR, Output


@pytest.fixture
def ends() -> Iterator[tuple[Output, socket.socket]]:
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    output = Output(here)
    with there:
        yield output, there
        output.close()


def read(one: socket.socket, most: int) -> bytes:
    try:
        return one.recv(most)
    except BlockingIOError:
        return b""


@pytest.mark.parametrize("seed", range(20))
def test_what_comes_out_is_what_went_in(ends: tuple[Output, socket.socket], seed: int) -> None:
    output, peer = ends
    chance = random.Random(seed)
    sent = bytearray()
    got = bytearray()
    for number in range(300):
        frame = bytes([number % 256]) * chance.choice((1, 100, 5_000, 300_000 if seed % 4 == 0 else 900))
        output.write(frame)
        sent += frame
        if chance.random() < 0.3:
            got += read(peer, chance.choice((1, 1_000, 1 << 20)))
        if chance.random() < 0.3:
            output.flush()
        assert 0 <= output.held <= len(sent) - len(got)
    while output.held:
        got += read(peer, 1 << 20)
        output.flush()
    while part := read(peer, 1 << 20):
        got += part
    assert got == sent


def test_more_frames_than_one_system_call_takes(ends: tuple[Output, socket.socket]) -> None:
    output, peer = ends
    while not output.held:
        output.write(bytes(1 << 16))
    held = output.held
    for _ in range(3 * VECTOR):
        output.write(b"x")
    assert output.held == held + 3 * VECTOR
    got = 0
    while output.held:
        got += read(peer, 1 << 20).count(b"x")
        output.flush()
    while part := read(peer, 1 << 20):
        got += part.count(b"x")
    assert got == 3 * VECTOR


@pytest.mark.parametrize("held", [False, True])
def test_a_peer_that_has_hung_up_is_told_by_an_error(ends: tuple[Output, socket.socket], held: bool) -> None:
    output, peer = ends
    while held and not output.held:
        output.write(bytes(1 << 16))
    peer.close()
    with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
        if held:
            output.flush()
        else:
            output.write(b"x")


def test_what_is_discarded_is_not_sent(ends: tuple[Output, socket.socket]) -> None:
    output, peer = ends
    while not output.held:
        output.write(bytes(1 << 16))
    output.write(b"x")
    output.discard()
    assert output.held == 0
    output.flush()
    assert b"x" not in read(peer, 1 << 24)
