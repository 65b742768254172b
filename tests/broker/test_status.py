"""The status is true when there is little left to tell it with."""

from __future__ import annotations

import sys

from nld.client import Client
from tests.stand import SECONDS, Stand

LIMIT = """
import resource, sys
hard = resource.prlimit(int(sys.argv[1]), resource.RLIMIT_NOFILE)[1]
resource.prlimit(int(sys.argv[1]), resource.RLIMIT_NOFILE, (min(hard, int(sys.argv[2])), hard))
"""


def test_without_a_descriptor_left(stand: Stand) -> None:
    """Who is connected is told how the daemon is, and may write; later all is as before."""
    with Client(stand.socket, timeout=SECONDS) as client:
        before = client.status()
        daemon = str(before["pid"])  # as it is called in the sandbox
        stand.run(sys.executable, "-c", LIMIT, daemon, "3", check=True)
        status = client.status()
        assert status["version"] == before["version"]
        assert status["memory_bytes"] > 1 << 20
        assert client.add({"dst": "10.0.0.0/8", "dev": "nld0"}) == 1
        stand.run(sys.executable, "-c", LIMIT, daemon, "4096", check=True)
        assert [route["dst"] for route in client.list({"protocol": "nld"})] == ["10.0.0.0/8"]
