"""Puts the files of systemd/ where a package would put them.

Where a file belongs is told by its kind, so a new unit needs no line here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cache, packages
from .wheels import REPOSITORY

SOURCE = REPOSITORY / "systemd"

_UNIT_SUFFIXES = {".service", ".socket", ".target", ".timer", ".path", ".mount", ".slice"}
# Files of the other kinds are all called *.conf; the directory or the name tells which.
_CONF_KINDS = ("sysusers", "tmpfiles", "modules-load", "modprobe", "sysctl")


def sources() -> list[Path]:
    """List what is installed from."""
    return [SOURCE] if SOURCE.exists() else []


def target_of(file: Path) -> str | None:
    """Return where a file goes, relative to the root; None if it is not for the system."""
    if file.suffix in _UNIT_SUFFIXES:
        return f"usr/lib/systemd/system/{file.name}"
    if file.parent.name.endswith((".service.d", ".socket.d")):
        return f"usr/lib/systemd/system/{file.parent.name}/{file.name}"
    if file.suffix == ".preset":
        return f"usr/lib/systemd/system-preset/{file.name}"
    if file.parent.name == "rt_protos.d":
        return f"etc/iproute2/rt_protos.d/{file.name}"
    for kind in _CONF_KINDS:
        words = [file.parent.name.removesuffix(".d"), *file.name.split(".")]
        if kind in words:
            name = "nld.conf" if file.stem == kind or file.suffix == f".{kind}" else file.name
            return f"usr/lib/{kind}.d/{name.replace(f'.{kind}', '')}"
    return None


def install(root: Path) -> None:
    """Install everything below a root and enable the sockets; users are made at the first boot."""
    sockets = []
    for file in cache.files_of(SOURCE) if SOURCE.exists() else []:
        target = target_of(file)
        if target is None:
            continue
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / target)
        if file.suffix == ".socket":
            sockets.append(file.name)
    # The units name the path of a distribution's package; a wheel's programs go to /usr/local/bin.
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/nld").symlink_to("/usr/local/bin/nld")
    if sockets:
        packages.command(["systemctl", f"--root={root}", "enable", *sockets], wide=True)
