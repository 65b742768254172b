"""Look-ups agree with the kernel's own answer, and with a list searched from end to end."""

from __future__ import annotations

import ipaddress
import random

import pytest

from nld.client import Client
from nld.errors import NldError
from tests.broker.random_routes import GATEWAYS, prefix
from tests.stand import Stand

pytestmark = pytest.mark.namespace

PREFIXES = 5000
ADDRESSES = 10000


def nested(source: random.Random, version: int, count: int) -> list[str]:
    """Prefixes of which many lie inside others."""
    made = ["10.0.0.0/8" if version == 4 else "2001:db8:8000::/33"]
    known = set(made)
    while len(made) < count:
        under = source.choice(made)
        if ipaddress.ip_network(under).num_addresses < 4:
            continue
        new = prefix(source, version, under)
        if new not in known:
            known.add(new)
            made.append(new)
    return made


def test_ten_thousand_addresses(stand: Stand) -> None:
    source = random.Random(5)
    prefixes = {4: nested(source, 4, PREFIXES // 2), 6: nested(source, 6, PREFIXES // 2)}
    way: dict[str, str] = {}
    for version, some in prefixes.items():
        for one in some:
            way[one] = source.choice(GATEWAYS[version])
    with Client(stand.socket, timeout=300) as client:
        assert client.add([{"dst": one, "gateway": gateway} for one, gateway in way.items()]) == PREFIXES
        addresses = []
        for some in prefixes.values():
            for _ in range(ADDRESSES // 2):
                network = ipaddress.ip_network(source.choice(some))
                bits = network.max_prefixlen - network.prefixlen
                addresses.append(str(network[source.getrandbits(bits) if bits else 0]))
        answers = client.lookup(addresses)
    assert len(answers) == ADDRESSES
    # The longest first, as numbers: comparing those is all that the search does, millions of times.
    networks = {
        version: [
            (int(network[0]), int(network[-1]), network)
            for network in sorted(map(ipaddress.ip_network, some), key=lambda network: -network.prefixlen)
        ]
        for version, some in prefixes.items()
    }
    said = stand.run(
        "ip", "-batch", "-", stdin="\n".join(f"route get {address}" for address in addresses), check=True
    ).out
    by_kernel = [line for line in said.splitlines() if not line.startswith((" ", "\t", "cache"))]
    assert len(by_kernel) == ADDRESSES
    for address, answer, line in zip(addresses, answers, by_kernel, strict=True):
        value = int(ipaddress.ip_address(address))
        version = 6 if ":" in address else 4
        best = next(network for first, last, network in networks[version] if first <= value <= last)
        text = str(best.network_address) if best.prefixlen == best.max_prefixlen else str(best)
        assert answer["match"]["dst"] == text
        assert answer["route"]["gateway"] == answer["match"]["gateway"] == way[text]
        assert answer["table"] == "main"
        assert answer["rule"]["priority"] == 32766
        assert f" via {answer['route']['gateway']} dev {answer['route']['dev']} " in line


@pytest.mark.parametrize(
    ("kind", "errno"),
    [
        ("unreachable", "EHOSTUNREACH"),
        ("prohibit", "EACCES"),
        ("blackhole", "EINVAL"),
        ("throw", "ENETUNREACH"),
    ],
)
def test_a_route_that_refuses_says_so_and_which_it_is(stand: Stand, kind: str, errno: str) -> None:
    with Client(stand.socket) as client:
        client.add({"dst": "10.0.0.0/8", "type": kind})
        (answer,) = client.lookup("10.1.2.3")
    assert answer["error"]["errno"] == errno
    assert answer["match"]["dst"] == "10.0.0.0/8"
    assert answer["match"]["type"] == kind


def test_no_route_at_all(stand: Stand) -> None:
    with Client(stand.socket) as client:
        (answer,) = client.lookup("203.0.113.1")
    assert answer["error"]["errno"] == "ENETUNREACH"
    assert "match" not in answer


def test_a_rule_is_named(stand: Stand) -> None:
    stand.ip("rule add from 192.0.2.1 table 100 priority 500")
    stand.ip("route add 10.0.0.0/8 via 192.0.2.3 table 100")
    stand.ip("route add 10.0.0.0/8 via 192.0.2.2")
    with Client(stand.socket) as client:
        (plain,) = client.lookup("10.1.2.3")
        (chosen,) = client.lookup("10.1.2.3", from_="192.0.2.1")
    assert (plain["table"], plain["rule"]["priority"]) == ("main", 32766)
    assert (chosen["table"], chosen["rule"]["priority"]) == ("100", 500)
    assert chosen["route"]["gateway"] == "192.0.2.3"


def test_an_unknown_device_is_an_error_of_the_call(stand: Stand) -> None:
    with Client(stand.socket) as client, pytest.raises(NldError, match="nosuch0"):
        client.lookup("10.1.2.3", oif="nosuch0")
