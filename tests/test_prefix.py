"""Destinations: text to bytes, one and many, against the standard library's ipaddress as the oracle."""

import ipaddress
import random
import socket

import pytest

from nld.prefix import (
    INET,
    INET6,
    DestinationError,
    parse_destinations,
    parse_prefix,
    prefix_text,
)

GOOD = [
    ("10.0.0.0/8", INET, 8, "0a000000"),
    ("192.0.2.1", INET, 32, "c0000201"),
    ("192.0.2.1/32", INET, 32, "c0000201"),
    ("128.0.0.0/1", INET, 1, "80000000"),
    ("default", INET, 0, ""),
    ("0.0.0.0/0", INET, 0, ""),
    ("::/0", INET6, 0, ""),
    ("2001:db8::/32", INET6, 32, "20010db8" + "00" * 12),
    ("2001:db8::1", INET6, 128, "20010db8" + "00" * 11 + "01"),
    ("::ffff:192.0.2.1", INET6, 128, "00" * 10 + "ffffc0000201"),
]

BAD = [
    ("10.0.0.1/8", "the prefix would be 10.0.0.0/8"),
    ("192.0.2.1/31", "the prefix would be 192.0.2.0/31"),
    ("2001:db8::1/64", "the prefix would be 2001:db8::/64"),
    ("128.0.0.0/0", "the prefix would be default"),
    ("10.0.0.0/33", "0 to 32"),
    ("2001:db8::/129", "0 to 128"),
    ("10.0.0.0/", "0 to 32"),
    ("10.0.0.0/08", "0 to 32"),
    ("10.0.0.0/-1", "0 to 32"),
    ("10.0.0.0/8/8", "0 to 32"),
    ("10.0.0/8", "is not a prefix"),
    ("010.0.0.0/8", "is not a prefix"),
    ("10.0.0.0 /8", "is not a prefix"),
    ("fe80::1%eth0", "is not a prefix"),
    ("10.0.0.\x000/8", "is not a prefix"),
    ("", "is not a prefix"),
    ("default/0", "is not a prefix"),
    ("any", "is not a prefix"),
    ("2001:db8:::1", "is not a prefix"),
]


@pytest.mark.parametrize(("text", "family", "length", "packed"), GOOD)
def test_one(text: str, family: int, length: int, packed: str) -> None:
    assert parse_prefix(text) == (family, length, bytes.fromhex(packed))
    assert parse_destinations([text], family) == ([length], [bytes.fromhex(packed)])


@pytest.mark.parametrize(("text", "words"), BAD)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(DestinationError, match=words):
        parse_prefix(text)
    family = INET6 if ":" in text else INET
    good = "2001:db8::/32" if family == INET6 else "10.0.0.0/8"
    with pytest.raises(DestinationError, match=words) as caught:
        parse_destinations([good, text, text], family)
    assert caught.value.position == 1


def test_families_do_not_mix() -> None:
    with pytest.raises(DestinationError, match="is IPv6, but the route is IPv4") as caught:
        parse_destinations(["10.0.0.0/8", "2001:db8::/32"], INET)
    assert caught.value.position == 1
    assert parse_destinations(["default"], INET6) == ([0], [b""])


@pytest.mark.parametrize("family", [INET, INET6])
def test_many_against_ipaddress(family: int) -> None:
    chance = random.Random(f"destinations of {family}")
    width = 32 if family == INET else 128
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for _ in range(2000):
        length = chance.randint(0, width)
        number = chance.getrandbits(width) >> (width - length) << (width - length)
        networks.append(ipaddress.ip_network((number.to_bytes(width // 8, "big"), length)))
    texts = [str(network) for network in networks]
    assert parse_destinations(texts, family) == (
        [network.prefixlen for network in networks],
        [network.network_address.packed if network.prefixlen else b"" for network in networks],
    )
    # One bit too many anywhere is found, and where it is.
    wrong = chance.randrange(len(texts))
    while networks[wrong].prefixlen == width:
        wrong = chance.randrange(len(texts))
    texts[wrong] = f"{networks[wrong].network_address + 1}/{networks[wrong].prefixlen}"
    with pytest.raises(DestinationError, match="bits set to the right") as caught:
        parse_destinations(texts, family)
    assert caught.value.position == wrong


def test_text_is_as_ip_prints_it() -> None:
    assert prefix_text(INET, 8, socket.inet_aton("10.0.0.0")) == "10.0.0.0/8"
    assert prefix_text(INET, 32, socket.inet_aton("192.0.2.1")) == "192.0.2.1"
    assert prefix_text(INET6, 0, b"") == "default"
    assert prefix_text(INET6, 128, bytes(15) + b"\1") == "::1"
