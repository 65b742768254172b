"""A program that speaks the protocol of nld.ko as its header has it, and knows nothing of nld.

On purpose it shares no line with nld's own codec: what both get wrong alike would otherwise never be seen.
Its numbers are held against the header by ``tests/kmod/test_contract.py``.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address, ip_network
from types import TracebackType
from typing import Any, Self

PROTOCOL = 31
GREETING = "Hello from kernel unicast"
MAGIC = 0x6E6C646B


class Msg(IntEnum):
    """``enum nld_msg``."""

    GREET = 16
    GET_INFO = 17
    ROUTE_NEW = 18
    ROUTE_DEL = 19
    ROUTE_GET = 20
    FLUSH = 21
    STATS = 22


class A(IntEnum):
    """``enum nld_route_attr``."""

    PAD = 1
    DST = 2
    GATEWAY = 3
    OIF = 4
    METRIC = 5
    TABLE = 6
    PROTOCOL = 7
    TYPE = 8
    PREFSRC = 9
    NEXTHOPS = 10
    EXPIRES = 11
    OWNER = 12
    GENERATION = 13
    CAUSE = 14
    AS_OF = 15


class Nh(IntEnum):
    """``enum nld_nexthop_attr``."""

    GATEWAY = 1
    OIF = 2
    WEIGHT = 3


class Greet(IntEnum):
    """``enum nld_greet_attr``."""

    TEXT = 1


class Info(IntEnum):
    """``enum nld_info_attr``."""

    MAGIC = 1
    ABI = 2
    FEATURES = 3
    VERSION = 4
    MAX_ROUTES = 5
    MAX_ROUTES_NETNS = 6
    MAX_NEXTHOPS = 7
    MAX_OWNER = 8
    MAX_EXPIRES = 9
    MAX_METRICS = 10
    PAD = 11
    MAX_BYTES = 12
    MAX_BYTES_NETNS = 13


class Stats(IntEnum):
    """``enum nld_stats_attr``."""

    PAD = 1
    GENERATION = 2
    ROUTES4 = 3
    ROUTES6 = 4
    NODES = 5
    BYTES = 6
    CREATED = 7
    REPLACED = 8
    DELETED = 9
    EXPIRED = 10
    DEVICE = 11
    UNANNOUNCED = 12
    LINKS = 13
    SENT = 14
    SENT_BYTES = 15
    BLACKHOLE = 16
    UNREACHABLE = 17
    PROHIBIT = 18
    NO_ROUTE = 19
    LOOP = 20
    NOT_UNICAST = 21
    MALFORMED = 22
    NO_MEMORY = 23


class Type(IntEnum):
    """``enum nld_route_type``."""

    UNICAST = 1
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


class Cause(IntEnum):
    """``enum nld_cause``."""

    REQUEST = 0
    FLUSH = 1
    EXPIRED = 2
    DEVICE = 3


SETS: dict[str, type[IntEnum]] = {"route": A, "nexthop": Nh, "greet": Greet, "info": Info, "stats": Stats}
ENTRY = 1  # NLD_NH_ENTRY
GROUP = 1  # NLD_GROUP_ROUTE
LOOKUP = 1  # NLD_F_LOOKUP

# linux/netlink.h
REQUEST, MULTI, ACK, ECHO, DUMP_INTR, DUMP_FILTERED = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
ROOT, MATCH, REPLACE, EXCL, CREATE, APPEND = 0x100, 0x200, 0x100, 0x200, 0x400, 0x800
DUMP = ROOT | MATCH
_CAPPED, _TLVS = 0x100, 0x200
_ERROR, _DONE = 2, 3
_NESTED = 0x8000
_SOL_NETLINK, _ADD_MEMBERSHIP, _CAP_ACK, _EXT_ACK = 270, 1, 10, 11
_HEADER = struct.Struct("=IHHII")
_PATIENCE = 60  # seconds; an emulated machine that waits so long for an answer does not get one

_WIDTHS = {
    A.OIF: 4, A.METRIC: 4, A.TABLE: 4, A.PROTOCOL: 1, A.TYPE: 1, A.EXPIRES: 4, A.GENERATION: 8, A.CAUSE: 1,
    A.AS_OF: 8,
}  # fmt: skip
_NH_WIDTHS = {Nh.OIF: 4, Nh.WEIGHT: 2}


def attribute(number: int, data: bytes) -> bytes:
    """Return one attribute."""
    return struct.pack("=HH", 4 + len(data), number) + data + bytes(-len(data) % 4)


def _value(raw: object, width: int | None) -> bytes:
    """Return a value's bytes: those of bytes as they are, a number by its width, a string as an address."""
    if isinstance(raw, bytes):
        return raw
    if isinstance(raw, int):
        assert width
        return raw.to_bytes(width, sys.byteorder)
    return ip_address(str(raw)).packed


