"""nld's wheel and the wheels of what it needs, for the Python of the guest.

The guest has no network, so everything is fetched here, for its Python version and not for ours, and
carried in the image. What to fetch is read from pyproject.toml: nothing is listed twice.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, cast

from . import cache, packages

REPOSITORY = Path(__file__).resolve().parents[2]

# The Python of the guest's Debian release.
GUEST_PYTHON = "3.13"

# Tools of the developer which no test imports inside a guest.
_HOST_ONLY = {"mypy", "ruff", "atheris", "pyyaml", "types-pyyaml"}


def requirements() -> list[str]:
    """List what nld and its tests need at run time."""
    with (REPOSITORY / "pyproject.toml").open("rb") as handle:
        project = cast(dict[str, Any], tomllib.load(handle)["project"])
    wanted: list[str] = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return sorted(line for line in wanted if _name(line) not in _HOST_ONLY)


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return match[0].lower()


def wheelhouse() -> Path:
    """Return a directory with the wheels of all requirements, and of pip itself."""
    wanted = ["pip", *requirements()]

    def build(directory: Path) -> None:
        platforms = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"]
        options = ["--quiet", "--only-binary=:all:", f"--python-version={GUEST_PYTHON}"]
        for platform in platforms:
            options += ["--platform", platform]
        packages.fetch([sys.executable, "-m", "pip", "download", *options, "--dest", str(directory), *wanted])

    return cache.entry("wheelhouse", [GUEST_PYTHON, *wanted], build)


def sources() -> list[Path]:
    """List what nld's wheel is made from."""
    names = ("pyproject.toml", "nld", "README.md", "LICENSE")
    return [REPOSITORY / name for name in names if (REPOSITORY / name).exists()]


def project_wheel() -> Path:
    """Return nld's own wheel, built as a user's pip builds it."""

    def build(directory: Path) -> None:
        # From a copy, so that a build leaves nothing in the checkout and takes nothing unknown from it.
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name)
            for source in sources():
                for file in cache.files_of(source):
                    target = copy / file.relative_to(REPOSITORY)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, target)
            packages.command(
                [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                 "--wheel-dir", str(directory), str(copy)]
            )  # fmt: skip

    entry = cache.entry("wheel", sources(), build, keep=4)
    return next(entry.glob("*.whl"))
