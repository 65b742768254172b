"""The words of ``get``: which route does a packet to this address take? To a lookup question.

Source: iproute2 6.1, ``iproute_get`` in ``ip/iproute.c``.
"""

from __future__ import annotations

import socket
from typing import Any

from nld.cli import names, values
from nld.cli.line import REFUSED, Line, abbreviates
from nld.cli.route_words import HelpWanted, device
from nld.cli.values import INET, U8, U16
from nld.cli.vocabulary import Word, find


class LookupWords:
    """Reads a question from a line whose position stands on the first word after the verb.

    After :meth:`read`: ``question`` with ``address`` and what was said besides (``from``, ``iif``,
    ``oif``, ``mark``, ``tos``, ``uid``, ``ipproto``, ``sport``, ``dport``, ``vrf``), and ``fibmatch``.
    """

    def __init__(self, line: Line, family: str | None) -> None:
        self.line = line
        self.family = family
        self.question: dict[str, Any] = {}
        self.spots: dict[str, int] = {}
        self.fibmatch = False
        self.warnings: list[str] = []

    def read(self) -> None:
        """Read the whole line."""
        line = self.line
        while (word := line.word) is not None:
            row = find(LOOKUP_WORDS, word)
            if row is None:
                self._address(word)
            else:
                row.read(self)
            line.step()
        if "address" not in self.question:
            raise line.refusal("which address?", at=len(line.words), expected="an address such as 192.0.2.1")

    def _put(self, field: str, value: Any) -> None:
        self.question[field] = value
        self.spots[field] = self.line.at

    def _address(self, word: str) -> None:
        line = self.line
        if word == "to":
            word = line.argument("an address")
        if abbreviates(word, "help"):
            raise HelpWanted("get")
        found = values.parse_prefix(word, self.family)
        if isinstance(found, str):
            wants_word = word[:1].isalpha() and not {":", "/"} & set(word)
            raise line.refusal(
                f'"{word}" is neither a keyword of get nor an address' if wants_word else f"address {found}",
                expected="an address such as 192.0.2.1 or 2001:db8::1, or from, iif, oif, mark, tos, ...",
                candidates=[row.name for row in LOOKUP_WORDS] if wants_word else (),
            )
        self.family = self.family or found.family
        host = ("0.0.0.0" if self.family in (None, INET) else "::") if found.wildcard else found.text
        host, slash, _ = host.partition("/")
        if slash:
            self.warnings.append(f"/{found.length} is ignored: a lookup takes a single address, here {host}")
        if "address" in self.question:
            raise line.refusal(f'"{word}" is a second address', expected="one address per get")
        self._put("address", host)

    def _from(self) -> None:
        word = self.line.argument("a source address")
        if abbreviates(word, "help"):
            raise HelpWanted("get")
        found = values.prefix(self.line, "source", self.family)
        self.family = self.family or found.family
        if not found.wildcard:
            self._put("from", found.text.partition("/")[0])

    def _device(self) -> None:
        field = "iif" if abbreviates(self.line.word or "", "iif") else "oif"
        self.line.argument("a device's name")
        self._put(field, device(self.line))

    def _tos(self) -> None:
        self.line.argument("a tos value")
        self._put("tos", names.tos(self.line))

    def _mark(self) -> None:
        self.line.argument("a firewall mark")
        self._put("mark", values.number(self.line, "mark"))

    def _uid(self) -> None:
        self.line.argument("a user id")
        self._put("uid", values.number(self.line, "uid"))

    def _vrf(self) -> None:
        self.line.argument("a VRF device")
        self._put("vrf", device(self.line))

    def _fibmatch(self) -> None:
        self.fibmatch = True

    def _port(self) -> None:
        field = "sport" if abbreviates(self.line.word or "", "sport") else "dport"
        self.line.argument("a port")
        self._put(field, values.number(self.line, field, U16))

    def _ip_protocol(self) -> None:
        word = self.line.argument("tcp, udp, icmp or another IP protocol")
        number = values.parse_number(word)
        if number is None:
            try:
                number = socket.getprotobyname(word)
            except OSError:
                raise self.line.refusal(
                    f'"{word}" is not an IP protocol',
                    expected="tcp, udp, icmp, another name of /etc/protocols, or 0 to 255",
                    candidates=("tcp", "udp", "icmp", "ipv6-icmp"),
                ) from None
        if number > U8:
            raise self.line.refusal(f"ipproto {word} is out of range", expected="0 to 255")
        self._put("ipproto", number)

    def _unsupported(self) -> None:
        raise self.line.refusal(f'"{self.line.word}" is not supported by nld', status=REFUSED)


L = LookupWords
LOOKUP_WORDS: tuple[Word[LookupWords], ...] = (
    Word("tos", L._tos, "TOS", True, "type of service"),
    Word("dsfield", L._tos, "TOS", False, "type of service"),
    Word("from", L._from, "ADDRESS", False, "source address"),
    Word("iif", L._device, "DEVICE", False, "input device of the packet"),
    Word("mark", L._mark, "NUMBER", False, "firewall mark"),
    Word("oif", L._device, "DEVICE", False, "output device of the packet"),
    Word("dev", L._device, "DEVICE", True, "same as oif"),
    Word("notify", L._unsupported, "", False, ""),
    Word("connected", L._unsupported, "", False, ""),
    Word("vrf", L._vrf, "DEVICE", False, "look up in this VRF"),
    Word("uid", L._uid, "NUMBER", False, "user ID of the sender"),
    Word("fibmatch", L._fibmatch, "", False, "show the table's route instead of the packet's"),
    Word("as", L._unsupported, "[to] ADDRESS", True, ""),
    Word("sport", L._port, "PORT", False, "source port"),
    Word("dport", L._port, "PORT", False, "destination port"),
    Word("ipproto", L._ip_protocol, "PROTOCOL", False, "tcp, udp or icmp"),
)
"""The words of get, in ``ip``'s order; ``[to] ADDRESS`` is handled apart."""
