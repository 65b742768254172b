"""A real kernel accepts what we encode, and says it back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.namespace
def test_every_golden_route_can_be_given_back() -> None:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs unshare and ip")
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-m", "tests.netlink.replay"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("this system has no user namespaces for us")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert told["accepted"] > 40
    assert all("mpls" in name or "seg6" in name or "encap" in name for name in told["unsupported"])
