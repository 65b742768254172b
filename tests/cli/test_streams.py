"""Standard streams that are closed, full or read by nobody; and a server that is not nld's.

Neither shows a traceback, and what cannot be printed does not decide what becomes of a route.
"""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nld.cli.main import main
from nld.cli.streams import printable, printable_values
from tests.client.impostor import impostor
from tests.docs.test_readme import PROGRAM, in_sandbox

SCRIPT = """
nld route add 10.1.0.0/16 dev nld0 >&-; echo $? >> {log}
nld route add 10.2.0.0/16 dev nld0 2>&-; echo $? >> {log}
nld route add 10.3.0.0/16 dev nld0 <&- >&- 2>&-; echo $? >> {log}
nld route add 10.4.0.0/16 dev nld0 >/dev/full 2>/dev/full; echo $? >> {log}
nld route add 10.1.0.0/16 dev nld0 2>&-; echo $? >> {log}
nld route add 10.1.0.0/16 dev nld0 2>/dev/full; echo $? >> {log}
nld route lizt 2>/dev/full; echo $? >> {log}
nld route list >&-; echo $? >> {log}
nld -j route list >/dev/full; echo $? >> {log}
nld status >/dev/full; echo $? >> {log}
nld status >&-; echo $? >> {log}
nld route list table all 2>&1 | true
echo 'route add 10.5.0.0/16 dev nld0' | nld -batch - >&- 2>&-; echo $? >> {log}
nld -batch - <&-; echo $? >> {log}
nld route restore <&-; echo $? >> {log}
nld route save > {log}.saved; nld route restore < {log}.saved; echo $? >> {log}
nld route flush cache; echo $? >> {log}
ip route add 10.6.0.0/16 dev nld0 proto static
nld route del 10.6.0.0/16; echo $? >> {log}
NLD_TAKEOVER=1 nld route del 10.6.0.0/16; echo $? >> {log}
ip route list root 10.0.0.0/8 | cut -d' ' -f1
"""
STATUSES = [0, 0, 0, 0, 2, 2, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 2, 0]


@pytest.mark.namespace
def test_what_cannot_be_printed(tmp_path: Path) -> None:
    (tmp_path / "nld").write_text(PROGRAM)
    (tmp_path / "nld").chmod(0o755)
    log = tmp_path / "log"
    seen = in_sandbox("sh", "-c", f"PATH={tmp_path}:$PATH\n" + SCRIPT.format(log=log))
    assert "Traceback" not in seen
    assert "Exception ignored" not in seen
    assert [int(line) for line in log.read_text().split()] == STATUSES, seen
    assert seen.splitlines()[-5:] == [f"10.{n}.0.0/16" for n in range(1, 6)]
    assert seen.count("nld: cannot write to standard output: Bad file descriptor") == 2
    assert seen.count("nld: cannot write to standard output: No space left on device") == 2


@pytest.mark.namespace
def test_a_reader_that_has_enough(tmp_path: Path) -> None:
    script = f"{sys.executable} -m nld.cli.main -j route list table all | head -c 1; echo"
    assert in_sandbox("sh", "-c", script) == "[\n"


