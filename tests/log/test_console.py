"""Readable lines, whatever a peer puts in a value."""

import io

import pytest

from nld.log.console import Console, value_text, words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("a\nerror forged", '"a\\nerror forged"'),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        (7, "7"),
        (True, "True"),
        (b"\x00\xff", "00ff"),
        (["a", "b c"], '[a,"b c"]'),
        (list(range(9)), "[0,1,2,3,4,5,6,7,... (9 in all)]"),
        ({"mtu": 1400}, '{"mtu": 1400}'),
    ],
)
def test_values(value: object, text: str) -> None:
    assert value_text(value) == text


def test_words_leave_out_what_is_none() -> None:
    assert (
        words({"event": "routes added", "dst": "10.0.0.0/8", "dev": None}) == "routes added  dst=10.0.0.0/8"
    )


def test_one_event_is_one_line() -> None:
    stream = io.StringIO()
    Console(stream).write({"event": "bad\nforged", "level": "error", "dst": "x\ny"})
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(' error   bad\\nforged  dst="x\\ny"')


def test_a_traceback_is_indented_below() -> None:
    stream = io.StringIO()
    Console(stream).write({"event": "bug", "level": "error", "exception": "Traceback\n  line"})
    assert stream.getvalue().splitlines()[1:] == ["    Traceback", "      line"]


def test_a_closed_stream_is_no_reason_to_die() -> None:
    stream = io.StringIO()
    console = Console(stream)
    stream.close()
    console.write({"event": "unheard"})


def test_colour_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    Console(stream).write({"event": "seen", "level": "warning"})
    assert "\x1b[33mwarning\x1b[0m seen" in stream.getvalue()