def nexthops(*entries: dict[str, Any]) -> bytes:
    """Return what is in ``NLD_A_NEXTHOPS``; each entry has gateway, oif, weight as far as given."""
    return b"".join(
        attribute(
            ENTRY | _NESTED,
            b"".join(
                attribute(Nh[name.upper()], _value(value, _NH_WIDTHS.get(Nh[name.upper()])))
                for name, value in entry.items()
            ),
        )
        for entry in entries
    )


def body(
    prefix: str = "", *, family: int = 0, length: int | None = None, flags: int = 0, reserved: int = 0,
    extra: bytes = b"", **attributes: Any,
) -> bytes:  # fmt: skip
    """Return a ``struct nldmsg`` and attributes, by their names in ``A``.

    ``prefix`` gives family, length and NLD_A_DST unless these are given too; ``extra`` goes behind all.
    """
    parts = []
    if prefix:
        network = ip_network(prefix, strict=False)
        family = family or {4: socket.AF_INET, 6: socket.AF_INET6}[network.version]
        length = network.prefixlen if length is None else length
        if network.prefixlen:
            parts.append(attribute(A.DST, ip_address(prefix.partition("/")[0]).packed))
    for name, value in attributes.items():
        number = A[name.upper()]
        nest = _NESTED if number == A.NEXTHOPS else 0
        parts.append(attribute(number | nest, _value(value, _WIDTHS.get(number))))
    return struct.pack("=BBBB", family, length or 0, flags, reserved) + b"".join(parts) + extra


