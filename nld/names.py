"""Names of numbers: iproute2's databases, read as ``ip`` reads them, in both directions.

``rt_tables``, ``rt_protos``, ``rt_scopes``, ``rt_realms`` and ``rt_dsfield`` say which word stands for
which number.  nld prints strictly by these files, so that what it prints equals what ``ip`` prints on
the same machine; of what it reads it also always understands ``nld``, its own routing protocol.

A file in /etc/iproute2 stands in for the one of the same name in /usr/share/iproute2; files
``NAME.d/*.conf`` of both places add to it (iproute2 6.1 reads the first only, 6.6 and later both).
Route types are not in a database: they are a fixed list in ``ip/rtm_map.c``.

A name is one number, though the files may give it to several (the frr package of Debian calls protocol 196
``static``, as 4 is).  Which one it is, is ``ip``'s choice (``lib/rt_names.c``).  The others are printed as
numbers, where ``ip`` prints the name: what is listed can always be written again and means the same.

The three tables that the kernel itself uses keep their names against every file, for what names no table is
in ``main``.

Standard library only, and no records: the command line reads names without what those import.

Does not belong here: names of devices (they change; the kernel layer follows them).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

NLD_PROTOCOL = 131
"""rtm_protocol of the routes that nld writes unless the record names another."""

MOMENT = 0.002
"""Seconds for which a look at the files holds: less than it takes to change one and to start a program that
says the new name."""

DIRECTORIES = (Path("/usr/share/iproute2"), Path("/etc/iproute2"))

TYPES: Mapping[int, str] = MappingProxyType({
    0: "none", 1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole",
    7: "unreachable", 8: "prohibit", 9: "throw", 10: "nat", 11: "xresolve",
})  # fmt: skip
"""RTN_* of linux/rtnetlink.h as ``ip`` spells them."""
TYPE_NUMBERS: Mapping[str, int] = MappingProxyType({name: number for number, name in TYPES.items()})
_TYPES_BY_DIGITS = {str(number): name for number, name in TYPES.items()}


def type_of(value: Any) -> Any:
    """The name of a route type that is given in digits, as ``ip -N -j`` prints it; others as they are."""
    return _TYPES_BY_DIGITS.get(value, value) if isinstance(value, str) else value


_PROTOCOLS = {
    0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt",
    11: "zebra", 12: "bird", 13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 18: "keepalived",
    42: "babel", 186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
}  # fmt: skip
_SCOPES = {0: "global", 255: "nowhere", 254: "host", 253: "link", 200: "site"}
_TABLES = {253: "default", 254: "main", 255: "local"}
_REALMS = {0: "unknown"}

U8, U16, U32 = 0xFF, 0xFFFF, 0xFFFFFFFF


class Database:
    """One file of names.

    ``what``        the word for error messages, such as ``routing table``.
    ``entries``     number and name, in the order of reading; the last name of a number is printed.
    ``maximum``     the largest number that the kernel's field holds.
    ``base``        of numbers without a 0x in front.
    ``buckets``     a name that several numbers have is the lowest one.  ``ip`` keeps the tables in this many
                    lists, looks through one after the other, and in each the last read comes first; 0 for
                    the other databases, which are arrays.
    ``understood``  words that are read, whatever the file says, but never printed.
    """

    def __init__(
        self,
        what: str,
        entries: Sequence[tuple[int, str]],
        maximum: int,
        *,
        base: int = 10,
        buckets: int = 0,
        understood: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.what = what
        self.maximum = maximum
        self._base = base
        self._names = {number: name for number, name in entries if number <= maximum}
        if buckets:
            # A list keeps a number's earlier name, which an array forgets.
            newest_first = list(reversed(entries))
            ordered = sorted(newest_first, key=lambda entry: entry[0] % buckets)
        else:
            ordered = sorted(self._names.items())
        self._numbers = dict(understood)
        for number, name in ordered:
            if number <= maximum:
                self._numbers.setdefault(name, number)

    def name(self, number: int) -> str:
        """The word for a number; the number itself in decimal when it has none, or one that means another."""
        return self.named(number) or self.spelled(number)

    def named(self, number: int) -> str | None:
        """The word for a number, or None when it has none that means it."""
        name = self._names.get(number)
        return name if name is not None and self._numbers[name] == number else None

    def spelled(self, number: int) -> str:
        """A number as text: decimal, or hexadecimal where a file makes the decimal another's name."""
        text = str(number)
        return text if self._numbers.get(text, number) == number else f"{number:#x}"

    @property
    def words(self) -> Mapping[str, int]:
        """Every word that is understood, and its number."""
        return self._numbers

    def number(self, text: str) -> int:
        """The number for a word, or of a number as text (``100``, ``0x64``).

        ValueError says what is allowed.
        """
        found = self._numbers.get(text)
        if found is not None:
            return found
        value = self._parse(text)
        if value is None or value > self.maximum:
            known = ", ".join(sorted(self._numbers, key=self._numbers.__getitem__)[:24])
            raise ValueError(
                f"'{text}' is not a {self.what}; allowed: a number from 0 to {self.maximum},"
                f" or one of {known}"
            )
        return value

    def _parse(self, text: str) -> int | None:
        digits, base = (text[2:], 16) if text[:2] in {"0x", "0X"} else (text, self._base)
        if not digits.isascii() or not digits.isalnum():
            return None
        try:
            return int(digits, base)
        except ValueError:
            return None


