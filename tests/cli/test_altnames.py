"""A device by its alternative names, on a real kernel table: every word that takes a device takes them.

What is listed has the name proper, as ``ip`` prints it.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from nld.device_name import spelled
from tests.stand import Outcome, Stand

pytestmark = pytest.mark.namespace

NAMES = {
    "short": "isp-a",
    "long": "enx" + "0123456789ab" * 10 + "cdef",
    "not ASCII": "verbindung-süd",
    "not printable": "isp\x1b",
    "like an escape": r"tap\xff",
}
"""The last is a name of seven letters, which looks like that of a byte that is not printable."""


def test_the_long_name_is_as_long_as_the_kernel_takes() -> None:
    assert len(NAMES["long"]) == 127


@pytest.fixture(scope="module")
def named() -> Any:
    """A sandbox whose nld1 has all of these names."""
    with Stand() as stand:
        for name in NAMES.values():
            stand.run("ip", "link", "property", "add", "dev", "nld1", "altname", name, check=True)
        yield stand


def nld(stand: Stand, words: str, name: str) -> Outcome:
    """Run ``nld`` with these words, DEV being the name as nld spells it."""
    done = stand.nld([spelled(name) if word == "DEV" else word for word in shlex.split(words)])
    assert done.code == 0, done.err
    return done


def shown(stand: Stand, words: str, name: str) -> list[tuple[str, str]]:
    """Destination and device of what ``nld`` prints."""
    return [(route["dst"], route["dev"]) for route in json.loads(nld(stand, f"-j {words}", name).out)]


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_every_command_takes_it(named: Stand, name: str) -> None:
    routes = [("10.1.0.0/16", "nld1"), ("10.2.0.0/16", "nld1"), ("2001:db8:1::/48", "nld1")]
    nld(named, "route add 10.1.0.0/16 via 192.0.3.9 dev DEV", name)
    nld(named, "route add 10.2.0.0/16 dev DEV", name)
    nld(named, "route add 2001:db8:1::/48 via fe80::9 dev DEV", name)
    nld(named, "route add 10.3.0.0/16 dev nld0", name)

    assert shown(named, "route list dev DEV proto nld", name) == routes[:2]
    assert shown(named, "-6 route list dev DEV proto nld", name) == routes[2:]
    assert shown(named, "-d route list dev DEV proto nld", name) == routes[:2]
    assert shown(named, "route get 192.0.3.77 oif DEV", name) == [("192.0.3.77", "nld1")]
    assert shown(named, "route get 10.2.1.1", name) == [("10.2.1.1", "nld1")]

    # By another name, or none, it is the same device.
    nld(named, "route replace 10.2.0.0/16 dev DEV mtu 1400", name)
    nld(named, "route add 10.4.0.0/16 nexthop via 192.0.2.9 dev nld0 nexthop via 192.0.3.9 dev DEV", name)
    (several,) = json.loads(nld(named, "-j route list 10.4.0.0/16", name).out)
    assert [leg["dev"] for leg in several["nexthops"]] == ["nld0", "nld1"]
    nld(named, "route del 10.4.0.0/16", name)

    wrong = named.nld(["route", "del", "10.3.0.0/16", "dev", spelled(name)])
    assert wrong.code == 2, wrong
    nld(named, "route del 10.2.0.0/16 dev DEV", name)
    nld(named, "-6 route del 2001:db8:1::/48 via fe80::9 dev DEV", name)
    assert shown(named, "route list dev DEV proto nld", name) == routes[:1]
    nld(named, "route flush dev DEV proto nld", name)
    assert shown(named, "route list proto nld", name) == [("10.3.0.0/16", "nld0")]
    nld(named, "route del 10.3.0.0/16 dev nld0", name)


def test_a_name_that_comes_and_goes_is_known_at_once(stand: Stand) -> None:
    words = "route add 10.1.0.0/16 dev isp-a"
    assert "isp-a" in stand.nld(words).err
    stand.ip("link property add dev nld0 altname isp-a")
    assert stand.nld(words).code == 0
    stand.ip("link property del dev nld0 altname isp-a")
    assert stand.nld("route del 10.1.0.0/16 dev isp-a").code != 0
    stand.ip("link property add dev nld1 altname isp-a")
    assert stand.nld("route replace 10.1.0.0/16 dev isp-a").code == 0
    assert json.loads(stand.nld("-j route list 10.1.0.0/16").out)[0]["dev"] == "nld1"


def test_what_is_too_long_for_any_name_is_refused(stand: Stand) -> None:
    done = stand.nld(["route", "add", "10.1.0.0/16", "dev", "x" * 128])
    assert done.code != 0
    assert "dev" in done.err
    assert stand.nld("-j route list proto nld").out.strip() in {"", "[]"}
