"""The module among processes: the legacy greeting, a socket that two share, rights, namespaces."""

from __future__ import annotations

import errno
import json
import os
import pickle
import pwd
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from .loaded import PARAMETERS, module, program, wire
from .wire import A, Msg, RefusedError, Socket, Stats, body, command, namespace

__all__ = ["module", "wire"]

LEGACY = 25
HEADER = struct.Struct("=IHHII")


# -- the legacy greeting


def test_legacy_greeting(module: None) -> None:
    done = program("greet_legacy")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello from kernel unicast\n", "")


def test_a_claimed_port_receives_nothing(module: None) -> None:
    """The one that says it is somebody else gets the answer, and the other one not a byte."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, LEGACY) as victim:
        victim.bind((0, 0))
        victim.settimeout(60)
        port = victim.getsockname()[0]
        assert port == os.getpid()
        done = program("greet_legacy", LEGACY, port)
        assert (done.returncode, done.stdout) == (0, "Hello from kernel unicast\n"), done.stderr
        # The module answers before send() returns: what was sent to the victim would be the first here.
        victim.send(HEADER.pack(16, 0, 0, 4711, 1) + bytes(4))
        got = victim.recv(4096)
        assert HEADER.unpack_from(got)[1:] == (3, 0, 4711, port)
        victim.setblocking(False)
        with pytest.raises(BlockingIOError):
            victim.recv(4096)


# -- one socket, two processes


def test_a_sender_and_a_receiver_on_one_socket(module: None, on: str) -> None:
    requests = 5_000 if on in {"sanitizer", "races"} else 100_000  # there it is twenty times as slow
    with namespace():
        done = program("exchange", requests, timeout=200)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        print(done.stdout)
        assert told["requests"] == requests
        with Socket() as after:
            stats = after.stats()
    made = requests // 4
    assert (stats[Stats.CREATED], stats[Stats.DELETED], stats[Stats.ROUTES4]) == (made, made, 0)


# -- rights


def elsewhere(function: Callable[[], Any], *, user: str = "user") -> Any:
    """Return what a function returns in a process of an ordinary user, without any right."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            entry = pwd.getpwnam(user)
            os.setgroups([])
            os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
            os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
            result: Any = function()
        except BaseException as error:  # noqa: BLE001 - it is raised on the other side
            result = error
        os.write(writing, pickle.dumps(result))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        result = pickle.loads(stream.read())
    os.waitpid(child, 0)
    if isinstance(result, BaseException):
        raise result
    return result


WRITES: list[tuple[int, bytes, int]] = [
    (Msg.ROUTE_NEW, body("11.0.0.0/8", type=6), 0x400),
    (Msg.ROUTE_NEW, body("10.0.0.0/8", type=6), 0x100),
    (Msg.ROUTE_DEL, body("10.0.0.0/8"), 0),
    (Msg.ROUTE_DEL, body("12.0.0.0/8"), 0),
    (Msg.FLUSH, body(), 0),
    (Msg.ROUTE_NEW, b"", 0),  # who may not write is not told what else is wrong either
]


def refusals(socket_: Socket) -> list[tuple[int, str]]:
    """Try every write, and return what each is told."""
    told = []
    for kind, content, flags in WRITES:
        try:
            socket_.request(kind, content, flags)
            told.append((0, "done"))
        except RefusedError as error:
            told.append((error.errno, error.words))
    return told


NOT_ALLOWED = [(errno.EPERM, "changing routes needs CAP_NET_ADMIN")] * len(WRITES)


def test_everybody_may_read(wire: Socket) -> None:
    wire.new("10.0.0.0/8", owner=b"root")

    def read() -> list[Any]:
        assert os.geteuid()
        with Socket(join=True) as mine:
            mine.request(Msg.GET_INFO)
            return [
                mine.stats()[Stats.ROUTES4],
                mine.get("10.0.0.0/8").attributes[A.OWNER],
                mine.get("10.1.2.3/32", lookup=True).prefix,
                [one.prefix for one in mine.dump().records],
            ]

    assert elsewhere(read) == [1, b"root", "10.0.0.0/8", ["10.0.0.0/8"]]


