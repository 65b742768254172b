"""The races kernel's own part of ``make kmod-races``. The rest is in exercise.py."""

from __future__ import annotations

from collections import Counter

from . import kernel_log
from .exercise import Exercise
from .kcsan import races
from .machine import Machine
from .module import built

# Of every so many accesses one waits for another; KCSAN's own 4000 is for machines that make more of them.
_SKIP = 500


class Raced(Exercise):
    """The machine whose log is kept from the beginning, because reports would outgrow the kernel's own."""

    def __init__(self, machine: Machine) -> None:
        self._log = machine.start(["cat", "/dev/kmsg"])
        super().__init__(machine, built(machine.kernel))
        # What waits for a program here may well wait for longer than the usual two minutes.
        machine.run("echo 600 > /proc/sys/kernel/hung_task_timeout_secs")

    def watch_closely(self) -> None:
        """Make more accesses wait than KCSAN does by itself, which makes the machine slower."""
        self.machine.run(f"echo {_SKIP} > /sys/module/kcsan/parameters/skip_watch")

    def log(self) -> list[str]:
        """Return the lines of the kernel's log, without the words that /dev/kmsg puts before each."""
        assert not self._log.ended, f"the log is not read any more: {self._log.errors.decode()}"
        lines = self._log.output.decode(errors="replace").splitlines()
        return [line.partition(";")[2] for line in lines if not line.startswith(" ")]

    def reports(self) -> list[str]:
        """List what is reported of the module, and all but races of the rest of the kernel."""
        return kernel_log.reports("\n".join(self.log()))

    def foreign(self) -> Counter[str]:
        """Count the races that the kernel has without the module."""
        return Counter(race.title for race in races(self.log()) if not race.of("nld"))
