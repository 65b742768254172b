"""Save and restore on a real kernel table: what was saved is there again, whatever it is, in one run.

Random tables are made by ``ip``, so that nld has no say in what is in them: several routes of one key
(appended, a device each), gateways behind gateways, ECMP, nexthop objects, lifetimes, devices with odd names.
Then, judged by ``ip -j -d route show table all``:

* save and restore onto the same table sends nothing;
* save, flush, restore gives the table that was there before;
* what is missing comes back, and nothing else moves.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

import pytest

from tests.stand import Stand

TABLES = ("main", "100", "70000")
PROTOCOLS = ("static", "bird", "196", "131", "boot")
ODD = "a\x1b[2J\\xff"
"""A name that a terminal would obey, and that looks like an escape."""


def random_table(seed: int, locks: bool = True) -> list[str]:
    """``ip -batch`` lines that make a table, of every kind of route a random number."""
    rng = random.Random(seed)
    lines: list[str] = []
    devices = ("nld0", "nld1", ODD)

    def some(low: int, high: int) -> range:
        return range(rng.randint(low, high))

    def told() -> str:
        words = [f"table {rng.choice(TABLES)}", f"proto {rng.choice(PROTOCOLS)}"]
        if rng.random() < 0.4:
            words.append(f"metric {rng.choice((5, 50, 500))}")
        if rng.random() < 0.3:
            words.append(
                rng.choice(("mtu 1400", "hoplimit 9", "rtt 20ms", f"mtu {'lock' if locks else ''} 1300"))
            )
        return " ".join(words)

    def put(words: str) -> None:
        lines.append(f"route add {words}")

    for number in some(3, 9):
        device = rng.choice(devices)
        put(f"10.{number}.0.0/16 dev {device} {told()}")
        put(f"2001:db8:{number}::/48 dev {device} {told()}")
    # Gateways behind gateways: by scope in IPv4, by a host route in IPv6.
    put("10.60.0.5 dev nld1 scope host")
    put("10.61.0.0/16 via 10.60.0.5 scope link")
    put("10.62.0.0/16 via 10.61.0.1")
    put("10.63.0.1 dev nld0 scope link")
    put("10.0.1.0/24 via 10.63.0.1 proto static")  # listed before its link route
    put("2001:db8:61::/48 dev nld1")
    put("2001:db8:5::/48 via 2001:db8:61:1::5 table 100")
    put("2001:db8:4::/48 via 2001:db8:61:1::6")
    put("2001:db8:61:1::/64 via fe80::9 dev nld0")  # covers their gateways
    put("10.64.0.0/16 via inet6 2001:db8:61:1:: dev nld0 onlink")
    for number in some(2, 6):  # several routes of one key
        key = f"10.{70 + number}.0.0/16"
        more = told()
        for leg in range(rng.randint(2, 4)):
            lines.append(f"route append {key} via 192.0.2.{10 + leg} {more}")
        key = f"2001:db8:{70 + number}::/48"
        more = told()
        by_gateway = rng.choice(("first", "last", ""))  # not both: what is between legs is not listed
        if by_gateway == "first":
            lines.append(f"route append {key} via fe80::77 dev nld0 {more}")
        for device in rng.sample(devices, 3)[: rng.randint(2, 3)]:
            lines.append(f"route append {key} dev {device} {more}")
        if by_gateway == "last":
            lines.append(f"route append {key} via fe80::77 dev nld0 {more}")
    for number in some(2, 5):  # ECMP
        legs = " ".join(
            f"nexthop via 192.0.{2 + leg % 2}.{20 + leg} weight {rng.randint(1, 9)}" for leg in range(3)
        )
        put(f"10.{80 + number}.0.0/16 {told()} {legs}")
        legs = " ".join(
            f"nexthop via fe80::{leg + 1} dev {rng.choice(devices)} weight {rng.randint(1, 9)}"
            for leg in range(rng.randint(2, 4))
        )
        put(f"2001:db8:{80 + number}::/48 {told()} {legs}")
    for number in some(2, 5):  # nexthop objects
        put(f"10.{90 + number}.0.0/16 nhid {rng.choice((1, 3))} {told()}")
        put(f"2001:db8:{90 + number}::/48 nhid {rng.choice((4, 5))} {told()}")
    for number in some(2, 5):  # lifetimes
        seconds = rng.choice((300, 3000, 86400))
        put(f"2001:db8:{100 + number}::/48 via fe80::1 dev nld0 expires {seconds} {told()}")
    for number in some(1, 4):
        put(f"{rng.choice(('blackhole', 'unreachable', 'prohibit'))} 10.{110 + number}.0.0/16 {told()}")
        put(f"{rng.choice(('blackhole', 'unreachable', 'prohibit'))} 2001:db8:{110 + number}::/48 {told()}")
        put(f"10.{120 + number}.0.0/16 tos 0x10 via 192.0.2.9 src 192.0.2.1 realm {number + 1} {told()}")
        put(f"2001:db8:{120 + number}::/48 via fe80::{number + 1} dev nld1 pref high {told()}")
    put(f"default via 192.0.2.254 {told()}")
    put(f"::/0 via fe80::254 dev nld0 {told()}")
    return lines


def make(stand: Stand, seed: int, locks: bool = True) -> None:
    """A random table in a new sandbox."""
    stand.run("ip", "link", "add", ODD, "type", "veth", "peer", "name", "odd-peer", check=True)
    stand.run("ip", "link", "set", ODD, "up", check=True)
    stand.ip("link set odd-peer up")
    while not _settled(stand):
        pass
    for words in (
        "id 1 via 192.0.2.31 dev nld0", "id 2 via 192.0.3.31 dev nld1", "id 3 group 1,3/2",
        "id 4 via fe80::31 dev nld0", "id 6 via fe80::32 dev nld1", "id 5 group 4/6",
    ):  # fmt: skip
        stand.ip(f"nexthop add {words}")
    lines = random_table(seed, locks)
    done = stand.run("ip", "-batch", "-", "-force", stdin="\n".join(lines) + "\n")
    assert "Error" not in done.err.replace("RTNETLINK answers: File exists", ""), done.err


def _settled(stand: Stand) -> bool:
    """Whether every link has its link-local address, with the routes that come with it."""
    links = json.loads(stand.ip("-j -6 address show up").out, strict=False)
    return all(
        any(address.get("scope") == "link" and not address.get("tentative") for address in link["addr_info"])
        for link in links
        if link.get("ifname") != "lo"
    ) and len(links) >= len(json.loads(stand.ip("-j link show up").out, strict=False))


def table(stand: Stand) -> list[dict[str, Any]]:
    """The table as ``ip`` shows it, in its order; of lifetimes only that they are there."""
    # ip writes control characters as they are.
    routes = json.loads(stand.ip("-j -d route show table all").out, strict=False)
    for route in routes:
        if "expires" in route:
            assert route["expires"] > 0
            route["expires"] = True
        if route.get("pref") and "nexthops" in route:  # the kernel keeps the legs of IPv6 in no order
            route["nexthops"].sort(key=lambda hop: (hop["gateway"], hop["dev"]))
    return list(routes)


def as_set(routes: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(route, sort_keys=True) for route in routes)


def sent(stand: Stand) -> int:
    """Messages that the daemon has sent to write."""
    status = json.loads(stand.nld("status -j").out)
    return int(status["kernels"][0]["requests_sent"])


DELETE = """
import json, os, sys
from nld.client import Client
with Client(os.environ["NLD_SOCKET"]) as client:
    client.delete(json.load(sys.stdin), takeover=True)
