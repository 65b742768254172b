"""The kernels that watch themselves: Debian's 6.12 source, made small, with the checkers that find faults.

No kernel has all of them, because KASAN and KCSAN exclude each other. So there are two: ``sanitizer`` sees
wrong uses of memory, objects and locks, and ``races`` unordered accesses, on PREEMPT_RT. Each takes minutes
to build and is built once. Its modules are built against the build tree itself, which stays in the cache for
that.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from . import cache, kernel_source, packages

KINDS = ("sanitizer", "races")
_COMMON = Path(__file__).with_name("watched.config")
_TOOLS = {
    "gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc", "xz": "xz-utils",
    "cpio": "cpio", "/usr/include/libelf.h": "libelf-dev", "/usr/include/openssl/ssl.h": "libssl-dev",
}  # fmt: skip


def tree(kind: str) -> tuple[str, Path]:
    """Return the release and the build tree of one of these kernels."""
    packages.need(_TOOLS)  # first: it also makes apt read the archive's index, where the source is found
    source = kernel_source.archive()
    fragments = [_COMMON, _COMMON.with_name(f"{kind}.config")]

    def build(directory: Path) -> None:
        packages.command(["tar", "-x", "-f", str(source), "-C", str(directory), "--strip-components=1"])
        make = ["make", "-C", str(directory), f"-j{os.cpu_count()}", f"LOCALVERSION=-{kind}"]
        packages.command([*make, "tinyconfig"], wide=True)
        merged = directory / ".config"
        wanted = "".join(fragment.read_text() for fragment in fragments)
        merged.write_text(merged.read_text() + wanted)
        packages.command([*make, "olddefconfig"], wide=True)
        _check(merged.read_text(), wanted)
        packages.command([*make, "bzImage", "modules"], wide=True, timeout=7200)
        shutil.copy(directory / "arch/x86/boot/bzImage", directory / "vmlinuz")

    entry = cache.entry(kind, [kernel_source.version(), *fragments], build, keep=1)
    return (entry / "include/config/kernel.release").read_text().strip(), entry


def _check(config: str, wanted: str) -> None:
    """Refuse a configuration in which a line that was wanted got lost on the way."""
    got = set(config.splitlines())
    lines = [line for line in wanted.splitlines() if line.startswith(("CONFIG_", "# CONFIG_"))]
    lost = [line for line in lines if line not in got]
    # "is not set" may also mean that the symbol does not exist.
    lost = [line for line in lost if not (line.startswith("#") and f"{line.split()[1]}=" not in config)]
    if lost:
        raise RuntimeError("the kernel's configuration lost these lines:\n" + "\n".join(lost))


if __name__ == "__main__":
    for one in sys.argv[1:] or KINDS:
        sys.stdout.write(f"{tree(one)[1]}\n")
