"""One row a method: what follows from it, and that both clients have every method with all its parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nld.client import AsyncClient, Client
from nld.control.interface import Interface, Method, NoParameters, Parameters, Stream
from nld.control.reply import RawReply, Reply
from nld.control.routes import interface
from nld.records import LookupQuestion, RouteKey
from nld.records.peer import Peer
from tests.control.stand import StubBroker, running, serve

ROOT = Path(__file__).parents[2]
METHODS = interface(StubBroker(), may_write=lambda peer: True).methods

INSIDE: Mapping[str, set[str]] = {
    "Get": set(RouteKey.model_fields) - {"dst"},
    "Lookup": {"options"},
}
"""Parameters of a client's method that stand inside one of the interface's."""
OF_CLIENT = {"self", "timeout"}


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_client_has_each_method_with_all_its_parameters(client: Any, method: Method | Stream) -> None:
    has = set(inspect.signature(getattr(client, method.name.lower())).parameters) - OF_CLIENT
    takes = {info.alias or name for name, info in method.parameters.model_fields.items()}
    if method.name == "Lookup":
        takes -= {"from", *LookupQuestion.model_fields}
    assert has - INSIDE.get(method.name, set()) == takes


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_method_is_named_in_two_files(method: Method | Stream) -> None:
    """In its row, and in the asyncio client, from which the blocking one is made."""
    row = rf'"{method.name}"|Operation\.{method.name.upper()}, "'
    words = {"control": re.compile(row), "client": re.compile(rf'"io\.nld\.{method.name}"')}
    named = {
        path.name
        for part, word in words.items()
        for path in (ROOT / "nld" / part).glob("*.py")
        if word.search(path.read_text())
    }
    assert named == {"routes.py", "asynchronous.py", "blocking.py"}


class Given(Parameters):
    number: int


class Twice(NoParameters):
    number: int


async def test_a_row_is_described_checked_and_answered(tmp_path: Path) -> None:
    async def double(peer: Peer, parameters: Given) -> Reply:
        return RawReply(b"%d" % (2 * parameters.number), "number")

    row = Method("Double", Given, Twice, double, about="Twice a number.")
    server = serve(StubBroker(), extra=(Interface("io.more", (row,)),))
    async with running(server, tmp_path / "s") as path, AsyncClient(path) as nld:
        assert (await nld.call("io.more.Double", {"number": 21})).values() == {"number": 42}
        described = await nld.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.more"})
        assert (
            "# Twice a number.\nmethod Double(number: int) -> (number: int)"
            in described.values()["description"]
        )
