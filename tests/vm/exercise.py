"""What is done to the module on the kernels that watch themselves, and the figures of it.

All of it happens in one boot of a kernel, so that what an earlier part leaves behind is found at the end.
What a kernel adds of its own is elsewhere: sanitize.py, races.py.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import bridge, programs
from .channel import Done, MachineError
from .machine import Machine
from .wheels import REPOSITORY

MODULE = "/run/nld.ko"

# For a shorter trial: NLD_SANITIZE_MESSAGES=20000 NLD_SANITIZE_ROUNDS=4 make kmod-sanitize
MESSAGES = int(os.environ.get("NLD_SANITIZE_MESSAGES", "1000000"))
ROUNDS = int(os.environ.get("NLD_SANITIZE_ROUNDS", "100"))
SEED = int(os.environ.get("NLD_SANITIZE_SEED", "0")) or int(time.time())
THREADS = 4


@dataclass
class Figures:
    """What was done, added up."""

    storm: Counter[str] = field(default_factory=Counter)
    churn: dict[str, int] = field(default_factory=dict)
    loads: int = 0
    refused_unloads: int = 0
    failures: dict[str, Any] = field(default_factory=dict)
    slab: list[int] = field(default_factory=list)  # kB, after each round


class Exercise:
    """A machine with the module and the programs in it, and the figures so far.

    ``modules`` is the directory that nld.ko and its KUnit suite were built in.
    """

    def __init__(self, machine: Machine, modules: Path) -> None:
        self.machine = machine
        self.modules = modules
        self.figures = Figures()
        machine.put(MODULE, (self.modules / "nld.ko").read_bytes())
        for name in ("mutate", "churn", "failures", "turns", "strangers"):
            machine.put(f"/run/{name}", programs.program(name), 0o755)

    def reports(self) -> list[str]:
        """List what the kernel reported since it booted."""
        return self.machine.reports()

    def load(self, *parameters: str) -> None:
        """Load the module."""
        self.machine.run(["insmod", MODULE, *parameters])
        self.figures.loads += 1

    def unload(self, patience: float = 60) -> None:
        """Unload the module, if it is there, as often as it takes while sockets of others hold it."""
        limit = time.monotonic() + patience
        while (done := self.machine.run("test ! -e /sys/module/nld || rmmod nld", check=False)).code:
            # rmmod looks first, and says "in use"; the kernel, when a socket came after that look: EAGAIN.
            held = "in use" in done.error_text or "temporarily unavailable" in done.error_text
            if not held or time.monotonic() > limit:
                raise MachineError(f"rmmod: {done.error_text}")
            self.figures.refused_unloads += 1

    def storm(self, seed: int, messages: int, *plant: str) -> Done:
        """Let the mutated messages loose once."""
        words = ["/run/mutate", str(seed), str(messages), str(THREADS), *plant]
        done = self.machine.run(words, timeout=900, check=False)
        if not done.code:
            self.figures.storm.update(json.loads(done.text.splitlines()[-1]))
        return done

    def storms(self, rounds: int, messages: int) -> None:
        """Load, storm, unload, again and again, while namespaces come and go."""
        churn = self.machine.start(["/run/churn", "1"])
        for number in range(rounds):
            self.load(*(["greet_protocol=25"] if number % 2 else []))
            assert not churn.ended, churn.errors.decode()
            held = self.machine.start(["/run/mutate", str(SEED + number), str(messages), str(THREADS)])
            held.wait_for("seed")  # it has a socket by then
            self.refuse_unload()
            done = held.wait(900)
            assert done.code == 0, done.text + done.error_text
            self.figures.storm.update(json.loads(done.text.splitlines()[-1]))
            self.unload()
            self.figures.slab.append(self.slab())
            print(f"round {number + 1} of {rounds}: {self.figures.storm['sent']} messages", flush=True)
            reports = self.reports()
            assert not reports, (number, SEED + number, reports)
        churn.signal(signal.SIGTERM)
        done = churn.wait(120)
        assert done.code == 0, done.text + done.error_text
        self.figures.churn = json.loads(done.text)

    def strangers(self, words: str) -> None:
        """Let users do in their own namespaces what would harm others."""
        done = self.machine.run(f"/run/strangers {words}", timeout=900, check=False)
        print(f"strangers {words}: {done.text.strip()}", flush=True)
        assert done.code == 0, done.text + done.error_text

    def refuse_unload(self) -> None:
        """Ask for the module to go while its sockets are open: it must be refused."""
        done = self.machine.run("rmmod nld", check=False)
        assert done.code and "in use" in done.error_text, done
        self.figures.refused_unloads += 1

    def kunit(self) -> None:
        """Run the trie's own suite."""
        machine = self.machine
        machine.put("/run/kunit.ko", (machine.kernel.headers / "lib/kunit/kunit.ko").read_bytes())
        machine.put("/run/nld_trie_test.ko", (self.modules / "nld_trie_test.ko").read_bytes())
        machine.run("insmod /run/kunit.ko")
        machine.run("insmod /run/nld_trie_test.ko", timeout=900)
        log = machine.log()
        machine.run("rmmod nld_trie_test")
        assert "ok 1 nld_trie" in log, log[-3000:]
        assert "not ok" not in log

    def carry_suites(self) -> None:
        """Put the tests of tests/vm/guest into the machine, with what they need."""
        self.machine.put_tree({name: REPOSITORY / name for name in bridge.CARRIED}, bridge.GUEST_ROOT)
        for name in bridge.PROGRAMS:
            self.machine.put(f"{bridge.GUEST_ROOT}/programs/{name}", programs.program(name), 0o755)

    def suites(self, words: str) -> None:
        """Run tests of tests/vm/guest, chosen by pytest's own words."""
        done = self.machine.run(
            "python3 -m pytest -q -p no:cacheprovider -o addopts= --tb=short --durations=10"
            f" {words} 3>/dev/null",
            cwd=bridge.GUEST_ROOT, env={bridge.INSIDE: self.machine.name}, timeout=3000, check=False,
        )  # fmt: skip
        print(done.text)
        assert done.code == 0, done.text[-20000:] + done.error_text[-5000:]

    def removal_while_records_expire(self, turns: int) -> None:
        """Unload it when its work has much to do; nobody has a socket, so it may go."""
        for turn in range(turns):
            self.load()
            held = self.machine.start(["/run/strangers", "hold", "4000"])
            held.wait_for("ready", timeout=300)
            time.sleep(turn * 0.1)
            self.unload()
            held.signal(signal.SIGKILL)
            held.wait(60)
            assert self.reports() == []

    def slab(self) -> int:
        """Return the slab memory in kB."""
        for line in self.machine.run("cat /proc/meminfo").text.splitlines():
            if line.startswith("Slab:"):
                return int(line.split()[1])
        raise MachineError("no Slab in /proc/meminfo")

    def summary(self) -> str:
        """Return the figures in words."""
        storm, rows = self.figures.storm, []
        rows.append(
            f"seed {SEED}; {self.figures.loads} loads, {self.figures.refused_unloads} refused unloads"
        )
        rows.append(
            f"{storm['sent']} messages, {storm['mutated']} of them spoiled: {storm['answers']} answers,"
            f" {storm['acks']} acks, {storm['errors']} errors, {storm['announcements']} announcements,"
            f" {storm['overruns']} overruns; {storm['dumps']} dumps, {storm['dumps_dropped']} left half way;"
            f" {storm['created']} records created, {storm['replaced']} replaced, {storm['expired']} expired,"
            f" {storm['lost_device']} lost their device"
        )
        rows.append("meanwhile: " + ", ".join(f"{value} {key}" for key, value in self.figures.churn.items()))
        return "\n".join(rows)
