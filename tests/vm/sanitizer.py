"""The sanitizer kernel: Debian's 6.12 source, made small, with every checker that finds a module's faults.

It takes minutes to build and is built once. Its modules are built against the build tree itself, which
stays in the cache for that.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from . import cache, kernel_source, packages

FRAGMENT = Path(__file__).with_name("sanitizer.config")
_TOOLS = {
    "gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc", "xz": "xz-utils",
    "cpio": "cpio", "/usr/include/libelf.h": "libelf-dev", "/usr/include/openssl/ssl.h": "libssl-dev",
}  # fmt: skip


def tree() -> tuple[str, Path]:
    """Return the release and the build tree of the sanitizer kernel."""
    packages.need(_TOOLS)  # first: it also makes apt read the archive's index, where the source is found
    source = kernel_source.archive()

    def build(directory: Path) -> None:
        packages.command(["tar", "-x", "-f", str(source), "-C", str(directory), "--strip-components=1"])
        make = ["make", "-C", str(directory), f"-j{os.cpu_count()}", "LOCALVERSION=-sanitizer"]
        packages.command([*make, "tinyconfig"], wide=True)
        merged = directory / ".config"
        merged.write_text(merged.read_text() + FRAGMENT.read_text())
        packages.command([*make, "olddefconfig"], wide=True)
        _check(merged.read_text())
        packages.command([*make, "bzImage", "modules"], wide=True, timeout=7200)
        shutil.copy(directory / "arch/x86/boot/bzImage", directory / "vmlinuz")

    inputs: list[cache.Input] = [kernel_source.version(), FRAGMENT]
    entry = cache.entry("sanitizer", inputs, build, keep=1)
    return (entry / "include/config/kernel.release").read_text().strip(), entry


def _check(config: str) -> None:
    """Refuse a configuration in which a line of the fragment got lost on the way."""
    got = set(config.splitlines())
    lines = [line for line in FRAGMENT.read_text().splitlines() if "CONFIG_" in line]
    lost = [line for line in lines if line not in got and (line.startswith("CONFIG") or line[2:] not in got)]
    # "is not set" may also mean that the symbol does not exist.
    lost = [line for line in lost if not (line.startswith("#") and f"{line.split()[1]}=" not in config)]
    if lost:
        raise RuntimeError("the kernel's configuration lost these lines:\n" + "\n".join(lost))


if __name__ == "__main__":
    sys.stdout.write(f"{tree()[1]}\n")
