"""Header, specification, module and the programs' tables say the same of the protocol.

The header is the manual; everything else is compared with it, and where the header is silent (which
attributes a request may have is in its prose) the others with each other.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import pytest
import yaml

from nld.netlink import module as codec
from nld.netlink.attribute import Table
from tests.kmod import contract
from tests.kmod.contract import KMOD, Attribute, Contract
from tests.vm.guest import wire

HEADER = contract.read_header()


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((KMOD / "nld.yaml").read_text())
    return parsed


def test_the_header_was_understood() -> None:
    """The parser saw each attribute, and the words that bound it."""
    route = HEADER.sets["route"]
    assert list(route) == [
        "pad", "dst", "gateway", "oif", "metric", "table", "protocol", "type", "prefsrc", "nexthops",
        "expires", "owner", "generation", "cause", "as-of",
    ]  # fmt: skip
    assert [one.number for one in route.values()] == list(range(1, 16))
    assert route["oif"] == Attribute(4, "u32", 1, contract.INT_MAX)
    assert route["owner"] == Attribute(12, "binary", 1, 64)
    assert route["gateway"] == Attribute(3, "binary", 4, 16)
    assert HEADER.sets["nexthops"] == {"entry": Attribute(1, "nest")}
    assert HEADER.messages["greet"] == 16
    assert HEADER.groups == {"route": 1}


@pytest.mark.parametrize("part", Contract.__dataclass_fields__)
def test_specification(spec: dict[str, Any], part: str) -> None:
    assert getattr(contract.read_spec(spec), part) == getattr(HEADER, part)


def test_protocol_number(spec: dict[str, Any]) -> None:
    numbers = contract.defines((KMOD / "uapi/nld.h").read_text())
    assert spec["protonum"] == numbers["NETLINK_NLD"] == 31


def test_header_of_a_message(spec: dict[str, Any]) -> None:
    """``struct nldmsg`` has the same members in the same order."""
    text = (KMOD / "uapi/nld.h").read_text()
    body = text.partition("struct nldmsg {")[2].partition("}")[0]
    members = [line.strip(" \t;").split() for line in body.strip().splitlines()]
    (struct,) = (one for one in spec["definitions"] if one["name"] == "nldmsg")
    assert [[f"__{one['type']}", one["name"].replace("-", "_")] for one in struct["members"]] == members


@pytest.mark.parametrize("name", ["route", "nexthops", "nexthop", "greet"])
def test_policies(name: str) -> None:
    """A policy knows what comes in, and bounds it as the header says."""
    policies = contract.read_policies()[name]
    only_out = {"route": {"pad", "cause", "as-of"}}.get(name, set())
    stated = {key: value for key, value in HEADER.sets[name].items() if key not in only_out}
    if name == "route":
        # The policy bounds what the header lists; check_type() refuses the numbers between.
        low, *_, high = sorted(HEADER.enums["route-type"].values())
        stated["type"] = Attribute(stated["type"].number, "u8", low, high)
    assert policies == stated


def test_requests(spec: dict[str, Any]) -> None:
    """The module lets a request have exactly the attributes that the specification lists."""
    assert contract.module_requests() == contract.spec_requests(spec)
    assert contract.module_requests()["route-new do"] == contract.taken_in()


def test_what_is_written() -> None:
    """Every attribute that goes out is written with the type that the header gives it."""
    stated = {
        f"{prefix}{name.upper().replace('-', '_')}": attribute.kind
        for prefix, of in contract.SETS.items()
        for name, attribute in HEADER.sets[of].items()
        if attribute.kind != "pad"
    }
    stated |= {"NLD_NH_ENTRY": "nest"}
    # The counters are written in a loop over a table.
    counters = {name for name in stated if name.startswith("NLD_STATS_")}
    text = (KMOD / "socket.c").read_text()
    assert all(f"{{ {name}, " in text for name in counters)
    assert contract.written() == {name: kind for name, kind in stated.items() if name not in counters}


# -- the numbers of nld, and those of the tests' own client

CODEC_SETS: dict[str, tuple[type[IntEnum], Table]] = {
    "route": (codec.NLD_A, codec.ENTRY),
    "nexthop": (codec.NLD_NH, codec.NEXT_HOP),
    "greet": (codec.NLD_GREET, codec.GREET),
    "info": (codec.NLD_INFO, codec.INFO),
    "stats": (codec.NLD_STATS, codec.STATISTICS),
}


def numbers(table: type[IntEnum] | type[IntFlag]) -> dict[str, int]:
    """Return an enum under the specification's names."""
    return {dashed(one.name or ""): int(one) for one in table}


def dashed(name: str) -> str:
    return name.lower().replace("_", "-")


@pytest.mark.parametrize(
    ("stated", "table"),
    [
        *((HEADER.sets[name], table) for name, (table, _) in CODEC_SETS.items()),
        (HEADER.sets["nexthops"], codec.NLD_NEXTHOPS),
        (HEADER.messages, codec.NLD_MSG),
        (HEADER.groups, codec.NLD_GROUP),
        (HEADER.enums["route-type"], codec.NLD_TYPE),
        (HEADER.enums["cause"], codec.NLD_CAUSE),
        (HEADER.enums["header-flags"], codec.NLD_F),
        (HEADER.enums["features"], codec.NLD_FEATURE),
        *((HEADER.sets[name], table) for name, table in wire.SETS.items()),
        (HEADER.messages, wire.Msg),
        (HEADER.enums["route-type"], wire.Type),
        (HEADER.enums["cause"], wire.Cause),
    ],
    ids=lambda value: f"{value.__module__}.{value.__name__}" if isinstance(value, type) else "",
)
def test_numbers_of_programs(
    stated: dict[str, int] | dict[str, Attribute], table: type[IntEnum] | type[IntFlag]
) -> None:
    expected = {name: one.number if isinstance(one, Attribute) else one for name, one in stated.items()}
    assert numbers(table) == expected


@pytest.mark.parametrize("name", CODEC_SETS)
def test_types_of_nlds_tables(name: str) -> None:
    """Each attribute is read and written with the header's type."""
    _, table = CODEC_SETS[name]
    kinds = {"bytes": "binary", "address": "binary", "list of next hops": "nest"}
    got = {dashed(row.name): (int(row.number), kinds.get(row.kind.name, row.kind.name)) for row in table.rows}
    stated = HEADER.sets[name].items()
    assert got == {key: (one.number, one.kind) for key, one in stated if one.kind != "pad"}


def test_constants_of_programs() -> None:
    named = {
        "magic": codec.MAGIC,
        "abi-version": codec.ABI_VERSION,
        "table-main": codec.TABLE_MAIN,
        "max-owner": codec.MAX_OWNER,
        "max-nexthops": codec.MAX_NEXTHOPS,
        "max-weight": codec.MAX_WEIGHT,
        "max-metrics": codec.MAX_METRICS,
        "max-greeting": codec.MAX_GREETING,
        "max-expires": codec.MAX_EXPIRES,
    }
    assert named == HEADER.constants
    header = (KMOD / "uapi/nld.h").read_text()
    protocol = contract.defines(header)["NETLINK_NLD"]
    for program in (codec, wire):
        assert (protocol, HEADER.constants["magic"]) == (program.PROTOCOL, program.MAGIC)
        assert f'"{program.GREETING}"' in header
    own = (wire.LOOKUP, wire.ENTRY, wire.GROUP)
    entry = HEADER.sets["nexthops"]["entry"].number
    assert own == (HEADER.enums["header-flags"]["lookup"], entry, HEADER.groups["route"])
