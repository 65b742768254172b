"""What a restoration sends, and in which order."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from nld.cli.restoration import steps
from nld.cli.saved_route import SavedRoute
from nld.names import Names

NAMES = Names([Path("/nonexistent")])


def plan(
    saved: list[dict[str, Any]], present: list[dict[str, Any]]
) -> list[tuple[str, list[dict[str, Any]]]]:
    done = steps(
        [SavedRoute(record, NAMES) for record in saved], [SavedRoute(record, NAMES) for record in present]
    )
    return [(step.operation, [route.record for route in step.routes]) for step in done]


V4 = {"dst": "10.0.0.0/8", "gateway": "192.0.2.2", "flags": []}
OTHER4 = V4 | {"gateway": "192.0.2.3"}
THIRD4 = V4 | {"gateway": "192.0.2.4"}
V6 = {"dst": "fe80::/64", "dev": "nld0", "metric": 256, "flags": [], "pref": "medium"}
OTHER6 = V6 | {"dev": "nld1"}
ECMP6 = {"dst": "fe80::/64", "metric": 256, "flags": [], "nexthops": [{"gateway": "fe80::1", "dev": "nld0"}]}


@pytest.mark.parametrize(
    ("saved", "present", "expected"),
    [
        ([V4], [], [("add", [V4])]),
        ([V4], [V4], []),
        ([V4], [OTHER4], [("replace", [V4])]),
        ([V4, OTHER4], [], [("add", [V4]), ("append", [OTHER4])]),
        ([V4, OTHER4], [V4], [("append", [OTHER4])]),
        ([OTHER4, V4], [V4], [("prepend", [OTHER4])]),
        ([V4, OTHER4], [V4, OTHER4], []),
        ([V4], [OTHER4, THIRD4], [("prepend", [V4])]),
        ([V6, OTHER6], [OTHER6], [("append", [V6])]),
        ([V6], [OTHER6], [("replace", [V6])]),
        ([V6, ECMP6], [V6], [("append", [ECMP6])]),
        ([V6, ECMP6], [], [("add", [V6]), ("append", [ECMP6])]),
        ([ECMP6, V6], [], [("add", [ECMP6]), ("append", [V6])]),
        ([ECMP6, V6], [ECMP6], [("append", [V6])]),
        ([ECMP6, V6 | {"metric": 9}], [], [("add", [V6 | {"metric": 9}, ECMP6])]),
        ([V4 | {"metric": 5}], [V4], [("add", [V4 | {"metric": 5}])]),
        ([V4 | {"table": "254", "protocol": "3", "scope": "0"}], [V4], []),
        ([V6 | {"expires": 9}], [V6 | {"expires": 7}], []),
        ([V6 | {"expires": 9}], [V6], [("replace", [V6 | {"expires": 9}])]),
        ([V6 | {"expires": 0}], [], []),
        ([V4 | {"flags": ["dead", "linkdown"]}], [V4], []),
        ([V4 | {"flags": ["onlink"]}], [V4], [("replace", [V4 | {"flags": ["onlink"]}])]),
    ],
)
def test_what_is_sent(saved: list[Any], present: list[Any], expected: list[Any]) -> None:
    assert plan(saved, present) == expected


CHAIN: list[dict[str, Any]] = [
    {"dst": "2001:db8:1::/48", "dev": "nld0"},
    {"dst": "2001:db8:2::/48", "gateway": "2001:db8:1:1::1"},
    {"dst": "2001:db8:3::/48", "gateway": "2001:db8:1:1:1::1"},
    {"dst": "2001:db8:1:1::/64", "gateway": "2001:db8:1:2::1"},  # covers the two above
    {"dst": "2001:db8:1:2::/64", "gateway": "fe80::1", "dev": "nld0"},  # covers that one
    {
        "dst": "10.9.0.9",
        "type": "local",
        "dev": "lo",
        "scope": "host",
        "table": "local",
        "prefsrc": "10.9.0.9",
    },
    {"dst": "10.9.0.0/16", "dev": "nld0", "scope": "link", "prefsrc": "10.9.0.9"},
    {"dst": "10.8.0.0/16", "gateway": "10.9.0.9", "scope": "link"},
    {"dst": "10.7.0.0/16", "gateway": "10.8.0.1", "scope": "global"},
    {"dst": "10.6.0.0/16", "via": {"family": "inet6", "host": "2001:db8:1::1"}},
]
"""Each needs some of those before it, or must come before some of those behind it."""
BEFORE = [(0, 1), (0, 3), (1, 3), (2, 3), (3, 4), (5, 6), (5, 7), (7, 8), (0, 9)]


def test_what_others_need_goes_first() -> None:
    rng = random.Random(1)
    for _ in range(200):
        shuffled = rng.sample(CHAIN, len(CHAIN))
        sent = [record["dst"] for _, records in plan(shuffled, []) for record in records]
        for first, second in BEFORE:
            assert sent.index(CHAIN[first]["dst"]) < sent.index(CHAIN[second]["dst"]), (shuffled, sent)


def test_gateways_that_cover_each_other_end() -> None:
    circle = [
        {"dst": "2001:db8:1::/48", "gateway": "2001:db8:2::1"},
        {"dst": "2001:db8:2::/48", "gateway": "2001:db8:1::1"},
    ]
    for saved in itertools.permutations(circle):
        assert plan(list(saved), []) == [("add", list(saved))]
