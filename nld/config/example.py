"""The text of ``config.example.toml``: every key with its meaning, unit, default and what zero does.

``python -m nld.config.example > config.example.toml`` writes it again after a change of the model; a
test compares the two.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from nld.config.model import ConfigKey, keys

_WIDTH = 96

_HEAD = """\
# The configuration of nld, the route daemon: /etc/nld/config.toml
#
# Every key is here with its default; a file needs only those that it changes.  An unknown key or a
# bad value stops the daemon at start; on reload (SIGHUP, systemctl reload nld) it is reported, and
# the daemon goes on as it was.  "nld config check FILE" says what is wrong with a file.
"""


def example() -> str:
    """The whole file, ending in a newline; parsing it gives ``Config()``."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    table: tuple[str, ...] = ()
    for key in keys():
        if key.path[:-1] != table:
            table = key.path[:-1]
            yield f"[{'.'.join(table)}]"
        yield from _entry(key)
        yield ""


def _entry(key: ConfigKey) -> Iterator[str]:
    manual = key.manual
    default = _toml(key.default)
    yield from _comment("", manual.about)
    if manual.unit is not None:
        yield from _comment("Unit: ", manual.unit)
    yield from _comment("Allowed: ", manual.allowed)
    yield from _comment("Default: ", default)
    if manual.zero is not None:
        yield from _comment("Zero: ", manual.zero)
    yield from _comment("Taken up: ", "on reload" if manual.reload else "at start")
    yield f"{key.path[-1]} = {default}"


def _comment(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        label + text, _WIDTH, initial_indent="# ", subsequent_indent="#   " if label else "# ",
        break_on_hyphens=False,
    )  # fmt: skip


def _toml(value: Any) -> str:
    """JSON's spelling is TOML's for the kinds used here: text, whole numbers, lists of them."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


if __name__ == "__main__":
    print(example(), end="")
