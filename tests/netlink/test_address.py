"""The address, and its flags of 32 bits in a byte."""

from __future__ import annotations

from nld.netlink.address import Address, decode, encode
from nld.netlink.attribute import pack
from nld.netlink.registry import AF, IFA, AddressFlag


def test_flags_over_a_byte_go_in_an_attribute() -> None:
    flags = AddressFlag.NOPREFIXROUTE | AddressFlag.PERMANENT
    payload = encode(Address(AF.INET, flags=flags))
    assert payload[2] == AddressFlag.PERMANENT
    assert decode(payload).flags == flags
    assert encode(Address(AF.INET, flags=AddressFlag.PERMANENT))[8:] == b""


def test_the_attribute_wins_and_the_byte_is_kept() -> None:
    payload = bytes([2, 24, 0x80, 0, 3, 0, 0, 0]) + pack(IFA.FLAGS, b"\x40\2\0\0")
    assert decode(payload).flags == 0x240
    assert encode(decode(payload)) == payload


def test_the_hosts_own_address() -> None:
    assert Address(AF.INET, address=b"peer", local=b"self").host == b"self"
    assert Address(AF.INET6, address=b"self").host == b"self"
