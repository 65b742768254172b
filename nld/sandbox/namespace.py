"""Namespaces: making them, entering them, and what to do where the system forbids them.

The system calls by ctypes, since ``os.unshare`` came with Python 3.12 and ``mount`` has no wrapper at all.
Every function changes the calling process for good; none is for a process with threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
from pathlib import Path

from nld.errors import PermissionDenied, Unsupported, errno_name

NEW_MOUNTS = 0x0002_0000  # CLONE_NEWNS, linux/sched.h
NEW_USER = 0x1000_0000
NEW_PROCESSES = 0x2000_0000
NEW_NETWORK = 0x4000_0000

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    _call("unshare", ctypes.c_int(flags))


def join(descriptor: int, kind: int) -> None:
    """setns(2): enter the namespace of ``kind`` (``NEW_...``) that ``descriptor`` stands for."""
    _call("setns", ctypes.c_int(descriptor), ctypes.c_int(kind))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2). Raises OSError."""
    _call(
        "mount", source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )  # fmt: skip


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends, however it ends."""
    _call("prctl", _PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)


def become_root_of(flags: int) -> None:
    """A new user namespace in which this process is root, and the namespaces of ``flags`` owned by it.

    Real root, where user namespaces are forbidden, gets those of ``flags`` without one.

    Raises PermissionDenied or Unsupported, whose message says which setting forbids it and how to go on.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare(NEW_USER | flags)
    except OSError as error:
        if uid == 0 and error.errno in {errno.EPERM, errno.ENOSPC, errno.EINVAL}:
            with contextlib.suppress(OSError):
                unshare(flags)
                return
        raise refusal(error) from error
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        raise refusal(error) from error


_SETTINGS = (
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user/max_user_namespaces", "0", "16384"),
    ("user/max_net_namespaces", "0", "16384"),
)
"""Under /proc/sys: the setting, the value that forbids, a value that allows."""


def refusal(error: OSError, settings: Path = Path("/proc/sys")) -> PermissionDenied | Unsupported:
    """Why this system has no namespaces for us, and how to go on, as an error to raise.

    ``settings``  where sysctl(8)'s files are (another place in tests).
    """
    name = errno_name(error.errno or 0)
    if error.errno == errno.ENOSYS or not Path("/proc/self/ns/user").exists():
        return Unsupported(
            "this kernel has no user namespaces (CONFIG_USER_NS); run the sandbox as root, or in a virtual"
            " machine",
            operation="sandbox",
            errno=name,
        )
    culprits = []
    for setting, forbids, allows in _SETTINGS:
        with contextlib.suppress(OSError):
            if (settings / setting).read_text().strip() == forbids:
                culprits.append((setting.replace("/", "."), forbids, allows))
    why = "this system forbids user namespaces without root"
    if culprits:
        why += ": " + ", ".join(f"{setting} is {value}" for setting, value, _ in culprits)
        allow = "; ".join(f"sudo sysctl {setting}={value}" for setting, _, value in culprits)
        how = f'allow them ("{allow}"), or run the sandbox as root ("sudo nld sandbox")'
    else:
        why += f" ({name}), though no sysctl says so: a container's seccomp filter does that, for one"
        how = (
            'run the sandbox outside, or start the container with "--security-opt seccomp=unconfined",'
            " or run the sandbox as root with CAP_SYS_ADMIN"
        )
    return PermissionDenied(f"{why}. To go on: {how}.", operation="sandbox", errno=name)


def make_mounts_private() -> None:
    """New mounts for this process: /run a copy without nld's own and ip's places, /proc and /sys ours.

    The copy of /run is a tmpfs with everything of the host's bound into it, but for ``nld`` (so that the
    daemon can be at its usual place, and the host's cannot be reached by mistake) and ``netns``.
    """
    unshare(NEW_MOUNTS)
    mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    host = os.open("/run", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount("tmpfs", "/run", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
        with os.scandir(host) as entries:
            for entry in entries:
                if entry.name not in {"nld", "netns"}:
                    _show(host, entry)
    finally:
        os.close(host)
    # A container may hide parts of /proc or /sys; then the kernel forbids new ones, and the old serve.
    with contextlib.suppress(OSError):
        mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    with contextlib.suppress(OSError):
        mount("sysfs", "/sys", "sysfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def _show(host: int, entry: os.DirEntry[str]) -> None:
    """Bind one entry of the host's /run to the same place; what cannot be bound is not there."""
    place = Path("/run", entry.name)
    with contextlib.suppress(OSError):
        if entry.is_symlink():
            place.symlink_to(os.readlink(entry.name, dir_fd=host))
            return
        if entry.is_dir():
            place.mkdir()
        else:
            place.touch()
        mount(f"/proc/self/fd/{host}/{entry.name}", str(place), "", _MS_BIND | _MS_REC)