class Names:
    """The five databases, as the files are now: :meth:`refresh` reads again what has changed.

    ``directories``  where to look, later ones win; None for iproute2's own places. Missing files and
                     lines that cannot be read are passed over: ``ip``'s built-in names remain.
    ``version``      grows when names have changed: texts made before are stale.
    """

    def __init__(self, directories: Sequence[Path] | None = None) -> None:
        self._places = tuple(DIRECTORIES if directories is None else directories)
        self.version = 0
        self._looked = -math.inf
        self._looked_at: list[str] = []
        self._seen: list[tuple[int, int, int] | None] = []
        self._read()

    def refresh(self) -> None:
        """Read the files again if one of them has changed; ``ip`` reads them at each call.

        A look at each file takes some 10 to 40 us, about as long as the kernel takes for a route.  So a
        program that asks for one thing after the other finds them looked at, a moment ago at most.
        """
        now = time.monotonic()
        if now - self._looked < MOMENT:
            return
        self._looked = now
        if list(map(_state, self._looked_at)) != self._seen:
            self._read()
            self.version += 1

    def _read(self) -> None:
        places = self._places
        # Looked at before they are read: what changes in between is found the next time.
        self._looked_at = [str(path) for place in places for path in (place, *_files(place))]
        self._seen = list(map(_state, self._looked_at))
        self.tables = Database(
            "routing table",
            [*_TABLES.items(), *read(places, "rt_tables")],
            U32,
            buckets=256,
            understood={name: number for number, name in _TABLES.items()},
        )
        self.protocols = Database(
            "routing protocol",
            [*_PROTOCOLS.items(), *read(places, "rt_protos")],
            U8,
            understood={"nld": NLD_PROTOCOL},
        )
        self.scopes = Database("scope", [*_SCOPES.items(), *read(places, "rt_scopes")], U8)
        self.realms = Database("realm", [*_REALMS.items(), *read(places, "rt_realms")], U16)
        # ip reads a bare number of tos as hexadecimal (strtoul with base 16), so nld does too.
        self.dsfields = Database("tos", read(places, "rt_dsfield"), U8, base=16)

    def tos(self, number: int) -> str:
        """A type of service byte as ``ip`` prints it: its name, else ``0x10``."""
        return self.dsfields.named(number) or f"0x{number:02x}"


FILES = ("rt_tables", "rt_protos", "rt_scopes", "rt_realms", "rt_dsfield")


def _files(place: Path) -> Iterable[Path]:
    """What in a directory can change without a change of the directory itself."""
    for name in FILES:
        if (path := place / name).is_file():
            yield path
        if (parts := place / f"{name}.d").is_dir():
            yield parts
            yield from sorted(parts.glob("*.conf"))


def _state(path: str) -> tuple[int, int, int] | None:
    """What tells whether a file or directory has changed; None when it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib's doubles the cost, at each request
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read(directories: Sequence[Path], name: str) -> list[tuple[int, str]]:
    """The entries of one database, in the order in which they are read."""
    entries: list[tuple[int, str]] = []
    main = next((path for place in reversed(directories) if (path := place / name).is_file()), None)
    parts = [part for place in directories for part in sorted((place / f"{name}.d").glob("*.conf"))]
    for path in [main, *parts] if main else parts:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            words = line.split("#", 1)[0].split()
            if len(words) < 2:
                continue
            try:
                number = int(words[0], 16 if words[0].lower().startswith("0x") else 10)
            except ValueError:
                continue
            if 0 <= number <= U32:
                entries.append((number, words[1]))
    return entries
