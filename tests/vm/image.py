"""The disk of every machine: one Debian 13, with nld installed from its wheel.

Made in steps which change at different speeds: Debian as debootstrap makes it; the base, with the
third-party wheels; the disk, an ext4 file with the kernels' modules too. No machine ever writes it: each
boots from a copy-on-write overlay. What is nld's own (its wheel installed by pip, nld.ko, the units) is a
small archive beside it, unpacked at a machine's first boot, so a changed source costs seconds. All is
made on the host at its full speed; inside an emulated machine the same would take minutes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import cache as once
from pathlib import Path

from . import cache, kernel_source, module, packages, units, wheels
from .kernel import DEBIAN, NEWEST, Kernel, kernel

_SUITE = "trixie"
_PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "iproute2", "iputils-ping", "procps", "less",
    "nftables", "ethtool",
    "python3", "python3-yaml", "python3-jsonschema",
]  # fmt: skip
_WHEELHOUSE = "opt/wheelhouse"
_SIZE = "3G"  # sparse: it takes what is in it, and leaves room for the tests


def debian() -> Path:
    """Return the directory of a Debian 13 as debootstrap makes it."""

    def build(directory: Path) -> None:
        if os.geteuid() != 0:
            raise packages.UnavailableError(
                "the machine's image is not built yet, and only root can build it"
            )
        packages.need({"debootstrap": "debootstrap", "mke2fs": "e2fsprogs", "setpriv": "util-linux"})
        root = directory / "root"
        packages.fetch(
            ["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, str(root),
             packages.mirror()]
        )  # fmt: skip
        shutil.rmtree(root / "var/cache/apt")
        shutil.rmtree(root / "var/lib/apt/lists")

    return cache.entry("debian", [_SUITE, *_PACKAGES], build) / "root"


def base() -> Path:
    """Return the directory of that Debian, configured and with the third-party wheels installed."""
    tree, wheelhouse, ynl = debian(), wheels.wheelhouse(), kernel_source.ynl()

    def build(directory: Path) -> None:
        root = _copied(tree, directory)
        _configure(root)
        shutil.copytree(ynl, root / "opt/ynl")
        tool = root / "usr/local/bin/ynl"
        tool.write_text('#!/bin/sh\nexec python3 /opt/ynl/tools/net/ynl/cli.py "$@"\n')
        tool.chmod(0o755)
        shutil.copytree(wheelhouse, root / _WHEELHOUSE)
        # Into /usr/local, beside what Debian's own packages installed, as on a user's machine.
        _pip(root, "install", "--ignore-installed", *wheels.requirements())

    inputs: list[cache.Input] = [tree.parent.name, wheelhouse.name, ynl.name, Path(__file__)]
    return cache.entry("base", inputs, build) / "root"


def _copied(tree: Path, directory: Path) -> Path:
    root = directory / "root"
    packages.command(["cp", "-a", "--reflink=auto", str(tree), str(root)])
    return root


def _pip(root: Path, *arguments: str) -> None:
    """Run pip in the image, straight from its own wheel, on the wheels that the image carries."""
    pip = next((root / _WHEELHOUSE).glob("pip-*.whl"))
    packages.command(
        ["chroot", str(root), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin", "LANG=C.UTF-8",
         "python3", f"/{_WHEELHOUSE}/{pip.name}/pip", "--no-cache-dir", arguments[0],
         "--quiet", "--no-index", f"--find-links=/{_WHEELHOUSE}", "--break-system-packages",
         "--root-user-action=ignore", *arguments[1:]]
    )  # fmt: skip


def _configure(root: Path) -> None:
    """Make the system one that starts fast, lets root in on the console and keeps its journal."""
    (root / "etc/hostname").write_text("machine\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost machine\n::1 localhost\n")
    (root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
    (root / "etc/machine-id").write_text("uninitialized\n")
    (root / "var/log/journal").mkdir(parents=True, exist_ok=True)
    login = root / "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf"
    login.parent.mkdir(parents=True)
    login.write_text("[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear %I linux\n")
    # Timers and networking would only add noise: the machine has no network and lives for minutes.
    for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
                 "fstrim.timer", "systemd-networkd-wait-online.service"):  # fmt: skip
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    packages.command(["chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", "user"])


def _kernels(booted: str) -> list[str]:
    """Name the kernels of Debian that an image is for: the newest only where it is booted, as it is slow."""
    return [*DEBIAN, *([NEWEST] if booted == NEWEST else [])]


def disk(booted: str = "") -> Path:
    """Return the ext4 file of the base with the modules of every Debian kernel.

    ``booted`` is the name of the kernel that it will be used with.
    """
    kernels = [kernel(name) for name in _kernels(booted)]
    tree = base()

    def build(directory: Path) -> None:
        root = _copied(tree, directory)
        for one in kernels:
            assert one.modules is not None
            shutil.copytree(one.modules / "lib/modules" / one.release, root / "usr/lib/modules" / one.release)
        packages.command(
            ["mke2fs", "-q", "-t", "ext4", "-J", "size=16", "-d", str(root), str(directory / "disk"), _SIZE]
        )
        shutil.rmtree(root)

    inputs: list[cache.Input] = [tree.parent.name, *(one.release for one in kernels), Path(__file__)]
    return cache.entry("disk", inputs, build) / "disk"


def layer(booted: str = "") -> Path:
    """Return the archive of what is nld's own, unpacked over the disk at a machine's first boot.

    ``booted`` as for ``disk``. Within one process it is made once: all machines of a test run have the same
    nld, even while somebody edits the checkout.
    """
    return _layer(tuple(_kernels(booted)))


@once
def _layer(names: tuple[str, ...]) -> Path:
    modules = {name: module.built(kernel(name)) for name in names}
    tree, wheel = base(), wheels.project_wheel()

    def build(directory: Path) -> None:
        root = directory / "root"
        with tempfile.TemporaryDirectory(dir=tree / "tmp") as name:
            inside = Path(name)
            shutil.copy(wheel, inside)
            guest = Path("/") / inside.relative_to(tree)
            _pip(tree, "install", "--no-deps", f"--root={guest}/root", f"{guest}/{wheel.name}")
            shutil.move(inside / "root", root)
        for name, built in modules.items():
            _add_modules(root, kernel(name), built)
        units.install(root)
        packages.command(
            ["tar", "-c", "--owner=0", "--group=0", "-f", str(directory / "tar"), "-C", str(root), "."]
        )
        shutil.rmtree(root)

    inputs: list[cache.Input] = [tree.parent.name, wheel.parent.name]
    inputs += [f"{name} {directory.name}" for name, directory in modules.items()]
    inputs += [*units.sources(), Path(units.__file__), Path(__file__)]
    return cache.entry("layer", inputs, build, keep=8) / "tar"


def _add_modules(root: Path, target: Kernel, built: Path) -> None:
    """Put built modules beside a kernel's own, with the index which has them all."""
    assert target.modules is not None
    below = Path("lib/modules") / target.release
    with tempfile.TemporaryDirectory(dir=cache.root()) as name:
        # Hard links: depmod writes its files anew and leaves the cached ones alone.
        packages.command(["cp", "-al", str(target.modules / "lib"), name])
        updates = Path(name) / below / "updates"
        updates.mkdir()
        for one in built.glob("*.ko"):
            shutil.copy(one, updates)
        packages.command(["depmod", "-b", name, target.release])
        (root / "usr" / below).mkdir(parents=True)
        shutil.copytree(updates, root / "usr" / below / "updates")
        for index in (Path(name) / below).glob("modules.*"):
            shutil.copy(index, root / "usr" / below)


if __name__ == "__main__":
    sys.stdout.write(f"{disk()}\n{layer()}\n")
