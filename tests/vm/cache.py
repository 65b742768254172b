"""What is slow to build is built once and kept outside the checkout, under a name derived from its inputs.

An entry is a directory ``<kind>-<key>``. It appears by one rename, so whoever sees it sees all of it; a
lock per kind makes concurrent test runs wait for one build instead of doing it twice. Nothing refreshes
an entry: other inputs are another entry, and the oldest entries of a kind are removed when a new one is
built. Removing the whole directory is always safe.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

# What an entry is made from: text, bytes, or the contents of a file or directory.
Input = str | bytes | Path


def root() -> Path:
    """Return the directory of all entries: ``$XDG_CACHE_HOME/nld/vm``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "nld" / "vm"


def key_of(inputs: Iterable[Input]) -> str:
    """Digest the inputs: a path stands for what is in the file, or in every file below the directory."""
    digest = hashlib.sha256()

    def add(part: bytes) -> None:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)

    for item in inputs:
        if isinstance(item, Path):
            for file in files_of(item):
                add(str(file.relative_to(item)).encode())
                add(file.read_bytes())
        else:
            add(item if isinstance(item, bytes) else item.encode())
    return digest.hexdigest()[:16]


# Products of tools; they must neither change a key nor travel into a machine.
_IGNORED_DIRS = {"__pycache__", ".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
_IGNORED_SUFFIXES = {".pyc", ".o", ".ko", ".mod", ".cmd", ".d", ".symvers", ".order"}


def files_of(path: Path) -> list[Path]:
    """List a directory's source files in a stable order; a file lists itself, a missing path nothing."""
    if path.is_file():
        return [path]
    found = []
    for directory, names, files in os.walk(path):
        names[:] = sorted(set(names) - _IGNORED_DIRS)
        for name in sorted(files):
            file = Path(directory) / name
            if file.suffix not in _IGNORED_SUFFIXES and not name.endswith(".mod.c"):
                found.append(file)
    return found


@contextmanager
def locked(kind: str) -> Iterator[None]:
    """Hold the lock of one kind; it goes away with the process, however that ends."""
    root().mkdir(parents=True, exist_ok=True)
    with (root() / f".{kind}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def entry(kind: str, inputs: Iterable[Input], build: Callable[[Path], None], *, keep: int = 2) -> Path:
    """Return the entry for these inputs; if there is none yet, ``build(directory)`` fills it.

    ``keep`` is how many entries of the kind stay when a new one is built, the newest used first.
    """
    path = root() / f"{kind}-{key_of(inputs)}"
    with locked(kind):
        if not path.exists():
            # We hold the lock: what another build of this kind left half made, it left by being killed.
            for stale in _of_kind(f".partial-{kind}"):
                shutil.rmtree(stale, ignore_errors=True)
            # In the cache itself and not in /tmp: a rename does not cross file systems.
            partial = Path(tempfile.mkdtemp(prefix=f".partial-{kind}-", dir=root()))
            try:
                partial.chmod(0o755)
                build(partial)
                partial.rename(path)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            _prune(kind, keep)
        os.utime(path)
    return path


def _of_kind(kind: str) -> list[Path]:
    # "kernel-6.1" is not the beginning of "kernel-6.1-rt": what follows the kind has no dash.
    return [path for path in root().glob(f"{kind}-*") if path.name.rpartition("-")[0] == kind]


def _prune(kind: str, keep: int) -> None:
    entries = sorted(_of_kind(kind), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in entries[keep:]:
        shutil.rmtree(old, ignore_errors=True)
