"""nld.ko on a kernel that watches itself: what ``make kmod-sanitize`` runs, after test_sanitizer.py.

One machine for the file, and the tests follow each other in their order; the last ones ask what all of it
has left. The whole takes longer than an ordinary test run may, so it has a mark of its own.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from . import bridge, coverage
from .conftest import Boot
from .exercise import MESSAGES, MODULE, ROUNDS, SEED
from .module import built
from .sanitize import Sanitized
from .test_sanitizer import WRONG

pytestmark = [pytest.mark.vm, pytest.mark.sanitize]


@pytest.fixture(scope="module")
def sanitized(boot_module: Boot) -> Sanitized:
    return Sanitized(boot_module("sanitizer", memory=3072, lifetime=4 * 3600))


@pytest.fixture(autouse=True)
def clean(sanitized: Sanitized) -> None:
    """Begin each part without the module and with no report, whatever became of the part before it."""
    sanitized.unload()
    assert sanitized.machine.reports() == []


def test_trie_against_the_list(sanitized: Sanitized) -> None:
    """The KUnit suite."""
    sanitized.kunit()
    assert sanitized.machine.reports() == []


def test_parameters_that_cannot_be(sanitized: Sanitized) -> None:
    for words in ("protocol=0", "protocol=32", "protocol=0 greet_protocol=25", "greet_protocol=31",
                  "greet_protocol=-1", "greet_protocol=32"):  # fmt: skip
        done = sanitized.machine.run(f"insmod {MODULE} {words}", check=False)
        assert "Invalid parameters" in done.error_text, (words, done)
    # 16 is NETLINK_GENERIC's, 0 NETLINK_ROUTE's: taken by the kernel itself.
    for words in ("protocol=16", "greet_protocol=16"):
        done = sanitized.machine.run(f"insmod {MODULE} {words}", check=False)
        assert "Address already in use" in done.error_text, (words, done)
    assert sanitized.machine.reports() == []


def test_suites_of_the_guest(sanitized: Sanitized) -> None:
    """The module's own tests, as they run on every kernel."""
    sanitized.carry_suites()
    files = sorted(file.name for file in bridge.GUEST_DIR.glob("test_module_*.py"))
    own = " ".join(f"tests/vm/guest/{name}" for name in files if name != "test_module_daemon.py")
    # What is marked for certain machines is about size: for kernels that are not ten times as slow.
    sanitized.suites(f"-m 'not machine' {own}")
    # Packets through the tables, and all that can go while they do. The spread is about size.
    sanitized.suites("tests/vm/guest/test_module_forward.py -k 'not spread'")
    # The daemon's own.
    sanitized.suites("tests/vm/guest/test_contract.py::TestModule tests/vm/guest/test_module_daemon.py")


def test_long_walks_give_way(sanitized: Sanitized) -> None:
    sanitized.load()
    print(sanitized.machine.run("/run/turns 20000", timeout=900).text)
    sanitized.unload()
    assert sanitized.machine.reports() == []


def test_strangers(sanitized: Sanitized) -> None:
    """Unprivileged users, in namespaces of their own: nobody else is harmed, and the kernel says nothing."""
    sanitized.load()
    for words in ("expiry 8 4000", "metrics 200000", "device 16000", "listener 4000", "dump 100"):
        sanitized.strangers(words)
        assert sanitized.machine.reports() == [], words
    sanitized.unload()


def test_removal_while_records_expire(sanitized: Sanitized) -> None:
    """Nobody has a socket, so the module may go; its work has much to do just then."""
    sanitized.removal_while_records_expire(6)


def test_every_allocation_fails_once(sanitized: Sanitized) -> None:
    done = sanitized.failures()
    assert done.code == 0, done.text + done.error_text
    sanitized.figures.failures = json.loads(done.text)
    assert all(row["injected"] for row in sanitized.figures.failures["operations"])
    sanitized.unload()
    assert sanitized.machine.reports() == []


def test_a_broken_invariant_is_noticed(sanitized: Sanitized) -> None:
    """The two programs can fail: each is made to break what it holds."""
    sanitized.load()
    for plant, words in (("reply", "FAILED: a route"), ("count", "FAILED: the generation is not")):
        done = sanitized.storm(SEED, 2000, plant)
        assert done.code and words in done.error_text, done
    done = sanitized.failures("plant")
    assert done.code and "FAILED: create, failure 2" in done.error_text, done
    sanitized.unload()


def test_storms_while_the_module_comes_and_goes(sanitized: Sanitized) -> None:
    """A million messages in a hundred lives of the module."""
    started = time.monotonic()
    sanitized.storms(ROUNDS, -(-MESSAGES // ROUNDS))
    print(f"{ROUNDS} rounds in {time.monotonic() - started:.0f} s")
    assert sanitized.figures.storm["sent"] >= MESSAGES


def test_lines_that_ran(sanitized: Sanitized, tmp_path: Path) -> None:
    files = sanitized.covered(tmp_path)
    print()
    print(sanitized.summary())
    print(coverage.report(files, sanitized.modules))
    assert min(file.percent for file in files) > 80, [(file.name, file.percent) for file in files]


def test_memory_is_back(sanitized: Sanitized) -> None:
    """A storm's 64 bytes a message would be megabytes more with each tenth of the rounds."""
    slab = sanitized.figures.slab
    assert slab[-1] - slab[len(slab) // 2] < 16 * 1024, slab


def test_nothing_leaked_and_nothing_was_reported(sanitized: Sanitized) -> None:
    leaks = sanitized.leaks()
    assert leaks == "", leaks[:5000]
    assert sanitized.machine.reports() == []
    warnings = sanitized.warnings()
    assert not warnings, "\n".join(warnings)
    lines = sanitized.machine.run("cat /proc/lockdep_stats").text.splitlines()
    assert [line.split()[-1] for line in lines if "debug_locks" in line] == ["1"]


def test_the_checkers_were_awake_to_the_end(sanitized: Sanitized) -> None:
    """After all that, the same machine still sees a leak and a use after free."""
    machine = sanitized.machine
    machine.put("/run/wrong.ko", (built(machine.kernel, WRONG) / "wrong.ko").read_bytes())
    machine.run("insmod /run/wrong.ko fault=2; rmmod wrong")
    assert "kmalloc" in sanitized.leaks()
    machine.run("insmod /run/wrong.ko fault=1; rmmod wrong")
    assert any("KASAN: slab-use-after-free" in line for line in machine.reports())
