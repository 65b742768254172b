"""The interface description: what Python types become, and that others can read it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from varlink.scanner import Interface as Parsed  # type: ignore[import-untyped]

from nld.control.budget import READER_MESSAGE_BYTES
from nld.control.description import describe
from nld.control.frame import MESSAGE_BYTES
from nld.control.interface import QUESTION_BYTES, Interface, Method, NoParameters, Parameters
from nld.control.portions import LONGEST, MEMBERS, OBJECTS
from nld.control.reply import Reply
from nld.control.routes import ABOUT, VALIDATE_BYTES, interface
from nld.control.service import Service
from nld.errors import WIRE_ERRORS
from nld.records.peer import Peer
from tests.control.stand import StubBroker

ROOT = Path(__file__).parents[2]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class LegRecord(BaseModel):
    """One leg."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    length: int
    """In metres."""
    next: LegRecord | None = None


class Given(Parameters):
    a: bool
    b: int
    c: float
    d: str
    e: list[int]
    f: dict[str, float]
    g: int | None
    h: int = 5
    i: list[str] | None = None
    j: Colour
    k: Literal["x", "y"]
    l: Literal["only"]  # noqa: E741
    m: str | list[str]
    n: Any
    o: Annotated[str, Field(alias="from")]
    p: tuple[int, ...] = ()
    q: LegRecord | None = None
    r: Literal["not-an-identifier", "y"]
    s: Annotated[int, Field(alias="no-name")]
    t: list[int | str]


async def nothing(peer: Peer, parameters: Any) -> Reply:
    return NoParameters()


EXPECTED = """\
# For tests.
interface io.test

type Colour (red, blue)

# One leg.
type Leg (
  # In metres.
  length: int,
  next: ?Leg
)

# Does nothing.
method Do(
  # Also 'no-name', a name that Varlink cannot spell.
  a: bool,
  b: int,
  c: float,
  d: string,
  e: []int,
  f: [string]float,
  g: ?int,
  h: ?int,
  i: ?[]string,
  j: Colour,
  k: (x, y),
  l: string,
  # Either string or []string.
  m: object,
  n: object,
  from: string,
  p: ?[]int,
  q: ?Leg,
  r: string,
  # Either int or string, each.
  t: []object
) -> ()

# It broke.
error Broken (a: int)
"""


class Broken(BaseModel):
    a: int


def test_types() -> None:
    made = Interface(
        "io.test",
        (Method("Do", Given, NoParameters, nothing, about="Does nothing."),),
        {"Broken": ("It broke.", Broken)},
        "For tests.",
    )
    assert describe(made) == EXPECTED
    assert list(Parsed(describe(made)).members) == ["Colour", "Leg", "Do", "Broken"]


def test_two_members_of_one_name_are_a_mistake() -> None:
    made = Interface("io.test", (Method("Colour", Given, NoParameters, nothing),))
    with pytest.raises(TypeError, match="Colour"):
        _ = describe(made)


def test_the_reference_parser_reads_all_that_nld_describes() -> None:
    service = Service([interface(StubBroker(), may_write=lambda peer: True)])
    for name, made in service.interfaces.items():
        parsed = Parsed(describe(made))
        assert parsed.name == name
        assert {method.name for method in made.methods} <= set(parsed.members)
    members = set(parsed.members)
    assert {name.rpartition(".")[2] for name in WIRE_ERRORS} <= members
    assert {"Route", "NextHop", "RouteKey", "RouteFilter", "RouteChange"} <= members


def test_every_method_is_documented() -> None:
    for method in interface(StubBroker(), may_write=lambda peer: True).methods:
        assert method.about.endswith("."), method.name


def test_the_limits_stand_everywhere() -> None:
    """In the description, in the example of the configuration and in the documentation, as they are."""
    words = " ".join(ABOUT.split())
    manual = " ".join((ROOT / "config.example.toml").read_text().replace("#", "").split())
    table = (ROOT / "docs/install.md").read_text()
    for size in (READER_MESSAGE_BYTES, LONGEST, VALIDATE_BYTES, QUESTION_BYTES):
        assert f" {size} " in words.replace(",", " ").replace(".", " ")
        assert f" {size} " in manual
        assert f"{size // 1024} KiB" in table
    for most in (OBJECTS, MEMBERS):
        assert f" {most} " in words
        assert f" {most} " in table
    assert str(MESSAGE_BYTES) in words
    assert READER_MESSAGE_BYTES == LONGEST
