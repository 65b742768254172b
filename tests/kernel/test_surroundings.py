"""The surroundings as a table: what each message makes known, and what it makes suspect."""

from __future__ import annotations

from typing import Any

import pytest

from nld.errors import MalformedMessage
from nld.kernel.dated import FORMER, KEPT
from nld.kernel.surroundings import Surroundings
from nld.kernel.suspicion import Suspicion
from nld.netlink import address as address_message
from nld.netlink import link as link_message
from nld.netlink import netconf as netconf_message
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
    assert made.apply(RTM.NEWLINK, link()) == ()
    assert made.apply(RTM.NEWLINK, link(3, "eth1", 0)) == ()
    return made


@pytest.mark.parametrize(
    ("kind", "payload", "suspicion"),
    [
        (RTM.NEWLINK, link(), Suspicion("device eth0 changed", 2, vague=True)),
        (RTM.NEWLINK, link(flags=0), Suspicion("device eth0 went down", 2)),
        (RTM.NEWLINK, link(flags=UP), Suspicion("device eth0 lost its carrier", 2)),
        (RTM.NEWLINK, link(3, "eth1"), Suspicion("device eth1 went up", 3)),
        (
            RTM.NEWLINK,
            link(flags=CARRIER | LinkFlag.PROMISC),
            Suspicion("device eth0 changed", 2, vague=True),
        ),
        (RTM.NEWLINK, link(name="wan"), Suspicion("device eth0 was renamed to wan", 2, renamed=True)),
        (RTM.NEWLINK, link(mtu=1400), Suspicion("device eth0 has another MTU", 2, family=AF.INET6)),
        (RTM.NEWLINK, link(9, "new0"), None),
        (RTM.DELLINK, link(), Suspicion("device eth0 was deleted", 2)),
        # The same of a bridge's port is not about the device.
        (RTM.NEWLINK, link(flags=0, family=7), None),
        (RTM.DELLINK, link(family=7), None),
    ],
)
def test_links(around: Surroundings, kind: int, payload: bytes, suspicion: Suspicion | None) -> None:
    assert around.apply(kind, payload) == (() if suspicion is None else (suspicion,))


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
    assert (around.name(2), around.index("wan")) == ("wan", None)  # for what was told of it
    around.apply(RTM.NEWLINK, link(5, "wan"))
    assert around.index("wan") == 5
    around.apply(RTM.DELLINK, link(family=7, index=5))
    assert around.index("wan") == 5


def nexthop(number: int, **fields: Any) -> bytes:
    return nexthop_message.encode(nexthop_message.Nexthop(id=number, **fields))


def test_a_name_is_known_as_it_was_at_a_time(around: Surroundings) -> None:
    first = around.naming
    around.apply(RTM.NEWLINK, link(name="wan"))
    second = around.naming
    around.apply(RTM.DELLINK, link(name="wan"))
    (renamed,) = around.apply(RTM.NEWLINK, link(name="lan"))  # another device with the same index
    assert renamed.renamed and renamed.device == 2
    names = [around.name(2, naming) for naming in (first, second, around.naming, None)]
    assert names == ["eth0", "wan", "lan", "lan"]
    for number in range(100):
        around.apply(RTM.NEWLINK, link(name=f"n{number}"))
    assert around.name(2) == "n99"
    assert around.name(2, around.naming - KEPT) == around.name(2, around.naming - KEPT + 1)


def test_names_of_devices_that_are_gone_are_bounded(around: Surroundings) -> None:
    for index in range(10, 10 + FORMER + 5):
        around.apply(RTM.NEWLINK, link(index, f"v{index}"))
        around.apply(RTM.DELLINK, link(index, f"v{index}"))
    assert around.name(10) == "if10"
    assert around.name(15) == "v15"


def test_what_is_learned_replaces_what_was_known_and_later_news_counts(around: Surroundings) -> None:
    around.apply(RTM.NEWNEXTHOP, nexthop(5, oif=2))
    renamed = around.learned(
        {RTM.NEWLINK: [(RTM.NEWLINK, link(name="wan")), (RTM.NEWLINK, link(7, "eth7"))], RTM.NEWNEXTHOP: []},
        [
            (RTM.NEWLINK, link(7, "lan")),
            (RTM.NEWNEXTHOP, nexthop(6, oif=7)),
            (RTM.NEWRULE, rule(AF.INET, 5, 66)),
        ],
    )
    assert [(one.device, around.name(one.device)) for one in renamed] == [(7, "eth7"), (2, "wan"), (7, "lan")]
    assert around.table_rules(AF.INET) == []  # told once already
    assert set(around.links) == {2, 7}
    assert set(around.nexthops) == {6}
    assert around.name(3) == "eth1"


def test_what_becomes_known_late_was_told_of_without_a_name(around: Surroundings) -> None:
    assert list(around.learned({}, [])) == []
    before = around.naming
    found = {
        RTM.NEWLINK: [(RTM.NEWLINK, link(index, f"eth{index - 2}")) for index in (2, 3, 4, 5)],
        RTM.NEWNEXTHOP: [(RTM.NEWNEXTHOP, nexthop(number, oif=4)) for number in (7, 8)],
    }
    told = {}
    for one in around.learned(found, []):
        told[one] = (around.name(one.device, around.naming - 1), around.get(7, around.naming - 1))
    assert told == {
        Suspicion("device eth2 became known", 4, renamed=True): ("if4", None),
        Suspicion("device eth3 became known", 5, renamed=True): ("if5", None),
        Suspicion("nexthop objects became known", objects=frozenset({7, 8}), renamed=True): ("if0", None),
    }
    assert (around.name(4, before), around.name(4), around.get(7, before)) == ("if4", "eth2", None)
    assert around.get(7) is not None
    assert list(around.learned(found, [])) == []


