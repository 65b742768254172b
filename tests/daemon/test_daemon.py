"""The daemon as the service manager sees it: a program, its notifications, its signals, its status.

What it says on NOTIFY_SOCKET is what the tests wait for, as systemd does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nld.client import Client
from nld.errors import ConnectionFailed, KernelUnavailable, NldError, PermissionDenied
from tests.kernel.inside import inside, ip

SECONDS = 300
"""The longest wait for one notification, on the slowest emulated machine."""

CONFIG = """
socket = "{place}/io.nld"
[log]
level = "{level}"
format = "console"
[policy]
write_users = [{users}]
"""


class Service:
    """A daemon in the present namespace."""

    def __init__(self, place: Path, more: str = "") -> None:
        self.place = place
        self.path = str(place / "io.nld")
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifications.bind(str(place / "notify"))
        self.notifications.settimeout(SECONDS)
        self.configure(more=more)
        with (place / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nld.daemon", "--config", str(place / "config.toml")],
                env={**os.environ, "NOTIFY_SOCKET": str(place / "notify")},
                stdout=log,
                stderr=log,
            )
        self.await_word("READY=1")

    def configure(self, *, level: str = "info", users: str = "0", more: str = "") -> None:
        text = CONFIG.format(place=self.place, level=level, users=users) + more
        (self.place / "config.toml").write_text(text)

    def await_word(self, word: str) -> None:
        while word not in self.notifications.recv(4096).decode().splitlines():
            pass

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)
        self.await_word("RELOADING=1")
        self.await_word("READY=1")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.await_word("STOPPING=1")
        return self.process.wait(SECONDS)

    @property
    def log(self) -> str:
        return (self.place / "log").read_text()


@contextmanager
def service(more: str = "") -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as place:
        made = Service(Path(place), more)
        try:
            yield made
        except BaseException:
            print(made.log)
            raise
        finally:
            made.process.kill()
            made.process.wait(SECONDS)
            made.notifications.close()


def stops_in_order() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with service() as daemon:
            with (
                Client(daemon.path, timeout=SECONDS) as client,
                Client(daemon.path, timeout=SECONDS) as other,
            ):
                watch = other.watch()
                while next(watch)["kind"] != "synced":
                    pass
                client.replace({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"})
                assert daemon.stop(number) == 0
                assert daemon.log.count("written  operation=replace") == 1  # a moment ago, and not lost
                with pytest.raises((NldError, StopIteration)):
                    while True:
                        next(watch)
            assert not Path(daemon.path).exists()
            with pytest.raises(ConnectionFailed), Client(daemon.path) as late:
                late.status()
            shown = subprocess.run(
                ["ip", "route", "show", "10.0.0.0/8"], capture_output=True, text=True, check=True
            )
            assert "192.0.2.2" in shown.stdout  # routes stay


def starts_again_at_the_same_place() -> None:
    """After a kill, when nobody removed the socket; and what was written before is there and nld's own."""
    with service() as daemon:
        with Client(daemon.path, timeout=SECONDS) as client:
            client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"})
        daemon.process.kill()
        daemon.process.wait(SECONDS)
        assert Path(daemon.path).exists()
        daemon.notifications.close()
        (daemon.place / "notify").unlink()
        again = Service(daemon.place)
        with Client(again.path, timeout=SECONDS) as client:
            assert client.get("10.0.0.0/8")[0]["gateway"] == "192.0.2.2"
            client.delete({"dst": "10.0.0.0/8"})
        assert again.stop() == 0
        again.notifications.close()


def reloads() -> None:
    with service() as daemon, Client(daemon.path, timeout=SECONDS) as client:
        client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"})
        daemon.configure(users="12345", level="error")
        daemon.reload()
        with pytest.raises(PermissionDenied):
            client.delete({"dst": "10.0.0.0/8"})
        assert client.get("10.0.0.0/8")[0]["gateway"] == "192.0.2.2"  # who may not write may read
        before = daemon.log
        daemon.configure()
        daemon.reload()
        client.delete({"dst": "10.0.0.0/8"})
        assert "reloaded" in daemon.log.removeprefix(before)


def keeps_the_old_configuration_when_the_new_one_is_wrong() -> None:
    with service() as daemon, Client(daemon.path, timeout=SECONDS) as client:
        for more in ("[nonsense", "[limits]\nconnections = -1\n", '[log]\nlevel = "x"\n'):
            daemon.configure(users="12345", more=more)
            daemon.reload()
            client.replace({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"})
            assert daemon.process.poll() is None
        assert daemon.log.count("the old one stays in force") == 3
        (daemon.place / "config.toml").unlink()
        daemon.reload()
        client.replace({"dst": "10.0.0.0/8", "gateway": "192.0.2.3"})
        daemon.configure(more="[limits]\nconnections = 7\n")
        daemon.reload()
        assert "limits.connections" in daemon.log  # needs a restart
        assert daemon.stop() == 0


def many_signals_are_one() -> None:
    with service() as daemon:
        for _ in range(20):
            daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log


def serves_while_the_table_changes_under_it() -> None:
    with service() as daemon, Client(daemon.path, timeout=SECONDS) as client:
        for number in range(20):
            ip(f"route add 10.{number}.0.0/16 via 192.0.2.2")
            assert client.get(f"10.{number}.0.0/16")[0]["gateway"] == "192.0.2.2"
            ip(f"route del 10.{number}.0.0/16")
            with pytest.raises(NldError):
                client.get(f"10.{number}.0.0/16")
        assert daemon.stop() == 0


def goes_on_without_the_module() -> None:
    """A number that nobody has, and one that somebody else has: each method that needs it says why."""
    for number, why in ((30, "no netlink protocol 30"), (16, "belongs to another kernel module")):
        with service(f"[kernel.module]\nenabled = true\nnumber = {number}\n") as daemon:
            with Client(daemon.path, timeout=SECONDS) as client:
                kernels = {kernel["name"]: kernel for kernel in client.status()["kernels"]}
                assert kernels["fib"]["available"]
                assert not kernels["module"]["available"]
                assert why in kernels["module"]["reason"]
                for call in (
                    lambda: client.greet("Hello"),
                    lambda: client.release("module"),
                    lambda: list(client.list(kernel="module")),
                    lambda: client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"}, kernel="module"),
                ):
                    with pytest.raises(KernelUnavailable, match=why):
                        call()
                assert client.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.2"}) == 1
                client.delete({"dst": "10.0.0.0/8"})
            assert why in daemon.log
            assert daemon.stop() == 0


@pytest.mark.namespace
@pytest.mark.parametrize(
    "what",
    [
        stops_in_order,
        starts_again_at_the_same_place,
        reloads,
        keeps_the_old_configuration_when_the_new_one_is_wrong,
        many_signals_are_one,
        serves_while_the_table_changes_under_it,
        goes_on_without_the_module,
    ],
)
def test_the_daemon(what: Callable[[], Any]) -> None:
    inside(what)


@pytest.mark.parametrize("text", ["[nonsense", "[log]\nlevel = 'loud'\n", "socket = 'relative'\n", None])
def test_a_wrong_configuration_ends_with_78_and_says_where(tmp_path: Path, text: str | None) -> None:
    """Before any socket is opened."""
    path = tmp_path / "config.toml"
    if text is not None:
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "nld.daemon", "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 78
    assert done.stderr.startswith("nld: ")
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
