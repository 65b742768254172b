"""What KCSAN says of accesses that race, and which of them are nld's. Runs on host and guest.

It looks at the whole kernel, and the kernel has races of its own. One is a module's if either access is made
in it, or in what it called directly: below that, the packet or the message is the kernel's affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TITLE = "BUG: KCSAN: "
_ACCESS = re.compile(r"(read|write|read-write)\b.* of \d+ bytes by |race at unknown origin")
_OURS = 2
"""How far below the access the module is looked for: the function itself, and what called it."""


@dataclass(frozen=True)
class Race:
    """One report of KCSAN: its title, its stacks from the access upwards, and all its lines."""

    title: str
    stacks: tuple[tuple[str, ...], ...]
    text: str

    def of(self, module: str) -> bool:
        """Say whether an access was made in a module (or in its tests'), or right below it."""
        ours = re.compile(rf"\[{module}(_\w+)?\]")
        return any(ours.search(frame) for stack in self.stacks for frame in stack[:_OURS])


def races(lines: Iterable[str]) -> Iterator[Race]:
    """Read KCSAN's reports in a kernel's log. A report whose end has not come yet is not one."""
    report: list[str] = []
    for line in lines:
        if TITLE in line:
            report = [line]
        elif report and line.startswith("====="):
            yield _race(report)
            report = []
        elif report:
            report.append(line)


def _race(report: list[str]) -> Race:
    stacks: list[list[str]] = []
    inside = False
    for line in report:
        if _ACCESS.search(line):
            inside = True
            stacks.append([])
        elif inside and line.startswith(" "):
            stacks[-1].append(line.strip())
        else:
            inside = False
    title = report[0].partition(TITLE)[2]
    return Race(title, tuple(tuple(stack) for stack in stacks), "\n".join(report))
