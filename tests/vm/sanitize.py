"""What ``make kmod-sanitize`` does to the module, and where its figures are kept for the summary.

All of it happens in one boot of the sanitizer kernel, so that what an earlier part leaves behind is found
at the end: a leak, a lock order, a line that never ran.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from . import coverage, programs
from .channel import Done, MachineError
from .kernel import kernel
from .machine import Machine

MODULE = "/run/nld.ko"
KMEMLEAK = "/sys/kernel/debug/kmemleak"

# What the kernel says, as a warning or worse, of what is done to it here on purpose, or by emulation.
_EXPECTED = re.compile(
    # of messages that do not parse, and of those that have nothing in them
    r"netlink: .*(bytes leftover after parsing attributes|attribute type \d+ has an invalid length)"
    r"|^(__nla_validate_parse|validate_nla): \d+ callbacks suppressed"
    r"|^Zero length message leads to an empty skb"
    # of parameters that cannot be, and of no memory for a socket in the first namespace
    r"|nld: (protocol|greet_protocol)=-?\d+ is not|nld: netlink protocol \d+ is taken by another module"
    r"|nld(_trie_test)?: loading out-of-tree module taints kernel"
    # of an emulated processor that the host did not run for a while (nld.ko has no hrtimer)
    r"|^hrtimer: interrupt took \d+ ns",
)

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


class Sanitized:
    """The machine with the counting module and the programs in it, and the figures so far."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.modules = coverage.built(kernel("sanitizer"))
        self.figures = Figures()
        self._said = set(machine.run("dmesg --notime").text.splitlines())  # while it booted
        machine.put(MODULE, (self.modules / "nld.ko").read_bytes())
        for name in ("mutate", "churn", "failures", "turns", "strangers"):
            machine.put(f"/run/{name}", programs.program(name), 0o755)

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
            reports = self.machine.reports()
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

    def failures(self, *plant: str) -> Done:
        """Let every allocation of every operation fail."""
        done = self.machine.run(["/run/failures", MODULE, *plant], timeout=1200, check=False)
        # The kernel has words for each of its own that fails, too; what is a report is still one.
        self._said.update(self.machine.run("dmesg --notime").text.splitlines())
        return done

    def slab(self) -> int:
        """Return the slab memory in kB."""
        for line in self.machine.run("cat /proc/meminfo").text.splitlines():
            if line.startswith("Slab:"):
                return int(line.split()[1])
        raise MachineError("no Slab in /proc/meminfo")

    def leaks(self) -> str:
        """Scan for leaks twice, with the time between that kmemleak wants, and return what it found."""
        for _ in range(2):
            self.machine.run(f"echo scan > {KMEMLEAK}", timeout=300)
            time.sleep(6)  # younger objects are not looked at
        self.machine.run(f"echo scan > {KMEMLEAK}", timeout=300)
        return self.machine.run(["cat", KMEMLEAK]).text

    def warnings(self) -> list[str]:
        """List what the kernel said as a warning or worse since the machine was up, and nobody expects."""
        lines = self.machine.run("dmesg --notime --level=emerg,alert,crit,err,warn").text.splitlines()
        return sorted({line for line in lines if line not in self._said and not _EXPECTED.search(line)})

    def covered(self, work: Path) -> list[coverage.File]:
        """Return which lines of the module ran so far."""
        return coverage.collected(self.machine, self.modules, work)

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
        total = self.figures.failures.get("total", {})
        rows.append("injected failures: " + ", ".join(f"{value} {key}" for key, value in total.items()))
        for row in cast(list[dict[str, Any]], self.figures.failures.get("operations", [])):
            rows.append(
                f"    {row['operation']:34} {row['injected']:4}: {row['refused']} refused, {row['lost']} told"
                f" of a loss, {row['done']} done all the same"
            )
        slab = self.figures.slab
        if slab:
            rows.append(
                f"slab, after the first, middle, last round: {slab[0]}, {slab[len(slab) // 2]}, {slab[-1]} kB"
            )
        return "\n".join(rows)
