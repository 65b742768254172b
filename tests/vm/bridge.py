"""Tests of tests/vm/guest run inside a machine and are reported here as if they had run here.

The host collects those files like any others, once per machine that a test is for (the ``machine`` mark),
so names, ``-k``, ``-m`` and node ids work. When the first test of a machine comes up, the machine boots,
gets a copy of the repository's tests, and one pytest inside runs all that were selected for it. Its
report objects come out as they are made and are handed to this pytest: traceback, captured output and
skip reason are the guest's own. If the machine dies or a test takes too long, that test fails with the
end of the console, and the rest runs in a fresh boot.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from . import module
from .channel import MachineError, Running
from .machine import Machine
from .packages import UnavailableError
from .programs import program
from .wheels import REPOSITORY

GUEST_DIR = Path(__file__).parent / "guest"
DEFAULT_MACHINES = ("6.1", "6.12")
DEFAULT_TIMEOUT = 300.0  # seconds, for one test; `machine(..., timeout=)` says otherwise

# What the guest's pytest sees of the checkout; nld itself it has from its wheel.
CARRIED = ("tests", "kmod", "systemd", "pyproject.toml", "config.example.toml")
GUEST_ROOT = "/srv/nld"

# What may be set on the host to make the guest's tests larger or smaller.
PASSED = ("NLD_ROUTES", "NLD_FLOWS", "NLD_SECONDS", "NLD_ROUNDS")

# The C programs that the guest's tests run; the guest has no compiler.
PROGRAMS = ("bystander", "greet_legacy", "exchange", "flood", "million", "profile", "strangers")

# Set in the guest, to the machine's name: the same conftest then runs the tests instead of bridging them.
INSIDE = "NLD_GUEST_MACHINE"


def required() -> bool:
    """Say whether a test that cannot run must fail."""
    return os.environ.get("NLD_REQUIRE_VM") == "1"


def machines_of(marker: pytest.Mark | None) -> list[str]:
    """List the machines that a test runs on: inside one, that one; else its mark, then the environment."""
    if inside := os.environ.get(INSIDE):
        return [inside]
    if override := os.environ.get("NLD_VM_MACHINES"):
        return override.split(",")
    return list(marker.args) if marker and marker.args else list(DEFAULT_MACHINES)


class Bridge:
    """The host's half, a pytest plugin."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._inside: Inside | None = None
        self._unavailable: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Report what the guest's pytest says about this test; after the last one the machine ends."""
        if not item.path.is_relative_to(GUEST_DIR):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports(item):
            item.ihook.pytest_runtest_logreport(report=report)
        if nextitem is None or not nextitem.path.is_relative_to(GUEST_DIR):
            self._leave()
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_sessionfinish(self) -> None:
        """Leave no machine behind."""
        self._leave()

    def _leave(self) -> None:
        if self._inside is not None:
            self._inside.machine.close()
            self._inside = None

    def _reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        name = machine_name(item)
        if name in self._unavailable:
            return [_cannot(item, self._unavailable[name])]
        try:
            if self._inside is None or self._inside.machine.name != name:
                self._leave()
                machine = Machine(name, memory=1536)
                self._inside = Inside(machine)
                machine.boot()
                self._inside.begin(_rest(item))
        except UnavailableError as error:
            self._unavailable[name] = str(error)
            self._leave()
            return [_cannot(item, str(error))]
        except (MachineError, RuntimeError) as error:
            # The image or the boot is broken: all of them would fail with the same words.
            self._unavailable[name] = text = f"no machine {name}: {error}"
            self._leave()
            return [_failed(item, text)]
        mark = item.get_closest_marker("machine")
        timeout = float(mark.kwargs.get("timeout", DEFAULT_TIMEOUT)) if mark else DEFAULT_TIMEOUT
        try:
            reports = self._inside.wait_for(item.nodeid, timeout)
        except MachineError as error:
            self._leave()
            return [_failed(item, str(error))]
        made = [
            self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
            for data in reports
        ]
        return cast(list[pytest.TestReport], made)


class Inside:
    """One pytest inside one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._running: Running | None = None
        self._taken = 0
        self._reports: dict[str, list[dict[str, Any]]] = {}

    def begin(self, node_ids: list[str]) -> None:
        """Carry the tests in and start them."""
        present = {name: REPOSITORY / name for name in CARRIED if (REPOSITORY / name).exists()}
        self.machine.put_tree(present, GUEST_ROOT)
        if self.machine.kernel.modules is None:
            # A kernel that is not in the image gets the module carried in.
            built = module.built(self.machine.kernel)
            self.machine.put("/run/nld.ko", (built / "nld.ko").read_bytes())
        for name in PROGRAMS:
            self.machine.put(f"{GUEST_ROOT}/programs/{name}", program(name), 0o755)
        self.machine.put("/run/node-ids", "".join(f"{one}\n" for one in node_ids))
        # The reports get a descriptor of their own, whatever the tests print.
        words = [
            "python3",
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-o",
            "addopts=",
            "-q",
            "@/run/node-ids",
        ]
        self._running = self.machine.start(
            f"exec {shlex.join(words)} 3>&1 1>&2",
            cwd=GUEST_ROOT,
            env={INSIDE: self.machine.name, "PYTHONDONTWRITEBYTECODE": "1", **_passed()},
        )

    def wait_for(self, node_id: str, timeout: float) -> list[dict[str, Any]]:
        """Wait until a test is through, and return its reports; the guest's own words if it never is."""
        running = self._running
        assert running is not None

        def complete() -> bool:
            self._take(running)
            return any(one["when"] == "teardown" for one in self._reports.get(node_id, []))

        in_time = running.wait_until(complete, timeout)
        if complete():
            return self._reports[node_id]
        words = running.errors.decode(errors="replace")[-8000:]
        if not in_time:
            raise MachineError(f"no end of the test in {timeout} s\n{words}\n{self.machine.tail()}")
        raise MachineError(f"the guest's pytest ended without this test:\n{words}")

    def _take(self, running: Running) -> None:
        end = running.output.rfind(b"\n") + 1
        for line in bytes(running.output[self._taken : end]).splitlines():
            data: dict[str, Any] = json.loads(line)
            self._reports.setdefault(data["nodeid"], []).append(data)
        self._taken = end


def machine_name(item: pytest.Item) -> str:
    """Return the machine which this copy of a test is for."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params["on"]) if callspec else DEFAULT_MACHINES[0]


def _passed() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED if name in os.environ}


def _rest(item: pytest.Item) -> list[str]:
    """List this test and those after it for the same machine, in their order."""
    items = item.session.items
    rest = items[items.index(item) :]
    name = machine_name(item)
    return [one.nodeid for one in rest if one.path.is_relative_to(GUEST_DIR) and machine_name(one) == name]


def _cannot(item: pytest.Item, reason: str) -> pytest.TestReport:
    if required():
        return _failed(item, reason)
    where = (str(item.path), (item.location[1] or 0) + 1, f"Skipped: {reason}")
    return pytest.TestReport(item.nodeid, item.location, _keywords(item), "skipped", where, "setup")


def _failed(item: pytest.Item, text: str) -> pytest.TestReport:
    return pytest.TestReport(item.nodeid, item.location, _keywords(item), "failed", text, "call")


def _keywords(item: pytest.Item) -> dict[str, Literal[1]]:
    """The names alone, as pytest's own reports have them: a mark itself cannot be sent to another process."""
    one: Literal[1] = 1
    return dict.fromkeys(item.keywords, one)
