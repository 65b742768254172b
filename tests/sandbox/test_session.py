"""Whose status is returned, who is told of a signal, and that nothing stays, on a real kernel."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.namespace

STAND_IN = str(Path(__file__).with_name("stand_in.py"))
ROOT = Path(__file__).parents[2]
SENT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def call(*command: str, links: int = 2, daemon: tuple[str, ...] = (STAND_IN,)) -> list[str]:
    """The words that run ``main`` as a program, with signals as a terminal has them.

    For who runs the tests may be a background job, in which the shell ignores SIGINT, or below nohup(1).
    """
    arguments = f"{links}, sys.argv[1:], daemon=[sys.executable, *{daemon!r}]"
    return [
        sys.executable,
        "-c",
        f"import signal, sys; [signal.signal(one, signal.SIG_DFL) for one in {list(map(int, SENT))}];"
        f" sys.path.insert(0, {str(ROOT)!r}); from nld.sandbox import main;"
        f" sys.exit(main({arguments}))",
        *command,
    ]


def run(
    *command: str, links: int = 2, daemon: tuple[str, ...] = (STAND_IN,)
) -> subprocess.CompletedProcess[str]:
    words = call(*command, links=links, daemon=daemon)
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -TERM $$"], 128 + 15),
        (["sh", "-c", "kill -KILL $$"], 128 + 9),
        (["no-such-program"], 127),
        (["/no/such/program"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_the_commands_status_is_returned(command: list[str], status: int) -> None:
    assert run(*command).returncode == status


LOOK = """
import json, os, pathlib, socket
found = {}
for name, four, six in (("nld0", "192.0.2.1", "2001:db8::1"), ("nld2", "192.0.4.1", "2001:db8:0:2::1")):
    for family, address in ((socket.AF_INET, four), (socket.AF_INET6, six)):
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((address, 0))
with socket.socket(socket.AF_UNIX) as client:
    client.connect(os.environ["NLD_SOCKET"])
print(json.dumps({
    "links": sorted(name for _, name in socket.if_nameindex()),
    "up": [int(pathlib.Path(f"/sys/class/net/nld{n}/flags").read_text(), 16) & 1 for n in range(3)],
    "carrier": [pathlib.Path(f"/sys/class/net/nld{n}/carrier").read_text().strip() for n in range(3)],
    "socket": os.environ["NLD_SOCKET"],
    "uid": os.getuid(),
    "processes": sum(name.isdigit() for name in os.listdir("/proc")),
}))
"""


def test_what_the_command_finds() -> None:
    result = run(sys.executable, "-c", LOOK, links=3)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    tunnels = {"tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"}
    assert set(found["links"]) - tunnels == {"lo", "nld0", "nld1", "nld2"}
    assert found["up"] == [1, 1, 1]
    assert found["carrier"] == ["1", "1", "1"]
    assert found["socket"] == "/run/nld/io.nld"
    assert found["uid"] == 0
    assert found["processes"] == 3, "init, daemon, command"


def test_no_links_if_none_are_wanted() -> None:
    result = run(sys.executable, "-c", "import socket; print(socket.if_nameindex())", links=0)
    assert "nld" not in result.stdout
    assert "lo" in result.stdout


def test_too_many_links_are_refused() -> None:
    result = run("true", links=255)
    assert (result.returncode, result.stderr) == (
        125,
        "nld sandbox: --links 255: a whole number from 0 to 254\n",
    )


def test_run_is_the_hosts_but_for_what_is_ours() -> None:
    before = sorted(os.listdir("/run"))  # noqa: PTH208
    result = run("sh", "-c", "ls -a /run; touch /run/nld/x /run/mark && echo made")
    assert result.stdout.endswith("made\n"), result.stderr
    assert set(before) - set(result.stdout.split()) <= {"netns"}
    assert not Path("/run/mark").exists()
    assert not Path("/run/nld/x").exists()


def test_a_daemon_that_ends_before_it_is_ready() -> None:
    result = run("true", daemon=(STAND_IN, "fail"))
    assert result.returncode == 125
    assert "the daemon ended with status 3 before it was ready" in result.stderr


def test_a_daemon_that_ends_later_is_told() -> None:
    result = run("sh", "-c", "kill -9 2; while [ -e /proc/2 ]; do :; done; exit 4")
    assert result.returncode == 4
    assert result.stderr == "nld sandbox: the daemon ended with status 137\n"


class Sandbox:
    """A sandbox under way, whose command has said ``ready``; ``ended`` waits until all of it is gone."""

    def __init__(self, command: str) -> None:
        self._read, written = os.pipe()
        output, self._output = os.pipe()
        self.process = subprocess.Popen(
            call("sh", "-c", command),
            pass_fds=[written],
            stdout=self._output,
            stderr=subprocess.PIPE,
        )
        os.close(written)
        os.close(self._output)
        with open(output) as lines:  # noqa: PTH123
            assert lines.readline() == "ready\n"

    def ended(self) -> int:
        """Every process of the sandbox holds the pipe: its end is the end of the last of them."""
        assert os.read(self._read, 1) == b""
        os.close(self._read)
        status = self.process.wait()
        assert self.process.stderr
        self.process.stderr.close()
        return status


SLEEP = "echo ready; exec sleep 1000"


def test_background_processes_do_not_stay() -> None:
    assert Sandbox("sleep 1000 & setsid sleep 1000 & echo ready").ended() == 0


def test_nothing_stays_after_kill_9() -> None:
    sandbox = Sandbox(f"sleep 1000 & {SLEEP}")
    sandbox.process.kill()
    assert sandbox.ended() == -9


@pytest.mark.parametrize("number", SENT)
def test_a_signal_from_outside_reaches_the_command(number: signal.Signals) -> None:
    sandbox = Sandbox(SLEEP)
    sandbox.process.send_signal(number)
    assert sandbox.ended() == 128 + number


def test_a_command_may_handle_the_signal() -> None:
    sandbox = Sandbox("trap 'exit 9' TERM; echo ready; while :; do sleep 1000 & wait $!; done")
    sandbox.process.terminate()
    assert sandbox.ended() == 9


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A process in a session with a terminal of its own that runs a sandbox; (its id, our end)."""
    child, master = pty.fork()
    if child == 0:
        words = call("sh", "-c", "echo ready; exec sleep 1000")
        os.execv(words[0], words)
    yield child, master
    os.close(master)


def test_ctrl_c_ends_the_command_and_its_status_says_so(terminal: tuple[int, int]) -> None:
    child, master = terminal
    seen = b""
    while b"ready" not in seen:
        seen += os.read(master, 1024)
    os.write(master, b"\x03")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGINT


def test_the_daemon_does_not_hear_ctrl_c() -> None:
    sessions = run("sh", "-c", "cut -d' ' -f6 /proc/2/stat; cut -d' ' -f6 /proc/self/stat")
    daemon, command = sessions.stdout.split()
    assert daemon == "2"
    assert command != daemon


def test_the_daemon_speaks_for_itself_only() -> None:
    result = run("env")
    assert not re.search("^(NOTIFY_SOCKET|LISTEN_FDS)=", result.stdout, re.M)
    assert "NLD_SOCKET=/run/nld/io.nld\n" in result.stdout


def test_a_socket_of_the_host_is_out_of_reach(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        assert "ConnectionRefusedError" in run(sys.executable, "-c", code).stderr
