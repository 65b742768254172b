"""The line that says how far a batch is."""

from __future__ import annotations

import io

import pytest

from nld.cli.progress import Progress

SHOWN = "\r\x1b[K1,500 routes, 750 a second"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "seconds", "expected"),
    [
        (Terminal(), 2.0, SHOWN),
        (Terminal(), 0.9, ""),
        (io.StringIO(), 2.0, ""),
    ],
    ids=["long", "short", "not a terminal"],
)
def test_shown_on_a_terminal_and_after_a_second_only(
    stream: io.StringIO, seconds: float, expected: str
) -> None:
    times = iter([0.0, seconds])
    Progress(stream, lambda: next(times)).show(1500)
    assert stream.getvalue() == expected


def test_erased_before_something_else_is_printed_and_at_the_end() -> None:
    terminal = Terminal()
    times = iter([0.0, 2.0, 2.0])
    with Progress(terminal, lambda: next(times)) as progress:
        progress.show(1500)
        progress.pause()
        progress.pause()
        assert terminal.getvalue() == SHOWN + "\r\x1b[K"
        progress.show(1500)
    assert terminal.getvalue() == 2 * (SHOWN + "\r\x1b[K")
