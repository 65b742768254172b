"""What a kernel says when something in it is wrong, and a watch for it. Runs on host and guest."""

from __future__ import annotations

import os
import re
from types import TracebackType
from typing import Self

from . import kcsan

# The first words of the reports of oopses, warnings, lockdep, RCU, KASAN, UBSAN, debug objects, kmemleak,
# hung tasks and stalls (a report of KASAN is a "BUG: KASAN:"). A kernel's boot says none of them.
_REPORT = re.compile(
    r"BUG:|WARNING:|UBSAN:|Oops:|general protection fault|ODEBUG:|INFO: task|rcu:? .*stall"
    r"|possible recursive locking|possible circular locking|suspicious RCU usage|bad unlock balance"
    r"|kernel panic -|refcount_t:|kmemleak: [1-9]\d* new",
    re.IGNORECASE,
)


def reports(text: str) -> list[str]:
    """List the lines which report something wrong in the kernel; of races, the whole reports of nld's."""
    lines = text.splitlines()
    found = [line for line in lines if _REPORT.search(line) and kcsan.TITLE not in line]
    return found + [race.text for race in kcsan.races(lines) if race.of("nld")]


class Watch:
    """Collects what the kernel logs from here on. Needs the right to read /dev/kmsg."""

    def __enter__(self) -> Self:
        self._device = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._device, 0, os.SEEK_END)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._device)

    def lines(self) -> list[str]:
        """Return the lines since the last call, without their prefix."""
        found: list[str] = []
        while True:
            try:
                record = os.read(self._device, 8192)
            except BlockingIOError:
                return found
            except BrokenPipeError:
                continue  # the kernel overwrote what was not read yet; the next read goes on after the gap
            found.append(record.decode(errors="replace").split("\n")[0].partition(";")[2])

    def reports(self) -> list[str]:
        """List the lines since the last call that report something wrong."""
        return reports("\n".join(self.lines()))
