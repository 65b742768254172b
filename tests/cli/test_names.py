"""iproute2's name files of any content, on a real kernel table: what is listed is read as what it was.

The files are bound over /etc/iproute2 in the sandbox's own mount namespace, so that they hold for ``ip``,
for the daemon and for the command line, and for nothing outside.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Outcome, Stand
from tests.test_names import CONTRADICTIONS

pytestmark = pytest.mark.namespace

PROGRAM = "import sys; from nld.cli.main import main; sys.exit(main(sys.argv[1:]))"

FRR = "186 bgp\n187 isis\n188 ospf\n189 rip\n190 ripng\n192 eigrp\n193 ldp\n195 pbr\n196 static\n"
"""What the frr package of Debian brings."""

# In hexadecimal, which is nobody's name here.
ROUTES = [
    *(
        f"10.1.{protocol}.0/24 dev nld0 proto {protocol:#x}"
        for protocol in (3, 4, 8, 12, 42, 77, 131, 186, 196)
    ),
    *(f"10.2.0.0/16 dev nld0 proto 0xc4 table {table:#x}" for table in (100, 101, 200, 300, 356, 70000)),
    *(f"10.3.{scope}.0/24 dev nld0 scope {scope:#x}" for scope in (0, 10, 200, 253, 254)),
    *(f"10.4.{realm}.0/24 dev nld0 realm {realm:#x}" for realm in (1, 2, 3)),
    *(f"10.5.0.0/16 dev nld0 tos {tos:#x}" for tos in (0x04, 0x10, 0x18)),
    "2001:db8:1::/48 dev nld0 proto 0xc4 table 0xc8",
]


@pytest.fixture
def named(stand: Stand, tmp_path: Path) -> Iterator[tuple[Stand, Path]]:
    """A sandbox whose name files contradict each other, and where they are."""
    for name, text in {**CONTRADICTIONS, "rt_protos.d/frr-debian.conf": FRR}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    stand.run("mount", "--bind", str(tmp_path), "/etc/iproute2", check=True)
    yield stand, tmp_path


def numbers(stand: Stand) -> list[dict[str, Any]]:
    """The table by ``ip``, all in numbers."""
    return list(json.loads(stand.ip("-N -j -d route show table all").out))


def test_a_number_survives_listing_and_adding(named: tuple[Stand, Path]) -> None:
    stand, _ = named
    stand.run(
        "ip", "-N", "-batch", "-", stdin="".join(f"route add {words}\n" for words in ROUTES), check=True
    )
    before = numbers(stand)
    assert json.loads(stand.nld("-N -j -d route list table all").out) == before

    for form in ("route save table all", "-j -d route list table all", "-j route list table all"):
        saved = stand.nld(form).out
        unchanged = stand.nld("-takeover -s route restore", stdin=saved)
        assert unchanged.err.startswith("0 routes restored")
        for table in ("main", "0x64", "0x65", "0xc8", "0x12c", "0x164", "0x11170"):
            assert stand.nld(f"-takeover -4 route flush table {table}").code == 0
        assert stand.nld("-takeover -6 route flush table 0xc8").code == 0
        assert len(numbers(stand)) < len(before)
        done = stand.nld("-takeover route restore", stdin=saved)
        assert (done.code, numbers(stand)) == (0, before), done.err


def test_a_name_that_is_added_while_the_daemon_runs_is_known_at_once(named: tuple[Stand, Path]) -> None:
    """By the program: a look at the files holds for less time than it takes to start one."""
    stand, files = named

    def nld(words: str) -> Outcome:
        return stand.run(sys.executable, "-c", PROGRAM, *words.split())

    def table_of(dst: str) -> list[str]:
        return [route["table"] for route in numbers(stand) if route["dst"] == dst]

    before = nld("route add 10.9.0.0/16 dev nld0 table lte")
    assert before.code == 1
    assert '"lte" is neither a number nor a known name' in before.err
    with (files / "rt_tables").open("a") as file:
        file.write("211 lte\n")
    assert nld("route add 10.9.0.0/16 dev nld0 table lte").code == 0
    assert table_of("10.9.0.0/16") == ["211"]
    assert "table lte" in nld("route list table all").out

    (files / "rt_tables").write_text("212 lte\n")  # another number
    assert nld("route add 10.9.0.0/16 dev nld0 table lte").code == 0
    assert table_of("10.9.0.0/16") == ["211", "212"]
    assert "table 211" in nld("route list table all").out

    (files / "rt_protos.d" / "new.conf").write_text("99 mine\n")
    assert nld("route add 10.8.0.0/16 dev nld0 proto mine").code == 0
    assert [route["protocol"] for route in numbers(stand) if route["dst"] == "10.8.0.0/16"] == ["99"]
    assert nld("route flush proto mine").code == 0
    assert table_of("10.8.0.0/16") == []
