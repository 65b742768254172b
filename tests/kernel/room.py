"""A private network namespace with a raw netlink socket in it, driven over pipes.

This file is both ends: imported, ``Room`` starts it as a program under ``unshare -Urnm``; as a program
it does what it is told, a JSON object a line.  The program uses the standard library only, so that what
it dumps and sends is independent of the code under test.  For ``ip`` in it, the name files are ``NAMES``,
whatever packages and administrators have added to the machine's.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

LINKS = (
    "link set lo up",
    "link add veth0 type veth peer name veth0p",
    "link add veth1 type veth peer name veth1p",
    # No link-local addresses: duplicate address detection would add their routes at any later moment.
    *(f"link set {name} addrgenmode none" for name in ("veth0", "veth0p", "veth1", "veth1p")),
    "link set veth0p up",
    "link set veth1p up",
    "link set veth0 up",
    "link set veth1 up",
    "addr add 192.0.2.1/24 dev veth0",
    "addr add 2001:db8::1/64 dev veth0 nodad",
    "addr add 192.0.3.1/24 dev veth1",
    "addr add 2001:db8:0:1::1/64 dev veth1 nodad",
)
"""``ip`` commands for two links with an address of each family."""

GETLINK, GETROUTE, GETNEXTHOP = 18, 26, 106

NAMES = Path(__file__).parent / "iproute2"
"""The directory of name files that ``ip`` reads in a room."""
PLACES = ("/etc/iproute2", "/usr/share/iproute2")


class Outcome(NamedTuple):
    """What a command left behind."""

    status: int
    output: str
    errors: str


class Room:
    """One namespace; a context manager."""

    def __init__(self, links: Sequence[str] = LINKS) -> None:
        self._process = subprocess.Popen(
            ["unshare", "-Urnm", sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        outcome = self.ip("-batch -", links)
        if outcome.status:
            raise RuntimeError(outcome.errors)

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _ask(self, **question: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def ip(self, words: str, lines: Sequence[str] = ()) -> Outcome:
        """Run ``ip``; ``lines`` become its standard input (for ``-batch -``)."""
        return Outcome(*self._ask(do="ip", words=words.split(), lines=list(lines)))

    def dump(self, kind: int, family: int = 0) -> list[bytes]:
        """Payloads of all messages of a dump: GETLINK, GETROUTE or GETNEXTHOP."""
        return [bytes.fromhex(payload) for payload in self._ask(do="dump", kind=kind, family=family)]

    def send(self, kind: int, flags: int, payloads: Sequence[bytes]) -> list[tuple[int, list[bytes]]]:
        """Requests one after the other; for each (errno, payloads of the answers)."""
        texts = [payload.hex() for payload in payloads]
        replies = self._ask(do="send", kind=kind, flags=flags, payloads=texts)
        return [(errno, [bytes.fromhex(answer) for answer in answers]) for errno, answers in replies]


HEADER = struct.Struct("=IHHII")
REQUEST, ACK, DUMP = 1, 4, 0x300
ERROR, DONE = 2, 3
PAYLOAD_SIZE = {GETLINK: 16, GETROUTE: 12, GETNEXTHOP: 8}


def _exchange(kind: int, flags: int, payload: bytes) -> tuple[int, list[str]]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        channel.bind((0, 0))
        padding = bytes(-len(payload) % 4)
        channel.send(HEADER.pack(16 + len(payload), kind, flags | REQUEST, 1, 0) + payload + padding)
        answers: list[str] = []
        while True:
            data = channel.recv(1 << 17)
            while data:
                length, got, _, _, _ = HEADER.unpack_from(data)
                body, data = data[16:length], data[(length + 3) & ~3 :]
                if got == ERROR:
                    return -int.from_bytes(body[:4], "little", signed=True), answers
                if got == DONE:
                    return 0, answers
                answers.append(body.hex())


def _serve() -> None:
    for place in filter(os.path.isdir, PLACES):
        subprocess.run(["mount", "--bind", str(NAMES), place], check=True)
    environment = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C"}
    for line in sys.stdin:
        question = json.loads(line)
        answer: Any
        if question["do"] == "ip":
            done = subprocess.run(
                ["ip", *question["words"]],
                input="\n".join(question["lines"]),
                capture_output=True,
                text=True,
                check=False,
                env=environment,
            )
            answer = [done.returncode, done.stdout, done.stderr]
        elif question["do"] == "dump":
            head = bytes([question["family"]]).ljust(PAYLOAD_SIZE[question["kind"]], b"\0")
            answer = _exchange(question["kind"], DUMP, head)[1]
        else:
            kind, flags = question["kind"], question["flags"] | ACK
            answer = [_exchange(kind, flags, bytes.fromhex(text)) for text in question["payloads"]]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
