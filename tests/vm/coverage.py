"""Which lines of the module ran: nld.ko built to count them, and the counts read from a machine.

The module counts in the sanitizer kernel, which keeps the counts of a module that was unloaded and adds to
them when it is loaded again. gcc's own gcov makes lines of them, on the host.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from . import cache, packages
from .kernel import Kernel
from .machine import Machine
from .module import SOURCE

_COUNTS = "/sys/kernel/debug/gcov"
_TEST = "trie_test.c"
"""The trie's own test includes trie.c, whose lines count; its own do not."""


def built(kernel: Kernel) -> Path:
    """Return the directory with the counting modules, and with what gcov needs to read their counts."""

    def build(directory: Path) -> None:
        for file in cache.files_of(SOURCE):
            target = directory / file.relative_to(SOURCE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        make = ["make", f"-j{os.cpu_count()}", "-C", str(kernel.headers), f"M={directory}", "GCOV_PROFILE=y"]
        packages.command([*make, "modules"], wide=True)
        for one in directory.glob("*.ko"):
            packages.command(["strip", "--strip-debug", str(one)])

    packages.need({"gcov": "gcc"})
    inputs: list[cache.Input] = [kernel.release, str(kernel.headers), SOURCE, Path(__file__)]
    return cache.entry("counting", inputs, build)


@dataclass(frozen=True)
class File:
    """One source file: which of its lines ran, and which did not."""

    name: str
    ran: list[int]
    missed: list[int]

    @property
    def percent(self) -> float:
        """Return how many of the lines that are code ran, of 100."""
        return 100 * len(self.ran) / (len(self.ran) + len(self.missed))


def collected(machine: Machine, modules: Path, work: Path) -> list[File]:
    """Read the counts of a machine, and return the module's files in order; ``work`` is scratch."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for path in machine.run(f"find {_COUNTS} -name '*.gcda'").text.split():
        count = work / Path(path).name
        count.write_bytes(machine.get(path))
        shutil.copy(modules / count.with_suffix(".gcno").name, work)
        words = ["gcov", "--json-format", "--stdout", count.name]
        for line in packages.command(words, cwd=work).splitlines():
            for file in cast(list[dict[str, Any]], json.loads(line)["files"]):
                name = Path(file["file"]).name
                if name.endswith(".c") and name != _TEST and (SOURCE / name).exists():
                    for one in file["lines"]:
                        counts[name][one["line_number"]] += one["count"]
    return [
        File(name, sorted(n for n in lines if lines[n]), sorted(n for n in lines if not lines[n]))
        for name, lines in sorted(counts.items())
    ]


def report(files: list[File], modules: Path) -> str:
    """Return the table of the files, and every line that never ran."""
    rows = [f"{'file':12} {'lines':>6} {'ran':>6} {'percent':>8}"]
    for file in files:
        rows.append(
            f"{file.name:12} {len(file.ran) + len(file.missed):6} {len(file.ran):6} {file.percent:8.1f}"
        )
    ran, missed = sum(len(file.ran) for file in files), sum(len(file.missed) for file in files)
    rows.append(f"{'all':12} {ran + missed:6} {ran:6} {100 * ran / (ran + missed):8.1f}")
    rows.append("never ran:")
    for file in files:
        text = (modules / file.name).read_text().splitlines()
        rows += [f"{file.name}:{number}: {text[number - 1].strip()}" for number in file.missed]
    return "\n".join(rows)
