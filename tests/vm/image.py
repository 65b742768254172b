"""The disk of every machine: one Debian 13, with nld installed from its wheel.

Three layers, because they change at different speeds: Debian as debootstrap makes it; the base, with the
third-party wheels; the system, with the kernels' modules, nld, nld.ko and the units. Each is a copy of
the one before, so a changed source costs seconds. The last becomes one ext4 file that no machine ever
writes: each boots from a copy-on-write overlay. All are made on the host at its full speed; inside an
emulated machine the same installation would take minutes.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from . import cache, module, packages, units, wheels
from .kernel import DEBIAN, kernel

_SUITE = "trixie"
_PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "iproute2", "iputils-ping", "procps", "less",
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
        packages.command(
            ["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, str(root),
             packages.mirror()]
        )  # fmt: skip
        shutil.rmtree(root / "var/cache/apt")
        shutil.rmtree(root / "var/lib/apt/lists")

    return cache.entry("debian", [_SUITE, *_PACKAGES], build) / "root"


def base() -> Path:
    """Return the directory of that Debian, configured and with the third-party wheels installed."""
    tree, wheelhouse = debian(), wheels.wheelhouse()

    def build(directory: Path) -> None:
        root = _copied(tree, directory)
        _configure(root)
        shutil.copytree(wheelhouse, root / _WHEELHOUSE)
        # Into /usr/local, beside what Debian's own packages installed, as on a user's machine.
        _pip(root, "install", "--ignore-installed", *wheels.requirements())

    inputs: list[cache.Input] = [tree.parent.name, wheelhouse.name, Path(__file__)]
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


def system() -> Path:
    """Return the ext4 file of the whole system."""
    kernels = [kernel(name) for name in DEBIAN]
    modules = {one.release: module.built(one) for one in kernels}
    tree = base()
    wheel = wheels.project_wheel()

    def build(directory: Path) -> None:
        root = _copied(tree, directory)
        for one in kernels:
            assert one.modules is not None
            target = root / "usr/lib/modules" / one.release
            shutil.copytree(one.modules / "lib/modules" / one.release, target)
            for built in modules[one.release].glob("*.ko"):
                (target / "updates").mkdir(exist_ok=True)
                shutil.copy(built, target / "updates")
            packages.command(["depmod", "-b", str(root), one.release])
        shutil.copy(wheel, root / _WHEELHOUSE)
        _pip(root, "install", "--no-deps", f"/{_WHEELHOUSE}/{wheel.name}")
        units.install(root)
        packages.command(
            ["mke2fs", "-q", "-t", "ext4", "-J", "size=16", "-d", str(root), str(directory / "disk"), _SIZE]
        )
        shutil.rmtree(root)

    inputs: list[cache.Input] = [tree.parent.name, wheel.parent.name]
    inputs += [f"{release} {directory.name}" for release, directory in modules.items()]
    inputs += [*units.sources(), Path(units.__file__), Path(__file__)]
    return cache.entry("system", inputs, build, keep=3) / "disk"


if __name__ == "__main__":
    sys.stdout.write(f"{system()}\n")
