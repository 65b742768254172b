"""The processes of a sandbox, and who ends with whom.

::

    outer    what the user started; in a network namespace that holds the far ends of the links
     \\_ init      process 1 of the sandbox; in the network namespace with lo and nld0..
          |_ daemon    nld on the fib table, in a session of its own so that Ctrl-C does not reach it
           \\_ command   what the user wanted, in the user's own session and process group

Invariants: the command's status is the outer process's.  When init ends, the kernel kills all of the
sandbox; init ends with the outer process, even by ``kill -9`` (PR_SET_PDEATHSIG); and what lived in the
namespaces (links, routes, sockets, /run/nld) goes with the last of them.  Nothing is written outside.

A signal typed at the terminal reaches the command by itself; one sent to the outer process by another
(kill, a supervisor) is handed down from outer to init to the command.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from nld.errors import KernelUnavailable, NldError
from nld.sandbox import links as network
from nld.sandbox import namespace
from nld.service_manager import Notifications

PLACE = "/run/nld"
SOCKET = f"{PLACE}/io.nld"
CONFIG = f"{PLACE}/config.toml"
MODULE = Path("/sys/module/nld")
"""There while the kernel module is loaded."""

FAILED = 125
"""Status if the sandbox itself failed; 126 and 127: the command could not be run, was not found
(as env(1), timeout(1) and docker have them)."""

GRACE_SECONDS = 5.0
"""How long a command that was sent SIGTERM or SIGHUP, and the daemon at the end, may take to stop."""

_HANDED_DOWN = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_WAITED_FOR = {*_HANDED_DOWN, signal.SIGCHLD}


def main(
    links: int = 2,
    command: Sequence[str] = (),
    *,
    daemon: Sequence[str] | None = None,
    log_level: str = "error",
) -> int:
    """Run ``command`` in a sandbox and return its exit status (128 + n if signal n killed it).

    ``links``      how many links, nld0 up; 0: loopback only; at most 254.
    ``command``    program and arguments; empty: the user's shell ($SHELL, else /bin/sh).
    ``daemon``     the program that is the daemon, given ``--config PATH``; None: ``python -m nld.daemon``.
    ``log_level``  the least severe entry of the daemon's log that is shown, on standard error.

    In the sandbox NLD_SOCKET is /run/nld/io.nld, where the daemon answers before the command starts.
    What goes wrong is printed, and 125 returned.  This process enters namespaces that it cannot leave
    and must have no threads: call it last, or in a process made for it.
    """
    if not 0 <= links <= network.MOST_LINKS:
        return _complain(f"--links {links}: a whole number from 0 to {network.MOST_LINKS}")
    program = daemon if daemon is not None else (sys.executable, "-m", "nld.daemon")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    try:
        with _terminal_given_back():
            return _outer(lambda: _init(links, command, program, log_level))
    except NldError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"the sandbox could not be made: {error}")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _complain(words: str) -> int:
    print(f"nld sandbox: {words}", file=sys.stderr)
    return FAILED


@contextlib.contextmanager
def _terminal_given_back() -> Iterator[None]:
    """A shell in the sandbox takes the terminal and cannot name us when it gives it back: take it."""
    ours = False
    with contextlib.suppress(OSError):
        ours = os.tcgetpgrp(0) == os.getpgrp()
    try:
        yield
    finally:
        if ours:
            previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            with contextlib.suppress(OSError):
                os.tcsetpgrp(0, os.getpgrp())
            signal.signal(signal.SIGTTOU, previous)


def _outer(init: Callable[[], int]) -> int:
    namespace.become_root_of(namespace.NEW_PROCESSES | namespace.NEW_NETWORK)
    alive, held = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os._exit(_as_init(init, alive, held))
    os.close(alive)
    try:
        while True:
            arrived = signal.sigwaitinfo(_WAITED_FOR)
            if arrived.si_signo == signal.SIGCHLD:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return _exit_status(status)
            elif _sent_by_a_process(arrived):
                os.kill(child, arrived.si_signo)
    finally:
        os.close(held)


def _as_init(init: Callable[[], int], alive: int, held: int) -> int:
    """Run ``init`` tied to the outer process's life; its status, whatever happens."""
    try:
        os.close(held)
        namespace.die_with_parent()
        if select.select([alive], [], [], 0)[0]:  # the end of the pipe: outer died before we were tied to it
            return FAILED
        return init()
    except NldError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"the sandbox could not be made: {error}")
    except BaseException:  # noqa: BLE001 (a forked child must never return into its parent's frames)
        sys.excepthook(*sys.exc_info())
        return FAILED
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()


def _init(links: int, command: Sequence[str], daemon: Sequence[str], log_level: str) -> int:
    _make_network(links)
    namespace.make_mounts_private()
    Path(PLACE).mkdir(mode=0o755)
    environment = _environment()
    daemon_id = _start_daemon(daemon, environment, log_level)
    if not command:
        command = [_shell()]
        if os.isatty(0):
            _greet(links)
    status = _run(command, environment, daemon_id)
    _stop(daemon_id)
    return status


def _make_network(links: int) -> None:
    there = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with network.channel() as there_channel:
            namespace.unshare(namespace.NEW_NETWORK)
            with network.channel() as here:
                network.make(links, here, there_channel, there)
    finally:
        os.close(there)


