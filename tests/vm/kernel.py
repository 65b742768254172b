"""The kernels that machines boot: Debian's own small cloud builds, and the kernels of ours that watch
themselves.

A kernel here is three things: the image to boot, the tree of its modules, and the headers that nld.ko is
built against. Debian's are taken as they are packaged, because they are what users run.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path

from . import cache, newest, packages, watched

# What a machine is asked for -> what its kernel's packages are called in Debian 12. The newest wins.
DEBIAN = {
    "6.1": r"^linux-headers-6\.1\.[^ ]*-cloud-amd64$",
    "6.12": r"^linux-headers-6\.12\.[^ ]*-cloud-amd64$",
}
NEWEST = "newest"


@dataclass(frozen=True)
class Kernel:
    """One bootable kernel."""

    release: str  # what `uname -r` will say
    image: Path
    modules: Path | None  # a directory that holds lib/modules/<release>; None if all is built in
    headers: Path  # what to build modules against
    builder: Path | None = None  # the root of the system whose tools do that; None: this machine's


@once
def kernel(name: str) -> Kernel:
    """Return a kernel by its name, downloaded or built when it is not there yet."""
    if name in watched.KINDS:
        release, tree = watched.tree(name)
        return Kernel(release, tree / "vmlinuz", None, tree)
    if name == NEWEST:
        release, root = newest.tree()
        entry = _packaged(name, release, root.with_name("image"))
        return Kernel(release, entry / "vmlinuz", entry, Path("/usr/src") / f"linux-headers-{release}", root)
    headers_package = packages.newest(DEBIAN[name])
    release = headers_package.removeprefix("linux-headers-")
    headers = Path("/usr/src") / headers_package
    packages.need({str(headers): headers_package, "gcc": "gcc", "make": "make", "depmod": "kmod"})
    entry = _packaged(name, release, None)
    return Kernel(release, entry / "vmlinuz", entry, headers)


def _packaged(name: str, release: str, unpacked: Path | None) -> Path:
    """Return the directory of a packaged kernel; ``unpacked``: its package, taken apart, if it is there."""

    def build(directory: Path) -> None:
        files = unpacked or packages.unpacked(f"linux-image-{release}")
        modules = _modules_of(files, release)
        # Newer kernels of Debian lie beside their modules.
        image = next(
            path for path in (files / f"boot/vmlinuz-{release}", modules / "vmlinuz") if path.exists()
        )
        shutil.copy(image, directory / "vmlinuz")
        shutil.copytree(modules, directory / "lib" / "modules" / release)
        packages.command(["depmod", "-b", str(directory), release])

    return cache.entry(f"kernel-{name}", [release, Path(__file__)], build)


def _modules_of(files: Path, release: str) -> Path:
    for prefix in ("usr/lib", "lib"):
        tree = files / prefix / "modules" / release
        if tree.exists():
            return tree
    raise RuntimeError(f"no modules in the package of {release}")


def load_order(kernel: Kernel, wanted: list[str]) -> list[Path]:
    """List the module files to insert for these names, each after what it needs, without built-in ones."""
    if kernel.modules is None:
        return []
    tree = kernel.modules / "lib" / "modules" / kernel.release
    needs: dict[str, list[str]] = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        file, _, rest = line.partition(":")
        needs[file] = rest.split()
    by_name = {_name(file): file for file in needs}
    order: list[str] = []
    for name in wanted:
        path: str | None = by_name.get(name)
        # modules.dep lists what a module needs from the nearest to the deepest.
        for one in [] if path is None else [*reversed(needs[path]), path]:
            if one not in order:
                order.append(one)
    return [tree / path for path in order]


def _name(path: str) -> str:
    return re.sub(r"\.ko(\.\w+)?$", "", path.rpartition("/")[2]).replace("-", "_")
