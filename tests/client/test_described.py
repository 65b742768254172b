"""Answers of a server that is not nld's: both clients say which field is wrong, whatever was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nld.client import AsyncClient, Client
from nld.errors import CursorExpired, ProtocolBroken
from tests.client.impostor import impostor

ROUTE = b'{"dst":"10.0.0.0/8"}'
MANY = b",".join([ROUTE] * 1000)
"""So many routes that their text is not parsed unless something in it is strange."""


@pytest.fixture
def says(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers every call with the last of these parameters, and then keeps silent."""
    with impostor(tmp_path / "s", hangs_up=False) as given:
        yield str(tmp_path / "s"), given


def first(replies: Any) -> Any:
    with closing(replies):
        return next(iter(replies))


async def first_of(replies: Any) -> Any:
    try:
        return await anext(replies)
    finally:
        await replies.aclose()


CALLS: dict[str, tuple[Callable[[Client], Any], Callable[[AsyncClient], Any]]] = {
    "list": (lambda nld: first(nld.list()), lambda nld: first_of(nld.list())),
    "list_text": (lambda nld: first(nld.list_text()), lambda nld: first_of(nld.list_text())),
    "get": (lambda nld: nld.get("default"), lambda nld: nld.get("default")),
    "lookup": (lambda nld: nld.lookup("::1"), lambda nld: nld.lookup("::1")),
    "status": (lambda nld: nld.status(), lambda nld: nld.status()),
    "greet": (lambda nld: nld.greet("x"), lambda nld: nld.greet("x")),
    "add": (lambda nld: nld.add({"dst": "default"}), lambda nld: nld.add({"dst": "default"})),
    "watch": (lambda nld: first(nld.watch()), lambda nld: first_of(nld.watch())),
    "mirror": (lambda nld: first(nld.mirror()), lambda nld: first_of(nld.mirror())),
}
CASES = [
    ("list", b'{"routes":[{"metric":1e999,"dst":"::/0"}]}', "1e999"),
    ("list", b'{"routes":[{"expires":NaN}]}', "NaN"),
    ("list", b'{"routes":[%b,{"expires":-Infinity}]}' % MANY, "Infinity"),
    ("list", b'{"routes":[%b,{"dst":"::/0","metric":1E999}]}' % MANY, "1E999"),
    ("list", b'{"routes":[null]}', "routes[0] must be an object, not null"),
    ("list", b'{"routes":[%b,null]}' % MANY, "routes[1000] must be an object"),
    ("list", b'{"routes":[%b,[1]]}' % MANY, "routes[1000] must be an object"),
    ("list", b'{"routes":[{"dst":5}]}', "routes[0].dst must be text"),
    ("list", b'{"routes":{}}', "routes"),
    ("list_text", b'{"routes":[[1]]}', "routes[0] must be an object"),
    ("get", b'{"routes":[{"dst":"::/0","gateway":1e999}]}', "1e999"),
    ("lookup", b'{"answers":[]}', "answers are 0, for 1 addresses"),
    ("lookup", b'{"answers":[{"address":"::1","route":[]}]}', "answers[0].route[0] must be an object"),
    ("lookup", b'{"answers":[{"address":7}]}', "answers[0].address must be text"),
    ("status", b"[]", "not a Varlink reply"),
    ("status", b"null", "version must be text, not null"),
    ("status", b'{"version":5}', "version must be text, not 5"),
    ("greet", b'{"text":5}', "text"),
    ("add", b'{"done":true}', "does not say what was done"),
    ("watch", b'{"kind":"changes","changes":null}', "changes must be a list, not null"),
    ("watch", b'{"kind":"zap"}', "kind must be one of snapshot, synced, changes, resync"),
    ("watch", b'{"kind":"synced","cursor":5}', "cursor must be text, not 5"),
    ("watch", b'{"kind":"snapshot","routes":[1]}', "routes[0] must be an object, not 1"),
    (
        "watch",
        b'{"kind":"changes","changes":[{"event":"zap","route":%b,"generation":1}]}' % ROUTE,
        "changes[0].event must be one of new, replace, delete, not 'zap'",
    ),
    (
        "watch",
        b'{"kind":"changes","changes":[{"event":"new","route":%b}]}' % ROUTE,
        "changes[0].generation must be a whole number",
    ),
    ("mirror", b'{"kind":"changes","changes":7}', "changes must be a list, not 7"),
]


@pytest.mark.parametrize(("call", "parameters", "words"), CASES)
def test_what_is_not_as_described(
    says: tuple[str, list[bytes]], call: str, parameters: bytes, words: str
) -> None:
    path, given = says
    given.append(b'{"parameters":%b}\0' % parameters)
    blocking, in_asyncio = CALLS[call]
    with Client(path, timeout=10) as client, pytest.raises(ProtocolBroken) as caught:
        blocking(client)
    assert words in str(caught.value)

    async def ask() -> None:
        async with AsyncClient(path, timeout=10) as client:
            await in_asyncio(client)

    with pytest.raises(ProtocolBroken) as caught:
        asyncio.run(ask())
    assert words in str(caught.value)


@pytest.mark.parametrize("extra", [b'{"parameters":{"version":"2"}}', b"x", b""])
def test_what_nobody_asked_for_answers_no_later_call(says: tuple[str, list[bytes]], extra: bytes) -> None:
    path, given = says
    given.append(b'{"parameters":{"version":"1"}}\0%b\0' % extra)
    with Client(path) as client:
        for number in (1, 3):
            given[-1] = b'{"parameters":{"version":"%d"}}\0%b\0' % (number, extra)
            assert client.status() == {"version": str(number)}

    async def ask() -> None:
        async with AsyncClient(path) as client:
            for number in (1, 3):
                given[-1] = b'{"parameters":{"version":"%d"}}\0%b\0' % (number, extra)
                assert await client.status() == {"version": str(number)}

    asyncio.run(ask())


def test_more_replies_than_one(says: tuple[str, list[bytes]]) -> None:
    path, given = says
    given.append(b'{"parameters":{"version":"1"},"continues":true}\0')
    with Client(path) as client, pytest.raises(ProtocolBroken, match="more replies"):
        client.status()
    with pytest.raises(ProtocolBroken, match="more replies"):
        asyncio.run(AsyncClient(path).status())


def test_a_long_list_that_is_as_described_is_passed_on(says: tuple[str, list[bytes]]) -> None:
    path, given = says
    text = b'[%b,{"dst":"2001:db8::1e5","dev":"NaN"}]' % MANY
    given.append(b'{"parameters":{"routes":%b}}\0' % text)
    assert first(Client(path).list_text()) == text


def test_a_cursor_that_nobody_gave_does_not_expire(says: tuple[str, list[bytes]]) -> None:
    """A mirror does not ask for ever."""
    path, given = says
    given.append(b'{"error":"io.nld.CursorExpired","parameters":{"message":"too old"}}\0')
    with pytest.raises(CursorExpired), Client(path).mirror():
        raise AssertionError
