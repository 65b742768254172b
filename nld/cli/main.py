"""The entry point ``nld``: options, then the command that the first word names.

``nld route ...`` (any beginning of ``route``, as in ``ip``) and ``nld -batch FILE`` are done here, with
as little imported as possible.  Every other command is in :mod:`nld.cli.commands`, which brings click.

Exit status, as ``ip`` documents it: 0 done, 1 the words are wrong, 2 the daemon or the kernel refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from nld.cli.line import USAGE, Line, LineError, abbreviates
from nld.cli.options import Options, read_options
from nld.cli.streams import finish, open_closed, tell, unprinted

if TYPE_CHECKING:
    from nld.cli.session import Session

TAKEOVER = "NLD_TAKEOVER"
"""Environment variable that stands for ``-takeover`` when it is set to anything but 0, so that scripts which
were written for ``ip`` may change routes of others as they always did."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell reports it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``nld`` with these arguments (those of the process by default); the exit status."""
    open_closed()
    words = ("nld", *(sys.argv[1:] if arguments is None else arguments))
    try:
        return finish(_run(words))
    except LineError as error:
        tell(error.text())
        return finish(error.status)
    except KeyboardInterrupt:
        return finish(INTERRUPTED)
    except OSError as error:  # nothing else lets one through
        return unprinted(error)


def _run(words: tuple[str, ...]) -> int:
    line = Line(words, 1)
    options = Options(takeover=os.environ.get(TAKEOVER, "") not in ("", "0"))
    read_options(line, options)
    if options.other == "version":
        from nld.cli.commands import version  # noqa: PLC0415 (imports lazily, as all below)

        print(version())
        return 0
    word = line.word
    if options.batch is not None and not options.other:
        if word is not None:
            raise line.refusal(
                f'unexpected "{word}" after -batch {options.batch}',
                expected="nothing: the commands are in the file",
            )
        return batch(options, options.batch)
    if word == "help":
        options.other = "help"
        line.step()
        word = line.word
    if word is None or options.other == "help":
        if word is None or word == "monitor" or abbreviates(word, "route"):
            return _help({None: "nld", "monitor": "monitor"}.get(word, "route"), asked=bool(options.other))
    elif word == "monitor" or abbreviates(word, "route"):
        return route(line, options)
    from nld.cli.commands import run  # noqa: PLC0415

    return run([*words[line.at :], *(("--help",) if options.other else ())], options)


def _help(topic: str, *, asked: bool) -> int:
    from nld.cli.help import show  # noqa: PLC0415

    print(show(topic), end="", file=sys.stdout if asked else sys.stderr)
    return 0 if asked else USAGE


def route(line: Line, options: Options) -> int:
    """Do one ``route`` command; the position of ``line`` stands on ``route``, or on ``monitor [route]``."""
    from nld.cli.grammar import Help, parse  # noqa: PLC0415

    words = line.words
    if line.word == "monitor":
        following = words[line.at + 1 :]
        if following and abbreviates(following[0], "route"):  # the object, as in ip monitor
            following = following[1:]
        words = (*words[: line.at], "route", "monitor", *following)
        line = Line(words, line.at)
    line.step()
    read_options(line, options)
    if options.other == "help":
        return _help("route", asked=True)
    if line.word is not None and words[line.at + 1 : line.at + 2] and words[line.at + 1].startswith("-"):
        # Options behind the verb are taken out, so that the grammar sees the route's words only.
        behind = Line(words, line.at + 1)
        read_options(behind, options)
        words = (*words[: line.at + 1], *words[behind.at :])
        if options.other == "help":
            return _help(words[line.at], asked=True)
    request = parse(words, line.at, options.family)
    if isinstance(request, Help):
        return _help(request.topic, asked=True)
    with _session(options) as session:
        return session.run(request)


def _session(options: Options) -> Session:
    from nld.cli.session import Session  # noqa: PLC0415

    return Session(options.client(), options, sys.stdout.buffer, sys.stderr)


def batch(options: Options, name: str) -> int:
    """Do the commands of a file, or of standard input when ``name`` is ``-``."""
    if name == "-":
        return run_batch(options, name, sys.stdin)
    try:
        with open(name, encoding="utf-8", errors="surrogateescape") as stream:  # noqa: PTH123 (pathlib costs start-up)
            return run_batch(options, name, stream)
    except OSError as error:
        tell(f'nld: cannot open "{name}" for reading: {error.strerror}')
        return USAGE


def run_batch(options: Options, name: str, stream: IO[str]) -> int:
    """Do the commands of an open file; ``name`` is for the reports of failed lines."""
    from nld.cli.batch import Batch, BatchCall, read_lines  # noqa: PLC0415
    from nld.cli.complaint import complaint  # noqa: PLC0415
    from nld.cli.progress import Progress  # noqa: PLC0415

    with _session(options) as session, Progress(sys.stderr) as progress:

        def send(call: BatchCall) -> None:
            session.write(call.operation, call.records)

        def report(text: str, number: int) -> None:
            progress.pause()
            session.say(text)
            session.say(f"Command failed {name}:{number}")

        work = Batch(
            family=options.family, force=options.force, send=send, run=session.run, report=report,
            explain=complaint, progress=progress.show,
        )  # fmt: skip
        try:
            return work.feed(read_lines(stream))
        except LineError as error:
            session.say(error.text())
            return error.status


if __name__ == "__main__":
    sys.exit(main())
