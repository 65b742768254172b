"""A stand: a sandbox with the daemon in it, where tests run ``ip`` and ``nld`` against a real kernel table.

This file is both ends.  Imported, ``Stand`` starts ``nld sandbox`` with this file as its command; as that
command it does what it is told, a JSON object a line.  ``nld`` runs in the agent's own process (the same
``main`` as the program's), because starting an interpreter for each of hundreds of forms would only
measure patience.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pytest

SECONDS = 600
"""The longest that one command may take, on the slowest emulated machine."""


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def can_make_namespaces() -> str | None:
    """Why this host cannot make a private network namespace; None when it can."""
    try:
        done = subprocess.run(
            ["unshare", "-Urn", "true"], capture_output=True, text=True, timeout=20, check=False
        )
    except FileNotFoundError:
        return "unshare(1) is not installed"
    except subprocess.TimeoutExpired:
        return "making a network namespace hangs in this kernel"
    return done.stderr.strip() or None if done.returncode else None


class Stand:
    """One sandbox; a context manager.

    ``links``      how many nld0.. it has.
    ``log_level``  the least severe entry of the daemon's log that is shown.
    ``daemon``     the program that is the daemon; None: nld's.
    """

    def __init__(self, links: int = 2, log_level: str = "error", daemon: Sequence[str] | None = None) -> None:
        program = (
            "import sys; from nld.sandbox import main; "
            f"sys.exit(main({links}, sys.argv[1:], daemon={daemon!r}, log_level={log_level!r}))"
        )
        root = str(Path(__file__).parents[1])
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
        )
        self.agent = self._ask({"do": "pid"})["pid"]

    @property
    def socket(self) -> str:
        """The control socket, as a path of the host."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    is_agent = str(Path(__file__).resolve()).encode() in words and b"-c" not in words
                    if is_agent and self._is_ours(int(entry.name)):
                        return f"/proc/{entry.name}/root/run/nld/io.nld"
        raise RuntimeError("the stand's agent is gone")

    def _is_ours(self, pid: int) -> bool:
        while pid > 1:
            status = Path(f"/proc/{pid}/status").read_text()
            pid = int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))
            if pid == self._process.pid:
                return True
        return False

    def run(self, *argv: str, stdin: str = "", check: bool = False) -> Outcome:
        """Run a program in the sandbox."""
        answer = self._ask({"do": "run", "argv": argv, "stdin": stdin})
        outcome = Outcome(answer["code"], answer["out"], answer["err"])
        if check and outcome.code:
            raise RuntimeError(f"{' '.join(argv)}: {outcome.err}")
        return outcome

    def ip(self, words: str, *, check: bool = True) -> Outcome:
        """Run ``ip`` with these words."""
        return self.run("ip", *words.split(), check=check)

    def nld(self, words: str | Sequence[str], *, stdin: str = "") -> Outcome:
        """Run ``nld`` with these words."""
        split = words.split() if isinstance(words, str) else list(words)
        answer = self._ask({"do": "nld", "argv": split, "stdin": stdin})
        return Outcome(answer["code"], answer["out"], answer["err"])

    def routes(self, program: str = "ip", options: str = "-d") -> Any:
        """The whole table as ``ip -j`` or ``nld -j`` prints it, both families."""
        words = f"-j {options} route show table all"
        outcome = self.ip(words) if program == "ip" else self.nld(words)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out or "[]")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(SECONDS)

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox ended with status {self._process.wait(SECONDS)}")
        return json.loads(line)


@pytest.fixture
def stand() -> Any:
    """A sandbox with two links and the daemon."""
    with Stand() as made:
        yield made


def _agent() -> None:
    """The end in the sandbox."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        match request["do"]:
            case "pid":
                answer = {"pid": os.getpid()}
            case "run":
                done = subprocess.run(
                    request["argv"], input=request["stdin"], capture_output=True, text=True, check=False
                )
                answer = {"code": done.returncode, "out": done.stdout, "err": done.stderr}
            case _:
                answer = _nld(request["argv"], request["stdin"])
        print(json.dumps(answer), file=answers, flush=True)


def _nld(words: list[str], stdin: str) -> dict[str, Any]:
    from nld.cli.main import main

    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
    finally:
        sys.stdin = before
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return {"code": code, "out": out.buffer.getvalue().decode(), "err": err.getvalue()}


if __name__ == "__main__":
    _agent()
