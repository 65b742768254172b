"""A machine to try nld in: the whole Debian 13, nld.ko loaded, nld running, its console in this terminal.

    python -m tests.vm.shell [--kernel 6.1]

The console is the guest's, logged in as root; `poweroff`, or Ctrl-A then x, ends the machine, and nothing
that was done in it stays.
"""

from __future__ import annotations

import argparse
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from .channel import MachineError
from .machine import MACHINES, Machine
from .packages import UnavailableError

_WELCOME = """\
nld runs here as a service, with both kernel sides. For instance:
    nld route add 198.51.100.0/24 via 192.0.2.2
    nld route list
    nld -kernel module route add 198.51.100.0/24 via 192.0.2.2
    nld -kernel module route list
    nld greet Hello
    varlinkctl introspect unix:/run/nld/io.nld
    journalctl -u nld
The links are made up: nld0 has 192.0.2.1/24, nld1 has 203.0.113.1/24. "poweroff" ends the machine.
"""

_STARTING = 300.0
"""Seconds: starting nld is much work for an emulated processor."""

# What nld.service reads when it starts.
_CONFIG = """\
[kernel.module]
enabled = true
"""

# Two links to route over; a dummy has no other end, which a route does not mind.
_LINKS = """
ip link add nld0 type dummy && ip link set nld0 up && ip address add 192.0.2.1/24 dev nld0
ip link add nld1 type dummy && ip link set nld1 up && ip address add 203.0.113.1/24 dev nld1
"""


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Give every key to the guest, and this terminal back as it was."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def main() -> int:
    """Boot, prepare, wait until the user is done."""
    parser = argparse.ArgumentParser(prog="python -m tests.vm.shell", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--machine", choices=sorted(MACHINES), default="debian13")
    parser.add_argument("--memory", type=int, default=1024, help="MiB")
    parser.add_argument("--hours", type=float, default=12, help="the machine is killed after so long")
    arguments = parser.parse_args()
    try:
        print("preparing the machine; the first time this takes minutes", file=sys.stderr)
        machine = Machine(
            arguments.machine, memory=arguments.memory, lifetime=arguments.hours * 3600, console=True
        )
        with _raw_terminal(), machine:
            machine.put("/etc/motd", _WELCOME)
            machine.run("mkdir -p /etc/nld")
            machine.put("/etc/nld/config.toml", _CONFIG)
            machine.load_module()
            machine.run(_LINKS)
            # Somebody may have called at its socket already: then it runs without the module.
            machine.run("systemctl restart nld.service", check=False, timeout=_STARTING)
            machine.wait()
    except (UnavailableError, MachineError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
