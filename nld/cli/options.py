"""``ip``'s options: ``-4 -6 -j -p -d -N -s -o -c -f FAMILY -batch FILE -force`` and their long forms.

Like ``ip``, an option is written with one dash or two and may be shortened to any beginning; they stand
before ``route``.  nld also takes them behind ``route`` and its verb, up to the first other word, because
people write ``nld route -j list``.

The order of the table decides which option a beginning means, as in ``ip``: ``-c`` is color, ``-d``
details, ``-o`` oneline, ``-b`` batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nld.cli.line import REFUSED, Line, quoted
from nld.cli.values import INET, INET6, number

if TYPE_CHECKING:
    from nld.client import Client


@dataclass(slots=True)
class Options:
    """What the options say.

    ``family``      "inet", "inet6" or None.
    ``kernel``      which kernel table manager: "fib", "module" or None for the daemon's default.
    ``takeover``    also change routes of other owners.
    ``timestamp``, ``tshort``  monitor says when, in ``ip``'s long or short form.
    ``brief``       as ``ip -br route``: nothing.
    ``color``       "never", "auto" or "always".
    ``timeout``     seconds to wait for the daemon, inf for ever, or None for the client's default.
    ``batch``       file of commands, "-" for standard input, or None.
    ``other``       "help" or "version" when that was asked for.
    """

    family: str | None = None
    json: bool = False
    pretty: bool = False
    details: bool = False
    numeric: bool = False
    statistics: bool = False
    oneline: bool = False
    takeover: bool = False
    force: bool = False
    color: str = "never"
    batch: str | None = None
    kernel: str | None = None
    socket: str | None = None
    timeout: float | None = None
    timestamp: bool = False
    tshort: bool = False
    brief: bool = False
    other: str = ""

    def client(self) -> Client:
        """A client that asks the daemon and waits for it as the options say."""
        from nld.client import Client  # noqa: PLC0415 - most mistakes are found without one

        if self.timeout is None:
            return Client(self.socket)
        return Client(self.socket, timeout=None if self.timeout == math.inf else self.timeout)


OPTIONS: tuple[tuple[str, bool, str, str], ...] = (
    ("-family", False, "inet|inet6", "only this address family"),
    ("-4", True, "", "IPv4 only"),
    ("-6", True, "", "IPv6 only"),
    ("-statistics", False, "", "show use counts of cached routes"),
    ("-details", False, "", "show every field"),
    ("-oneline", False, "", "one line for each route"),
    ("-timestamp", False, "", "monitor: print a timestamp on a line before"),
    ("-tshort", False, "", "monitor: print a timestamp at the beginning of the line"),
    ("-Version", False, "", "show the version"),
    ("-version", False, "", "show the version"),
    ("-force", False, "", "continue after a failed line of a batch"),
    ("-batch", False, "FILE", "read commands from FILE, or from standard input for -"),
    ("-brief", False, "", "no effect: each route is one line anyway"),
    ("-json", False, "", "JSON, as ip -j prints it"),
    ("-pretty", False, "", "JSON with line breaks"),
    ("-rcvbuf", False, "SIZE", "no effect: set in the daemon's configuration"),
    ("-color", False, "", "color the output: -color=always, auto or never"),
    ("-help", False, "", "show help"),
    ("-netns", False, "NAME", "not supported"),
    ("-Numeric", False, "", "numbers instead of names"),
    ("-kernel", False, "fib|module", "the kernel table manager to use"),
    ("-takeover", False, "", "also change routes that belong to others"),
    ("-socket", False, "PATH", "the daemon's socket (default: NLD_SOCKET, then /run/nld/io.nld)"),
    ("-timeout", False, "SECONDS", "how long to wait for a reply from the daemon (default: 45), or infinity"),
)
"""Name, whether it must be written in full, its value, and what it is for; in ``ip``'s order."""


_WITH_VALUE = ("-color", "-timeout")
"""Options that are also written with ``=``."""
_LONGEST = 1_000_000_000
"""The client's longest time-out, in seconds."""


def find_option(word: str) -> str | None:
    """The full name of the option that ``word`` (with one dash, without ``=VALUE``) is, or None."""
    for name, exact, _, _ in OPTIONS:
        if word == name or (not exact and len(word) > 1 and name.startswith(word)):
            return name
    return None


def read_options(line: Line, options: Options) -> None:
    """Read options from the position on; it then stands on the first word that is none."""
    while (word := line.word) is not None and word.startswith("-") and word != "-":
        if word == "--":
            line.step()
            return
        bare, equals, value = word.partition("=")
        name = find_option(bare[1:] if bare.startswith("--") else bare)
        if name is None or (equals and name not in _WITH_VALUE):
            raise line.refusal(
                f'"{word}" is not an option',
                expected="an option of ip, such as -4, -6, -j, -d, or a command",
                candidates=[option for option, _, _, _ in OPTIONS],
            )
        _set(line, options, name, value)
        line.step()


def _set(line: Line, options: Options, name: str, value: str) -> None:
    match name:
        case "-4":
            options.family = INET
        case "-6":
            options.family = INET6
        case "-family":
            options.family = _one_of(line, "family", (INET, INET6))
        case "-kernel":
            options.kernel = _one_of(line, "kernel", ("fib", "module"))
        case "-batch":
            options.batch = line.argument("a file, or - for standard input")
        case "-rcvbuf":
            line.argument("a size in bytes")
            number(line, "rcvbuf")
        case "-netns":
            name = line.argument("the name of a network namespace")
            raise line.refusal(
                "nld shows the network namespace that its daemon runs in",
                at=line.at - 1,
                advice=f'run a daemon in {quoted(name)} with another socket, and use "-socket PATH"',
                status=REFUSED,
            )
        case "-socket":
            options.socket = line.argument("the path of the daemon's socket")
        case "-timeout":
            options.timeout = _seconds(line, value or line.argument("a number of seconds, or infinity"))
        case "-color":
            if value not in ("", "always", "auto", "never"):
                raise line.refusal(f'color "{value}" is not known', expected="always, auto or never")
            options.color = value or "always"
        case "-help" | "-version" | "-Version":
            options.other = name[1:].lower()
        case _:
            setattr(options, name[1:].lower(), True)


def _seconds(line: Line, text: str) -> float:
    """A time-out, as of varlinkctl(1): ``infinity`` is none."""
    if text == "infinity":
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST:
        raise line.refusal(
            f'timeout "{text}" is not a valid time',
            expected=f"seconds, above 0 and at most {_LONGEST}, or infinity",
        )
    return seconds


def _one_of(line: Line, what: str, choices: Sequence[str]) -> str:
    word = line.argument(" or ".join(choices))
    if word not in choices:
        raise line.refusal(
            f'{what} "{word}" is not supported', expected=" or ".join(choices), candidates=choices
        )
    return word
