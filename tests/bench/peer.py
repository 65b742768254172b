"""Time commands in a fresh network namespace with a sandbox's first link; run as a program inside it.

Its arguments are commands, each one a JSON list.  Prints one JSON list with the seconds of each.  A command
whose first word is ``until:N`` is a daemon: it is timed until the table has N more prefixes than before (its
IPv4 trie is asked, /proc/net/fib_triestat), and ended then.  The link is deleted before the namespace goes,
so that the kernel takes its routes away now and not during the next measurement.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

LINK = """link set lo up
link add nld0 type veth peer name far0
link set nld0 up
link set far0 up
address add 192.0.2.1/24 dev nld0
address add 2001:db8::1/64 dev nld0 nodad
"""
LOOK = 0.05
"""Seconds between two looks at how far a daemon is."""


def main(commands: list[list[str]]) -> None:
    subprocess.run(["ip", "-batch", "-"], input=LINK, text=True, check=True)
    print(json.dumps([seconds(command) for command in commands]))
    subprocess.run(["ip", "link", "delete", "nld0"], check=True)


def seconds(command: list[str]) -> float:
    """What one command takes."""
    begin = time.perf_counter()
    if not command[0].startswith("until:"):
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begin
    wanted = prefixes() + int(command[0].removeprefix("until:"))
    begin = time.perf_counter()
    process = subprocess.Popen(command[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while prefixes() < wanted:
            if process.poll() is not None:
                raise SystemExit(f"{command[1]} ended with status {process.returncode}")
            time.sleep(LOOK)
        return time.perf_counter() - begin
    finally:
        process.kill()
        process.wait()


def prefixes() -> int:
    """IPv4 prefixes in the namespace's largest table."""
    return max(map(int, re.findall(r"Prefixes:\s+(\d+)", Path("/proc/self/net/fib_triestat").read_text())))


if __name__ == "__main__":
    main([json.loads(argument) for argument in sys.argv[1:]])