def test_after_a_loss_news_makes_known_what_was_told_of_without_a_name(around: Surroundings) -> None:
    around.incomplete = True
    assert around.apply(RTM.NEWLINK, link(4, "eth2")) == (
        Suspicion("device eth2 became known", 4, renamed=True),
    )
    assert (around.name(4, around.naming - 1), around.name(4)) == ("if4", "eth2")
    assert [one.objects for one in around.apply(RTM.NEWNEXTHOP, nexthop(7, oif=4))] == [frozenset({7})]
    assert (around.get(7, around.naming - 1), around.get(7) is None) == (None, False)
    assert list(around.learned({RTM.NEWNEXTHOP: []}, [])) == []
    assert around.incomplete
    assert list(around.learned({RTM.NEWLINK: []}, [])) == []
    assert around.apply(RTM.NEWLINK, link(5, "eth3")) == ()


def test_a_nexthop_object_that_changes_makes_its_users_suspect(around: Surroundings) -> None:
    assert around.apply(RTM.NEWNEXTHOP, nexthop(5, oif=2)) == ()
    assert around.apply(RTM.NEWNEXTHOP, nexthop(6, oif=2)) == ()
    assert around.apply(RTM.NEWNEXTHOP, nexthop(9, group=(nexthop_message.Member(5),))) == ()
    version = around.version
    users = frozenset({5, 9})
    cause = "nexthop object 5 was replaced"
    assert around.apply(RTM.NEWNEXTHOP, nexthop(5, oif=3)) == (
        Suspicion(cause, objects=frozenset({5}), renamed=True),
        Suspicion(cause, objects=users),
    )
    found = around.get(5)
    assert found is not None and found.oif == 3
    assert around.apply(RTM.NEWLINK, link(flags=0)) == (
        Suspicion("device eth0 went down", 2, objects=frozenset({6})),
    )
    assert around.apply(RTM.DELNEXTHOP, nexthop(5)) == (
        Suspicion("nexthop object 5 was deleted", objects=users),
    )
    assert set(around.nexthops) == {6, 9}
    assert around.get(5) == found  # for what was told of it
    earlier = around.get(5, around.naming - 1)
    assert earlier is not None and earlier.oif == 2
    assert around.version == version + 2


def address(family: int, value: bytes, index: int = 2) -> bytes:
    return address_message.encode(
        address_message.Address(family, prefix_len=24, index=index, local=value, address=value)
    )


def test_without_a_carrier_it_is_a_setting_whether_next_hops_are_dead(around: Surroundings) -> None:
    def told(index: int, forwarding: int | None = None) -> tuple[Suspicion, ...]:
        said = netconf_message.Netconf(AF.INET, index=index, forwarding=forwarding, ignore_linkdown=1)
        return around.apply(RTM.NEWNETCONF, netconf_message.encode(said))

    assert told(2) == told(-1) == ()  # it has its carrier
    around.apply(RTM.NEWLINK, link(flags=LinkFlag.UP))
    cause = "ignore_routes_with_linkdown of eth0 was set to 1"
    assert told(2) == told(-1) == (Suspicion(cause, 2, family=AF.INET),)
    assert told(-2) == told(77) == told(2, forwarding=1) == ()
    other = netconf_message.Netconf(AF.INET, index=2, forwarding=1)
    assert around.apply(RTM.NEWNETCONF, netconf_message.encode(other)) == ()


def test_the_last_address_of_a_device_takes_its_routes_with_it(around: Surroundings) -> None:
    four, another = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
    for value in (four, another):
        text = ".".join(map(str, value))
        assert around.apply(RTM.NEWADDR, address(AF.INET, value)) == (
            Suspicion(f"address {text} was added to eth0", 2, family=AF.INET, dead=True),
        )
    assert around.apply(RTM.DELADDR, address(AF.INET, four)) == (
        Suspicion("address 192.0.2.1 was removed from eth0", source=four, family=AF.INET, made=True),
    )
    assert around.apply(RTM.DELADDR, address(AF.INET, another)) == (
        Suspicion("address 192.0.2.2 was removed from eth0", 2, source=another, family=AF.INET),
    )


def test_an_ipv6_address_is_part_of_the_routes_that_the_kernel_made_of_it(around: Surroundings) -> None:
    six, another = bytes(15) + b"\1", bytes(15) + b"\2"
    around.apply(RTM.NEWADDR, address(AF.INET6, another))
    assert around.apply(RTM.NEWADDR, address(AF.INET6, six)) == (
        Suspicion("address ::1 was added to eth0", 2, family=AF.INET6, made=True),
    )
    assert around.apply(RTM.DELADDR, address(AF.INET6, six)) == (
        Suspicion("address ::1 was removed from eth0", 2, source=six, family=AF.INET6, made=True),
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


@pytest.mark.parametrize(
    "kind",
    [RTM.NEWLINK, RTM.DELLINK, RTM.NEWNEXTHOP, RTM.NEWRULE, RTM.DELADDR, RTM.NEWPREFIX, RTM.NEWNETCONF],
)
def test_broken_bytes_are_a_typed_error_and_change_nothing(around: Surroundings, kind: int) -> None:
    before = dict(around.links), dict(around.nexthops), dict(around.rules)
    for payload in (b"", b"\0", b"\0\0\0"):
        with pytest.raises(MalformedMessage):
            around.apply(kind, payload)
    assert before == (around.links, around.nexthops, around.rules)


def test_what_is_none_of_its_business_is_passed_over(around: Surroundings) -> None:
    assert around.apply(RTM.NEWROUTE, b"") == ()
    assert around.apply(4711, b"") == ()
