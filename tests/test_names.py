"""Names: iproute2's files, read as ip reads them."""

from pathlib import Path

import pytest

import nld.names
from nld.names import NLD_PROTOCOL, Names


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
    with pytest.raises(
        ValueError, match="'old' is not a routing table; allowed: a number from 0 to 4294967295"
    ):
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
        ValueError, match="is not a routing protocol; allowed: a number from 0 to 255, or one of"
    ):
        Names(places).protocols.number(text)


CONTRADICTIONS = {
    "rt_protos": "4 static\n12 bird\n42 babel\n",
    "rt_protos.d/frr.conf": "# FRR\n186 bgp\n193 openfabric\n196 static\n",
    "rt_protos.d/other.conf": "196 static\n77 bird\n42 nld\n8 196\n",
    "rt_tables": "255 local\n254 main\n253 default\n0 unspec\n100 isp\n200 isp\n",
    "rt_tables.d/a.conf": "356 isp\n101 300\n",
    "rt_scopes": "0 global\n254 host\n10 host\n",
    "rt_realms": "0 cosmos\n1 lan\n2 lan\n",
    "rt_dsfield": "0x10 fast\n0x20 fast\n",
}
"""Files in which one name has several numbers, a number is another's name, and nld's name is taken."""


@pytest.fixture
def contradicting(places: tuple[Path, Path]) -> Names:
    for name, text in CONTRADICTIONS.items():
        (places[1] / name).parent.mkdir(exist_ok=True)
        (places[1] / name).write_text(text)
    return Names(places)


@pytest.mark.parametrize("field", ["tables", "protocols", "scopes", "realms"])
def test_what_is_printed_of_a_number_is_read_as_that_number(contradicting: Names, field: str) -> None:
    database = getattr(contradicting, field)
    for number in (*range(256), 300, 356, 1000):
        if number <= database.maximum:
            assert database.number(database.name(number)) == number


def test_every_tos_that_is_printed_is_read_as_itself(contradicting: Names) -> None:
    for number in range(256):
        assert contradicting.dsfields.number(contradicting.tos(number)) == number


def test_a_name_of_several_numbers_is_the_one_that_ip_takes(contradicting: Names) -> None:
    protocols, tables = contradicting.protocols, contradicting.tables
    assert [protocols.number(name) for name in ("static", "bird", "nld")] == [4, 12, NLD_PROTOCOL]
    assert [protocols.name(number) for number in (4, 196, 12, 77, 42)] == [
        "static",
        "0xc4",
        "bird",
        "77",
        "42",
    ]
    assert protocols.number("196") == 8  # a name, though it looks like a number
    # Of 100, 200 and 356 = 100 + 256 the lists of ip hold 100 and 356 together, the last read first.
    assert tables.number("isp") == 356
    assert [tables.name(number) for number in (100, 200, 356, 101, 300)] == [
        "100",
        "200",
        "isp",
        "300",
        "0x12c",
    ]
    assert contradicting.scopes.number("host") == 10
    assert contradicting.realms.name(2) == "2"
    assert contradicting.tos(0x20) == "0x20"


def test_files_that_change_are_read_again(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nld.names, "MOMENT", 0)
    _, etc = places
    (etc / "rt_tables").write_text("100 isp\n")
    names = Names(places)
    names.refresh()
    assert names.version == 0

    (etc / "rt_tables").write_text("100 isp\n211 lte\n")
    names.refresh()
    assert (names.version, names.tables.number("lte")) == (1, 211)

    (etc / "rt_tables.d").mkdir()
    names.refresh()
    (etc / "rt_tables.d" / "more.conf").write_text("212 more\n")
    names.refresh()
    assert names.tables.number("more") == 212

    (etc / "rt_tables.d" / "more.conf").write_text("213 more or less\n")
    names.refresh()
    assert names.tables.number("more") == 213

    (etc / "rt_tables").unlink()
    names.refresh()
    assert names.tables.name(211) == "211"
    version = names.version
    names.refresh()
    assert names.version == version


def test_files_are_not_looked_at_twice_in_a_moment(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, etc = places
    (etc / "rt_tables").write_text("100 isp\n")
    names = Names(places)
    monkeypatch.setattr(nld.names, "MOMENT", 3600)
    (etc / "rt_tables").write_text("100 isp\n211 lte\n")
    names.refresh()
    assert names.tables.number("lte") == 211  # the first look is never put off

    (etc / "rt_tables").write_text("100 isp\n212 lte\n213 more\n")
    names.refresh()
    assert (names.version, names.tables.number("lte")) == (1, 211)
    monkeypatch.setattr(nld.names, "MOMENT", 0)
    names.refresh()
    assert (names.version, names.tables.number("lte")) == (2, 212)


def test_the_kernels_own_tables_keep_their_names(tmp_path: Path) -> None:
    """Else a command that names no table would be about another one."""
    (tmp_path / "rt_tables").write_text("254 main\n79 main\n80 local\n81 default\n253 spare\n")
    tables = Names([tmp_path]).tables
    assert [tables.number(word) for word in ("main", "local", "default", "spare")] == [254, 255, 253, 253]
    assert [tables.name(number) for number in (254, 255, 253, 79, 80, 81)] == [
        "main", "local", "spare", "79", "80", "81",
    ]  # fmt: skip
