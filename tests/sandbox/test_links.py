"""A network at rest: what is promised of the table is there when the sandbox's links are made."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.namespace

ROOT = Path(__file__).parents[2]
MAKE = f"""
import os, subprocess, sys
sys.path.insert(0, {str(ROOT)!r})
from nld.sandbox import links, namespace
links.REST_SECONDS = 3600.0  # what is not heard of is never over
if "detection" in sys.argv:
    links._skip_address_detection = lambda: False
there = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
with links.channel() as over_there:
    namespace.unshare(namespace.NEW_NETWORK)
    with links.channel() as here:
        links.make(3, here, over_there, there)
subprocess.run(["ip", "-j", "-6", "route", "show", "table", "all"], check=True)
"""


def made(*arguments: str) -> list[dict[str, Any]]:
    """The IPv6 routes at the moment when the links are made."""
    words = ["unshare", "-Urn", sys.executable, "-c", MAKE, *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    routes: list[dict[str, Any]] = json.loads(done.stdout)
    return routes


@pytest.mark.parametrize("arguments", [[], ["detection"]], ids=["without detection", "with detection"])
def test_every_route_of_the_kernels_own_is_there(arguments: list[str]) -> None:
    routes = made(*arguments)
    local = {route["dst"] for route in routes if route.get("type") == "local"}
    assert {"::1", "2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"} < local
    for name in ("nld0", "nld1", "nld2"):
        own = [route for route in routes if route["dev"] == name]
        assert len([route for route in own if route.get("type") == "local"]) == 2, "the link-local one too"
        assert {"fe80::/64", "ff00::/8"} < {route["dst"] for route in own}
    assert len(routes) == 1 + 3 * len(("prefix", "fe80::/64", "local", "local", "ff00::/8"))


LISTEN = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from nld.netlink.registry import RTNLGRP
from nld.sandbox import links
with links.channel(RTNLGRP.IPV6_ROUTE) as notifications, links.channel() as other:
    links._up(other, "lo")
    print(notifications.heard(3600.0))
"""


def test_what_the_kernel_does_of_itself_is_heard() -> None:
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", LISTEN],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.stdout == "True\n", done.stderr
