"""The program: options, exit statuses, help, and what its start imports."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nld.cli.line import Line, LineError
from nld.cli.main import main
from nld.cli.options import Options, read_options

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("-4", {"family": "inet"}), ("-6", {"family": "inet6"}), ("-f inet6", {"family": "inet6"}),
    ("-family inet", {"family": "inet"}), ("-j", {"json": True}), ("-json", {"json": True}),
    ("--json", {"json": True}), ("-p", {"pretty": True}), ("-d", {"details": True}),
    ("-details", {"details": True}), ("-N", {"numeric": True}), ("-s", {"statistics": True}),
    ("-o", {"oneline": True}), ("-c", {"color": "always"}), ("-color=auto", {"color": "auto"}),
    ("-c=never", {"color": "never"}), ("-b x", {"batch": "x"}), ("-batch -", {"batch": "-"}),
    ("-force", {"force": True}), ("-fo", {"force": True}), ("-V", {"other": "version"}),
    ("--version", {"other": "version"}), ("-h", {"other": "help"}), ("-kernel module", {"kernel": "module"}),
    ("-ts", {"tshort": True}), ("-t", {"timestamp": True}), ("-br", {"brief": True}), ("-rc 65536", {}),
    ("-takeover", {"takeover": True}), ("-socket /x", {"socket": "/x"}),
    ("-timeout 5", {"timeout": 5.0}), ("--timeout=0.5", {"timeout": 0.5}), ("-time", {"timestamp": True}),
    ("-timeo infinity", {"timeout": math.inf}),
    ("-4 -j -d", {"family": "inet", "json": True, "details": True}),
)  # fmt: skip


@pytest.mark.parametrize(("words", "fields"), OPTIONS)
def test_options(words: str, fields: dict[str, Any]) -> None:
    options = Options()
    line = Line(("nld", *words.split(), "route"), 1)
    read_options(line, options)
    assert options == Options(**fields)
    assert line.word == "route"


@pytest.mark.parametrize(
    "words",
    [
        "-z",
        "-family x",
        "-family",
        "-color=pink",
        "-json=1",
        "-batch",
        "-timeout",
        "-timeout x",
        "-timeout 0",
        "-timeout -1",
        "--timeout=nan",
        "-timeout inf",
        "-timeout 1e10",
        "-timeout=",
    ],
)
def test_wrong_options(words: str) -> None:
    with pytest.raises(LineError):
        read_options(Line(("nld", *words.split()), 1), Options())


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon, and none may be asked."""
    monkeypatch.setenv("NLD_SOCKET", "/nonexistent/nld")


STATUSES = (
    ("route add", 1), ("route add 10.0.0.0/8 metric x", 1), ("route add 10.0.0.1/8 dev nld0", 2),
    ("route list", 2), ("-j route list", 2), ("route help", 0), ("route help list", 0),
    ("help", 0), ("help route", 0), ("help status", 0), ("-V", 0), ("-h", 0),
    ("", 1), ("nosuch", 1), ("status", 2), ("completion bash", 0), ("route get help", 0),
    ("-batch /nonexistent", 1),
    ("-batch x route", 1), ("route -j -4 list", 2), ("route list -j", 2), ("monitor route", 2), ("--help", 0),
    ("monitor", 2), ("-j monitor ro table 7", 2), ("monitor -j dev nld0", 2), ("monitor --help", 0),
    ("help monitor", 0), ("monitor nosuch", 1),
    ("status --help", 0), ("sandbox --help", 0), ("route add --help", 0), ("config check /nonexistent", 2),
)  # fmt: skip


@pytest.mark.parametrize(("words", "status"), STATUSES)
def test_statuses(words: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == status
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert said.out if status == 0 else said.err


def test_a_failed_list_prints_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["-j", "route", "list"])
    assert capsys.readouterr().out == ""


def test_the_route_path_imports_nothing_heavy() -> None:
    script = (
        "import sys; from nld.cli.main import main; main(['route', 'add', '10.0.0.0/8', 'dev', 'nld0']); "
        "print(sorted({'pydantic', 'uvloop', 'structlog', 'click', 'asyncio'} & sys.modules.keys()))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env=dict(os.environ),
    )
    assert done.stdout == "[]\n"


def test_batch_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "routes"
    file.write_text("# nothing\nroute add 10.0.0.0/8 metrc 5\n")
    assert main(["-batch", str(file)]) == 1
    said = capsys.readouterr().err
    assert f"Command failed {file}:2" in said
    assert "did you mean: metric" in said
