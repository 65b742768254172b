"""Random happenings around a kernel table, as lines for ``ip -batch``: whatever may change a route.

Links that come, go, move away, are renamed, lose their carrier; addresses; nexthop objects and groups;
routes of both families over one device and several, appended, replaced, deleted.  Many of the lines fail,
and that is meant: nobody keeps account here of what there is.
"""

from __future__ import annotations

import random
from collections.abc import Callable

LINKS = ("t0", "t1", "t2", "t3")
PEERS = tuple(f"{name}p" for name in LINKS)
TABLES = ("main", "main", "main", "100", "356")

SETTING = (
    "link set lo up",
    *(
        line
        for name, peer in zip(LINKS, PEERS, strict=True)
        for line in (
            f"link add {name} type veth peer name {peer}",
            f"link set {peer} addrgenmode none",
            f"link set {peer} up",
            f"link set {name} addrgenmode none",
            f"link set {name} up",
        )
    ),
    *(
        line
        for index, name in enumerate(LINKS)
        for line in (
            f"addr add 192.0.{index}.1/24 dev {name}",
            f"addr add 2001:db8:{index}::1/64 dev {name} nodad",
        )
    ),
)


class Happenings:
    """One random line after another.

    ``elsewhere``  pid of a process in another network namespace, to move links to.
    """

    def __init__(self, source: random.Random, elsewhere: int) -> None:
        self._random = source
        self._elsewhere = elsewhere
        self._kinds: list[Callable[[], list[str]]] = [
            *[self._route] * 8, *[self._multipath] * 6, *[self._by_object] * 4, *[self._object] * 4,
            *[self._group] * 3, *[self._link_state] * 5, *[self._address] * 5, self._link_gone, self._renamed,
            self._moved, self._source, self._flushed, self._mtu, self._lifetime, self._lifetime,
        ]  # fmt: skip

    def some(self) -> list[str]:
        """What happens next: nearly always one line."""
        return self._random.choice(self._kinds)()

    # -- what there is to choose from

    def _link(self) -> str:
        return self._random.choice(LINKS)

    def _where(self, inet6: bool) -> str:
        number = self._random.randrange(6)
        if number == 0:
            return "::/0" if inet6 else "default"
        return f"2001:db8:f{number}::/48" if inet6 else f"10.{number}.0.0/16"

    def _gateway(self, inet6: bool) -> str:
        """Behind a link of the setting; rarely without the link's name, as it may have been renamed."""
        number = self._random.randrange(len(LINKS))
        last = self._random.randrange(2, 5)
        address = f"2001:db8:{number}::{last}" if inet6 else f"192.0.{number}.{last}"
        return f"via {address} dev {LINKS[number]}" if self._random.random() < 0.8 else f"via {address}"

    def _hop(self, inet6: bool) -> str:
        chance = self._random.random()
        if chance < 0.15:
            return f"dev {self._link()}"
        if chance < 0.25 and inet6:
            return f"via fe80::{self._random.randrange(1, 4)} dev {self._link()}"
        if chance < 0.3 and not inet6:
            return f"via inet6 fe80::1 dev {self._link()}"
        return self._gateway(inet6)

    def _key(self, inet6: bool) -> str:
        metric = self._random.choice(("", "", " metric 5", " metric 9"))
        tos = " tos 0x10" if not inet6 and self._random.random() < 0.1 else ""
        return f"{self._where(inet6)} table {self._random.choice(TABLES)}{metric}{tos}"

    def _verb(self) -> str:
        return self._random.choice(("add", "append", "append", "prepend", "replace", "change", "del"))

    # -- kinds

    def _route(self) -> list[str]:
        inet6 = self._random.random() < 0.5
        if self._random.random() < 0.1:
            return [f"route {self._verb()} blackhole {self._key(inet6)}"]
        if self._random.random() < 0.15:
            return [f"route del {self._key(inet6)}"]
        mtu = f" mtu {self._random.choice((1300, 1400, 1500))}" if self._random.random() < 0.1 else ""
        return [f"route {self._verb()} {self._key(inet6)} {self._hop(inet6)}{mtu}"]

    def _multipath(self) -> list[str]:
        inet6 = self._random.random() < 0.6
        legs = " ".join(
            f"nexthop {self._hop(inet6)}{self._random.choice(('', ' weight 3'))}"
            for _ in range(self._random.randrange(2, 5))
        )
        return [f"route {self._verb()} {self._key(inet6)} {legs}"]

    def _by_object(self) -> list[str]:
        inet6 = self._random.random() < 0.5
        number = self._random.choice((1, 2, 3, 4, 11, 12, 20, 21, 22, 23))
        return [f"route {self._verb()} {self._key(inet6)} nhid {number}"]

    def _object(self) -> list[str]:
        number = self._random.choice((1, 2, 3, 4, 11, 12))
        inet6 = number > 10
        if self._random.random() < 0.25:
            return [f"nexthop del id {number}"]
        if self._random.random() < 0.1:
            return [f"nexthop replace id {number} blackhole"]
        return [f"nexthop {self._random.choice(('add', 'replace'))} id {number}"
                f" {self._gateway(inet6)}"]  # fmt: skip

    def _group(self) -> list[str]:
        number = self._random.choice((20, 21, 22, 23))
        if self._random.random() < 0.2:
            return [f"nexthop del id {number}"]
        members = (1, 2, 3, 4) if number < 22 else (11, 12)
        chosen = self._random.sample(members, self._random.randrange(1, len(members) + 1))
        group = "/".join(f"{one},{self._random.randrange(1, 4)}" for one in chosen)
        return [f"nexthop {self._random.choice(('add', 'replace'))} id {number} group {group}"]

    def _link_state(self) -> list[str]:
        name = self._random.choice((*LINKS, *PEERS))
        if self._random.random() < 0.4:
            return [f"link set {name} down", f"link set {name} up"][: self._random.randrange(1, 3)]
        return [f"link set {name} {self._random.choice(('up', 'up', 'down'))}"]

    def _address(self) -> list[str]:
        number = self._random.randrange(len(LINKS))
        name = LINKS[number]
        host = self._random.choice((1, 1, 1, 9))
        if self._random.random() < 0.5:
            address = f"2001:db8:{number}::{host}/64 dev {name}"
            extra = " nodad"
        else:
            address, extra = f"192.0.{number}.{host}/24 dev {name}", ""
        if self._random.random() < 0.4:
            return [f"addr del {address}"]
        return [f"addr add {address}{extra}"]

    def _source(self) -> list[str]:
        inet6 = self._random.random() < 0.5
        number = self._random.randrange(len(LINKS))
        host = self._random.choice((1, 9))
        source = f"2001:db8:{number}::{host}" if inet6 else f"192.0.{number}.{host}"
        return [f"route {self._verb()} {self._key(inet6)} {self._hop(inet6)} src {source}"]

    def _lifetime(self) -> list[str]:
        seconds = self._random.choice((300, 900, 5000))
        if self._random.random() < 0.6:
            return [f"route {self._verb()} {self._key(True)} {self._hop(True)} expires {seconds}"]
        number = self._random.randrange(len(LINKS))
        verb = self._random.choice(("replace", "change"))
        lasts = self._random.choice((f"valid_lft {seconds} preferred_lft {seconds}", "valid_lft forever"))
        return [f"addr {verb} 2001:db8:{number}::1/64 dev {LINKS[number]} {lasts} nodad"]

    def _mtu(self) -> list[str]:
        return [f"link set {self._link()} mtu {self._random.choice((1300, 1400, 1500))}"]

    def _link_gone(self) -> list[str]:
        return [f"link del {self._link()}", *self._made_again()]

    def _moved(self) -> list[str]:
        return [f"link set {self._random.choice((*LINKS, *PEERS))} netns {self._elsewhere}"]

    def _renamed(self) -> list[str]:
        name = self._link()
        if self._random.random() < 0.5:
            return [f"link set {name} name {name}x", f"link set {name}x name {name}"][
                : self._random.randrange(1, 3)
            ]
        return [f"link set {name}x name {name}"]

    def _flushed(self) -> list[str]:
        return [self._random.choice((
            "route flush table 100", f"route flush root ::/0 dev {self._link()}", "nexthop flush",
            f"addr flush dev {self._link()}",
        ))]  # fmt: skip

    def _made_again(self) -> list[str]:
        """The setting once more, so that there is always something to lose."""
        return list(SETTING) if self._random.random() < 0.7 else []
