"""``nld greet`` and ``nld module release``: with a server that has the module, and a daemon that has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nld.cli.main import main
from tests.control.stand import Stand as Server
from tests.control.stand import stand as server
from tests.stand import Stand


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server over a stub broker, which the commands find."""
    with server(tmp_path / "nld") as made:
        monkeypatch.setenv("NLD_SOCKET", made.path)
        yield made


def test_greet_prints_the_answer(serving: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "Hello"]) == 0
    assert capsys.readouterr() == ("Hello to you\n", "")
    assert main(["greet", "many words in one"]) == 0
    assert serving.broker.calls[-1][1:] == ("greet", "many words in one")


def test_an_answer_is_one_line_whatever_is_in_it(serving: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "a\nnld: b\t\x1b[2J"]) == 0
    assert capsys.readouterr() == ("a\\x0anld: b\\x09\\x1b[2J to you\n", "")


@pytest.mark.parametrize("words", ["greet", "greet one two", "module", "module nosuch", "module release now"])
def test_wrong_words(serving: Server, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) != 0
    assert capsys.readouterr().err
    assert serving.broker.calls == []


def test_release(serving: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["module", "release"]) == 0
    assert capsys.readouterr() == ("", "")
    assert serving.broker.calls[-1][1:] == ("release", "module")


@pytest.mark.parametrize("words", ["greet --help", "module --help", "module release --help"])
def test_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 0
    assert "module" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["greet Hello", "module release", "-kernel module route list"])
def test_a_daemon_without_the_module_says_why(stand: Stand, words: str) -> None:
    outcome = stand.nld(words)
    assert (outcome.code, outcome.out) == (2, "")
    line, *rest = outcome.err.splitlines()
    assert line == (
        "nld: this daemon does not drive the kernel table module; it drives fib;"
        " set kernel.module.enabled = true"
    )
    assert not any("Traceback" in text for text in rest)
