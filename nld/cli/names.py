"""The words that stand for tables, protocols, scopes, realms and tos values on a command line.

The names are those of iproute2's databases.  A name is passed on as it was written and a number as a
plain decimal, as ``ip -j`` prints them; what a name stands for is the daemon's to say.

The files are read here once more, and not by ``nld.records.names``, because importing that package
takes longer than a whole ``nld route add`` should.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nld.cli.line import Line
from nld.cli.values import U8, U16, U32, parse_number

DIRECTORIES = (Path("/usr/share/iproute2"), Path("/etc/iproute2"))
NLD_PROTOCOL = 131
"""nld's own routing protocol, which it always knows by the name ``nld``."""

TYPES = (
    "none", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
    "throw", "nat", "xresolve",
)  # fmt: skip
"""Route types by their RTN_* number (linux/rtnetlink.h)."""

_BUILT_IN: dict[str, dict[str, int]] = {
    "rt_tables": {"default": 253, "main": 254, "local": 255},
    "rt_protos": {"unspec": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "nld": NLD_PROTOCOL},
    "rt_scopes": {"global": 0, "nowhere": 255, "host": 254, "link": 253, "site": 200},
    "rt_realms": {"unknown": 0},
    "rt_dsfield": {},
}


@cache
def database(name: str) -> dict[str, int]:
    """Name to number of one database, such as ``rt_tables``; read once."""
    found = dict(_BUILT_IN[name])
    for directory in DIRECTORIES:
        for file in (directory / name, *sorted((directory / f"{name}.d").glob("*.conf"))):
            try:
                text = file.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            for row in text.splitlines():
                words = row.partition("#")[0].split()
                try:
                    number = int(words[0], 16 if words[0][:2] in ("0x", "0X") else 10)
                except (IndexError, ValueError):
                    continue
                if len(words) == 2:
                    found[words[1]] = number
    return found


_FILES = {"table": "rt_tables", "protocol": "rt_protos", "scope": "rt_scopes", "tos": "rt_dsfield"}


def number_of(field: str, value: str) -> str:
    """The number behind a field's name, for ``-N``; a value that is no name stays as it is."""
    if field == "type":
        return str(TYPES.index(value)) if value in TYPES else value
    number = database(_FILES[field]).get(value)
    if number is None:
        return value
    return f"0x{number:02x}" if field == "tos" else str(number)


def _named(line: Line, what: str, file: str, maximum: int, expected: str) -> str:
    word = line.word or ""
    known = database(file)
    if word in known:
        return word
    number = parse_number(word)
    if number is None:
        raise line.refusal(
            f'{what} "{word}" is no number and no known name', expected=expected, candidates=known
        )
    if number > maximum:
        raise line.refusal(f"{what} {word} is out of range", expected=expected)
    return str(number)


def table(line: Line, what: str = "table") -> str:
    """A table's name or number, 0 to 4294967295."""
    return _named(line, what, "rt_tables", U32, "a name from rt_tables or a number up to 4294967295")


def protocol(line: Line) -> str:
    """A route protocol's name or number, 0 to 255."""
    return _named(line, "protocol", "rt_protos", U8, "a name from rt_protos or a number up to 255")


def scope(line: Line) -> str:
    """A scope's name or number, 0 to 255."""
    return _named(line, "scope", "rt_scopes", U8, "global, link, host, or a number up to 255")


def tos(line: Line, what: str = "tos") -> str:
    """A dsfield name, or a hexadecimal number 0 to ff (``10`` is 0x10, as in ``ip``)."""
    word = line.word or ""
    known = database("rt_dsfield")
    if word in known:
        return word
    digits = word.lower().removeprefix("0x")
    expected = "a name from rt_dsfield, or a hexadecimal number from 0 to ff"
    if not digits or digits.strip("0123456789abcdef"):
        raise line.refusal(f'{what} "{word}" is no number or name', expected=expected, candidates=known)
    number = int(digits, 16)
    if number > U8:
        raise line.refusal(f"{what} {word} is out of range", expected=expected)
    return f"0x{number:02x}"


def _realm(text: str) -> str | None:
    if text in database("rt_realms"):
        return text
    number = parse_number(text)
    return None if number is None or number > U8 else str(number)


def realms(line: Line) -> dict[str, str]:
    """``TO``, ``FROM/TO`` or a raw 32-bit number, as ``{"from": ..., "to": ...}``."""
    word = line.word or ""
    source, slash, target = word.partition("/")
    first = _realm(source) if slash else "0"
    second = _realm(target if slash else word) if target or not slash else "0"
    if first is not None and second is not None:
        return {"from": first, "to": second} if slash else {"to": second}
    raw = parse_number(word)
    if raw is not None and raw <= U32:
        return {"from": str(raw >> 16), "to": str(raw & U16)} if raw > U16 else {"to": str(raw)}
    raise line.refusal(
        f'realm "{word}" is no realm',
        expected="REALM or FROM/TO, each a name from rt_realms or a number up to 255",
        candidates=database("rt_realms"),
    )
