"""Run a function of a test module in a network namespace of its own, as another process.

For tests that hold nld's own sockets and tables in their hands.  The namespace has the links of
``room.py``; what the function asserts, it asserts there, and its output is the failure's text here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = """
import asyncio, importlib, inspect
result = getattr(importlib.import_module({module!r}), {name!r})()
if inspect.isawaitable(result):
    asyncio.run(result)
"""


def ip(*lines: str) -> None:
    """Run ``ip`` with each of these lines, in the present namespace."""
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def inside(function: Callable[[], Any]) -> str:
    """Call it in a new namespace, a coroutine function to its end; what it printed."""
    root = str(Path(__file__).parents[2])
    program = (
        "from tests.kernel.inside import ip; from tests.kernel.room import LINKS; ip(*LINKS)"
        f"{PROGRAM.format(module=function.__module__, name=function.__name__)}"
    )
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