def _environment() -> dict[str, str]:
    """The user's, with the way to the daemon, and to ``nld`` itself if PATH does not lead to it."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}
    }
    environment["NLD_SOCKET"] = SOCKET
    if shutil.which("nld") is None:
        programs = str(Path(sys.executable).parent)
        environment["PATH"] = f"{environment.get('PATH', os.defpath)}:{programs}"
    return environment


def _start_daemon(program: Sequence[str], environment: Mapping[str, str], log_level: str) -> int:
    """Start the daemon and wait until it says that it is ready. Raises KernelUnavailable if it ends."""
    log = f'level = {json.dumps(log_level)}\nformat = "console"\n'
    # Where nld.ko is loaded it has a table for this network too.
    module = f"[kernel.module]\nenabled = {json.dumps(MODULE.exists())}\n"
    Path(CONFIG).write_text(f"socket = {json.dumps(SOCKET)}\n[log]\n{log}{module}")
    notifications = Notifications(f"{PLACE}/notify")
    try:
        own = {**environment, "NOTIFY_SOCKET": notifications.path, **_import_path(environment)}
        back = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.chdir("/")  # "python -m" would take a directory nld of the user's for ours
        try:
            daemon = _spawn([*program, "--config", CONFIG], own, apart=True)
        finally:
            os.fchdir(back)
            os.close(back)
        watched = os.pidfd_open(daemon)
        try:
            while True:
                readable, _, _ = select.select([notifications.socket.fileno(), watched], [], [])
                if notifications.socket.fileno() in readable:
                    if "READY" in notifications.receive():
                        return daemon
                else:
                    status = _exit_status(os.waitpid(daemon, 0)[1])
                    raise KernelUnavailable(
                        f"the daemon ended with status {status} before it was ready", operation="sandbox"
                    )
        finally:
            os.close(watched)
    finally:
        notifications.close()


def _import_path(environment: Mapping[str, str]) -> dict[str, str]:
    """PYTHONPATH for a daemon whose package lies in a checkout that was never installed."""
    root = str(Path(__file__).parents[2])
    if root in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        return {}
    return {"PYTHONPATH": ":".join(filter(None, (root, environment.get("PYTHONPATH"))))}


def _spawn(arguments: Sequence[str], environment: Mapping[str, str], *, apart: bool = False) -> int:
    """Start a program with signals as they are by default.

    ``apart``: in a session of its own, without standard input, and with its output on standard error.
    """
    found = shutil.which(arguments[0], path=environment.get("PATH"))
    if found is None:
        missing = not Path(arguments[0]).exists()
        raise FileNotFoundError(arguments[0]) if missing else PermissionError(arguments[0])
    quiet = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
    return os.posix_spawn(
        found,
        list(arguments),
        environment,
        file_actions=quiet if apart else [],
        setsid=apart,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
    )


def _run(command: Sequence[str], environment: Mapping[str, str], daemon: int) -> int:
    """Run the command to its end, and be init meanwhile: reap everybody's orphans."""
    try:
        child = _spawn(command, environment)
    except FileNotFoundError:
        _complain(f"{command[0]}: command not found")
        return 127
    except OSError as error:
        _complain(f"{command[0]}: cannot be run: {error.strerror or 'not an executable file'}")
        return 126
    deadline: float | None = None
    while True:
        arrived = _wait(deadline)
        if arrived is None:
            return 128 + signal.SIGKILL
        if arrived.si_signo == signal.SIGCHLD:
            for ended, status in _reap():
                if ended == child:
                    return _exit_status(status)
                if ended == daemon:
                    _complain(f"the daemon ended with status {_exit_status(status)}")
        elif _sent_by_a_process(arrived):
            os.kill(child, arrived.si_signo)
            if arrived.si_signo in {signal.SIGTERM, signal.SIGHUP} and deadline is None:
                deadline = time.monotonic() + GRACE_SECONDS


def _stop(daemon: int) -> None:
    """SIGTERM, and the time to answer it. What is left then, the kernel kills as init ends."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(daemon, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while all(ended != daemon for ended, _ in _reap()):
            if _wait(deadline) is None:
                return


def _wait(deadline: float | None) -> signal.struct_siginfo | None:
    """The next signal; None if ``deadline`` (monotonic seconds; None: never) came first."""
    if deadline is None:
        return signal.sigwaitinfo(_WAITED_FOR)
    return signal.sigtimedwait(_WAITED_FOR, max(0.0, deadline - time.monotonic()))


def _reap() -> Iterator[tuple[int, int]]:
    """Process id and wait status of each child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if not ended:
                return
            yield ended, status


def _sent_by_a_process(arrived: signal.struct_siginfo) -> bool:
    """False for what the terminal sent to the whole process group, the command included (SI_KERNEL)."""
    return arrived.si_code <= 0


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _shell() -> str:
    shell = os.environ.get("SHELL", "")
    return shell if os.access(shell, os.X_OK) else "/bin/sh"


def _greet(links: int) -> None:
    print("nld sandbox: a network of your own, on the real kernel; nothing here touches the host.")
    for position in range(min(links, 4)):
        four, six = network.addresses(position)
        print(f"  nld{position}  {four}  {six}")
    if links > 4:
        print(f"  ... and {links - 4} more")
    print('Try "nld route add 10.0.0.0/8 via 192.0.2.2", "nld route list", "nld route get 10.1.2.3".')
    print('"exit" leaves, and everything is gone.', flush=True)
