"""Names of numbers: iproute2's databases, read as ``ip`` reads them, in both directions.

``rt_tables``, ``rt_protos``, ``rt_scopes``, ``rt_realms`` and ``rt_dsfield`` say which word stands for
which number.  nld prints strictly by these files, so that what it prints equals what ``ip`` prints on
the same machine; of what it reads it also always understands ``nld``, its own routing protocol.

A file in /etc/iproute2 stands in for the one of the same name in /usr/share/iproute2; files
``NAME.d/*.conf`` of both places add to it (iproute2 6.1 reads the first only, 6.6 and later both).
Route types are not in a database: they are a fixed list in ``ip/rtm_map.c``.

Does not belong here: names of devices (they change; the kernel layer follows them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

NLD_PROTOCOL = 131
"""rtm_protocol of the routes that nld writes unless the record names another."""

DIRECTORIES = (Path("/usr/share/iproute2"), Path("/etc/iproute2"))

TYPES: Mapping[int, str] = MappingProxyType({
    0: "none", 1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole",
    7: "unreachable", 8: "prohibit", 9: "throw", 10: "nat", 11: "xresolve",
})  # fmt: skip
"""RTN_* of linux/rtnetlink.h as ``ip`` spells them."""
TYPE_NUMBERS: Mapping[str, int] = MappingProxyType({name: number for number, name in TYPES.items()})

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
    ``maximum``     the largest number that the kernel's field holds.
    ``base``        of numbers without a 0x in front.
    ``understood``  words that are read, whatever the file says, but never printed.
    """

    def __init__(
        self,
        what: str,
        entries: Mapping[int, str],
        maximum: int,
        base: int = 10,
        understood: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.what = what
        self.maximum = maximum
        self._base = base
        self._names = dict(entries)
        self._numbers = dict(understood)
        for number, name in entries.items():
            self._numbers.setdefault(name, number)

    def name(self, number: int) -> str:
        """The word for a number; the number itself in decimal when it has none."""
        return self._names.get(number) or str(number)

    def named(self, number: int) -> str | None:
        """The word for a number, or None when it has none."""
        return self._names.get(number)

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
                f"'{text}' is no {self.what}; allowed: a number from 0 to {self.maximum}, or one of {known}"
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
    """The five databases, read once. Make a new one to see changed files.

    ``directories``  where to look, later ones win; None for iproute2's own places. Missing files and
                     lines that cannot be read are passed over: ``ip``'s built-in names remain.
    """

    def __init__(self, directories: Sequence[Path] | None = None) -> None:
        places = tuple(DIRECTORIES if directories is None else directories)
        self.tables = Database("routing table", _TABLES | read(places, "rt_tables"), U32)
        self.protocols = Database(
            "routing protocol",
            _PROTOCOLS | read(places, "rt_protos"),
            U8,
            understood={"nld": NLD_PROTOCOL},
        )
        self.scopes = Database("scope", _SCOPES | read(places, "rt_scopes"), U8)
        self.realms = Database("realm", _REALMS | read(places, "rt_realms"), U16)
        # ip reads a bare number of tos as hexadecimal (strtoul with base 16), so nld does too.
        self.dsfields = Database("tos", read(places, "rt_dsfield"), U8, base=16)

    def tos(self, number: int) -> str:
        """A type of service byte as ``ip`` prints it: its name, else ``0x10``."""
        return self.dsfields.named(number) or f"0x{number:02x}"


def read(directories: Sequence[Path], name: str) -> dict[int, str]:
    """The entries of one database, the last of several for one number."""
    entries: dict[int, str] = {}
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
                entries[number] = words[1]
    return entries
