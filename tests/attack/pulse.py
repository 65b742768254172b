"""The daemon with a pulse: it tells how long the turns of its event loop are.

    python -m tests.attack.pulse CONFIG REPORT

A timer is due every millisecond.  Between two of its calls the loop has done what was ready; how much
processor time that took is the length of a turn, whatever else runs on the machine.  On SIGUSR1 the
report file gets a JSON object with the longest turn in seconds, ``turn``, and the number of tasks, and
measuring begins anew.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import uvloop

from nld.config import load
from nld.daemon.daemon import Daemon
from nld.log import configure

EVERY = 0.001


class Pulse:
    """Measures the loop that it runs in."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._longest = 0.0
        self._before = time.thread_time()
        self._loop.add_signal_handler(signal.SIGUSR1, self._tell)
        self._beat()

    def _beat(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._before)
        self._before = now
        self._loop.call_later(EVERY, self._beat)

    def _tell(self) -> None:
        said = {"turn": self._longest, "tasks": len(asyncio.all_tasks())}
        self._longest = 0.0
        self._report.with_suffix(".new").write_text(json.dumps(said))
        self._report.with_suffix(".new").rename(self._report)
        self._before = time.thread_time()


async def run(config_path: str, report: Path) -> int:
    """The daemon, and its pulse."""
    config = load(config_path)
    output = configure(config.log.level, config.log.format)
    daemon = Daemon(config, config_path, output)
    running = asyncio.ensure_future(daemon.run())
    pulse = Pulse(report)
    try:
        return await running
    finally:
        del pulse


if __name__ == "__main__":
    sys.exit(uvloop.run(run(sys.argv[1], Path(sys.argv[2]))))
