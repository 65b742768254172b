"""Completion: the words so far, and what can come next."""

from __future__ import annotations

import socket

import pytest

from nld.cli.completion import SCRIPTS, candidates
from tests.stand import Stand

# The words so far (the last is the unfinished one, "_" stands for an empty one), some words that must be
# offered, and some that must not.
ROWS: tuple[tuple[str, str, str], ...] = (
    ("_", "route status sandbox daemon config completion", "add"),
    ("ro", "route", "status"),
    ("-j _", "route", "-j"),
    ("-", "-json -details -4 -6", "route"),
    ("-family _", "inet inet6", "route"),
    ("route _", "add append delete get flush show monitor", "chg test"),
    ("route a", "add append", "delete"),
    ("mon", "monitor", "route"),
    ("monitor _", "table dev root", "add"),
    ("route -4 _", "add", "via"),
    ("route add _", "blackhole default unicast", "nexthop"),
    ("route add bl", "blackhole", "via"),
    ("route add 10.0.0.0/8 _", "via dev metric nexthop table", "blackhole default"),
    ("route add 10.0.0.0/8 v", "via", "dev"),
    ("route add 10.0.0.0/8 via _", "inet inet6", "dev"),
    ("route add 10.0.0.0/8 via inet6 _", "", "dev inet"),
    ("route add 10.0.0.0/8 via 192.0.2.2 _", "dev onlink", "default"),
    ("route add 10.0.0.0/8 dev _", "lo", "via"),
    ("route add 10.0.0.0/8 table _", "main local", "all"),
    ("route add 10.0.0.0/8 proto st", "static", "boot"),
    ("route add 10.0.0.0/8 scope _", "link host", "via"),
    ("route add 10.0.0.0/8 mtu _", "lock", "via"),
    ("route add 10.0.0.0/8 mtu lock _", "", "lock via"),
    ("route add 10.0.0.0/8 mtu lock 1400 _", "advmss", "lock"),
    ("route add 10.0.0.0/8 pref _", "low medium high", "via"),
    ("route add 10.0.0.0/8 features _", "ecn", "via"),
    ("route add 10.0.0.0/8 encap _", "ip ip6 mpls seg6", "via bpf"),
    ("route add 10.0.0.0/8 encap ip _", "id dst src", "via"),
    ("route add 10.0.0.0/8 encap ip id 5 _", "dst via dev", "id"),
    ("route add 10.0.0.0/8 encap seg6 mode _", "encap inline", "via"),
    ("route add 10.0.0.0/8 nexthop _", "via dev weight onlink", "metric"),
    ("route add 10.0.0.0/8 nexthop via 192.0.2.2 _", "weight nexthop", "table"),
    ("route add 10.0.0.0/8 nexthop via 192.0.2.2 weight _", "", "nexthop"),
    ("route show _", "table dev root match exact protocol", "nexthop"),
    ("route show table _", "all main", "dev"),
    ("route show type _", "blackhole unicast", "dev"),
    ("route get 10.0.0.1 _", "from iif oif fibmatch ipproto", "via"),
    ("route flush dev _", "lo", "table"),
    ("config _", "check", "route"),
    ("completion _", "bash zsh fish", "words"),
)


@pytest.mark.parametrize(("words", "offered", "withheld"), ROWS)
def test_rows(words: str, offered: str, withheld: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo")])
    found = {word for word, _ in candidates(["" if word == "_" else word for word in words.split()])}
    assert set(offered.split()) <= found
    assert not set(withheld.split()) & found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_call_back(shell: str) -> None:
    assert "nld completion words" in SCRIPTS[shell]


@pytest.mark.namespace
def test_destinations_that_are_there_are_offered(stand: Stand) -> None:
    for dst in ("10.1.0.0/16", "10.2.0.0/16", "2001:db8:5::/48"):
        assert stand.nld(f"route add {dst} dev nld0").code == 0
    stand.ip("route add 10.3.0.0/16 dev nld0")

    def offered(words: str) -> list[str]:
        out = stand.nld(["completion", "words", "--", *words.split(" ")]).out
        return [line.split("\t")[0] for line in out.splitlines()]

    assert [word for word in offered("route del 10.") if "/" in word] == ["10.1.0.0/16", "10.2.0.0/16"]
    assert "2001:db8:5::/48" in offered("route change 2001:d")
    assert {"blackhole", "10.1.0.0/16"} <= set(offered("route del "))
    assert not [word for word in offered("route add ") if "/" in word]
    assert "via" in offered("route del 10.1.0.0/16 v")


def test_without_a_daemon_none_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLD_SOCKET", "/nonexistent")
    assert not [word for word, _ in candidates(["route", "del", ""]) if "/" in word]
