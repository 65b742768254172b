"""The harness keeps its promises: commands, files, time limits, persistence, and the death of a guest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .channel import MachineError, MachineGoneError
from .conftest import Boot
from .machine import Machine

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def quick(boot_module: Boot) -> Machine:
    """Boot one machine for the tests which leave it as it was."""
    return boot_module("6.12", cpus=1)


def test_command(quick: Machine) -> None:
    done = quick.run("cat; echo words >&2; exit 3", stdin=b"in", check=False)
    assert (done.code, done.output, done.error_text) == (3, b"in", "words\n")
    with pytest.raises(MachineError, match="ended with 3"):
        quick.run("exit 3")


def test_user_and_environment(quick: Machine) -> None:
    done = quick.run("id -un; echo $WORD; pwd", user="user", env={"WORD": "x"}, cwd="/srv")
    assert done.text.split() == ["user", "x", "/srv"]


def test_files(quick: Machine, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    quick.put("/tmp/data", data, 0o600)
    assert quick.get("/tmp/data") == data
    (tmp_path / "tree/inner").mkdir(parents=True)
    (tmp_path / "tree/inner/file").write_text("text")
    quick.put_tree({"copy": tmp_path / "tree"}, "/tmp/target")
    assert quick.get("/tmp/target/copy/inner/file") == b"text"
    with pytest.raises(MachineError, match="FileNotFoundError"):
        quick.get("/nowhere")


def test_time_limit_ends_the_command_and_its_children(quick: Machine) -> None:
    with pytest.raises(MachineError, match=r"no end in 0\.5 s"):
        quick.run("sleep 1234 & wait", timeout=0.5)
    quick.run("while pidof sleep; do :; done")


def test_commands_run_side_by_side(quick: Machine) -> None:
    quick.run("mkfifo /tmp/pipe")
    waiting = quick.start("read -r line < /tmp/pipe; echo got $line")
    quick.run("echo this > /tmp/pipe")
    assert waiting.wait_for("got (.*)")[1] == "this"
    assert waiting.wait().code == 0


def test_module_loads_and_unloads(quick: Machine) -> None:
    quick.load_module()
    assert "nld" in quick.run("lsmod").text
    quick.run("rmmod nld")
    assert not quick.reports()


def test_panic_is_told_with_the_console(boot: Boot) -> None:
    machine = boot("6.12", cpus=1)
    with pytest.raises(MachineGoneError, match="sysrq"):
        machine.run("echo c > /proc/sysrq-trigger")


def test_disk_survives_a_boot_and_a_pulled_plug_but_not_the_machine(quick: Machine, boot: Boot) -> None:
    machine = boot("6.12", cpus=1)
    machine.run("echo kept > /root/kept; sync")
    machine.kill()
    machine.boot()
    assert machine.get("/root/kept") == b"kept\n"
    machine.reboot()
    assert machine.get("/root/kept") == b"kept\n"
    machine.close()
    assert quick.run("test -e /root/kept", check=False).code == 1


ENDS_ITSELF = """
echo "emulator: memory.c:1: look: Assertion 'section < sections' failed." >&2
kill -ABRT $$
"""
LOSES_A_TIMER = """
echo "rcu: rcu_preempt kthread timer wakeup didn't happen for 5255 jiffies!" >>"$console"
exec sleep 600
"""


@pytest.mark.parametrize("fails", [ENDS_ITSELF, LOSES_A_TIMER], ids=["ends itself", "loses a timer"])
def test_an_emulator_that_fails_while_it_boots_is_started_again(fails: str, tmp_path: Path) -> None:
    machine = Machine("6.12", cpus=1)
    real, failing = machine._emulator, tmp_path / "emulator"
    failing.write_text(
        f"""#!/bin/sh
echo start >> {tmp_path}/starts
[ $(wc -l < {tmp_path}/starts) -gt 2 ] && exec {real} "$@"
console=$(echo "$*" | sed 's/.*id=console,path=\\([^,]*\\).*/\\1/')
{fails}
"""
    )
    failing.chmod(0o755)
    machine._emulator = str(failing)
    with machine:
        assert machine.run("echo up").text == "up\n"
    assert (tmp_path / "starts").read_text() == "start\n" * 3


def test_an_emulator_that_always_fails_is_told(tmp_path: Path) -> None:
    machine = Machine("6.12", cpus=1)
    failing = tmp_path / "emulator"
    failing.write_text("#!/bin/sh\necho 'Assertion: none of these' >&2\nkill -ABRT $$\n")
    failing.chmod(0o755)
    machine._emulator = str(failing)
    with pytest.raises(MachineGoneError, match=r"each time(.|\n)*none of these"), machine:
        pass
