"""``nld route monitor`` goes on when the daemon restarts, and says what it cannot know."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.docs.test_examples import BEFORE, EXAMPLES
from tests.docs.test_readme import PROGRAM, ROOT, in_sandbox

SCRIPT = """
export NLD_SOCKET={work}/io.nld
echo "socket = '$NLD_SOCKET'" > {work}/config.toml
daemon() {{
    {python} -m nld.daemon --config {work}/config.toml 2>/dev/null & daemon=$!
    wait_for 'nld status'
}}
daemon 2>/dev/null
nld route monitor > {work}/log 2>&1 & monitor=$!
wait_for 'ip route replace 10.1.0.0/16 dev nld0; ip route del 10.1.0.0/16; grep 10.1 {work}/log'
kill $daemon; wait $daemon || true
wait_for 'grep waiting {work}/log'
daemon 2>/dev/null
wait_for 'ip route replace 10.2.0.0/16 dev nld0; ip route del 10.2.0.0/16; grep 10.2 {work}/log'
kill $monitor $daemon
grep '^nld:' {work}/log
"""


@pytest.mark.namespace
def test_monitor_survives_a_restart(tmp_path: Path) -> None:
    (tmp_path / "nld").write_text(PROGRAM)
    (tmp_path / "nld").chmod(0o755)
    places = {"work": tmp_path, "root": ROOT, "python": sys.executable, "examples": EXAMPLES}
    seen = in_sandbox("bash", "-c", (BEFORE + SCRIPT).format(**places))
    assert [
        line for line in seen.splitlines() if line.startswith("nld: ") and "cannot reach" not in line
    ] == [
        "nld: the connection to the daemon ended; waiting for it to come back",
        "nld: changes made while the daemon was away are not shown",
        "nld: the daemon is back",
    ]
