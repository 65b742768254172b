"""The same words, given to ``ip`` and to ``nld``, leave the same table.

Each form runs in two sandboxes side by side, one by ``ip`` and one by ``nld``, and the tables are compared
as ``ip -j -d route show table all`` shows them, but for the protocol of routes whose words name none:
``ip`` says boot there, nld says 131.  A form that ``ip`` refuses must be refused by nld, in more words, and
change nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.parity.forms import FORMS, LINKS, REFUSED, UNSUPPORTED, Form, Refusal, Unsupported
from tests.stand import SECONDS, Outcome, Stand

pytestmark = pytest.mark.namespace


RESET = (
    *(f"link del {name}" for name in ("nld0", "nld1")),
    "nexthop flush",
    "link add nld0 address 02:00:00:00:00:10 type veth peer name nld0p address 02:00:00:00:00:11",
    "link add nld1 address 02:00:00:00:00:20 type veth peer name nld1p address 02:00:00:00:00:21",
    *(command for command in LINKS if not command.startswith("link add")),
)
"""Makes a used sandbox as good as new, and both alike: even the links' hardware addresses."""

LOCAL = {word.partition("/")[0] for command in LINKS for word in command.split() if "/" in word}
"""The addresses of ``LINKS``."""


def leftovers(stand: Stand) -> list[str]:
    """What deletes the routes that do not go with their link."""
    lines = []
    for route in json.loads(stand.ip("-j -d route show table all").out or "[]"):
        if route["protocol"] != "kernel":
            family = "-6" if "pref" in route else "-4"
            options = f"metric {route['metric']}" if "metric" in route else ""
            tos = f"tos {route['tos']}" if "tos" in route else ""
            lines.append(f"route del {route['type']} {route['dst']} table {route['table']} {options} {tos}")
            if route["dst"] == "default":
                lines[-1] = lines[-1].replace("default", "::/0" if family == "-6" else "0.0.0.0/0")
    return lines


def settle(stand: Stand) -> None:
    """Wait for what the kernel does of itself when links come up: carrier, and addresses' local routes."""
    end = time.monotonic() + SECONDS
    while True:
        routes = json.loads(stand.ip("-j route show table all").out)
        local = {route["dst"] for route in routes if route.get("type") == "local"}
        if local >= LOCAL and not any("linkdown" in route["flags"] for route in routes):
            return
        assert time.monotonic() < end, routes


class Pair:
    """Two sandboxes, one for ``ip`` and one for ``nld``."""

    def __init__(self) -> None:
        self.by_ip = Stand()
        self.by_nld = Stand()

    def reset(self) -> None:
        """Begin anew."""
        for one in (self.by_ip, self.by_nld):
            one.run("ip", "-force", "-batch", "-", stdin="\n".join((*leftovers(one), *RESET)))
        for one in (self.by_ip, self.by_nld):
            settle(one)

    def close(self) -> None:
        for one in (self.by_ip, self.by_nld):
            one.__exit__(None, None, None)


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


@pytest.fixture
def pair(sandboxes: Pair) -> Pair:
    sandboxes.reset()
    return sandboxes


def run(stand: Stand, program: str, words: str) -> Outcome:
    """Run one command of a form by ``ip`` or ``nld``; what is not about routes is always done by ``ip``."""
    if program == "ip":
        return stand.ip(words, check=False)
    about_something_else = re.match(r"(-\S+ )*(link|addr|nexthop|rule)\s", words)
    return stand.ip(words, check=False) if about_something_else else stand.nld(["-takeover", *words.split()])


def table(stand: Stand, named: str) -> list[dict[str, Any]]:
    """The table as ``ip`` prints it, without the protocol where the words left it to the program."""
    found = json.loads(stand.ip("-j -d route show table all").out or "[]")
    # The kernel's own link-local and multicast routes come in the order in which links got ready.
    routes = [one for one in found if not (one["protocol"] == "kernel" and one["dst"][:2] in {"fe", "ff"})]
    for route in routes:
        if route["protocol"] in {"boot", "131", "nld"} and f"proto {route['protocol']}" not in named:
            route["protocol"] = "the program's own"
        if "expires" in route:
            # Seconds that are left: the two commands ran at different moments.
            route["expires"] = 0 < route["expires"] <= 3600
    return routes


@pytest.mark.parametrize("form", FORMS, ids=[form.about for form in FORMS])
def test_forms(form: Form, pair: Pair) -> None:
    words = " ; ".join(form.commands)
    for stand in (pair.by_ip, pair.by_nld):
        for command in form.setup:
            stand.ip(command)
    for command in form.commands:
        by_ip = run(pair.by_ip, "ip", command)
        if by_ip.code and form.needs:
            pytest.skip(f"this kernel has no {form.needs}: {by_ip.err.strip()}")
        by_nld = run(pair.by_nld, "nld", command)
        assert (by_ip.code, by_nld.code) == (0, 0), (by_ip.err, by_nld.err)
    assert table(pair.by_nld, words) == table(pair.by_ip, words)


@pytest.mark.parametrize("form", REFUSED, ids=[form.about for form in REFUSED])
def test_refusals(form: Refusal, pair: Pair) -> None:
    for stand in (pair.by_ip, pair.by_nld):
        for command in form.setup:
            stand.ip(command)
    for command in form.commands[:-1]:
        assert run(pair.by_ip, "ip", command).code == 0
        assert run(pair.by_nld, "nld", command).code == 0
    before = table(pair.by_nld, "")
    by_ip = run(pair.by_ip, "ip", form.commands[-1])
    by_nld = run(pair.by_nld, "nld", form.commands[-1])
    assert by_ip.code != 0, "ip takes it"
    # ip-route(8) says 1 for words that are wrong; ip itself often says 255 (exit(-1)).
    assert by_nld.code == {255: 1}.get(by_ip.code, by_ip.code), (by_ip, by_nld)
    # A usage page says nothing of what is wrong.
    said = by_ip.err.partition("Usage:")[0]
    assert len(by_nld.err.split()) > len(said.split()), (by_ip.err, by_nld.err)
    assert table(pair.by_nld, "") == before


@pytest.mark.parametrize("form", UNSUPPORTED, ids=[form.about for form in UNSUPPORTED])
def test_what_nld_does_not_support_it_says_at_once(form: Unsupported, pair: Pair) -> None:
    by_ip = run(pair.by_ip, "ip", form.command)
    assert by_ip.code == 0 or "not supported" in by_ip.err, "ip cannot read it, or its kernel lacks more"
    before = table(pair.by_nld, "")
    by_nld = run(pair.by_nld, "nld", form.command)
    assert (by_nld.code, by_nld.out) == (2, "")
    first, line, caret, *_ = by_nld.err.splitlines()
    assert first == f"nld: encap {form.word} is not supported by nld"
    assert line[caret.index("^") : caret.rindex("^") + 1] == form.word
    assert table(pair.by_nld, "") == before
