"""The words that stand for tables, protocols, scopes, realms and tos values on a command line.

The names are those of iproute2's databases (``nld.names``).  A name is passed on as it was written and a
number as a plain decimal, as ``ip -j`` prints them; what a name stands for is the daemon's to say.
"""

from __future__ import annotations

from functools import cache

from nld.cli.line import Line
from nld.cli.values import U8, U16, U32, parse_number
from nld.names import TYPE_NUMBERS, TYPES, Database, Names


@cache
def _names() -> Names:
    return Names()


def database(field: str) -> Database:
    """The names of a field: table, protocol, scope, realm or tos; as they are now."""
    names = _names()
    names.refresh()
    return _database(names, field)


def _database(names: Names, field: str) -> Database:
    return {
        "table": names.tables,
        "protocol": names.protocols,
        "scope": names.scopes,
        "realm": names.realms,
        "tos": names.dsfields,
    }[field]


def number_of(field: str, value: str) -> str:
    """The number behind a field's name, for ``-N``; a value that is not a name stays as it is."""
    if field == "type":
        return str(TYPE_NUMBERS.get(value, value))
    number = _database(_names(), field).words.get(value)
    if number is None:
        number = parse_number(value)  # hexadecimal where the decimal is another number's name
    if number is None:
        return value
    return f"0x{number:02x}" if field == "tos" else str(number)


def type_name(number: int | None) -> str | None:
    """The route type of an RTN_* number (linux/rtnetlink.h), or None."""
    return None if number is None else TYPES.get(number)


def _named(line: Line, field: str, what: str, maximum: int, expected: str) -> str:
    word = line.word or ""
    known = database(field)
    if word in known.words:
        return word
    number = parse_number(word)
    if number is None:
        raise line.refusal(
            f'{what} "{word}" is neither a number nor a known name', expected=expected, candidates=known.words
        )
    if number > maximum:
        raise line.refusal(f"{what} {word} is out of range", expected=expected)
    return known.spelled(number)


def table(line: Line, what: str = "table") -> str:
    """A table's name or number, 0 to 4294967295."""
    return _named(line, "table", what, U32, "a name from rt_tables or a number up to 4294967295")


def protocol(line: Line) -> str:
    """A route protocol's name or number, 0 to 255."""
    return _named(line, "protocol", "protocol", U8, "a name from rt_protos or a number up to 255")


def scope(line: Line) -> str:
    """A scope's name or number, 0 to 255."""
    return _named(line, "scope", "scope", U8, "global, link, host, or a number up to 255")


def tos(line: Line, what: str = "tos") -> str:
    """A dsfield name, or a hexadecimal number 0 to ff (``10`` is 0x10, as in ``ip``)."""
    word = line.word or ""
    known = database("tos").words
    if word in known:
        return word
    digits = word.lower().removeprefix("0x")
    expected = "a name from rt_dsfield, or a hexadecimal number from 0 to ff"
    if not digits or digits.strip("0123456789abcdef"):
        raise line.refusal(
            f'{what} "{word}" is neither a number nor a name', expected=expected, candidates=known
        )
    number = int(digits, 16)
    if number > U8:
        raise line.refusal(f"{what} {word} is out of range", expected=expected)
    return f"0x{number:02x}"


def _realm(text: str) -> str | None:
    known = database("realm")
    if text in known.words:
        return text
    number = parse_number(text)
    return None if number is None or number > U8 else known.spelled(number)


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
        f'"{word}" is not a realm',
        expected="REALM or FROM/TO, each a name from rt_realms or a number up to 255",
        candidates=database("realm").words,
    )
