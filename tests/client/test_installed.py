"""The package as a user installs it: the wheel in an environment of its own tells checkers its types.

Built and installed without a network; what nld depends on is that of the environment the tests run in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio

from nld.client import AsyncClient, Client, Filter, Route, canonical, key
from nld.errors import NldError, NoAnswer, Unreachable

default: Route = {"dst": "default", "gateway": "192.0.2.1", "metrics": [{"mtu": 1400}]}
wanted: Filter = {"table": "main", "family": "inet"}


def ensure(route: Route) -> int:
    try:
        with Client(timeout=5) as nld:
            problems: list[str] = [str(error) for error in nld.validate(route)]
            return 0 if problems else nld.replace(route)
    except Unreachable as error:
        print(error.message, error.field, error.index)
    except (NoAnswer, NldError):
        raise
    return 0


async def follow() -> None:
    async with AsyncClient() as nld, nld.mirror(wanted, timeout=1.5) as mirror:
        async for changes in mirror:
            for change in changes:
                print(change["event"], canonical(change["route"]), key(change["route"]))
        async for route in nld.list(wanted):
            text: str = route["dst"]
            print(text)


if __name__ == "__main__":
    print(ensure(default))
    asyncio.run(follow())
"""
WRONG = """
from nld.client import Client, Route

Client(timeout="5")
Client().add(5)
done: str = Client().add({"dst": "default"})
route: Route = {"dst": "default", "gatway": "192.0.2.1"}
"""


OPTIONS = {
    "mypy": ("--strict", "--cache-dir", os.devnull, "--python-executable"),
    "pyright": ("--pythonpath",),
}


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MYPY"))}
    env |= {"PIP_NO_INDEX": "1", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def does(*words: str | Path, cwd: Path) -> str:
    done = run(*words, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which nld is installed."""
    work = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    does(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", work, ROOT, cwd=work)
    [wheel] = work.glob("nld-*.whl")
    does(sys.executable, "-m", "venv", "--without-pip", work / "venv", cwd=work)
    python = work / "venv/bin/python"
    does(*pip, "--python", python, "install", "--no-deps", wheel, cwd=work)
    [packages] = work.glob("venv/lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_it_is_the_wheel_that_is_used(python: Path, tmp_path: Path) -> None:
    place = does(python, "-c", "import nld.client; print(nld.client.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(python.parents[1])
    assert does(python.parent / "nld", "--version", cwd=tmp_path).startswith("nld ")


@pytest.mark.parametrize("checker", OPTIONS)
def test_a_users_program_is_checked(checker: str, python: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    words = (sys.executable, "-m", checker, *OPTIONS[checker], str(python))
    does(*words, "program.py", cwd=tmp_path)
    told = run(*words, "wrong.py", cwd=tmp_path)
    assert told.returncode == 1, told.stdout + told.stderr
    for line in (4, 5, 6, 7):
        assert f"wrong.py:{line}:" in told.stdout, told.stdout
