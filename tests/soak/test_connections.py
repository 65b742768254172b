"""A crowd at the control socket: a thousand idle, fifty busy, one that stops reading, one that drips.

``NLD_SOAK_SECONDS`` is how long the busy ones work: 60 by default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.load import BACK

pytestmark = [pytest.mark.soak, pytest.mark.namespace]

GROWTH = 64 << 20
HISTORY = 4096
"""Changes that the daemon keeps: so few that they can be filled in first, and that a stalled watcher is
overtaken and must be told to start anew."""
MORE = f"[limits]\nconnections_per_uid = 4096\n[watch]\nhistory = {HISTORY}\n"
"""For the crowd is one user's here, who by default has 1024 connections."""
DAEMON = f'ulimit -n 2048; printf {MORE!r} >> "$2"; exec "$0" -m nld.daemon "$@"'
SANDBOX = """
import sys
from nld.sandbox import main
sys.exit(main(2, sys.argv[2:], daemon=("sh", "-c", sys.argv[1], sys.executable), log_level="error"))
"""


def test_a_crowd() -> None:
    seconds = float(os.environ.get("NLD_SOAK_SECONDS", "60"))
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", SANDBOX, DAEMON, sys.executable, "-m", "tests.soak.load", str(seconds)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": root, "NLD_SOAK_HISTORY": str(HISTORY)},
        capture_output=True,
        text=True,
        timeout=seconds * 2 + 1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    print(
        f"{told['calls']} calls in {seconds:g} s; memory in MiB: "
        + ", ".join(f"{name} {told[name] / (1 << 20):.1f}" for name in ("before", "peak", "after"))
    )
    assert told["errors"] == []
    assert told["calls"] > 0
    assert told["peak"] - told["before"] < GROWTH
    assert told["after"] - told["before"] <= BACK
