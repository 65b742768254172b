"""Names: iproute2's files, read as ip reads them."""

from pathlib import Path

import pytest

from nld.records.names import NLD_PROTOCOL, Names


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    usr, etc = tmp_path / "usr", tmp_path / "etc"
    for place in (usr, etc):
        (place / "rt_protos.d").mkdir(parents=True)
    return usr, etc


def test_without_files_the_built_in_names_remain(tmp_path: Path) -> None:
    names = Names([tmp_path])
    assert [names.tables.name(number) for number in (253, 254, 255, 7)] == ["default", "main", "local", "7"]
    assert [names.protocols.name(number) for number in (2, 3, 186, 131)] == ["kernel", "boot", "bgp", "131"]
    assert [names.scopes.name(number) for number in (0, 200, 253, 254)] == ["global", "site", "link", "host"]
    assert [names.tos(number) for number in (0x10, 4)] == ["0x10", "0x04"]


def test_files_add_and_replace(places: tuple[Path, Path]) -> None:
    usr, etc = places
    (usr / "rt_tables").write_text("# c\n255\tlocal\n100 old\n")
    (usr / "rt_protos").write_text("77\tdistribution\n")
    (usr / "rt_protos.d" / "a.conf").write_text("78 first # a comment\n")
    (etc / "rt_protos.d" / "b.conf").write_text("0x4e second\nnonsense\n\n 300 fits no byte\n")
    (etc / "rt_protos.d" / "c.txt").write_text("79 unread\n")
    (etc / "rt_tables").write_text("100 mine\n70000\tbig\n")
    names = Names(places)
    assert names.tables.name(100) == "mine"
    assert names.tables.number("big") == 70000
    assert [names.protocols.name(number) for number in (77, 78, 79)] == ["distribution", "second", "79"]
    with pytest.raises(ValueError, match="'old' is no routing table; allowed: a number from 0 to 4294967295"):
        names.tables.number("old")


def test_nld_is_read_always_and_printed_by_the_files_only(places: tuple[Path, Path]) -> None:
    assert Names(places).protocols.number("nld") == NLD_PROTOCOL == 131
    assert Names(places).protocols.name(131) == "131"
    (places[1] / "rt_protos.d" / "nld.conf").write_text("131 nld\n")
    assert Names(places).protocols.name(131) == "nld"


@pytest.mark.parametrize(
    ("text", "number"), [("10", 0x10), ("0x10", 0x10), ("AF11", 0x28), ("ff", 255), ("default", 0)]
)
def test_tos_numbers_are_hexadecimal_as_in_ip(places: tuple[Path, Path], text: str, number: int) -> None:
    (places[1] / "rt_dsfield").write_text("0x28 AF11\n0x0 default\n")
    assert Names(places).dsfields.number(text) == number


@pytest.mark.parametrize("text", ["256", "-1", "1.5", "1_0", "0x", "", "٣", "0x100"])
def test_refused_protocols(places: tuple[Path, Path], text: str) -> None:
    with pytest.raises(
        ValueError, match="is no routing protocol; allowed: a number from 0 to 255, or one of"
    ):
        Names(places).protocols.number(text)
