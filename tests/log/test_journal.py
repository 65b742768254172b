"""journald's native protocol, against a real datagram socket in journald's place."""

import array
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nld.log.journal import BACKLOG_BYTES, MOST_VALUES, Journal, encode


def fields(entry: bytes) -> list[tuple[str, str]]:
    """What journald reads from one entry: the other half of the protocol."""
    found = []
    while entry:
        line, _, rest = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, entry = rest[8 : 8 + size], rest[8 + size :]
            assert entry[:1] == b"\n"
            entry = entry[1:]
        else:
            entry = rest
        found.append((name.decode(), value.decode()))
    return found


class Journald:
    """journald's end: takes datagrams and descriptors when told to."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    def take(self) -> Iterator[list[tuple[str, str]]]:
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            except BlockingIOError:
                return
            for _, _, rights in ancillary:
                (descriptor,) = array.array("i", rights)
                seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
                assert seals & fcntl.F_SEAL_WRITE and seals & fcntl.F_SEAL_SHRINK
                data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
                os.close(descriptor)
            yield fields(data)

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    end = Journald(tmp_path / "socket")
    yield end
    end.close()


@pytest.fixture
def journal(journald: Journald) -> Iterator[Journal]:
    journal = Journal(journald.path)
    yield journal
    journal.close()


def event(**keys: Any) -> dict[str, Any]:
    return {"event": "routes added", "level": "info", **keys}


def test_an_event_is_one_entry_with_fields() -> None:
    assert fields(encode(event(dst="10.0.0.0/8", table="main", done=2, dev=None))) == [
        ("MESSAGE", "routes added  dst=10.0.0.0/8 table=main done=2"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "nld"),
        ("NLD_EVENT", "routes added"),
        ("NLD_DST", "10.0.0.0/8"),
        ("NLD_TABLE", "main"),
        ("NLD_DONE", "2"),
    ]


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", "7"), ("info", "6"), ("warning", "4"), ("error", "3")]
)
def test_levels_are_syslogs(level: str, priority: str) -> None:
    assert dict(fields(encode({"event": "x", "level": level})))["PRIORITY"] == priority


def test_newlines_travel_by_length_and_cannot_forge_a_field() -> None:
    read = fields(encode(event(dst="a\nPRIORITY=0\n")))
    assert ("NLD_DST", "a\nPRIORITY=0\n") in read
    assert [value for name, value in read if name == "PRIORITY"] == ["6"]


def test_a_list_is_one_field_per_item() -> None:
    read = fields(encode(event(dst=["10.0.0.0/8", "default"])))
    assert [value for name, value in read if name == "NLD_DST"] == ["10.0.0.0/8", "default"]
    many = fields(encode(event(dst=["x"] * (MOST_VALUES + 9))))
    assert sum(name == "NLD_DST" for name, _ in many) == MOST_VALUES


def test_names_are_what_journald_takes() -> None:
    names = [name for name, _ in fields(encode(event(**{"kernel-fib.x": 1, "y" * 90: 1})))]
    assert "NLD_KERNEL_FIB_X" in names
    assert max(map(len, names)) == 64


def test_a_traceback_is_in_the_message() -> None:
    read = dict(fields(encode(event(exception="Traceback\n  line 1"))))
    assert read["MESSAGE"] == "routes added\nTraceback\n  line 1"
    assert read["NLD_EXCEPTION"] == "Traceback\n  line 1"


def test_an_entry_arrives(journald: Journald, journal: Journal) -> None:
    journal.write(event(dst="10.0.0.0/8"))
    (entry,) = journald.take()
    assert ("NLD_DST", "10.0.0.0/8") in entry


@pytest.mark.parametrize("size", [1 << 18, 1 << 23])
def test_an_entry_too_large_for_a_datagram_goes_by_memfd(
    journald: Journald, journal: Journal, size: int
) -> None:
    journal.write(event(text="x" * size))
    (entry,) = journald.take()
    assert dict(entry)["NLD_TEXT"] == "x" * size


def test_a_full_journald_gets_everything_later_in_order(journald: Journald, journal: Journal) -> None:
    for number in range(1000):
        journal.write(event(number=number))
    first = [dict(entry)["NLD_NUMBER"] for entry in journald.take()]
    assert len(first) < 1000, "the queue never filled: this test shows nothing"
    later: list[str] = []
    while len(first) + len(later) < 1000:
        journal.flush()
        later += [dict(entry)["NLD_NUMBER"] for entry in journald.take()]
    assert first + later == [str(number) for number in range(1000)]
    assert journal.lost == 0


def test_a_journald_that_stays_away_costs_bounded_memory_and_is_told(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "socket"))
    text = "x" * (BACKLOG_BYTES // 100)
    for number in range(300):
        journal.write(event(number=number, text=text))
    assert journal.lost > 200
    lost = journal.lost
    journald = Journald(tmp_path / "socket")
    entries: list[dict[str, str]] = []
    while not entries or entries[-1].get("NLD_NUMBER") != "299":
        journal.flush()
        entries += map(dict, journald.take())
    assert entries[0]["NLD_LOST"] == str(lost)
    assert [entry["NLD_NUMBER"] for entry in entries[1:]] == [str(n) for n in range(lost, 300)]
    journal.close()
    journald.close()


def test_a_restarted_journald_is_found_again(journald: Journald, journal: Journal) -> None:
    journald.close()
    journal.write(event(number=1))
    Path(journald.path).unlink()
    journal.write(event(number=2))
    again = Journald(Path(journald.path))
    journal.write(event(number=3))
    assert [dict(entry)["NLD_NUMBER"] for entry in again.take()] == ["1", "2", "3"]
    again.close()
