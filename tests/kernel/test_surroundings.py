"""The surroundings as a table: what each message makes known, and what it makes suspect."""

from __future__ import annotations

from typing import Any

import pytest

from nld.errors import MalformedMessage
from nld.kernel.surroundings import Surroundings, Suspicion
from nld.netlink import address as address_message
from nld.netlink import link as link_message
from nld.netlink import nexthop as nexthop_message
from nld.netlink import rule as rule_message
from nld.netlink.registry import AF, RTM, LinkFlag

UP = int(LinkFlag.UP)
CARRIER = int(LinkFlag.UP | LinkFlag.RUNNING | LinkFlag.LOWER_UP)


def link(index: int = 2, name: str = "eth0", flags: int = CARRIER, **fields: Any) -> bytes:
    return link_message.encode(link_message.Link(index=index, name=name, flags=flags, **fields))


@pytest.fixture
def around() -> Surroundings:
    made = Surroundings()
    assert made.apply(RTM.NEWLINK, link()) is None
    assert made.apply(RTM.NEWLINK, link(3, "eth1", 0)) is None
    return made


@pytest.mark.parametrize(
    ("kind", "payload", "suspicion"),
    [
        (RTM.NEWLINK, link(), None),
        (RTM.NEWLINK, link(flags=0), Suspicion("device eth0 went down", 2)),
        (RTM.NEWLINK, link(flags=UP), Suspicion("device eth0 lost its carrier", 2)),
        (RTM.NEWLINK, link(3, "eth1"), Suspicion("device eth1 went up", 3)),
        (RTM.NEWLINK, link(flags=CARRIER | LinkFlag.PROMISC), None),
        (RTM.NEWLINK, link(name="wan"), None),
        (RTM.NEWLINK, link(mtu=1400), None),
        (RTM.NEWLINK, link(9, "new0"), None),
        (RTM.DELLINK, link(), Suspicion("device eth0 was deleted", 2)),
        # The same of a bridge's port is not about the device.
        (RTM.NEWLINK, link(flags=0, family=7), None),
        (RTM.DELLINK, link(family=7), None),
    ],
)
def test_links(around: Surroundings, kind: int, payload: bytes, suspicion: Suspicion | None) -> None:
    assert around.apply(kind, payload) == suspicion


def test_names_follow_the_messages(around: Surroundings) -> None:
    assert (around.name(2), around.index("eth0"), around.name(99), around.index("x")) == (
        "eth0",
        2,
        "if99",
        None,
    )
    version = around.version
    around.apply(RTM.NEWLINK, link(name="wan"))
    assert (around.name(2), around.index("eth0"), around.index("wan")) == ("wan", None, 2)
    assert around.version > version
    version = around.version
    around.apply(RTM.NEWLINK, link(name="wan", mtu=9000))
    assert around.version == version  # no text has the MTU in it
    around.apply(RTM.DELLINK, link(name="wan"))
    assert (around.name(2), around.index("wan")) == ("if2", None)
    around.apply(RTM.NEWLINK, link(5, "wan"))
    assert around.index("wan") == 5
    around.apply(RTM.DELLINK, link(family=7, index=5))
    assert around.index("wan") == 5


def nexthop(number: int, **fields: Any) -> bytes:
    return nexthop_message.encode(nexthop_message.Nexthop(id=number, **fields))


def test_a_nexthop_object_that_changes_makes_its_users_suspect(around: Surroundings) -> None:
    assert around.apply(RTM.NEWNEXTHOP, nexthop(5, oif=2)) is None
    assert around.apply(RTM.NEWNEXTHOP, nexthop(6, oif=2)) is None
    version = around.version
    assert around.apply(RTM.NEWNEXTHOP, nexthop(5, oif=3)) == Suspicion(
        "nexthop object 5 was replaced", nhid=True
    )
    found = around.get(5)
    assert found is not None and found.oif == 3
    assert around.apply(RTM.DELNEXTHOP, nexthop(5)) == Suspicion("nexthop object 5 was deleted", nhid=True)
    assert around.get(5) is None and around.get(6) is not None
    assert around.version == version + 2


def address(family: int, value: bytes) -> bytes:
    return address_message.encode(address_message.Address(family, index=2, local=value, address=value))


def test_only_an_ipv4_address_takes_routes_with_it_in_silence(around: Surroundings) -> None:
    four, six = bytes([192, 0, 2, 1]), bytes(15) + b"\1"
    assert around.apply(RTM.NEWADDR, address(AF.INET, four)) is None
    assert around.apply(RTM.DELADDR, address(AF.INET6, six)) is None
    assert around.apply(RTM.DELADDR, address(AF.INET, four)) == Suspicion(
        "address 192.0.2.1 was removed from eth0"
    )


def rule(family: int, priority: int | None, table: int) -> bytes:
    return rule_message.encode(rule_message.Rule(family, action=1, priority=priority, table=table))


def test_rules_are_in_the_order_in_which_the_kernel_asks_them(around: Surroundings) -> None:
    for priority, table in ((32766, 254), (None, 255), (500, 100), (500, 101), (32767, 253)):
        around.apply(RTM.NEWRULE, rule(AF.INET, priority, table))
    around.apply(RTM.NEWRULE, rule(AF.INET6, 5, 66))
    assert [one.table for one in around.table_rules(AF.INET)] == [255, 100, 101, 254, 253]
    around.apply(RTM.DELRULE, rule(AF.INET, 500, 100))
    around.apply(RTM.DELRULE, rule(AF.INET, 7, 7))  # was never there
    assert [one.table for one in around.table_rules(AF.INET)] == [255, 101, 254, 253]
    assert [one.table for one in around.table_rules(AF.INET6)] == [66]


@pytest.mark.parametrize("kind", [RTM.NEWLINK, RTM.DELLINK, RTM.NEWNEXTHOP, RTM.NEWRULE, RTM.DELADDR])
def test_broken_bytes_are_a_typed_error_and_change_nothing(around: Surroundings, kind: int) -> None:
    before = dict(around.links), dict(around.nexthops), dict(around.rules)
    for payload in (b"", b"\0", b"\0\0\0"):
        with pytest.raises(MalformedMessage):
            around.apply(kind, payload)
    assert before == (around.links, around.nexthops, around.rules)


def test_what_is_none_of_its_business_is_passed_over(around: Surroundings) -> None:
    assert around.apply(RTM.NEWROUTE, b"") is None
    assert around.apply(4711, b"") is None
