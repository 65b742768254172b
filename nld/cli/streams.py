"""The three standard streams, whatever the caller made of them: closed, full, or read by nobody.

What is written there must not decide what becomes of a route: ``nld route add ... >&-`` adds.  What cannot
be printed on standard output is an error with a sentence and an exit status (as in GNU coreutils), except
that a reader who has enough (EPIPE) is none.  What cannot be printed on standard error is lost.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

UNPRINTED = 1
"""Exit status when standard output cannot be written."""


def open_closed() -> None:
    """Put something in the place of each standard stream that is closed.

    Without it the next file or socket would get its number.  A closed standard output becomes one that
    refuses what is written to it (EBADF), and says so only when something is.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (a descriptor, for good)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (as above)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (as above)


def tell(text: str) -> None:
    """Print to standard error, if that can be."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _silence(2)


def finish(status: int) -> int:
    """Write what is left in standard output; the exit status, which is ``status`` unless that fails."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        return unprinted(error, status)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
        return status
    _silence(2)
    return status


def unprinted(error: OSError | ValueError, status: int = 0) -> int:
    """Standard output could not be written: the exit status, after a sentence that says why."""
    _silence(1)  # Python would complain again when it flushes at exit.
    if isinstance(error, BrokenPipeError):
        return status
    tell(f"nld: cannot write to standard output: {getattr(error, 'strerror', None) or error}")
    return status or UNPRINTED


def _silence(number: int) -> None:
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        if null != number:
            os.close(null)


def printable(text: str) -> str:
    r"""The text without what a terminal takes for a command: ``\x1b`` for ESC, a ``\x`` for each byte.

    Line breaks and tabs stay. Device names come from the daemon spelled so already (``device_name.py``).
    """
    if text.isprintable():
        return text
    return "".join(
        [letter if letter in "\n\t" or letter.isprintable() else _escape(letter) for letter in text]
    )


def _escape(letter: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))


def printable_values(value: Any) -> Any:
    """JSON values in which every text is printable, line breaks and tabs escaped too."""
    if isinstance(value, str):
        return (
            value if value.isprintable() else printable(value).replace("\n", "\\x0a").replace("\t", "\\x09")
        )
    if isinstance(value, dict):
        return {printable_values(name): printable_values(item) for name, item in value.items()}
    if isinstance(value, list):
        return [printable_values(item) for item in value]
    return value
