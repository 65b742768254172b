"""sd_notify and LISTEN_FDS, against real sockets in systemd's place."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nld.service_manager import Notifications, ServiceManager, passed_sockets


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Notifications]:
    end = Notifications(str(tmp_path / "notify"))
    yield end
    end.close()


def test_states(systemd: Notifications) -> None:
    manager = ServiceManager(systemd.path)
    assert manager.ready("12 routes")
    assert systemd.receive() == {"READY": "1", "STATUS": "12 routes"}
    assert manager.status("two\nlines")
    assert systemd.receive() == {"STATUS": "two lines"}
    assert manager.stopping()
    assert systemd.receive() == {"STOPPING": "1"}


def test_a_reload_carries_the_monotonic_clock(systemd: Notifications) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert ServiceManager(systemd.path).reloading()
    message = systemd.receive()
    assert message["RELOADING"] == "1"
    assert int(message["MONOTONIC_USEC"]) >= before


def test_an_abstract_address() -> None:
    name = f"nld-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0{name}")
        assert ServiceManager(f"@{name}").ready()
        assert end.recv(99) == b"READY=1"


def test_without_a_service_manager_nothing_happens(tmp_path: Path) -> None:
    assert not ServiceManager.from_environment({}).ready()
    assert not ServiceManager(str(tmp_path / "none")).ready()


def test_children_do_not_inherit_the_address(systemd: Notifications) -> None:
    environment = {"NOTIFY_SOCKET": systemd.path, "HOME": "/"}
    assert ServiceManager.from_environment(environment).ready()
    assert environment == {"HOME": "/"}


def passed(count: int) -> tuple[int, list[socket.socket]]:
    """``count`` listening sockets at consecutive descriptors, as systemd passes them, and the first one."""
    made = [socket.socket(socket.AF_UNIX) for _ in range(count)]
    first = 200
    for position, one in enumerate(made):
        os.dup2(one.fileno(), first + position)
    return first, made


def test_passed_sockets_come_with_their_names() -> None:
    first, made = passed(2)
    environment = {
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDS": "2",
        "LISTEN_FDNAMES": "varlink",
        "HOME": "/",
    }
    found = passed_sockets(environment, first=first)
    assert [one.name for one in found] == ["varlink", "unknown"]
    assert [one.socket.family for one in found] == [socket.AF_UNIX] * 2
    assert not any(os.get_inheritable(one.socket.fileno()) for one in found)
    assert environment == {"HOME": "/"}
    for one in (*made, *(entry.socket for entry in found)):
        one.close()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": "77", "LISTEN_FDS": "x"},
        {"LISTEN_PID": "77", "LISTEN_FDS": ""},
    ],
)
def test_sockets_that_are_not_ours(environment: dict[str, str]) -> None:
    assert passed_sockets(environment, process_id=77) == []


def test_what_is_no_socket_is_left_alone() -> None:
    reading, writing = os.pipe()
    os.dup2(reading, 210)
    assert passed_sockets({"LISTEN_PID": "77", "LISTEN_FDS": "2"}, process_id=77, first=210) == []
    for descriptor in (reading, writing, 210):
        os.close(descriptor)
