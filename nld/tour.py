"""``make run``: the main job on a real kernel table, in two minutes of reading.

Runs inside ``nld sandbox``.  Each step says in plain words what is done, shows the command, and shows what
came of it; the commands are the ones that a user would type, so the tour cannot promise what nld does not
do.  A step that ends otherwise than expected ends the tour with status 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from nld.client import Client

WATCHED = "203.0.113.0/24"


class Scene(NamedTuple):
    """One thing to show.

    ``about``    what and why, in plain words.
    ``command``  what is typed.
    ``status``   the exit status that it must end with.
    """

    about: str
    command: str
    status: int = 0


BEFORE = (
    Scene(
        "This is a private network: two links, its own kernel routing table, and the nld daemon.\n"
        "Programs ask the daemon over a Unix socket; only the daemon talks to the kernel.",
        "nld route list",
    ),
    Scene("Add a route. The syntax is that of ip route.", "nld route add 10.0.0.0/8 via 192.0.2.2"),
    Scene(
        "Add an IPv6 route that shares the load between two next hops, three to one.",
        "nld route add 2001:db8:ff::/48 nexthop via 2001:db8::2 weight 3 nexthop via 2001:db8:0:1::2",
    ),
    Scene("List what the kernel has now. nld's own routes carry its protocol number, 131.", "nld route list"),
    Scene("As with ip, that is IPv4; -6 lists IPv6.", "nld -6 route list"),
    Scene("The same as JSON, field by field what ip -j prints.", "nld -j route list exact 10.0.0.0/8"),
    Scene(
        "Look up the route that a packet to this address takes, and the rule and route that decide.",
        "nld -d route get 10.1.2.3",
    ),
)

AFTER = (
    Scene(
        "A mistake: the route already exists. nld leaves it alone, and says why.",
        "nld route add 10.0.0.0/8 via 192.0.2.3",
        2,
    ),
    Scene(
        "Another: host bits are set. The request never reaches the kernel, and the wrong word is marked.",
        "nld route add 10.1.2.3/16 via 192.0.2.2",
        2,
    ),
    Scene(
        "A third: no link leads to that gateway. The kernel refuses, and nld passes on its message.",
        "nld route add 10.2.0.0/16 via 198.51.100.1",
        2,
    ),
    Scene("Delete the first route.", "nld route delete 10.0.0.0/8"),
)

THE_END = """\
That was the main job: add, list, look up, watch, refuse, delete, on a real kernel table.

Next steps:
  .venv/bin/nld sandbox              a shell in such a network, to try things; "exit" leaves it
  .venv/bin/nld route help           the syntax of routes, with examples
  README.md                          the Python client, the control socket, installing it as a service
  docs/architecture.md               how it works inside, and where to make a change
  make check                         all checks and tests
"""


class Shown:
    """What the tour prints, numbered."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._number = 0

    def about(self, words: str) -> None:
        """The heading of the next step."""
        self._number += 1
        print(f"\n[{self._number}/{self._steps}] {words}")

    def run(self, step: Scene) -> bool:
        """Do a step; whether it ended as it must."""
        self.about(step.about)
        print(f"  $ {step.command}", flush=True)
        done = subprocess.run(nld(step.command), capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            print(f"    {line}")
        if done.returncode != step.status:
            print(f"the tour expected status {step.status}, and this is {done.returncode}", file=sys.stderr)
        return done.returncode == step.status

    def watch(self) -> bool:
        """Follow changes with the Python client while a command makes one."""
        self.about(
            "Watch: this program follows the table through the Python client, while a command beside it\n"
            "makes a change."
        )
        with Client() as client:
            replies = client.watch({"table": "main"})
            while next(replies)["kind"] != "synced":
                continue
            command = f"nld route add blackhole {WATCHED} metric 500"
            print(f"  $ {command}", flush=True)
            if subprocess.run(nld(command), check=False).returncode != 0:
                return False
            for reply in replies:
                for change in reply.get("changes", []):
                    print(f"    received: {json.dumps(change)}")
                    if change["route"]["dst"] == WATCHED:
                        return True
        return False


def nld(command: str) -> Sequence[str]:
    """``nld route list`` as this very installation's program."""
    return [sys.executable, "-m", "nld.cli.main", *command.split()[1:]]


def main() -> int:
    """Run the tour in the sandbox that this process is in; the exit status."""
    shown = Shown(len(BEFORE) + 1 + len(AFTER))
    if not (all(map(shown.run, BEFORE)) and shown.watch() and all(map(shown.run, AFTER))):
        return 1
    print(f"\n{THE_END}", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
