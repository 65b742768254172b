"""The sanitizer kernel's own part of ``make kmod-sanitize``: lines that ran, allocations that fail, leaks.

The rest is in exercise.py.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, cast

from . import coverage
from .channel import Done
from .exercise import MODULE, Exercise
from .kernel import kernel
from .machine import Machine

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


class Sanitized(Exercise):
    """The machine with a module that counts its lines."""

    def __init__(self, machine: Machine) -> None:
        self._said = set(machine.run("dmesg --notime").text.splitlines())  # while it booted
        super().__init__(machine, coverage.built(kernel("sanitizer")))

    def failures(self, *plant: str) -> Done:
        """Let every allocation of every operation fail."""
        done = self.machine.run(["/run/failures", MODULE, *plant], timeout=1200, check=False)
        # The kernel has words for each of its own that fails, too; what is a report is still one.
        self._said.update(self.machine.run("dmesg --notime").text.splitlines())
        return done

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
        rows = [super().summary()]
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
