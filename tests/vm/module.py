"""Out-of-tree modules for a machine's kernel: nld.ko, and what a test wants to try.

Built from a copy with the headers that Debian ships for that kernel, by the same Kbuild file that a user
builds with. The checkout stays as it is, and two kernels never share object files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from . import cache, packages
from .kernel import Kernel
from .wheels import REPOSITORY

SOURCE = REPOSITORY / "kmod"


def _make(kernel: Kernel, tree: Path, options: tuple[str, ...]) -> str:
    make = ["make", f"-j{os.cpu_count()}", "-C", str(kernel.headers), *options, "modules"]
    if kernel.builder is None:
        return packages.command([*make, f"M={tree}"], wide=True)
    with tempfile.TemporaryDirectory(dir=kernel.builder / "tmp") as name:
        there = Path(name) / "tree"
        shutil.move(tree, there)
        inside = Path("/") / there.relative_to(kernel.builder)
        # objtool asks /proc how far its stack may grow.
        into = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={kernel.builder / 'proc'}", "chroot"]
        log = packages.command([*into, str(kernel.builder), *make, f"M={inside}"], wide=True)
        shutil.move(there, tree)
    return log


def built(kernel: Kernel, source: Path = SOURCE, *, options: tuple[str, ...] = ()) -> Path:
    """Return the directory with the modules built from ``source`` for one kernel.

    ``options`` are make's, for instance ``W=1`` or ``NLD_KUNIT=m``.
    """

    def build(directory: Path) -> None:
        tree = directory / "tree"
        for file in cache.files_of(source):
            target = tree / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        log = _make(kernel, tree, options)
        (directory / "build.log").write_text(log)
        found = list(tree.rglob("*.ko"))
        if not found:
            raise RuntimeError(f"no module came out of {source}:\n{log}")
        for one in found:
            # Debug sections would make the module twenty times as big to carry.
            packages.command(["strip", "--strip-debug", "-o", str(directory / one.name), str(one)])
        shutil.rmtree(tree)

    # The image's build time is in no header: a rebuilt sanitizer kernel is another directory.
    inputs: list[cache.Input] = [kernel.release, str(kernel.headers), *options, source, Path(__file__)]
    return cache.entry(f"module-{source.name}", inputs, build, keep=8)
