"""One virtual machine: booted, used through its agent, and always gone afterwards.

A machine writes to an overlay of its own and to nothing else, so machines never meet and the image stays
as it was built. Nothing waits without a limit, and a machine outlives neither its `with` block nor its
lifetime nor the process that started it. When the guest's kernel dies, whoever waits is told at once,
with the end of the console.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from . import cache, image, initramfs, kernel_log, module, packages
from .agent import PORT_NAME
from .channel import Channel, Done, MachineError, MachineGoneError, Running
from .initramfs import Start
from .kernel import kernel

# What a test asks for -> the kernel's name and how the system starts.
MACHINES = {
    "6.1": ("6.1", Start.QUICK),
    "6.12": ("6.12", Start.QUICK),
    "newest": ("newest", Start.QUICK),
    "debian13": ("6.12", Start.SYSTEMD),
    "sanitizer": ("sanitizer", Start.QUICK),
    "races": ("races", Start.QUICK),
}

LOST_TIMER = "kthread timer wakeup didn't happen"
"""What a kernel says when a processor sleeps through its timer: the emulator lost an interrupt."""


class Machine:
    """A booted machine; a context manager.

    ``memory`` is in MiB. ``boot_timeout`` and ``lifetime`` are in seconds; when the lifetime is over the
    machine is killed, whatever it does. ``console`` connects the serial console to this terminal.
    """

    def __init__(
        self, name: str, *, memory: int = 1024, cpus: int = 2, boot_timeout: float = 180,
        lifetime: float = 1800, console: bool = False, parameters: Iterable[str] = (),
    ) -> None:  # fmt: skip
        kernel_name, self.start_mode = MACHINES[name]
        self.name = name
        self.kernel = kernel(kernel_name)
        self._memory, self._cpus = memory, cpus
        self._boot_timeout, self._lifetime = boot_timeout, lifetime
        self._interactive = console
        self._parameters = list(parameters)
        self._disk = image.disk(kernel_name)
        self._layer = image.layer(kernel_name)
        self._emulator = packages.emulator()
        self._dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._said_before = 0  # characters on the console by the boots before this one

    # -- life

    def __enter__(self) -> Self:
        try:
            self.boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def boot(self) -> None:
        """Start the machine on its overlay (made at the first boot) and wait for its agent.

        An emulator that fails before anything of ours runs says nothing of us: it is started again, three
        times at most.
        """
        assert self._process is None, "the machine is running"
        for _ in range(3):
            self._start()
            if self._agent_speaks():
                return
            error = self.tail()
            self.kill()
        raise MachineGoneError(f"the emulator failed each time\n{error}")

    def _agent_speaks(self) -> bool:
        """Wait for the agent; False when it is the emulator that failed."""
        assert self._channel is not None
        deadline = time.monotonic() + self._boot_timeout
        try:
            while not self._channel.wait_for_hello(2):
                if LOST_TIMER in self.console()[self._said_before :]:
                    return False
                if time.monotonic() > deadline:
                    raise MachineError(f"the machine did not boot in {self._boot_timeout} s\n{self.tail()}")
        except MachineGoneError:
            if self._emulator_ended_itself():
                return False
            raise
        return True

    def _start(self) -> None:
        if self._dir is None:
            cache.root().mkdir(parents=True, exist_ok=True)
            self._dir = Path(tempfile.mkdtemp(prefix="nld-machine-"))
            packages.command(
                ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(self._disk),
                 str(self._dir / "overlay")]
            )  # fmt: skip
        self._said_before = len(self.console())
        first = self._dir / "initramfs"
        first.write_bytes(initramfs.build(self.kernel, self._layer.read_bytes()))
        ours, theirs = socket.socketpair()
        with theirs, (self._dir / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(first, theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=None if self._interactive else subprocess.DEVNULL,
                stdout=None if self._interactive else subprocess.DEVNULL,
                stderr=log,
            )
        self._channel = Channel(ours, self.kill, self._lifetime, self.tail)

    def _emulator_ended_itself(self) -> bool:
        """Whether the emulator ended by an assertion of its own.

        QEMU 10 does when one processor of a guest places devices in memory while another reaches for one.
        """
        assert self._process is not None and self._dir is not None
        words = (self._dir / "qemu.log").read_text(errors="replace")
        return self._process.wait(10) == -signal.SIGABRT and "Assertion" in words

    def _command(self, first: Path, port: int) -> list[str]:
        assert self._dir is not None
        words = [
            "console=ttyS0", "root=/dev/vda", "rw", "quiet", "panic=-1", "oops=panic",
            "random.trust_cpu=on", f"machine_start={self.start_mode}", *self._parameters,
        ]  # fmt: skip
        if self._interactive:
            serial = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        else:
            log = f"file,id=console,path={self._dir / 'console'},append=on"
            serial = ["-chardev", log, "-serial", "chardev:console"]
        accelerator = os.environ.get("NLD_VM_ACCEL") or "tcg,thread=multi"
        return [
            # The kernel ends the machine if we die without a chance to do it.
            "setpriv", "--pdeathsig", "KILL",
            self._emulator, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            # Without five-level paging: KASAN asks for it in boot_cpu_data, which identify_cpu() clears for a
            # moment, and an interrupt then (certain on a slow host) is reported as a wild access.
            "-machine", "q35", "-accel", accelerator, "-cpu", "max,la57=off",
            "-m", str(self._memory), "-smp", str(self._cpus), *serial,
            "-kernel", str(self.kernel.image), "-initrd", str(first), "-append", " ".join(words),
            "-drive", f"file={self._dir / 'overlay'},format=qcow2,if=virtio,cache=unsafe",
            "-device", "virtio-rng-pci",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={port}",
            "-device", f"virtserialport,chardev=agent,name={PORT_NAME}",
        ]  # fmt: skip

    def power_off(self, timeout: float = 90) -> None:
        """Shut the guest down in order, and wait until it is off. The disk stays, for another boot."""
        assert self._process is not None
        if self.start_mode is Start.SYSTEMD:
            self.start("systemctl poweroff")
        else:
            self.start("sync; /run/machine/busybox poweroff -f")
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise MachineError(f"{self.name} did not power off in {timeout} s\n{self.tail()}") from None
        finally:
            self.kill()

    def reboot(self) -> None:
        """Shut down in order and boot again from the same disk."""
        self.power_off()
        self.boot()

    def kill(self) -> None:
        """Pull the plug. The disk stays, with what the guest had written."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def close(self) -> None:
        """Kill the machine and remove everything of it."""
        self.kill()
        if self._dir is not None:
            shutil.rmtree(self._dir, ignore_errors=True)
            self._dir = None

    def wait(self) -> None:
        """Wait until the guest powers off by itself (a console session); its lifetime still counts."""
        assert self._process is not None
        self._process.wait()

    # -- work

    def start(
        self, command: str | Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None,
        cwd: str = "/", user: str | None = None,
    ) -> Running:  # fmt: skip
        """Start a command in the guest and return at once. A string is given to the shell."""
        if self._channel is None:
            raise MachineError(f"{self.name} is not running")
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        return self._channel.start(argv, stdin, dict(env or {}), cwd, user)

    def run(
        self, command: str | Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None,
        cwd: str = "/", user: str | None = None, timeout: float = 60, check: bool = True,
    ) -> Done:  # fmt: skip
        """Run a command in the guest to its end; with ``check``, failing raises with its output."""
        running = self.start(command, stdin=stdin, env=env, cwd=cwd, user=user)
        done = running.wait(timeout)
        if check and done.code:
            raise MachineError(f"{command!r} ended with {done.code}:\n{done.text}{done.error_text}")
        return done

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Write a file in the guest."""
        if self._channel is None:
            raise MachineError(f"{self.name} is not running")
        self._channel.put(path, data.encode() if isinstance(data, str) else data, mode)

    def get(self, path: str) -> bytes:
        """Read a file of the guest."""
        if self._channel is None:
            raise MachineError(f"{self.name} is not running")
        return self._channel.get(path)

    def put_tree(self, sources: Mapping[str, Path], target: str) -> None:
        """Copy files and directories (name below the target -> host path), without what tools left there."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, source in sources.items():
                for file in cache.files_of(source):
                    archive.add(file, arcname=str(Path(name) / file.relative_to(source)))
        self.run(["mkdir", "-p", target])
        self.run(["tar", "-x", "--no-same-owner", "-C", target], stdin=buffer.getvalue())

    def load_module(self, *parameters: str) -> None:
        """Load nld.ko (``name=value`` each); a kernel that is not in the image gets it carried in."""
        if self.kernel.modules is not None:
            self.run(["modprobe", "nld", *parameters])
        else:
            self.put("/run/nld.ko", (module.built(self.kernel) / "nld.ko").read_bytes())
            self.run(["insmod", "/run/nld.ko", *parameters])

    # -- what the kernel said

    def console(self) -> str:
        """Return the serial console's text of all boots so far."""
        path = None if self._dir is None else self._dir / "console"
        return path.read_text(errors="replace") if path is not None and path.exists() else ""

    def log(self) -> str:
        """Return the kernel's log of this boot."""
        return self.run("dmesg").text

    def reports(self) -> list[str]:
        """List the lines of the kernel's log that report something wrong in the kernel."""
        return kernel_log.reports(self.log())

    def tail(self) -> str:
        """Return the end of the console, for a message."""
        words = self.console()
        if self._dir is not None and (self._dir / "qemu.log").exists():
            words += (self._dir / "qemu.log").read_text(errors="replace")
        return "\n".join(["-- end of the console:", *words.splitlines()[-60:]])
