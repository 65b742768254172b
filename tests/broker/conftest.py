"""One stand for all tests of a file; each begins and ends with no routes but the kernel's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nld.client import Client
from tests.stand import Stand

PROTOCOLS = ("boot", "static", "bird", "131", "186")
"""Of the routes that tests make."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Stand]:
    """A stand; what is in it belongs to nobody."""
    with Stand() as made:
        yield made


@pytest.fixture
def place(shared: Stand) -> Iterator[Stand]:
    """The stand, for one test."""
    yield shared
    for family in ("-4", "-6"):
        for protocol in PROTOCOLS:
            shared.ip(f"{family} route flush table all proto {protocol}", check=False)


@pytest.fixture
def client(place: Stand) -> Iterator[Client]:
    """A client of its daemon."""
    with Client(place.socket, timeout=300) as made:
        yield made
