"""The surroundings of a route: devices, addresses, nexthop objects and rules, as notifications tell.

Routes name devices and nexthop objects by number, and the kernel takes routes away, or marks them
dead, when these change, often without a word about the route.  So every such message does two
things here: it updates what is known, and it may raise a *suspicion* (``suspicion.py``).  The owner of
the mirror reads those routes again.

Names and nexthop objects are part of a route's record.  They are kept with the time at which they held,
counted in *namings* (``dated.py``): what was told of a route is taken back in the same words.

Does not belong here: sockets.  Messages come in decoded from nothing but their bytes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeAlias

from nld.device_name import name_of, spelled
from nld.kernel.dated import Dated
from nld.kernel.suspicion import Suspicion
from nld.netlink import address as address_message
from nld.netlink import link as link_message
from nld.netlink import netconf as netconf_message
from nld.netlink import nexthop as nexthop_message
from nld.netlink import prefix as prefix_message
from nld.netlink import rule as rule_message
from nld.netlink.address import Address
from nld.netlink.link import Link
from nld.netlink.netconf import Netconf
from nld.netlink.nexthop import Nexthop
from nld.netlink.registry import AF, RTM, LinkFlag
from nld.netlink.rule import Rule

_STATE = int(LinkFlag.UP | LinkFlag.RUNNING | LinkFlag.LOWER_UP)

Told: TypeAlias = tuple[int, bytes]
"""A message: its type and payload."""

_AddressKey: TypeAlias = tuple[int, bytes | None, bytes | None]


class Surroundings:
    """What is known of devices, addresses, nexthop objects and rules.

    It is the ``LinkTable`` and the ``NexthopTable`` of the translation.
    """

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.nexthops: dict[int, Nexthop] = {}
        self.rules: dict[bytes, Rule] = {}
        self._addresses: dict[tuple[int, int], set[_AddressKey]] = {}
        self._names: Dated[str] = Dated()
        self._objects: Dated[Nexthop] = Dated()
        self.version = 0
        """Grows when a name or a nexthop object changes: texts made before are stale."""
        self.incomplete = False
        """News was lost: what becomes known may have been told of already, as something without a name."""
        self.naming = 0
        """Grows when a device has another name than before, or a nexthop object is another."""

    def name(self, index: int, naming: int | None = None) -> str:
        """Name of the device with this index, the last one that it had if it is gone; ``if5`` for an unknown
        one, as ``ip`` prints it.

        ``naming``  when; None is now.
        """
        name = self._names.last(index) if naming is None else self._names.at(index, naming)
        return f"if{index}" if name is None else name

    def index(self, name: str) -> int | None:
        """Index of the device with this name or alternative name, given as text; None for no such device."""
        name = name_of(name)
        for index, link in self.links.items():
            if link.name == name or (link.altnames and name in link.altnames):
                return index
        return None

    def vrf_table(self, index: int) -> int | None:
        """The table of a VRF device; None for any other device."""
        link = self.links.get(index)
        return link.vrf_table if link is not None and link.kind == "vrf" else None

    def get(self, nhid: int, naming: int | None = None) -> Nexthop | None:
        """The nexthop object with this id, as it was last if it is gone; None for an unknown one.

        ``naming``  when; None is now.
        """
        return self._objects.last(nhid) if naming is None else self._objects.at(nhid, naming)

    def learned(self, found: Mapping[RTM, Iterable[Told]], since: Iterable[Told]) -> Iterator[Suspicion]:
        """Take whole dumps, and the notifications that came since they began; each renaming, as it is taken.

        What is known only now may have been told of already, as something without a name.

        ``found``  by the type that tells of one; what has no dump is left as it is known.
        """
        if RTM.NEWLINK in found:
            there = {link_message.glance(payload).index for _, payload in found[RTM.NEWLINK]}
            for index in self.links.keys() - there:
                self._lose(index)
        if RTM.NEWADDR in found:
            self._addresses.clear()
        if RTM.NEWNEXTHOP in found:
            told = {nexthop_message.decode(payload).id for _, payload in found[RTM.NEWNEXTHOP]}
            for nhid in self.nexthops.keys() - told:
                del self.nexthops[nhid]
                self._objects.lose(nhid)
        if RTM.NEWRULE in found:
            self.rules.clear()
        incomplete = self.incomplete and RTM.NEWLINK not in found
        if self.version:
            yield from self._known_late(found)
        self.incomplete = incomplete
        self.version += 1
        again = (one for one in since if one[0] in found or one[0] - 1 in found)
        for one in chain(*found.values(), again):
            yield from (suspicion for suspicion in self.apply(*one) if suspicion.renamed)

    def _known_late(self, found: Mapping[RTM, Iterable[Told]]) -> Iterator[Suspicion]:
        """Take what was never known before."""
        self.incomplete = True
        for one in found.get(RTM.NEWLINK, ()):
            if self._names.last(link_message.glance(one[1]).index) is None:
                yield from self.apply(*one)
        self.incomplete = False
        late = {
            number: one
            for one in found.get(RTM.NEWNEXTHOP, ())
            if (number := nexthop_message.decode(one[1]).id) is not None
            and self._objects.last(number) is None
        }
        if late:
            for number in late:
                self._objects.unknown(number, self.naming)
            self.naming += 1
            for one in late.values():
                self.apply(*one)
            yield Suspicion("nexthop objects became known", objects=frozenset(late), renamed=True)

    def apply(self, kind: int, payload: bytes) -> tuple[Suspicion, ...]:
        """Take one message, of a dump or a notification, and say what it makes suspect.

        Raises :class:`~nld.errors.MalformedMessage`.
        """
        if kind in (RTM.NEWLINK, RTM.DELLINK):
            return self._link(kind == RTM.NEWLINK, payload)
        if kind in (RTM.NEWNEXTHOP, RTM.DELNEXTHOP):
            return self._nexthop(kind == RTM.NEWNEXTHOP, payload)
        if kind in (RTM.NEWRULE, RTM.DELRULE):
            self._rule(kind == RTM.NEWRULE, payload)
        elif kind in (RTM.NEWADDR, RTM.DELADDR):
            return self._address(kind == RTM.NEWADDR, address_message.decode(payload))
        elif kind == RTM.NEWPREFIX:
            return (self._advertised(prefix_message.device(payload)),)
        elif kind == RTM.NEWNETCONF:
            return tuple(self._configured(netconf_message.decode(payload)))
        return ()

    def table_rules(self, family: int) -> list[Rule]:
        """The rules of a family in the order in which the kernel asks them."""
        rules = [rule for rule in self.rules.values() if rule.family == family]
        return sorted(rules, key=lambda rule: rule.priority or 0)

    # -- links

    def _link(self, there: bool, payload: bytes) -> tuple[Suspicion, ...]:
        link = link_message.glance(payload)
        # A bridge's ports are reported once more for the family AF_BRIDGE; that is not the device.
        if link.family != AF.UNSPEC:
            return ()
        before = self.links.get(link.index)
        if not there:
            gone = self._device(f"device {spelled(link.name or '?')} was deleted", link.index)
            self._lose(link.index)
            return (gone,)
        self.links[link.index] = link
        name = spelled(link.name or "?")
        found = self._named(link.index, name)
        if before is None:
            self.version += 1
            return found
        if (before.flags ^ link.flags) & _STATE:
            cause = f"device {name} {_happened(before.flags ^ link.flags, link)}"
            found = (*found, self._device(cause, link.index))
        elif before.mtu != link.mtu:
            cause = f"device {name} has another MTU"
            found = (*found, Suspicion(cause, link.index, family=AF.INET6))
        elif not found:
            # The routes follow a change of the carrier up to a second later, and any message meanwhile shows
            # the new flags already: so the one that comes then shows nothing new.
            found = (self._device(f"device {name} changed", link.index, vague=True),)
        return found

    def _named(self, index: int, name: str) -> tuple[Suspicion, ...]:
        """A device has this name now."""
        before = self._names.last(index)
        if before == name:
            self._names.regain(index)
            return ()
        if before is None and self.incomplete:
            self._names.unknown(index, self.naming)
        told = before is not None or self.incomplete
        if told:
            self.version += 1
            self.naming += 1
        self._names.put(index, name, self.naming)
        if not told:
            return ()
        happened = "became known" if before is None else f"was renamed to {name}"
        return (Suspicion(f"device {before or name} {happened}", index, renamed=True),)

    def _lose(self, index: int) -> None:
        """A device is gone; its name is remembered for what was told of it."""
        self.links.pop(index, None)
        self.version += 1
        self._names.lose(index)

    def _configured(self, netconf: Netconf) -> Iterator[Suspicion]:
        """A setting of a device changed, or of all: whether its next hops are dead without a carrier."""
        if netconf.ignore_linkdown is None or netconf.forwarding is not None:
            return  # something else; or a device is new, and has no routes yet
        for index, link in self.links.items():
            concerned = netconf.index in {index, netconf_message.ALL}
            if concerned and link.up and not link.flags & LinkFlag.LOWER_UP:
                set_to = netconf.ignore_linkdown
                cause = f"ignore_routes_with_linkdown of {self.name(index)} was set to {set_to}"
                yield Suspicion(cause, index, family=netconf.family)

    def _device(self, cause: str, index: int, *, vague: bool = False) -> Suspicion:
        """Whatever goes out by this device."""
        behind = (number for number, nexthop in self.nexthops.items() if nexthop.oif == index)
        return Suspicion(cause, index, self._with_groups(behind), vague=vague)

    # -- nexthop objects

    def _nexthop(self, there: bool, payload: bytes) -> tuple[Suspicion, ...]:
        nexthop = nexthop_message.decode(payload)
        if nexthop.id is None:
            return ()
        number = nexthop.id
        self.version += 1
        users = self._with_groups([number])
        if not there:
            self.nexthops.pop(number, None)
            self._objects.lose(number)
            return (Suspicion(f"nexthop object {number} was deleted", objects=users),)
        found: tuple[Suspicion, ...] = ()
        cause = f"nexthop object {number} was replaced"
        last = self._objects.last(number)
        if last == nexthop:
            self._objects.regain(number)
        else:
            if last is None and self.incomplete:
                self._objects.unknown(number, self.naming)
            told = last is not None or self.incomplete
            self.naming += told
            self._objects.put(number, nexthop, self.naming)
            if told:
                found = (Suspicion(cause, objects=frozenset([number]), renamed=True),)
        if number in self.nexthops:
            found = (*found, Suspicion(cause, objects=users))
        self.nexthops[number] = nexthop
        return found

    def _with_groups(self, numbers: Iterable[int]) -> frozenset[int]:
        """These objects, and the groups that have one of them."""
        members = set(numbers)
        if not members:
            return frozenset()
        groups = {
            number
            for number, nexthop in self.nexthops.items()
            if any(member.id in members for member in nexthop.group or ())
        }
        return frozenset(members | groups)

    # -- rules and addresses

    def _advertised(self, index: int) -> Suspicion:
        """A router advertisement has come, with a prefix in it."""
        cause = f"a router advertised a prefix on {self.name(index)}"
        return Suspicion(cause, index, family=AF.INET6, made=True)

    def _rule(self, there: bool, payload: bytes) -> None:
        rule = rule_message.decode(payload)
        if there:
            self.rules[payload] = rule
        else:
            self.rules.pop(payload, None)

    def _address(self, there: bool, address: Address) -> tuple[Suspicion, ...]:
        value = address.local or address.address
        if value is None or address.family not in (AF.INET, AF.INET6):
            return ()
        on_device = self._addresses.setdefault((address.index, address.family), set())
        key = (address.prefix_len, address.local, address.address)
        index, family = address.index, address.family
        text = socket.inet_ntop(family, value)
        if there:
            on_device.add(key)
            cause = f"address {text} was added to {self.name(index)}"
            if family == AF.INET:
                return (Suspicion(cause, index, family=family, dead=True),)
            return (Suspicion(cause, index, family=family, made=True),)
        on_device.discard(key)
        cause = f"address {text} was removed from {self.name(index)}"
        if not on_device:
            del self._addresses[index, family]
            return (Suspicion(cause, index, source=value, family=family),)
        return (Suspicion(cause, index if family == AF.INET6 else 0, source=value, family=family, made=True),)


class Earlier:
    """The surroundings as they were at an earlier time; for texts about that time."""

    def __init__(self, around: Surroundings, naming: int) -> None:
        self._around = around
        self._naming = naming

    def name(self, index: int) -> str:
        """Name of the device with this index at that time."""
        return self._around.name(index, self._naming)

    def index(self, name: str) -> int | None:
        """Index of the device that has this name now, or None."""
        return self._around.index(name)

    def vrf_table(self, index: int) -> int | None:
        """The table of a VRF device now; None for any other device."""
        return self._around.vrf_table(index)

    def get(self, nhid: int) -> Nexthop | None:
        """The nexthop object with this id at that time."""
        return self._around.get(nhid, self._naming)


def _happened(changed: int, link: Link) -> str:
    """Which state of a device changed, in words."""
    if changed & LinkFlag.UP:
        return "went up" if link.up else "went down"
    return "has carrier again" if link.flags & LinkFlag.LOWER_UP else "lost its carrier"
