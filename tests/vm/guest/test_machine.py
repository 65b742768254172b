"""The machines are what their names say, and nld is in them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version


def test_kernel(on: str) -> None:
    release = os.uname().release
    expected = {"6.1": "6.1.", "6.12": "6.12.", "debian13": "6.12.", "sanitizer": "6.12."}[on]
    assert release.startswith(expected)


def test_python() -> None:
    assert sys.version_info[:2] == (3, 13)
    assert version("nld")


def test_root_and_namespaces() -> None:
    assert os.geteuid() == 0
    done = subprocess.run(["unshare", "-n", "ip", "-j", "route"], check=True, capture_output=True, timeout=30)
    assert done.stdout.strip() in (b"", b"[]", b"[ ]")


def test_loopback_is_up() -> None:
    done = subprocess.run(["ip", "link", "show", "lo"], check=True, capture_output=True, timeout=30)
    assert b"UP" in done.stdout


def test_ynl_knows_the_routing_family() -> None:
    spec = "/opt/ynl/Documentation/netlink/specs/rt_route.yaml"
    words = ["ynl", "--spec", spec, "--schema", "/opt/ynl/Documentation/netlink/netlink-raw.yaml",
             "--dump", "getroute", "--json", '{"rtm-family": 2}']  # fmt: skip
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "127.0.0" in done.stdout
