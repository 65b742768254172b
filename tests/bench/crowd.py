"""Fifty clients in one program, each of which adds one route after the other: SOCKET CLIENTS ROUTES.

Their calls are made beforehand, and the answers looked at for an error only, so that it is the daemon that is
measured.  Prints the seconds.
"""

from __future__ import annotations

import select
import socket
import sys
import time

from tests.bench.loads import GATEWAYS, destinations

ADD = b'{"method":"io.nld.Add","parameters":{"routes":[{"dst":"%b","gateway":"%b"}]}}\0'


def main(path: str, clients: int, routes: int) -> None:
    calls = [ADD % (text.encode(), GATEWAYS[0].encode()) for text in destinations(routes)]
    left = iter(calls)
    poll = select.epoll()
    peers: dict[int, socket.socket] = {}
    for _ in range(clients):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.connect(path)
        peers[peer.fileno()] = peer
        poll.register(peer, select.EPOLLIN)
    begin = time.perf_counter()
    for peer in peers.values():
        peer.send(next(left))
    answered = 0
    while answered < routes:
        for number, _ in poll.poll():
            answer = peers[number].recv(4096)
            if not answer.startswith(b'{"parameters":{"done":1}}'):
                raise SystemExit(answer.decode())
            answered += 1
            call = next(left, None)
            if call is not None:
                peers[number].send(call)
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
