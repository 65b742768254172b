"""Time a command in a fresh network namespace with a sandbox's first link; run as a program inside it.

Prints one JSON object with ``seconds``.  The link is deleted before the namespace goes, so that the kernel
takes its routes away now and not during the next measurement.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

LINK = """link set lo up
link add nld0 type veth peer name far0
link set nld0 up
link set far0 up
address add 192.0.2.1/24 dev nld0
"""


def main(command: list[str]) -> int:
    subprocess.run(["ip", "-batch", "-"], input=LINK, text=True, check=True)
    begin = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - begin
    subprocess.run(["ip", "link", "delete", "nld0"], check=True)
    print(json.dumps({"seconds": seconds}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
