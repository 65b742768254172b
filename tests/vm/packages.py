"""What the harness needs of the host's Debian, installed by apt when it is missing and we are root.

Where apt finds packages is the machine's own business: other suites (backports, another release) are
derived from its ``debian.sources`` by changing the suite, so this file names no host. Packages that are
only taken apart (kernels, busybox, sources) are downloaded and unpacked, never installed: installing a
kernel would touch the host's boot files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from . import cache

_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_APT = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=3"]
_QUIET = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


class UnavailableError(Exception):
    """This machine cannot run the virtual machines; the text says what is missing."""


def command(argv: list[str], *, cwd: Path | None = None, timeout: float = 1800, wide: bool = False) -> str:
    """Run a build step and return its output (``wide``: its errors too); failing, it raises.

    ``timeout`` is in seconds.
    """
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=_QUIET, timeout=timeout, text=True, errors="replace", check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if wide else subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise UnavailableError(f"{argv[0]} is not installed on this machine") from error
    if done.returncode:
        tail = "\n".join(((done.stdout or "") + (done.stderr or "")).splitlines()[-40:])
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}:\n{tail}")
    return done.stdout


def fetch(argv: list[str]) -> None:
    """Run a build step that takes files from a network, three times at most: archives have bad moments."""
    for left in (2, 1, 0):
        try:
            command(argv)
        except RuntimeError:
            if not left:
                raise
        else:
            return


def stanza() -> dict[str, str]:
    """Read the first stanza of the machine's Debian sources: its mirror, suite and key."""
    if not _SOURCES.exists():
        raise UnavailableError(f"{_SOURCES} does not exist: the images are made on a Debian machine")
    fields: dict[str, str] = {}
    for line in _SOURCES.read_text().split("\n\n")[0].splitlines():
        name, separator, value = line.partition(":")
        if separator and not line.startswith(("#", " ")):
            fields[name.strip()] = value.strip()
    return fields


def mirror() -> str:
    """Return the address which this machine takes Debian from."""
    return stanza()["URIs"].split()[0]


def suite() -> str:
    """Return the name of this machine's Debian release."""
    return stanza()["Suites"].split()[0]


def add_backports() -> str:
    """Make the backports of this release known to apt, and return the suite's name."""
    name = f"{suite()}-backports"
    target = _SOURCES.with_name("nld-backports.sources")
    fields = stanza() | {"Suites": name}
    text = "".join(f"{key}: {value}\n" for key, value in fields.items())
    if not target.exists() or target.read_text() != text:
        target.write_text(text)
        _update(force=True)
    return name


def _update(*, force: bool = False) -> None:
    """Read the archive's index, unless it was read in the last hour (asked for often, it is slow)."""
    stamp = cache.root() / ".apt-updated"
    if force or not stamp.exists() or time.time() - stamp.stat().st_mtime > 3600:
        cache.root().mkdir(parents=True, exist_ok=True)
        command([*_APT, "update"])
        stamp.touch()


def need(programs: dict[str, str], *, backports: bool = False) -> None:
    """Install the package of each program (a name in PATH, or an absolute path) which is not there."""
    missing = sorted({package for program, package in programs.items() if not _found(program)})
    if not missing:
        return
    if os.geteuid() != 0:
        raise UnavailableError(f"missing packages: {', '.join(missing)} (only root can install them)")
    with cache.locked("apt"):
        _update()
        suite_option = ["-t", add_backports()] if backports else []
        command([*_APT, "install", "--no-install-recommends", *suite_option, *missing])
    still = [program for program in programs if not _found(program)]
    if still:
        raise UnavailableError(f"{', '.join(missing)} installed, but not found: {', '.join(still)}")


def _found(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def emulator() -> str:
    """Return QEMU, 10 or later: Debian 12's own 7.2 breaks kernel 6.12 at random under emulation."""
    program = "qemu-system-x86_64"
    need({"qemu-img": "qemu-utils"})
    if _version(program) < 10:
        if os.geteuid() != 0:
            raise UnavailableError("QEMU 10 or later is not installed (only root can install it)")
        with cache.locked("apt"):
            _update()
            command([*_APT, "install", "--no-install-recommends", "-t", add_backports(), "qemu-system-x86"])
        if _version(program) < 10:
            raise UnavailableError("no QEMU 10 or later in this release's backports")
    return program


def _version(program: str) -> int:
    if shutil.which(program) is None:
        return 0
    match = re.search(r"version (\d+)", command([program, "--version"]))
    return int(match[1]) if match else 0


def newest(pattern: str) -> str:
    """Return the newest package whose name matches: kernel packages carry their release in the name."""
    if os.geteuid() == 0:
        with cache.locked("apt"):
            _update()  # an old index names packages that the archive no longer has
    names = command(["apt-cache", "search", "--names-only", pattern]).splitlines()
    for name in sorted((line.split()[0] for line in names), key=_natural, reverse=True):
        # A name may stay known after its package is gone.
        if "Candidate: (none)" not in command(["apt-cache", "policy", name]):
            return name
    raise UnavailableError(f"no package {pattern} in this machine's archive")


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]


def _download(package: str, directory: Path) -> None:
    """Fetch one package; a connection that went silent (apt waits for it without an end) is made anew."""
    argv = [*_APT, "-o", "APT::Sandbox::User=root", "download", package]
    try:
        command(argv, cwd=directory, timeout=240)
    except subprocess.TimeoutExpired:
        command(argv, cwd=directory, timeout=600)


def unpacked(package: str, version: str = "") -> Path:
    """Return the directory with a package's files, downloaded and taken apart, never installed.

    ``version`` is for a package whose name stays while its content changes.
    """

    def build(directory: Path) -> None:
        _update()
        _download(package, directory)
        archive = next(directory.glob("*.deb"))
        command(["dpkg-deb", "-x", str(archive), str(directory / "files")])
        archive.unlink()

    return cache.entry("deb-" + package.replace("+", "."), [package, version], build) / "files"
