"""The kernel's own source, as Debian packs it: for the kernels that watch themselves, and for the YNL tool.

The archive is 140 MB, so it stands for itself by its version and is never read for a key.
"""

from __future__ import annotations

import re
from pathlib import Path

from . import cache, packages

_PACKAGE = "linux-source-6.12"

# The kernel's tool that speaks any netlink family from its description, and the schemas it checks that by.
_YNL = ["tools/net/ynl", "Documentation/netlink"]


def version() -> str:
    """Return the version of the source that this machine's archive has."""
    match = re.search(r"Candidate: (\S+)", packages.command(["apt-cache", "policy", _PACKAGE]))
    if match is None or match[1] == "(none)":
        raise packages.UnavailableError(f"no package {_PACKAGE} in this machine's archive")
    return match[1]


def archive() -> Path:
    """Return the packed source."""
    files = packages.unpacked(_PACKAGE, version())
    return next((files / "usr/src").glob("*.tar.xz"))


def ynl() -> Path:
    """Return a directory with the YNL tool, its schemas and the kernel's specs, laid out as in the tree."""

    def build(directory: Path) -> None:
        packages.need({"xz": "xz-utils"})
        top = "linux-source-*/"
        packages.command(
            ["tar", "-x", "-f", str(archive()), "-C", str(directory), "--strip-components=1", "--wildcards",
             *(top + path for path in _YNL)]
        )  # fmt: skip

    return cache.entry("ynl", [version(), *_YNL], build)
