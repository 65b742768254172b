"""The rule: tables over a byte, and the flag that turns a selector around."""

from __future__ import annotations

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import pack
from nld.netlink.registry import AF, FRA, RuleFlag
from nld.netlink.rule import Range, Rule, decode, encode


def test_a_table_over_255_goes_in_an_attribute() -> None:
    payload = encode(Rule(AF.INET, table=1000))
    assert payload[4] == 0
    assert decode(payload).table == 1000
    assert encode(Rule(AF.INET, table=254))[4:] == bytes([254, 0, 0, 1]) + bytes(4)


def test_invert() -> None:
    assert Rule(AF.INET, flags=RuleFlag.INVERT).invert
    assert not Rule(AF.INET).invert


@pytest.mark.parametrize("number", [FRA.UID_RANGE, FRA.SPORT_RANGE])
def test_a_range_of_a_wrong_size(number: int) -> None:
    with pytest.raises(MalformedMessage, match="range of 3 bytes"):
        decode(encode(Rule(AF.INET)) + pack(number, b"abc"))


def test_ranges() -> None:
    rule = Rule(AF.INET, uid_range=Range(10, 20), sport_range=Range(1, 65535), dport_range=Range(5, 5))
    assert decode(encode(rule)) == rule
