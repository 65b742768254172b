"""Watchers in one program that count what they are told: SOCKET WATCHERS CHANGES.

Prints ``ready`` when all of them watch, and when each was told of so many new routes the seconds and the
time.time(); fails when one is told to begin anew.
"""

from __future__ import annotations

import select
import socket
import sys
import time

WATCH = b'{"method":"io.nld.Watch","more":true,"parameters":{"snapshot":false}}\0'
NEW = b'"event":"new"'


def main(path: str, watchers: int, changes: int) -> None:
    poll = select.epoll()
    peers: dict[int, socket.socket] = {}
    counts: dict[int, int] = {}
    tails: dict[int, bytes] = {}
    for _ in range(watchers):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.connect(path)
        peer.send(WATCH)
        if b'"synced"' not in peer.recv(4096):
            raise SystemExit("not a watch")
        peers[peer.fileno()], counts[peer.fileno()], tails[peer.fileno()] = peer, 0, b""
        poll.register(peer, select.EPOLLIN)
    print("ready", flush=True)
    begin = 0.0
    waiting = set(peers)
    while waiting:
        for number, _ in poll.poll():
            begin = begin or time.perf_counter()
            data = tails[number] + peers[number].recv(1 << 18)
            if b'"resync"' in data:
                raise SystemExit("a watcher was told to begin anew")
            counts[number] += data.count(NEW)
            tails[number] = data[1 - len(NEW) :]
            if counts[number] >= changes:
                waiting.discard(number)
    print(time.perf_counter() - begin, time.time())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
