"""The sanitizer kernel sees faults: a module that is wrong on purpose is reported by each checker.

Without this, a kernel whose checkers are silently off would pass everything.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import module
from .conftest import Boot
from .machine import Machine

# The kernel takes minutes to build, so an ordinary test run does not ask for it: make kmod-sanitize does.
pytestmark = [pytest.mark.vm, pytest.mark.sanitize]

WRONG = Path(__file__).with_name("wrong")


@pytest.fixture(scope="module")
def sanitizer(boot_module: Boot) -> Machine:
    """Boot the kernel, with the wrong module in it."""
    machine = boot_module("sanitizer", memory=2048)
    machine.put("/run/wrong.ko", (module.built(machine.kernel, WRONG) / "wrong.ko").read_bytes())
    return machine


def provoke(machine: Machine, fault: int) -> list[str]:
    """Load the module with one fault; return what the kernel said about it."""
    machine.run("dmesg --clear")
    machine.run(["insmod", "/run/wrong.ko", f"fault={fault}"])
    machine.run(["rmmod", "wrong"])
    return machine.reports()


def test_nothing_is_reported_of_a_module_without_fault(sanitizer: Machine) -> None:
    assert provoke(sanitizer, 0) == []


def test_boot_is_clean_and_leaves_lockdep_on(sanitizer: Machine) -> None:
    lines = sanitizer.run("cat /proc/lockdep_stats").text.splitlines()
    assert [line.split()[-1] for line in lines if "debug_locks" in line] == ["1"]


def test_leak(sanitizer: Machine) -> None:
    provoke(sanitizer, 2)
    # Memory counts as leaked when it was unreachable for some seconds, so a scan is repeated until it is.
    leaks = "/sys/kernel/debug/kmemleak"
    sanitizer.run(f"while ! grep -q unreferenced {leaks}; do echo scan > {leaks}; done", timeout=180)
    assert "kmalloc" in sanitizer.run(["cat", leaks]).text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        # Lockdep's own first: any report of a checker may turn lockdep off until the next boot.
        (5, "possible circular locking dependency detected"),
        (4, "sleeping function called from invalid context"),
        (3, "UBSAN: array-index-out-of-bounds"),
        (1, "KASAN: slab-use-after-free"),
    ],
)
def test_fault(sanitizer: Machine, fault: int, words: str) -> None:
    reports = provoke(sanitizer, fault)
    assert any(words in line for line in reports), reports


def test_allocation_failures_can_be_injected(sanitizer: Machine) -> None:
    assert sanitizer.run("ls /sys/kernel/debug/failslab/probability").code == 0
