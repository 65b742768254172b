"""nld.ko on PREEMPT_RT with KCSAN: what ``make kmod-races`` runs.

One machine for the file, and the tests follow each other in their order; the last one shows that the
checkers were awake all the time.
"""

from __future__ import annotations

import time

import pytest

from .conftest import Boot
from .exercise import MESSAGES, ROUNDS
from .kcsan import races
from .module import built
from .races import Raced
from .test_sanitizer import WRONG

pytestmark = [pytest.mark.vm, pytest.mark.sanitize]

PART = 10
"""Of so many rounds of storms one is done: what is looked for needs two at once, not many in turn."""


@pytest.fixture(scope="module")
def raced(boot_module: Boot) -> Raced:
    return Raced(boot_module("races", memory=2048, lifetime=2 * 3600))


@pytest.fixture(autouse=True)
def clean(raced: Raced) -> None:
    """Begin each part without the module and with no report, whatever became of the part before it."""
    raced.unload()
    assert raced.reports() == []


def test_the_kernel_is_what_it_is_asked_to_be(raced: Raced) -> None:
    assert "PREEMPT_RT" in raced.machine.run("uname -v").text
    assert debug_locks(raced) == "1"


def debug_locks(raced: Raced) -> str:
    """Return lockdep's own switch: a report of any checker may have turned it off."""
    lines = raced.machine.run("cat /proc/lockdep_stats").text.splitlines()
    return next(line.split()[-1] for line in lines if "debug_locks" in line)


def test_trie_against_the_list(raced: Raced) -> None:
    raced.kunit()
    assert raced.reports() == []
    raced.watch_closely()


def test_suites_of_the_guest(raced: Raced) -> None:
    """Readers beside writers; packets, and all that can go while they are on their way."""
    raced.carry_suites()
    files = ("processes", "follow", "removal", "limits", "strangers")
    raced.suites("-m 'not machine' " + " ".join(f"tests/vm/guest/test_module_{name}.py" for name in files))
    raced.suites("tests/vm/guest/test_module_forward.py -k 'not spread'")
    assert raced.reports() == []


def test_long_walks_give_way(raced: Raced) -> None:
    raced.load()
    print(raced.machine.run("/run/turns 4000", timeout=900).text)
    raced.unload()
    assert raced.reports() == []


def test_strangers(raced: Raced) -> None:
    raced.load()
    for words in ("expiry 4 2000", "metrics 2000", "device 4000", "listener 1000", "dump 40"):
        raced.strangers(words)
        assert raced.reports() == [], words
    raced.unload()


def test_removal_while_records_expire(raced: Raced) -> None:
    raced.removal_while_records_expire(3)


def test_storms_while_the_module_comes_and_goes(raced: Raced) -> None:
    started = time.monotonic()
    raced.storms(max(1, ROUNDS // PART), -(-MESSAGES // ROUNDS))
    print(f"{time.monotonic() - started:.0f} s")
    print(raced.summary())


def test_nothing_was_reported_and_the_checkers_were_awake(raced: Raced) -> None:
    """After all that, the same machine still sees each kind of fault."""
    foreign = raced.foreign()
    print(f"{foreign.total()} races without the module, {len(foreign)} kinds:")
    for title, count in foreign.most_common():
        print(f"{count:6} {title}")
    assert raced.reports() == []
    assert debug_locks(raced) == "1"
    machine = raced.machine
    machine.put("/run/wrong.ko", (built(machine.kernel, WRONG) / "wrong.ko").read_bytes())
    for fault, words in (
        (6, "KCSAN: data-race in add"),
        (7, "sleeping function called from invalid context"),
        (5, "possible circular locking dependency detected"),
    ):
        machine.run(f"insmod /run/wrong.ko fault={fault}; rmmod wrong", timeout=600)
        assert any(words in line for line in raced.log()), (fault, raced.log()[-200:])
    assert any(race.of("wrong") for race in races(raced.log()))
