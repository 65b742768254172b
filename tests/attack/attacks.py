"""The attacks: what any local user can do at the control socket; run as a program, under another uid.

    python -m tests.attack.attacks UID NAME CONNECTIONS SECONDS SOCKET

Each does its worst for so long, with so many connections, then ends; nothing it holds outlives it.  An attack
is a function here, and that is all there is to adding one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

Attack = Callable[["Attacker"], None]

NOTHING = {"protocol": 77, "table": 4242}
"""A filter that takes no route."""
READER_MESSAGE = 256 * 1024


def call(method: str, more: bool = False, **parameters: Any) -> bytes:
    """A frame, NUL included."""
    return json.dumps({"method": f"io.nld.{method}", "more": more, "parameters": parameters}).encode() + b"\0"


class Attacker:
    """One user's connections, and the time that there is."""

    def __init__(self, path: str, connections: int, seconds: float) -> None:
        self.path = path
        self.connections = connections
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    @property
    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.end

    def connect(self) -> socket.socket | None:
        """A connection, non-blocking; None when the daemon's backlog is full."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            made.connect(self.path)
        except OSError:
            made.close()
            return None
        return made

    def crowd(self) -> list[socket.socket]:
        """All connections, as far as one gets in the time."""
        found: list[socket.socket] = []
        while len(found) < self.connections and self.goes_on:
            made = self.connect()
            if made is None:
                time.sleep(0.001)  # the backlog is full
            else:
                found.append(made)
        return found

    def wait(self) -> None:
        """Hold what is held until the end."""
        time.sleep(max(0.0, self.end - time.monotonic()))


def send(one: socket.socket, data: bytes) -> bool:
    """As much as goes; whether the connection is still there."""
    try:
        one.send(data)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def stalled(attacker: Attacker, data: bytes) -> None:
    """Everybody asks and nobody reads; who is closed comes again."""
    crowd = attacker.crowd()
    for one in crowd:
        send(one, data)
    while attacker.goes_on:
        for place, one in enumerate(crowd):
            if gone(one):
                again = attacker.connect()
                if again is not None:
                    one.close()
                    crowd[place] = again
                    send(again, data)
        time.sleep(0.05)


def gone(one: socket.socket) -> bool:
    """Whether the daemon has closed a connection."""
    poll = select.poll()
    poll.register(one, select.POLLRDHUP)
    return bool(poll.poll(0))


def flood(attacker: Attacker, data: bytes, *, read: bool = True) -> None:
    """Everybody asks for the same again and again, as fast as it is taken."""
    poll = select.epoll()
    wanted = select.EPOLLOUT | (select.EPOLLIN if read else 0)
    crowd = {one.fileno(): one for one in attacker.crowd()}
    for number in crowd:
        poll.register(number, wanted)
    while attacker.goes_on:
        for number, events in poll.poll(0.1, 256):
            one = crowd[number]
            try:
                closed = bool(events & select.EPOLLIN) and not one.recv(1 << 18)
                if events & select.EPOLLOUT:
                    one.send(data)
            except BlockingIOError:
                continue
            except OSError:
                closed = True
            if closed:
                del crowd[number]
                one.close()
        while len(crowd) < attacker.connections and (again := attacker.connect()) is not None:
            crowd[again.fileno()] = again
            poll.register(again, wanted)


def again_and_again(attacker: Attacker, data: bytes, *, shut: bool = False) -> None:
    """Come, ask, go; the connections are used in turn."""
    crowd: list[socket.socket] = []
    while attacker.goes_on:
        one = attacker.connect()
        if one is None:
            time.sleep(0.001)
            continue
        send(one, data)
        if shut:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_WR)
        crowd.append(one)
        if len(crowd) >= attacker.connections:
            crowd.pop(0).close()


# -- the attacks


def hold_connections(attacker: Attacker) -> None:
    """Connections, and nothing else."""
    crowd = attacker.crowd()
    attacker.wait()
    del crowd


def stalled_watches(attacker: Attacker) -> None:
    """Snapshots that nobody reads."""
    stalled(attacker, call("Watch", more=True))


def stalled_lists(attacker: Attacker) -> None:
    """Listings that nobody reads."""
    stalled(attacker, call("List", more=True))


def leaking_watches(attacker: Attacker) -> None:
    """A watch that says nothing, behind a list, and the end of input; and then nobody is there."""
    data = call("List", more=True, filter=NOTHING) + call("Watch", more=True, filter=NOTHING)
    again_and_again(attacker, data, shut=True)


def junk_behind_a_watch(attacker: Attacker) -> None:
    """More input behind a watch than is read, so that nobody sees its end."""
    again_and_again(attacker, call("Watch", more=True, snapshot=False) + b"x" * 70_000)


def unknown_names(attacker: Attacker) -> None:
    """Filters of nothing but names that there are not."""
    names = {f"n{number}": 1 for number in range(20_000)}
    flood(attacker, call("List", more=True, filter=names))


def large_look_ups(attacker: Attacker) -> None:
    """Questions of 4,096 addresses, by who does not wait for the answers."""
    addresses = [f"10.{number >> 8}.{number & 255}.1" for number in range(4096)]
    again_and_again(attacker, call("Lookup", addresses=addresses))


def unread_look_ups(attacker: Attacker) -> None:
    """The same, by who stays and does not read."""
    addresses = [f"10.{number >> 8}.{number & 255}.1" for number in range(4096)]
    stalled(attacker, call("Lookup", addresses=addresses))


def half_messages(attacker: Attacker) -> None:
    """Messages of nearly the longest length that are never whole."""
    crowd = attacker.crowd()
    part = b'{"method":"' + b"x" * 60_000
    sent = [0] * len(crowd)
    while attacker.goes_on:
        for place, one in enumerate(crowd):
            if sent[place] < READER_MESSAGE - 70_000 and send(one, part):
                sent[place] += len(part)
            elif gone(one):
                again = attacker.connect()
                if again is not None:
                    one.close()
                    crowd[place], sent[place] = again, 0
        time.sleep(0.01)


def empty_watches(attacker: Attacker) -> None:
    """Watches whose filter takes nothing: the whole mirror is walked for eighty bytes."""
    again_and_again(attacker, call("Watch", more=True, filter=NOTHING))


def wrong_keys(attacker: Attacker) -> None:
    """Keys that contradict themselves, which were a trace in the log for each."""
    flood(attacker, call("Get", key={"dst": "::/0", "family": "inet"}) * 20)


def many_gets(attacker: Attacker) -> None:
    """The cheapest call, as often as it goes."""
    flood(attacker, call("Get", key={"dst": "10.0.0.0/24", "table": "main"}) * 20)


def unread_descriptions(attacker: Attacker) -> None:
    """The longest answer for the shortest question, unread."""
    frame = b'{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.nld"}}\0'
    flood(attacker, frame * 50, read=False)


def coming_and_going(attacker: Attacker) -> None:
    """Connections that are closed as soon as they are there."""
    while attacker.goes_on:
        one = attacker.connect()
        if one is None:
            time.sleep(0.001)
        else:
            one.close()


def many_lists(attacker: Attacker) -> None:
    """The whole table, again and again, and read."""
    flood(attacker, call("List", more=True))


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        hold_connections,
        stalled_watches,
        stalled_lists,
        leaking_watches,
        junk_behind_a_watch,
        unknown_names,
        large_look_ups,
        unread_look_ups,
        half_messages,
        empty_watches,
        wrong_keys,
        many_gets,
        unread_descriptions,
        coming_and_going,
        many_lists,
    )
}


def main() -> None:
    """Become the user, and begin."""
    uid, name, connections, seconds, path = sys.argv[1:]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    ATTACKS[name](Attacker(path, int(connections), float(seconds)))


if __name__ == "__main__":
    main()