def test_announcements_reach_everybody(wire: Socket) -> None:
    ready, joined = os.pipe()

    def listen() -> list[str]:
        with Socket(join=True) as mine:
            os.write(joined, b"x")
            return [one.prefix for one in mine.receive()]

    # The parent writes from a second process, because it waits in `elsewhere` itself.
    writer = os.fork()
    if not writer:
        os.read(ready, 1)
        with Socket() as mine:
            mine.new("10.0.0.0/8")
        os._exit(0)
    try:
        assert elsewhere(listen) == ["10.0.0.0/8"]
    finally:
        os.waitpid(writer, 0)
        os.close(ready)
        os.close(joined)


def test_only_net_admin_may_write(wire: Socket) -> None:
    wire.new("10.0.0.0/8")
    before = wire.dump().table, wire.stats()

    def write() -> list[tuple[int, str]]:
        with Socket() as mine:
            return refusals(mine)

    assert elsewhere(write) == NOT_ALLOWED
    assert (wire.dump().table, wire.stats()) == before


def test_a_privileged_socket_does_not_lend_its_right(wire: Socket) -> None:
    """Both who opened the socket and who sends need the capability."""
    wire.new("10.0.0.0/8")
    assert elsewhere(lambda: refusals(wire)) == NOT_ALLOWED
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:

        def hand_over() -> None:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 31) as opened:
                socket.send_fds(theirs, [b"x"], [opened.fileno()])

        elsewhere(hand_over)
        _, (descriptor,), _, _ = socket.recv_fds(ours, 1, 1)
    with Socket(descriptor=descriptor) as foreign:
        assert refusals(foreign) == NOT_ALLOWED
        assert [one.prefix for one in foreign.dump().records] == ["10.0.0.0/8"]


def test_the_right_over_ones_own_namespace_is_enough(wire: Socket) -> None:
    """An ordinary user who makes a user and a network namespace may write there, and there only."""
    wire.new("10.0.0.0/8")

    def make() -> list[Any]:
        with Socket() as outside, namespace(user=True), Socket() as inside:
            empty = inside.dump().records, inside.stats()[Stats.GENERATION]
            inside.new("11.0.0.0/8")
            return [empty, [one.prefix for one in inside.dump().records], refusals(outside)]

    assert elsewhere(make) == [([], 1), ["11.0.0.0/8"], NOT_ALLOWED]


# -- namespaces


def test_a_namespace_has_its_own_empty_table(wire: Socket) -> None:
    wire.new("10.0.0.0/8")
    with Socket(join=True) as here, namespace(), Socket(join=True) as there, Socket() as writer:
        assert there.dump().records == []
        assert writer.stats()[Stats.GENERATION] == 1
        writer.new("11.0.0.0/8")
        assert [one.prefix for one in there.queued()] == ["11.0.0.0/8"]
        assert here.queued() == []
        # A socket stays in the namespace that it was made in.
        assert [one.prefix for one in wire.dump().records] == ["10.0.0.0/8"]
        writer.flush()
    assert [one.prefix for one in wire.dump().records] == ["10.0.0.0/8"]


def test_the_end_of_a_namespace_gives_its_routes_back(wire: Socket) -> None:
    """What a namespace had counts against the host's limit no longer when it is gone."""
    limit = PARAMETERS / "max_routes"
    before = limit.read_text()
    limit.write_text("100")

    def until_there_is_room(prefixes: Sequence[str]) -> None:
        # The end of a namespace is the kernel's own work, in the background: of those of earlier tests, too.
        while True:
            try:
                for prefix in prefixes:
                    wire.new(prefix)
                return
            except RefusedError as error:
                assert error.errno == errno.ENOSPC
                wire.flush()

    try:
        hundred = [f"10.{at}.0.0/16" for at in range(100)]
        until_there_is_room(hundred)
        wire.flush()
        with namespace(), Socket() as there:
            for prefix in hundred:
                there.new(prefix)
            with pytest.raises(RefusedError, match="ENOSPC"):
                wire.new("10.0.0.0/8")
        until_there_is_room(["10.0.0.0/8"])
    finally:
        limit.write_text(before)
    assert command("lsmod").stdout.count("nld ") == 1
