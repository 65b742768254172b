"""The floor of a call: as many bytes to another process over a Unix socket and back; run as a program.

Prints the seconds of each round trip, a line each.
"""

from __future__ import annotations

import os
import socket
import sys
import time

SIZE = 96
"""Bytes of a message, about those of a call that adds one route."""


def main(count: int) -> None:
    here, there = socket.socketpair()
    if os.fork() == 0:
        here.close()
        while data := there.recv(SIZE):
            there.sendall(data)
        os._exit(0)
    there.close()
    message = bytes(SIZE)
    for _ in range(count):
        begin = time.perf_counter()
        here.sendall(message)
        received = 0
        while received < SIZE:
            received += len(here.recv(SIZE))
        print(time.perf_counter() - begin)


if __name__ == "__main__":
    main(int(sys.argv[1]))