"""

FLUSHES = [
    f"-takeover {family} route flush table {table}" for family in ("-4", "-6") for table in TABLES
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_a_table_is_there_again_and_onto_itself_nothing_is_sent(stand: Stand, seed: int) -> None:
    make(stand, seed)
    before, count = table(stand), sent(stand)
    saved = stand.nld("route save table all").out
    for text in (saved, stand.nld("route save").out, stand.nld("-6 route save").out):
        done = stand.nld("route restore", stdin=text)
        assert (done.code, done.err) == (0, "")
    assert sent(stand) == count
    for words in FLUSHES:
        assert stand.nld(words).code == 0
    assert len(table(stand)) < len(before) / 2
    done = stand.nld("-takeover -s route restore", stdin=saved)
    assert (done.code, table(stand)) == (0, before), done.err


def test_nor_is_anything_sent_of_what_ip_printed(stand: Stand) -> None:
    make(stand, 7, locks=False)  # which ip does not print
    before, count = table(stand), sent(stand)
    protocols = [
        {route["protocol"] for route in json.loads(stand.ip(words).out, strict=False) if "protocol" in route}
        for words in ("-j -d route show table all", "-N -j -d route show table all")
    ]
    # Where name files call two protocols the same (FRR's 196 and 4 are both static), its names do not tell.
    ambiguous = len(protocols[0]) < len(protocols[1])
    for words in ("-N -j", "-N -j -d", *(() if ambiguous else ("-j", "-j -d"))):
        done = stand.nld("route restore", stdin=stand.ip(f"{words} route show table all").out)
        assert (done.code, done.err) == (0, "")
    assert sent(stand) == count
    assert table(stand) == before


@pytest.mark.parametrize("seed", range(10, 12))
def test_what_is_missing_comes_back_and_nothing_else_moves(stand: Stand, seed: int) -> None:
    make(stand, seed)
    before = as_set(table(stand))
    saved = stand.nld("route save table all").out
    rng = random.Random(seed)
    gone = [route for route in json.loads(saved) if route["table"] != "local" and rng.random() < 0.3]
    done = stand.run(sys.executable, "-c", DELETE, stdin=json.dumps(gone))
    assert done.code == 0, done.err
    assert len(table(stand)) == len(before) - len(gone)
    generation = json.loads(stand.nld("status -j").out)["generation"]
    done = stand.nld("-takeover -s route restore", stdin=saved)
    assert (done.code, done.err) == (
        0,
        f"{len(gone)} routes restored, {len(before) - len(gone)} already there\n",
    )
    assert as_set(table(stand)) == before
    assert json.loads(stand.nld("status -j").out)["generation"] - generation == len(gone)


def test_what_cannot_be_put_back_is_told_and_the_rest_is_there(stand: Stand) -> None:
    """A device that is gone, a gateway that nothing leads to, somebody else's route, a lifetime run out."""
    stand.ip("route add 10.9.0.0/16 dev nld0 proto bird")
    saved = [
        {"dst": "10.1.0.0/16", "dev": "gone0"},
        {"dst": "10.2.0.0/16", "dev": "nld0"},
        {"dst": "10.3.0.0/16", "dev": "gone0"},
        {"dst": "10.4.0.0/16", "gateway": "203.0.113.9"},
        {"dst": "10.9.0.0/16", "dev": "nld1"},
        {"dst": "10.5.0.0/16", "gatway": "192.0.2.9"},
        {"dst": ["10.6.0.0/16", "10.7.0.0/16"], "gateway": "192.0.2.9"},
        {"dst": "10.8.0.0/16", "dev": "nld9"},
        {"dst": "2001:db8:9::/48", "dev": "nld0", "expires": -3},
    ]
    done = stand.nld("-s route restore", stdin=json.dumps(saved))
    assert done.code == 2
    told = ("'gone0'", "10.4.0.0/16", "ENETUNREACH", "10.9.0.0/16", "protocol bird", "gatway", "'nld9'")
    assert [words for words in told if words not in done.err] == []
    places = ("route 1, 10.1.0.0/16: dev:", "route 6, 10.5.0.0/16:", "route 9, 10.8.0.0/16: dev:")
    assert [words for words in places if words not in done.err] == [], "counted from 1, as in the file"
    assert "6 of 10 routes were not restored" in done.err
    assert "3 routes restored, 1 already there" in done.err
    shown = stand.nld("route list proto nld").out
    assert [line.split()[0] for line in shown.splitlines()] == ["10.2.0.0/16", "10.6.0.0/16", "10.7.0.0/16"]
    assert "10.9.0.0/16 dev nld0 proto bird" in stand.nld("route list").out
