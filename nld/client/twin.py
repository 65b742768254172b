"""The blocking client, made from the asyncio one: prints it, or writes all of its files.

    python nld/client/twin.py             # writes them; ``make fmt`` does so, and formats them
    python nld/client/twin.py replies.py  # prints one

Both clients do the same; only that one awaits and the other waits is different.  So it is written once, in
words that a table turns into the others.  What truly differs (sockets, tasks and threads) is behind the
same names in ``async_connection.py`` and ``connection.py``.  A test fails when the files differ from what
this makes; as in httpcore's ``unasync``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent

TWINS: Final = {
    "blocking.py": "asynchronous.py",
    "replies.py": "async_replies.py",
    "mirror.py": "async_mirror.py",
}
"""What is made, and what it is made from."""

_WORDS: Final = (
    (r"(?s)\A\"\"\".*?\"\"\"\n", ""),
    (r"(?m)^.*# asyncio only\n", ""),
    (r"(?m)^( *)# blocking only: ", r"\1"),
    (r"  # noqa: ASYNC109[^\n]*", ""),
    (r"\bfor (\w+) in (.+):\n +yield \1\n", r"yield from \2\n"),
    (r"\bAsyncGenerator\[(.+), None\]", r"Generator[\1, None, None]"),
    (r"\bAsyncGenerator\b", "Generator"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\bAsync([A-Z])", r"\1"),
    (r"\basync_(?=connection|replies|mirror)", ""),
    (r"\basync (?=def|with|for)", ""),
    (r"\bawait ", ""),
    (r"\b__a(?=enter__|exit__|iter__|next__)", "__"),
    (r"\baclos(?=e\b|ing\b)", "clos"),
    (r"\ban asyncio client\b", "a blocking client"),
    (r"\bAn asyncio client\b", "A blocking client"),
    (r"\bfor asyncio\b", "without asyncio"),
)
"""Patterns and what takes their place, in this order."""

_OPENING: Final = {
    "blocking.py": '''"""The blocking client. Made from ``asynchronous.py`` by ``twin.py``: change that.

    with Client() as nld:
        nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"})
        for route in nld.list({"table": "main"}):
            print(route["dst"])

Threads may share a client: each call has a connection of its own while it lasts, made when there is none
left from earlier calls.  A process that was forked makes new ones; only a ``list`` or ``watch`` that was
begun before cannot go on in it.

After Unreachable nothing of the call was done, after NoAnswer perhaps; the next call makes a new connection.
Nothing is repeated by itself, because only the caller knows whether that is safe.
"""
''',
    "replies.py": '"""The replies of one call. Made from ``async_replies.py`` by ``twin.py``."""\n',
    "mirror.py": '"""A kept copy of routes. Made from ``async_mirror.py`` by ``twin.py``."""\n',
}


def twin(name: str) -> str:
    """The text of one of the files that are made, not formatted yet."""
    text = (HERE / TWINS[name]).read_text(encoding="utf-8")
    for pattern, instead in _WORDS:
        text = re.sub(pattern, instead, text)
    return _OPENING[name] + text


def main() -> None:
    """Print the file that is named, or write all."""
    for name in sys.argv[1:]:
        print(twin(name), end="")
    if not sys.argv[1:]:
        for name in TWINS:
            (HERE / name).write_text(twin(name), encoding="utf-8")


if __name__ == "__main__":
    main()
