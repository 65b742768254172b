"""Coverage-guided fuzzing of everything that takes bytes from a socket, for a bounded time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris")


@pytest.mark.fuzz
def test_decoding_ends_with_the_declared_error_only() -> None:
    seconds = int(os.environ.get("NLD_FUZZ_SECONDS", "10"))
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.netlink.fuzz_decode", str(seconds)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stat::number_of_executed_units" in done.stderr
