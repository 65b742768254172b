"""Each hint is for one situation, and what looks like it does not get it: a table, and a real kernel."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest

from nld.client import Client
from nld.errors import ForeignRoute, KernelRefused, NldError, RouteExists, RouteNotFound
from nld.kernel.hints import LOOKUP, WRITE, Situation, hint
from nld.netlink.registry import AF, RTN
from nld.netlink.route import NextHop, Route
from tests.stand import Stand

GATEWAY4, GATEWAY6, LINK_LOCAL = (
    bytes([192, 0, 2, 2]),
    bytes([0x20, 1] + [0] * 13 + [2]),
    b"\xfe\x80" + b"\0" * 14,
)


def four(**fields: Any) -> Route:
    return Route(AF.INET, 8, dst=bytes([10, 0, 0, 0]), **fields)


def six(**fields: Any) -> Route:
    return Route(AF.INET6, 48, dst=bytes(16), **fields)


def legs(*hops: tuple[bytes, int]) -> tuple[NextHop, ...]:
    return tuple(NextHop(ifindex=device, gateway=gateway) for gateway, device in hops)


PLAIN, DEVICE, SIX = four(gateway=GATEWAY4), four(oif=7), six(gateway=GATEWAY6)
TWICE, ONCE = (
    six(multipath=legs((GATEWAY6, 0), (GATEWAY6, 7))),
    six(multipath=legs((GATEWAY6, 6), (GATEWAY6, 7))),
)
HERE = four(src=GATEWAY4)
IN = four(iif=7)

SITUATIONS: list[tuple[Situation, str | None]] = [
    # Nothing is said of the place of another route where one's own legs are the trouble, nor the reverse.
    (Situation("add", errno.EEXIST, None, TWICE), "two of the next hops"),
    (Situation("replace", errno.EEXIST, None, TWICE), "two of the next hops"),
    (Situation("add", errno.EEXIST, None, ONCE), "is there already"),
    (Situation("add", errno.EEXIST, None, four(multipath=TWICE.multipath)), "is there already"),
    (Situation("add", errno.EEXIST, None, PLAIN), "replace it, or give another metric"),
    (Situation("append", errno.EEXIST, None, PLAIN), "the same route"),
    (Situation("prepend", errno.EEXIST, None, SIX), "the same route"),
    (Situation("replace", errno.EEXIST, None, PLAIN), "behind another one"),
    (Situation("delete", errno.ESRCH, None, PLAIN), "no such route"),
    (Situation("add", errno.ESRCH, None, PLAIN), None),
    (Situation("change", errno.ENOENT, None, PLAIN), "to change"),
    (Situation("add", errno.ENOENT, None, PLAIN), None),
    (Situation("add", errno.ENODEV, None, DEVICE), "the device is not there"),
    (Situation("add", errno.ENODEV, "Nexthop device required for onlink", PLAIN), "onlink needs"),
    (Situation("add", errno.ENODEV, "Something about a VRF", DEVICE), None),
    (Situation("add", errno.EINVAL, "Egress device not specified", six(gateway=LINK_LOCAL)), "link-local"),
    (Situation("add", errno.EINVAL, "Egress device not specified", SIX), None),
    (Situation("add", errno.ENETDOWN, "Nexthop device is not up", DEVICE), "is down"),
    (Situation("add", errno.ENETUNREACH, "Nexthop has invalid gateway", PLAIN), "leads to the gateway"),
    (Situation("add", errno.ENETUNREACH, "Nexthop has invalid gateway", DEVICE), None),
    (Situation("add", errno.EINVAL, "Nexthop has invalid gateway", PLAIN), None),
    (Situation("add", errno.EHOSTUNREACH, None, SIX), "leads to the gateway"),
    (Situation("add", errno.EHOSTUNREACH, None, six(oif=7)), None),
    (Situation("add", errno.EINVAL, "Nexthop id does not exist", four(nh_id=7)), "no nexthop object"),
    (Situation("add", errno.EINVAL, "Invalid prefsrc address", four(prefsrc=GATEWAY4)), "preferred source"),
    (Situation("add", errno.EINVAL, None, PLAIN), "combination"),
    (Situation("add", errno.EINVAL, "Unknown tcp congestion algorithm", PLAIN), None),
    (Situation("add", errno.EACCES, "IPv6 is disabled on nexthop device", six(oif=7)), "IPv6 is disabled"),
    (Situation("add", errno.EACCES, None, six(oif=7)), "IPv6 is disabled"),
    (Situation("add", errno.EACCES, None, PLAIN), None),
    (Situation("add", errno.EPERM, None, PLAIN), "CAP_NET_ADMIN"),
    (Situation("add", errno.EPERM, "The table is locked", PLAIN), None),
    (Situation("add", errno.EOPNOTSUPP, "lwt encapsulation type not supported", PLAIN), "not loaded"),
    (Situation("add", errno.EOPNOTSUPP, "Invalid flags", PLAIN), None),
    (Situation("add", 4000, None, PLAIN), None),
    # A reject route is named where it is known to answer, and nowhere else.
    (Situation("lookup", errno.EHOSTUNREACH, None, four(), RTN.UNREACHABLE), "an unreachable route"),
    (Situation("lookup", errno.EHOSTUNREACH, None, four(), RTN.UNICAST), None),
    (Situation("lookup", errno.EHOSTUNREACH, None, four(), None), None),
    (Situation("lookup", errno.EINVAL, None, four(), RTN.BLACKHOLE), "a blackhole route"),
    (Situation("lookup", errno.EINVAL, None, four(), RTN.UNICAST), None),
    (Situation("lookup", errno.EINVAL, None, IN, RTN.UNICAST), "martian"),
    (Situation("lookup", errno.EACCES, None, four(), RTN.PROHIBIT), "a prohibit route"),
    (Situation("lookup", errno.EACCES, None, four(), RTN.UNICAST), None),
    (Situation("lookup", errno.ENETUNREACH, None, four(), RTN.THROW), "a throw route"),
    (Situation("lookup", errno.ENETUNREACH, None, four(), None), "no route leads there"),
    (Situation("lookup", errno.ENETUNREACH, None, four(), RTN.UNICAST), None),
    (Situation("lookup", errno.ENETUNREACH, None, HERE, RTN.UNICAST), "not from this source"),
    (Situation("lookup", errno.ENETUNREACH, None, HERE, None), "no route leads there"),
    (Situation("lookup", errno.EHOSTUNREACH, None, IN, RTN.UNICAST), "forwarding is off"),
    (Situation("lookup", errno.EHOSTUNREACH, None, IN, RTN.UNREACHABLE), "forwarding is off"),
    (Situation("lookup", errno.EXDEV, None, IN, RTN.UNICAST), "rp_filter"),
    (Situation("lookup", errno.EXDEV, None, four(), RTN.UNICAST), None),
    (Situation("lookup", errno.ENODEV, None, IN, None), "the device is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "words"), SITUATIONS)
def test_a_hint_is_for_its_situation(situation: Situation, words: str | None) -> None:
    found = hint(situation)
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert words in found


def test_every_hint_has_a_situation_here() -> None:
    """A row that none of them reaches is behind another, or has no test."""
    rows = {row.text for row in (*WRITE, *LOOKUP)}
    never = {"the kernel has no memory for another route", "a limit of the kernel table is reached",
             "the kernel has no buffers left"}  # fmt: skip
    reached = {hint(situation) for situation, words in SITUATIONS if words is not None}
    conditional = {
        "a packet that comes in by this device is not forwarded there: no route answers for the address"
    }
    assert rows - reached <= never | conditional
    for number in (errno.ENOMEM, errno.ENOSPC, errno.ENOBUFS):
        assert hint(Situation("add", number, None, PLAIN)) in never


# -- on a real kernel


@pytest.fixture(scope="module")
def place() -> Iterator[Stand]:
    with Stand() as made:
        for line in (
            "route add proto 186 10.2.0.0/16 via 192.0.2.2",
            "route add proto 186 unreachable 10.3.0.0/16",
            "route add proto 186 blackhole 10.4.0.0/16",
            "route add proto 186 prohibit 10.5.0.0/16",
            "route add proto 186 throw 10.6.0.0/16",
            "route add proto 186 10.7.0.0/16 via 192.0.2.2 table 100",
            "route add proto 186 2001:db8:3::/48 via 2001:db8::2",
        ):
            made.ip(line)
        yield made


WRITES: list[tuple[str, dict[str, Any], type[NldError], str, str]] = [
    ("add", {"dst": "2001:db8:9::/48", "nexthops": [{"gateway": "fe80::1", "dev": "nld0"}] * 2},
     KernelRefused, "two of the next hops", "already"),
    ("add", {"dst": "2001:db8:9::/48", "nexthops": [{"gateway": "2001:db8::5"},
                                                   {"gateway": "2001:db8::5", "dev": "nld0"}]},
     KernelRefused, "two of the next hops", "already"),
    ("replace", {"dst": "2001:db8:9::/48", "nexthops": [{"gateway": "fe80::1", "dev": "nld0"}] * 2},
     KernelRefused, "two of the next hops", "already"),
    ("replace", {"dst": "2001:db8:3::/48", "nexthops": [{"gateway": "fe80::1", "dev": "nld0"}] * 2},
     ForeignRoute, "bgp", "already"),
    ("add", {"dst": "2001:db8:3::/48", "gateway": "2001:db8::3"}, RouteExists,
     "is there already", "next hops"),
    ("add", {"dst": "10.7.0.0/16", "gateway": "192.0.2.3", "table": "100"}, RouteExists,
     "10.7.0.0/16 table 100", "next hops"),
    ("change", {"dst": "10.9.0.0/16", "gateway": "192.0.2.3"}, RouteNotFound, "to change", "already"),
    ("delete", {"dst": "10.9.0.0/16"}, RouteNotFound, "no such route", "to change"),
    ("add", {"dst": "10.9.0.0/16", "nhid": 77}, KernelRefused, "no nexthop object", "combination"),
    ("add", {"dst": "10.9.0.0/16", "gateway": "192.0.2.2", "flags": ["onlink"]}, KernelRefused,
     "onlink needs", "not there"),
    ("add", {"dst": "2001:db8:9::/48", "gateway": "fe80::1"}, KernelRefused, "link-local", "combination"),
    ("add", {"dst": "10.9.0.0/16", "gateway": "192.0.2.255"}, KernelRefused, "refused it", "combination"),
    ("add", {"dst": "10.9.0.0/16", "gateway": "203.0.113.9"}, KernelRefused, "leads to the gateway", "down"),
]  # fmt: skip


@pytest.mark.namespace
@pytest.mark.parametrize(("operation", "record", "cls", "words", "never"), WRITES)
def test_a_refused_write_gets_its_own_hint(  # noqa: PLR0917 - a table's columns
    place: Stand, operation: str, record: dict[str, Any], cls: type[NldError], words: str, never: str
) -> None:
    before = place.routes("ip")
    with Client(place.socket) as client, pytest.raises(NldError) as caught:
        getattr(client, operation)(record)
    assert type(caught.value) is cls
    assert words in caught.value.message
    assert never not in caught.value.message
    assert place.routes("ip") == before


@pytest.mark.namespace
def test_ipv6_that_is_disabled_on_a_device_is_no_matter_of_permission(place: Stand) -> None:
    setting = "/proc/sys/net/ipv6/conf/nld1/disable_ipv6"
    place.run("sh", "-c", f"echo 1 > {setting}", check=True)
    done = place.nld("-6 route add 2001:db8:9::/48 via fe80::1 dev nld1")
    place.run("sh", "-c", f"echo 0 > {setting}", check=True)
    assert done.code == 2
    assert "IPv6 is disabled" in done.err
    assert "for root" not in done.err


LOOKUPS: list[tuple[str, str, str]] = [
    ("10.3.0.1", "an unreachable route answers", "forwarding"),
    ("10.4.0.1", "a blackhole route answers", "forwarding"),
    ("10.5.0.1", "a prohibit route answers", "forwarding"),
    ("10.6.0.1", "a throw route answers", "no route leads"),
    ("10.99.0.1", "no route leads there", "throw"),
    ("10.2.0.1 from 203.0.113.77", "not from this source", "no route leads"),
    ("10.2.0.1 from 192.0.2.9 iif nld0", "forwarding is off", "route answers for this"),
    ("10.2.0.1 from 192.0.2.1 iif nld0", "", "blackhole route answers for this"),
    ("10.4.0.1 from 192.0.2.9 iif nld0", "forwarding is off", "an unreachable route answers"),
]


@pytest.mark.namespace
@pytest.mark.parametrize(("words", "said", "never"), LOOKUPS)
def test_a_look_up_without_a_way_names_no_route_that_did_not_answer(
    place: Stand, words: str, said: str, never: str
) -> None:
    done = place.nld(["route", "get", *words.split()])
    assert done.code == 2
    assert said in done.err
    assert never not in done.err
    if "iif" in words:
        with Client(place.socket) as client:
            (answer,) = client.lookup(
                [words.split(maxsplit=1)[0]], **{"from": words.split()[2], "iif": "nld0"}
            )
        assert "match" not in answer


@pytest.mark.namespace
def test_the_advice_of_the_command_line_is_for_its_situation(place: Stand) -> None:
    done = place.nld("route add 10.7.0.0/16 via 192.0.2.3 table 100")
    assert '"nld route list table 100 exact 10.7.0.0/16"' in done.err
    place.nld("route add 10.8.0.0/16 via 192.0.2.2")
    done = place.nld("route append 10.8.0.0/16 via 192.0.2.2")
    assert done.code == 2
    assert '"replace"' not in done.err