def parse(data: bytes) -> dict[int, bytes]:
    """Return attributes by number; of one that occurs twice, the last."""
    found = {}
    while len(data) >= 4:
        length, number = struct.unpack_from("=HH", data)
        found[number & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    assert not data
    return found


@dataclass(frozen=True)
class Message:
    """One message from the module; ``error`` is None unless it is an acknowledgement."""

    type: int
    flags: int
    seq: int
    portid: int
    header: bytes
    attributes: dict[int, bytes]
    error: int | None = None

    def number(self, name: IntEnum) -> int:
        """Return a number, 0 if it is absent."""
        return int.from_bytes(self.attributes.get(name, b""), sys.byteorder)

    def words(self, name: IntEnum) -> str:
        """Return a string."""
        return self.attributes[name].rstrip(b"\0").decode()

    @property
    def prefix(self) -> str:
        """Return the prefix in words."""
        family, length = self.header[:2]
        size = {socket.AF_INET: 4, socket.AF_INET6: 16}[socket.AddressFamily(family)]
        return f"{ip_address(self.attributes.get(A.DST, bytes(size)))}/{length}"

    @property
    def key(self) -> tuple[str, int, int]:
        """Return what a record is found by."""
        return self.prefix, self.number(A.TABLE), self.number(A.METRIC)

    @property
    def hops(self) -> list[tuple[str | None, int, int]]:
        """Return (gateway, device, weight) of each next hop, in order."""
        raw = self.attributes.get(A.NEXTHOPS)
        if raw is None:
            if not {A.GATEWAY, A.OIF} & set(self.attributes):
                return []
            gateway = self.attributes.get(A.GATEWAY)
            return [(None if gateway is None else str(ip_address(gateway)), self.number(A.OIF), 1)]
        found = []
        while raw:
            (length,) = struct.unpack_from("=H", raw)
            entry = parse(raw[4:length])
            gateway = entry.get(Nh.GATEWAY)
            oif, weight = (int.from_bytes(entry.get(one, b""), sys.byteorder) for one in (Nh.OIF, Nh.WEIGHT))
            found.append((None if gateway is None else str(ip_address(gateway)), oif, weight))
            raw = raw[(length + 3) & ~3 :]
        return found


class RefusedError(Exception):
    """The module said no: errno, its sentence, the offset of the attribute at fault, the missing one."""

    def __init__(self, message: Message) -> None:
        assert message.error
        tlvs = message.attributes
        self.errno = message.error
        self.words = tlvs.get(1, b"").rstrip(b"\0").decode()
        self.offset = int.from_bytes(tlvs[2], sys.byteorder) if 2 in tlvs else None
        self.missing = int.from_bytes(tlvs[5], sys.byteorder) if 5 in tlvs else None
        super().__init__(f"{errno.errorcode[self.errno]}: {self.words}")


def split(data: bytes) -> Iterator[Message]:
    """Yield the messages of one datagram."""
    while data:
        length, kind, flags, seq, portid = _HEADER.unpack_from(data)
        content = data[16:length]
        data = data[(length + 3) & ~3 :]
        if kind == _ERROR:
            (code,) = struct.unpack_from("=i", content)
            (inner,) = struct.unpack_from("=I", content, 4)
            behind = 20 if flags & _CAPPED or not code else 4 + ((inner + 3) & ~3)
            tlvs = parse(content[behind:]) if flags & _TLVS else {}
            yield Message(kind, flags, seq, portid, content, tlvs, -code)
        elif kind == _DONE:
            yield Message(kind, flags, seq, portid, content, {})
        else:
            yield Message(kind, flags, seq, portid, content[:4], parse(content[4:]))


@dataclass(frozen=True)
class Dump:
    """A whole dump."""

    records: list[Message]
    done: Message

    @property
    def interrupted(self) -> bool:
        """Say whether it was flagged as not one moment's state."""
        return bool(self.done.flags & DUMP_INTR)

    @property
    def as_of(self) -> int:
        """Return the generation at its end; 0 if it is empty."""
        return max((one.number(A.AS_OF) for one in self.records), default=0)

    @property
    def table(self) -> dict[tuple[str, int, int], tuple[int, list[tuple[str | None, int, int]]]]:
        """Return the records for a comparison: key -> (generation, next hops)."""
        found = {one.key: (one.number(A.GENERATION), one.hops) for one in self.records}
        assert len(found) == len(self.records), "a record occurs twice"
        return found


class Socket:
    """A raw socket of the protocol; a context manager.

    ``receive_buffer`` is what SO_RCVBUF is asked for; ``join`` joins the group; ``descriptor`` is of a socket
    that is there already, and belongs to this one then.
    """

    def __init__(
        self, *, receive_buffer: int | None = None, join: bool = False, descriptor: int | None = None
    ) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, PROTOCOL, descriptor)
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.settimeout(_PATIENCE)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if join:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, GROUP)
        self._seqs = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    @property
    def portid(self) -> int:
        """Return the socket's port id."""
        return int(self._socket.getsockname()[0])

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def compose(self, kind: int, flags: int, content: bytes) -> tuple[int, bytes]:
        """Return the next sequence number and a message with it, not sent."""
        seq = next(self._seqs)
        length = 16 + len(content)
        return seq, _HEADER.pack(length, kind, flags | REQUEST, seq, 0) + content + bytes(-length % 4)

    def send(self, kind: int, flags: int = 0, content: bytes = b"\0\0\0\0") -> int:
        """Send one message; return its sequence number."""
        seq, data = self.compose(kind, flags, content)
        self._socket.send(data)
        return seq

    def send_all(self, messages: Iterable[bytes]) -> None:
        """Send several messages at once."""
        self._socket.send(b"".join(messages))

    def receive(self, *, wait: bool = True) -> list[Message]:
        """Return the messages of one datagram; without ``wait``, BlockingIOError if there is none."""
        if not wait and not select.select([self], [], [], 0)[0]:
            raise BlockingIOError
        data, _, received, _ = self._socket.recvmsg(1 << 17)
        assert not received & socket.MSG_TRUNC
        return list(split(data))

    def queued(self) -> list[Message]:
        """Return what is there without waiting."""
        found: list[Message] = []
        try:
            while True:
                found += self.receive(wait=False)
        except BlockingIOError:
            return found

    def request(self, kind: int, content: bytes = b"\0\0\0\0", flags: int = 0) -> list[Message]:
        """Send one message and return what came before its acknowledgement; a refusal raises."""
        seq = self.send(kind, flags | ACK, content)
        found: list[Message] = []
        while True:
            for message in self.receive():
                if message.error is None:
                    found.append(message)
                elif message.seq == seq:
                    if message.error:
                        raise RefusedError(message)
                    return found

    def new(self, prefix: str, *, flags: int = CREATE, **attributes: Any) -> list[Message]:
        """Make a record; a blackhole unless it is told where to go."""
        if not {"gateway", "oif", "nexthops", "type"} & attributes.keys():
            attributes["type"] = Type.BLACKHOLE
        return self.request(Msg.ROUTE_NEW, body(prefix, **attributes), flags)

    def delete(self, prefix: str, *, flags: int = 0, **attributes: Any) -> list[Message]:
        """Delete a record."""
        return self.request(Msg.ROUTE_DEL, body(prefix, **attributes), flags)

    def get(self, prefix: str, *, lookup: bool = False, **attributes: Any) -> Message:
        """Get one record."""
        flags = LOOKUP if lookup else 0
        (found,) = self.request(Msg.ROUTE_GET, body(prefix, flags=flags, **attributes))
        return found

    def flush(self, prefix: str = "", *, flags: int = 0, **attributes: Any) -> list[Message]:
        """Delete what matches."""
        return self.request(Msg.FLUSH, body(prefix, **attributes), flags)

    def dump_parts(self, content: bytes = b"\0\0\0\0") -> Iterator[list[Message]]:
        """Dump, one datagram after the other; the last message of the last one is NLMSG_DONE."""
        seq = self.send(Msg.ROUTE_GET, DUMP, content)
        while True:
            part = [one for one in self.receive() if one.seq == seq]
            if part and part[0].error:
                raise RefusedError(part[0])
            yield part
            if part and part[-1].type == _DONE:
                assert part[-1].header == bytes(4), "the dump ended with an error"
                return

    def dump(self, prefix: str = "", **attributes: Any) -> Dump:
        """Dump what matches."""
        return self.finish(self.dump_parts(body(prefix, **attributes)))

    @staticmethod
    def finish(parts: Iterable[list[Message]]) -> Dump:
        """Take the parts of a dump together."""
        *records, done = itertools.chain.from_iterable(parts)
        return Dump(records, done)

    def stats(self) -> dict[Stats, int]:
        """Return the namespace's counters."""
        (answer,) = self.request(Msg.STATS)
        assert set(answer.attributes) - {Stats.PAD} == set(Stats) - {Stats.PAD}
        return {name: answer.number(name) for name in Stats if name is not Stats.PAD}


# -- the surroundings

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def namespace(*, user: bool = False) -> Iterator[None]:
    """Be in a new network namespace; it ends with its last socket.

    With ``user`` it belongs to a new user namespace, from which there is no way back.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _checked(_LIBC.unshare(_CLONE_NEWNET | (_CLONE_NEWUSER if user else 0)))
    try:
        yield
    finally:
        if not user:
            _checked(_LIBC.setns(before, _CLONE_NEWNET))
        os.close(before)


@contextmanager
def enter(path: str) -> Iterator[None]:
    """Be in the network namespace that a path names."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(path, os.O_RDONLY)
    try:
        _checked(_LIBC.setns(there, _CLONE_NEWNET))
        try:
            yield
        finally:
            _checked(_LIBC.setns(before, _CLONE_NEWNET))
    finally:
        os.close(there)
        os.close(before)


def command(words: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program."""
    done = subprocess.run(words.split(), capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{words}: {done.stderr}")
    return done


def device(name: str) -> int:
    """Make a device and return its index."""
    command(f"ip link add {name} type dummy")
    return socket.if_nametoindex(name)
