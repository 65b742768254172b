"""The surroundings of a route: devices, addresses, nexthop objects and rules, as notifications tell.

Routes name devices and nexthop objects by number, and the kernel takes routes away, or marks them
dead, when these change, in IPv4 without a word about the route.  So every such message does two
things here: it updates what is known (names, objects, rules), and it may raise a *suspicion*: which
routes may have changed, and why.  The owner of the mirror reads those routes again.

Does not belong here: sockets.  Messages come in decoded from nothing but their bytes.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from nld.netlink import address as address_message
from nld.netlink import link as link_message
from nld.netlink import nexthop as nexthop_message
from nld.netlink import rule as rule_message
from nld.netlink.link import Link
from nld.netlink.nexthop import Nexthop
from nld.netlink.registry import AF, RTM, LinkFlag
from nld.netlink.rule import Rule

_STATE = int(LinkFlag.UP | LinkFlag.RUNNING | LinkFlag.LOWER_UP)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Which routes to read again, and what happened.

    ``device``  those that go out by this interface index; 0 without ``nhid``: every IPv4 route.
    ``nhid``    those that use nexthop objects (any of them, for one may be in another's group).
    ``cause``   in words, for watchers: ``device nld0 went down``.
    """

    cause: str
    device: int = 0
    nhid: bool = False


class Surroundings:
    """What is known of devices, nexthop objects and rules; the ``LinkTable`` of the translation."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.nexthops: dict[int, Nexthop] = {}
        self.rules: dict[bytes, Rule] = {}
        self.version = 0
        """Grows when a name or a nexthop object changes: texts made before are stale."""

    def name(self, index: int) -> str:
        """Name of the device with this index; ``if5`` for an unknown one, as ``ip`` prints it."""
        link = self.links.get(index)
        return link.name if link is not None and link.name else f"if{index}"

    def index(self, name: str) -> int | None:
        """Index of the device with this name, or None."""
        for index, link in self.links.items():
            if link.name == name:
                return index
        return None

    def get(self, nhid: int) -> Nexthop | None:
        """The nexthop object with this id, or None."""
        return self.nexthops.get(nhid)

    def forget(self) -> None:
        """Know nothing, before everything is told again."""
        self.links.clear()
        self.nexthops.clear()
        self.rules.clear()
        self.version += 1

    def apply(self, kind: int, payload: bytes) -> Suspicion | None:
        """Take one message, of a dump or a notification, and say what it makes suspect.

        Raises :class:`~nld.errors.MalformedMessage`.
        """
        if kind in (RTM.NEWLINK, RTM.DELLINK):
            return self._link(kind == RTM.NEWLINK, payload)
        if kind in (RTM.NEWNEXTHOP, RTM.DELNEXTHOP):
            return self._nexthop(kind == RTM.NEWNEXTHOP, payload)
        if kind in (RTM.NEWRULE, RTM.DELRULE):
            self._rule(kind == RTM.NEWRULE, payload)
        elif kind == RTM.DELADDR:
            return self._address(payload)
        return None

    def table_rules(self, family: int) -> list[Rule]:
        """The rules of a family in the order in which the kernel asks them."""
        rules = [rule for rule in self.rules.values() if rule.family == family]
        return sorted(rules, key=lambda rule: rule.priority or 0)

    def _link(self, there: bool, payload: bytes) -> Suspicion | None:
        link = link_message.decode(payload)
        # A bridge's ports are reported once more for the family AF_BRIDGE; that is not the device.
        if link.family != AF.UNSPEC:
            return None
        before = self.links.get(link.index)
        if not there:
            self.links.pop(link.index, None)
            self.version += 1
            return Suspicion(f"device {link.name} was deleted", link.index)
        self.links[link.index] = link
        if before is None:
            self.version += 1
            return None
        if before.name != link.name:
            self.version += 1
        changed = (before.flags ^ link.flags) & _STATE
        if not changed:
            return None
        if changed & LinkFlag.UP:
            cause = "went up" if link.up else "went down"
        else:
            cause = "has carrier again" if link.flags & LinkFlag.LOWER_UP else "lost its carrier"
        return Suspicion(f"device {link.name} {cause}", link.index)

    def _nexthop(self, there: bool, payload: bytes) -> Suspicion | None:
        nexthop = nexthop_message.decode(payload)
        if nexthop.id is None:
            return None
        before = self.nexthops.get(nexthop.id)
        self.version += 1
        if not there:
            self.nexthops.pop(nexthop.id, None)
            return Suspicion(f"nexthop object {nexthop.id} was deleted", nhid=True)
        self.nexthops[nexthop.id] = nexthop
        return None if before is None else Suspicion(f"nexthop object {nexthop.id} was replaced", nhid=True)

    def _rule(self, there: bool, payload: bytes) -> None:
        rule = rule_message.decode(payload)
        if there:
            self.rules[payload] = rule
        else:
            self.rules.pop(payload, None)

    def _address(self, payload: bytes) -> Suspicion | None:
        address = address_message.decode(payload)
        value = address.local or address.address
        # IPv6 says which routes went. IPv4 does not, and a route that preferred this source may go
        # out by any device.
        if address.family != AF.INET or value is None:
            return None
        text = socket.inet_ntop(address.family, value)
        return Suspicion(f"address {text} was removed from {self.name(address.index)}")