ROUTE = '{"dst":"10.0.0.0/8","dev":"%s","flags":[]}'
HOSTILE = [
    b"",
    b"x\0",
    b"[]\0",
    b"null\0",
    b'"\xff\xfe"\0',
    b'{"parameters":[]}\0',
    b'{"parameters":{"routes":5}}\0',
    b'{"parameters":{"routes":[5],"answers":[5],"version":[[]],"done":"x"}}\0',
    b'{"parameters":{"routes":[{"dst":5}],"answers":[{"route":5}],"done":-1}}\0',
    b'{"parameters":{"routes":[{"nexthops":7,"flags":3}],"answers":[{"route":{"metrics":[1]}}]}}\0',
    b'{"parameters":{"routes":%b%b}}\0' % (b"[" * 100_000, b"]" * 100_000),
    b'{"parameters":{"done":%b,"routes":[%b]}}\0' % (b"9" * 5000, b"9" * 5000),
    b'{"parameters":{"routes":[NaN],"done":NaN,"answers":[NaN]}}\0',
    b'{"parameters":{"routes":["\xff"],"answers":["\xff"]}}\0',
    b'{"parameters":{"kind":7,"changes":[7]},"continues":true}\0',
    b'{"parameters":{"kind":"changes","changes":[{"event":7}]},"continues":true}\0',
    b'{"error":5}\0',
    b'{"error":"io.nld.RouteExists","parameters":7}\0',
    b'{"error":"io.nld.RouteExists","parameters":{"message":7,"extack":{"x":1},"failures":5,"index":"x"}}\0',
    b'{"error":"io.nld.RouteExists","parameters":{"message":"\\u001b[2J","key":"\\u009b2J","failures":[7]}}\0',
    b'{"error":"io.nld.RouteExists","parameters":{"message":"a\\nnld: forged","key":"b\\nnld: forged",'
    b'"field":"c\\nforged","errno":"d\\nforged","extack":{"message":"e\\nforged","attribute":"f\\nforged"}}}\0',
    b'{"error":"io.nld.KernelRefused","parameters":{"message":"a\\rb\\tc\\u2028d"}}\0',
    b'{"parameters":{"routes":[{"dst":"10.0.0.0/8","metric":1e999}]}}\0',
    b'{"parameters":{"routes":[null]}}\0',
    b'{"parameters":null}\0',
    b'{"parameters":{"kind":"changes","changes":null},"continues":true}\0',
    b'{"parameters":{"kind":"synced","cursor":"1"},"continues":true}\0',
    b'{"error":"\\u001b[2J\\ud800","parameters":{"\\u001b[2J":1}}\0',
    b'{"parameters":{"routes":[%b],"answers":[{"route":%b}],"version":"\\u001b[2J\\ud800"}}\0'
    % ((ROUTE % "\\u001b[2J\\u009b\\ud800").encode(), (ROUTE % "\\u001b[2J").encode()),
    b'{"parameters":{"kind":"changes","changes":[{"event":"new","route":%b}]},"continues":true}\0'
    % (ROUTE % "\\u001b[2J\\u202e").encode(),
]
LINES = ("nld: ", "field: ", "kernel: ", "try: ", "  ")
"""What begins a line of an error."""
COMMANDS = [
    "route", "-j route", "-d route", "-j -p route", "-N -j route list", "route get 192.0.2.1",
    "-j -d route get 192.0.2.1", "route add 10.0.0.0/8 dev nld0", "route monitor", "-j route monitor",
    "route flush table 100", "route save", "status", "-j status", "greet x",
]  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers everything with the same bytes, and hangs up after the second time."""
    with impostor(tmp_path / "s", hangs_up=True) as says:
        yield str(tmp_path / "s"), says


@pytest.mark.parametrize("command", ["route", "route add 10.0.0.0/8 dev nld0", "status", "greet x"])
def test_a_daemon_that_does_not_answer_is_waited_for_as_long_as_is_said(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        assert main(["-socket", path, "--timeout=0.01", *command.split()]) == 2
    assert "gave no answer in time" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_not_nlds(
    hostile: tuple[str, list[bytes]], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, says = hostile
    monkeypatch.setattr("time.sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))  # of monitor
    for payload in HOSTILE:
        says.append(payload * 2)
        out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        status = main(["-socket", path, *command.split()])
        out.seek(0)
        text = out.read()
        monkeypatch.undo()
        monkeypatch.setattr("time.sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))
        assert status in (0, 2, 130), (payload, err.getvalue())
        if status == 0 and "-j" in command and "monitor" not in command:
            json.loads(text, parse_constant=pytest.fail)
        lines = err.getvalue().splitlines()
        assert all(line.startswith(LINES) for line in lines), (payload, lines)
        assert sum(line.startswith("nld: ") for line in lines) <= 1, (payload, lines)
        assert status == 0 or err.getvalue().startswith("nld: "), (payload, err.getvalue())
        assert "Traceback" not in err.getvalue()
        for said in (text, err.getvalue()):
            assert said.replace("\n", "").replace("\t", "").isprintable(), (payload, said)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext é 例", "plain\n\ttext é 例"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\x9bb\u202e", "a\\xc2\\x9bb\\xe2\\x80\\xae"),
        ("\ud800", "\\xed\\xa0\\x80"),
        ("\r\x7f", "\\x0d\\x7f"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_printable_values() -> None:
    given: Any = json.loads('{"a\\u001b":["x\\ny",5,null,{"b":"plain"}]}')
    assert printable_values(given) == {"a\\x1b": ["x\\x0ay", 5, None, {"b": "plain"}]}


def test_the_program_itself_survives_closed_streams() -> None:
    """Before anything else is opened, so that no socket becomes standard output."""
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m nld.cli.main -socket /nonexistent route list <&- >&-"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("nld: cannot reach nld at /nonexistent")
