"""Lanes: known by node ids, and kept by pytest-xdist as it is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.lanes import lane, turn

ROOT = Path(__file__).parents[1]
FILES = ("tests/control/test_frame.py", "tests/control/test_budget.py", "tests/netlink/test_header.py")


@pytest.mark.parametrize(
    ("node_id", "expected", "wanted_turn"),
    [
        ("tests/control/test_frame.py::test_a[x-y]", "tests/control/test_frame.py", 1),
        ("tests/netlink/test_header.py::test_a", "tests/netlink/test_header.py", 3),
        ("tests/vm/test_machine.py::test_files", "tests/vm/test_machine.py", 2),
        ("tests/vm/guest/test_module_size.py::test_a[6.12]", "machine 6.12", 0),
        ("tests/vm/guest/test_contract.py::TestFib::test_a[6.1-dst gateway0]", "machine 6.1", 2),
        ("tests/vm/guest/test_module_limits.py::test_a[6.1-ip link del d0]", "machine 6.1", 2),
    ],
)
def test_a_lane_is_a_file_or_a_machine(node_id: str, expected: str, wanted_turn: int) -> None:
    assert (lane(node_id), turn(node_id)) == (expected, wanted_turn)


def test_one_process_runs_a_lane() -> None:
    """Checked with the installed versions: plugins have been known to lose the grouping in silence."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", *FILES],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"^\[(gw\d)\] .*? PASSED (\S+?)::", done.stdout, re.MULTILINE)
    processes: defaultdict[str, set[str]] = defaultdict(set)
    for process, file in ran:
        processes[file].add(process)
    assert {file: len(found) for file, found in processes.items()} == dict.fromkeys(FILES, 1)
    assert len(set.union(*processes.values())) == 2
