"""The newest kernel that Debian's archive has, to see early what the next ones break.

It is in the backports of a release newer than this machine's, and so are the tools that its headers bring
along: they need that release's C library. So they are installed into a small Debian of their own, and
modules for that kernel are built in there.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

from . import cache, packages

_SUITE = "trixie"
_APT = ["apt-get", "-q", "-y", "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root"]


def tree() -> tuple[str, Path]:
    """Return the kernel's release, and the root directory of a Debian with its headers.

    Beside that are the image's files, in ``image``. What is newest is asked anew each month.
    """

    def build(directory: Path) -> None:
        if os.geteuid() != 0:
            raise packages.UnavailableError("the newest kernel is not there yet, and only root can get it")
        packages.need({"debootstrap": "debootstrap"})
        root = directory / "root"
        packages.command(
            ["debootstrap", "--variant=minbase", "--include=gcc,make", _SUITE, str(root), packages.mirror()]
        )
        backports = f"{_SUITE}-backports"
        (root / "etc/apt/sources.list").write_text(
            "".join(f"deb {packages.mirror()} {suite} main\n" for suite in (_SUITE, backports))
        )
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        inside = ["chroot", str(root)]
        packages.command([*inside, *_APT, "update"])
        packages.command(
            [
                *inside,
                *_APT,
                "install",
                "--no-install-recommends",
                "-t",
                backports,
                "linux-headers-cloud-amd64",
            ]
        )
        release = _release(root)
        wanted = " ".join(f"linux-{part}-{release}" for part in ("binary", "modules"))
        packages.command([*inside, "sh", "-c", f"cd /tmp && {' '.join(_APT)} download {wanted}"])
        for archive in (root / "tmp").glob("*.deb"):
            packages.command(["dpkg-deb", "-x", str(archive), str(directory / "image")])
            archive.unlink()
        shutil.rmtree(root / "var/cache/apt")
        shutil.rmtree(root / "var/lib/apt/lists")

    entry = cache.entry("newest", [_SUITE, Path(__file__), time.strftime("%Y-%m")], build, keep=1)
    return _release(entry / "root"), entry / "root"


def _release(root: Path) -> str:
    """Return the release whose headers are there; the meta-package brings those of one."""
    found = [
        match[1]
        for path in (root / "usr/src").iterdir()
        if (match := re.fullmatch(r"linux-headers-(.*-cloud-amd64)", path.name))
    ]
    (release,) = found
    return release
