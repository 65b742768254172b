"""The commands around ``nld route``: daemon, sandbox, status, config, completion.

Each imports what it starts only when it is called, so that ``nld status`` needs no daemon code and
``nld completion`` no configuration.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import click

from nld.cli.complaint import complaint, making_sense, status_of
from nld.cli.options import Options
from nld.cli.streams import printable_values, tell
from nld.errors import ConfigInvalid, NldError

if TYPE_CHECKING:
    from nld.client import Client


def version() -> str:
    """``nld 0.1.0``."""
    try:
        return f"nld {metadata.version('nld')}"
    except metadata.PackageNotFoundError:
        return "nld (not installed)"


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  nld sandbox                          try nld without root\n"
    "  nld route add 10.0.0.0/8 via 192.0.2.2\n  nld -j route list table all\n  nld route help",
)
def nld() -> None:
    """Linux routes, in the words of "ip route", through the nld daemon."""


@nld.command()
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    help="Configuration file (default: /etc/nld/config.toml, if it exists).",
)
def daemon(config_path: str | None) -> int:
    """Run the daemon in the foreground. systemd runs it as a service, "nld sandbox" in a private network."""
    from nld.daemon import main  # noqa: PLC0415

    return int(main(config_path))


@nld.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--links", default=2, show_default=True, type=click.IntRange(0, 64), help="Number of links.")
@click.argument("command", nargs=-1)
def sandbox(links: int, command: tuple[str, ...]) -> int:
    """Run COMMAND (a shell by default) with nld in a private network, without root.

    Link nld0 has 192.0.2.1/24 and 2001:db8::1/64; nld1 and further links have the networks that follow.
    NLD_SOCKET is set. The exit status is that of COMMAND; afterwards everything is removed.

    \b
    Examples:
      nld sandbox
      nld sandbox -- nld route list table all
      nld sandbox --links 4 -- ./my-test.sh
    """
    from nld.sandbox import main  # noqa: PLC0415

    return int(main(links, list(command)))


def _options() -> Options:
    return click.get_current_context().obj or Options()


def _client() -> Client:
    return _options().client()


@nld.command()
@click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> int:
    """Show the status of the daemon: version, memory, kernel tables, counters."""
    options = _options()
    with _client() as client, making_sense():
        found = client.status()
        if as_json or options.json:
            click.echo(json.dumps(found, indent=4 if options.pretty else None))
        else:
            click.echo("\n".join(_rows(printable_values(found))))
    return 0


def _rows(value: dict[str, Any], indent: str = "") -> list[str]:
    width = max((len(name) for name in value), default=0)
    rows = []
    for name, item in value.items():
        if isinstance(item, dict):
            rows += [f"{indent}{name}", *_rows(item, indent + "  ")]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            for entry in item:
                rows += [f"{indent}{name}", *_rows(entry, indent + "  ")]
        else:
            shown = ", ".join(map(str, item)) if isinstance(item, list) else item
            rows.append(f"{indent}{name:<{width}}  {shown}")
    return rows


@nld.command()
@click.argument("text")
def greet(text: str) -> int:
    """Send TEXT to the kernel module nld.ko, and print its answer.

    \b
    Example:
      nld greet "Hello"
    """
    with _client() as client:
        click.echo(printable_values(client.greet(text)))
    return 0


@nld.group()
def module() -> None:
    """Control the kernel module nld.ko."""


@module.command("release")
def module_release() -> int:
    """Make the daemon close its sockets to the module, so that it can be unloaded.

    When the module is loaded again, the daemon attaches to it and adds its routes. If the module is not
    unloaded within a minute, the daemon attaches again.

    \b
    Example: load a new version of the module without stopping the daemon:
      nld module release && rmmod nld && modprobe nld
    """
    with _client() as client:
        client.release("module")
    return 0


@nld.group()
def config() -> None:
    """Check configuration files."""


@config.command("check")
@click.argument("file", type=click.Path())
def config_check(file: str) -> int:
    """Check FILE as the daemon would read it. Exit status 0 if it is valid, 2 if it is not."""
    from nld.config import load  # noqa: PLC0415

    try:
        load(file)
    except ConfigInvalid as error:
        click.echo(f"nld: {error}", err=True)
        return 2
    click.echo(f"{file}: valid")
    return 0


@nld.command(context_settings={"ignore_unknown_options": True})
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "words"]), metavar="bash|zsh|fish")
@click.argument("words", nargs=-1)
def completion(shell: str, words: tuple[str, ...]) -> int:
    """Print the completion script of a shell.

    \b
    bash:  nld completion bash > /etc/bash_completion.d/nld
    zsh:   nld completion zsh > /usr/local/share/zsh/site-functions/_nld
    fish:  nld completion fish > ~/.config/fish/completions/nld.fish
    """
    from nld.cli.completion import SCRIPTS, candidates  # noqa: PLC0415

    if shell == "words":
        for word, about in candidates(list(words)):
            click.echo(f"{word}\t{about}" if about else word)
    else:
        click.echo(SCRIPTS[shell], nl=False)
    return 0


def run(words: Sequence[str], options: Options) -> int:
    """Run one of these commands; the exit status. Errors are printed."""
    try:
        done = nld.main(args=list(words), prog_name="nld", standalone_mode=False, obj=options)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        error.show(sys.stderr)
        return 1
    except NldError as error:
        tell(complaint(error))
        return status_of(error)
    return done if isinstance(done, int) else 0
