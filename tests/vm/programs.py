"""The C programs of tests/kmod, compiled on the host to run in any machine: static, with all warnings."""

from __future__ import annotations

from pathlib import Path

from . import cache, packages
from .wheels import REPOSITORY

_SOURCE = REPOSITORY / "tests/kmod"
_FLAGS = ["-O2", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror", "-static", "-pthread"]


def program(name: str) -> bytes:
    """Return the compiled program ``tests/kmod/<name>.c``."""

    def build(directory: Path) -> None:
        packages.need({"gcc": "gcc"})
        packages.command(["gcc", *_FLAGS, "-o", str(directory / name), str(_SOURCE / f"{name}.c")])

    headers = sorted(_SOURCE.glob("*.h"))
    inputs: list[cache.Input] = [*_FLAGS, _SOURCE / f"{name}.c", *headers, REPOSITORY / "kmod/uapi/nld.h"]
    return (cache.entry(f"program-{name}", inputs, build) / name).read_bytes()
