"""The programs of docs/examples do what they say, on a real kernel table."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.test_readme import PROGRAM, ROOT, in_sandbox

EXAMPLES = ROOT / "docs" / "examples"

BEFORE = """
set -e
export PATH={work}:$PATH PYTHONPATH={root} PYTHONDONTWRITEBYTECODE=1
cd {examples}
python() {{ {python} -W error "$@"; }}
wait_for() {{
    n=0
    until eval "$1" >/dev/null; do n=$((n + 1)); [ $n -lt 1200 ] || exit 9; sleep 0.05; done
}}
"""

VPN = """
nld route add default via 192.0.2.2
for again in 1 2; do python vpn.py up nld1 198.51.100.7; done
ip route get 198.51.100.7 | cut -d' ' -f1-5 | head -1
ip route get 203.0.113.5 | cut -d' ' -f1-3 | head -1
for again in 1 2; do python vpn.py down nld1 198.51.100.7; done
ip route list proto 131 | cut -d' ' -f1-5
"""
VPN_SEEN = "198.51.100.7 via 192.0.2.2 dev nld0\n203.0.113.5 dev nld1\ndefault via 192.0.2.2 dev nld0\n"

FAILOVER = """
python -u failover.py 192.0.2.2 192.0.3.2 > {work}/log & program=$!
wait_for 'ip route list default | grep "via 192.0.2.2"'
ip link set nld0 down
wait_for 'ip route list default | grep "via 192.0.3.2"'
ip link set nld0 up; ip addr replace 192.0.2.1/24 dev nld0
wait_for 'ip route list default | grep "via 192.0.2.2"'
kill $program
cat {work}/log
"""
FAILOVER_SEEN = "default by 192.0.2.2\ndefault by 192.0.3.2\ndefault by 192.0.2.2\n"

AGENT = """
export NLD_SOCKET={work}/io.nld
echo "socket = '$NLD_SOCKET'" > {work}/config.toml
python -u agent.py > {work}/log & program=$!
{python} -m nld.daemon --config {work}/config.toml 2>/dev/null & daemon=$!
wait_for 'grep complete {work}/log'
nld route add 10.1.0.0/16 dev nld0
wait_for 'grep "new 10.1.0.0/16" {work}/log'
kill $daemon; wait $daemon || true
ip route add 10.2.0.0/16 dev nld0
ip route del 10.1.0.0/16
{python} -m nld.daemon --config {work}/config.toml 2>/dev/null & daemon=$!
wait_for 'grep "delete 10.1.0.0/16" {work}/log && grep "new 10.2.0.0/16" {work}/log'
ip route add 10.3.0.0/16 dev nld0
wait_for 'grep "new 10.3.0.0/16" {work}/log'
kill $program $daemon
sort {work}/log
"""
AGENT_SEEN = "complete: 2\ndelete 10.1.0.0/16\nnew 10.1.0.0/16\nnew 10.2.0.0/16\nnew 10.3.0.0/16\n"

CSV = """
printf 'dst,gateway,metric\\n10.1.0.0/16,192.0.2.2,\\n10.2.0.1/16,192.0.2.2,\\n' > {work}/bad.csv
printf '10.3.0.0/16,192.0.2.2,much\\n10.4.0.0/16,192.0.2.2,5\\n' >> {work}/bad.csv
python csv_load.py {work}/bad.csv | cut -d: -f2,3 && false || true
ip route list proto 131
grep -v 'much\\|0.1/16' {work}/bad.csv > {work}/good.csv
python csv_load.py {work}/good.csv
ip route list proto 131 | cut -d' ' -f1-3
"""
CSV_SEEN = (
    "3: routes[1].dst\n4: routes[2].metric\n2 routes\n10.1.0.0/16 via 192.0.2.2\n10.4.0.0/16 via 192.0.2.2\n"
)

ENSURE = """
ip route add 10.9.0.0/16 via 192.0.2.9 proto 77
ip route add 10.1.0.0/16 via 192.0.2.9 proto 77
echo '[{{"dst": "10.1.0.0/16", "gateway": "192.0.2.2"}}, {{"dst": "10.2.0.1/32", "dev": "nld1"}},
  {{"dst": "10.3.0.0/16", "nexthops": [{{"gateway": "192.0.2.2"}}, {{"gateway": "192.0.3.2"}}]}}]' \\
  > {work}/wanted.json
python ensure.py {work}/wanted.json
python ensure.py {work}/wanted.json
ip route list proto 77 | grep -o '^[0-9.]*'
"""
ENSURE_SEEN = "in 3 out 1\nin 0 out 0\n10.1.0.0\n10.2.0.1\n10.3.0.0\n"

NODE_SEEN = "{ done: 1 }\n10.0.0.0/8 192.0.2.2\nio.nld.RouteExists EEXIST\n"

JQ = """
nld route add 10.1.0.0/16 via 192.0.2.2
nld route add 10.2.0.0/16 via 192.0.3.2 table 100
nld route add 10.3.0.0/16 via 192.0.3.2
./gateways.sh
"""

MULTIWAN = """
ip route add default via 192.0.2.9 proto dhcp
./multiwan.sh nld0 192.0.2.0/24 192.0.2.2 nld1 192.0.3.0/24 192.0.3.2 > {work}/log
sed 's/ *$//' {work}/log
ip rule list | grep -c 'lookup 10[12]'
"""
MULTIWAN_SEEN = """\
default proto 131
\tnexthop via 192.0.2.2 dev nld0 weight 1
\tnexthop via 192.0.3.2 dev nld1 weight 1
default via 192.0.2.2 dev nld0 proto 131
blackhole default proto 131 metric 1000
192.0.2.0/24 dev nld0 proto 131 scope link
default via 192.0.3.2 dev nld1 proto 131
blackhole default proto 131 metric 1000
192.0.3.0/24 dev nld1 proto 131 scope link
2
"""

PROGRAMS = [
    ("vpn.py", VPN, VPN_SEEN, None),
    ("failover.py", FAILOVER, FAILOVER_SEEN, None),
    ("agent.py", AGENT, AGENT_SEEN, None),
    ("threads.py", "python threads.py", "200 of 200 right\n", None),
    ("forks.py", "python -W ignore::DeprecationWarning forks.py", "200 of 200 right\n", None),
    ("csv_load.py", CSV, CSV_SEEN, None),
    ("ensure.py", ENSURE, ENSURE_SEEN, None),
    ("client.mjs", "node client.mjs 10.0.0.0/8 192.0.2.2", NODE_SEEN, "node"),
    ("gateways.sh", JQ, "192.0.3.2 2\n192.0.2.2 1\n", "jq"),
    ("multiwan.sh", MULTIWAN, MULTIWAN_SEEN, None),
]


def test_every_program_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".mjs", ".sh"}} == {
        name for name, *_ in PROGRAMS
    }


@pytest.mark.namespace
@pytest.mark.parametrize(("name", "script", "expected", "needs"), PROGRAMS, ids=[row[0] for row in PROGRAMS])
def test_program(name: str, script: str, expected: str, needs: str | None, tmp_path: Path) -> None:
    if needs is not None and shutil.which(needs) is None:
        pytest.skip(f"{needs} is not installed")
    (tmp_path / "nld").write_text(PROGRAM)
    (tmp_path / "nld").chmod(0o755)
    places = {"work": tmp_path, "root": ROOT, "python": sys.executable, "examples": EXAMPLES}
    seen = in_sandbox("bash", "-c", (BEFORE + script).format(**places))
    assert seen.replace("proto nld", "proto 131") == expected
