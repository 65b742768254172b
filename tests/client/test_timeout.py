"""Time-outs are checked where they are given, in both clients."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from nld.client import AsyncClient, Client
from nld.client.protocol import LONGEST_TIMEOUT
from nld.errors import NoAnswer
from tests.control.stand import Stand

TAKERS: list[Callable[[Any], object]] = [
    lambda timeout: Client("/none", timeout=timeout),
    lambda timeout: AsyncClient("/none", timeout=timeout),
    lambda timeout: Client("/none").watch(timeout=timeout),
    lambda timeout: AsyncClient("/none").watch(timeout=timeout),
    lambda timeout: Client("/none").watch_text(timeout=timeout),
    lambda timeout: AsyncClient("/none").watch_text(timeout=timeout),
    lambda timeout: Client("/none").mirror(timeout=timeout),
    lambda timeout: AsyncClient("/none").mirror(timeout=timeout),
]


@pytest.mark.parametrize("take", TAKERS)
def test_what_is_not_a_timeout(take: Callable[[Any], object]) -> None:
    for wrong in (0, -1, 0.0, -0.5, math.nan, math.inf, -math.inf, 1e10, 10**400):
        with pytest.raises(
            ValueError, match="timeout must be above 0 and at most 1000000000 seconds, or None"
        ):
            take(wrong)
    others: list[Any] = [True, False, "5", b"5", [5], Fraction(1, 2), 1j]
    for other in others:
        with pytest.raises(TypeError, match="timeout must be a number of seconds, or None"):
            take(other)
    for right in (None, 1, 0.001, LONGEST_TIMEOUT, 1e-12):
        take(right)


async def test_the_longest_may_be_waited_for(running: Stand) -> None:
    for seconds in (LONGEST_TIMEOUT, None, 5):
        assert Client(running.path, timeout=seconds).status()["version"] == "1"
        async with AsyncClient(running.path, timeout=seconds) as nld:
            assert (await nld.status())["version"] == "1"


@pytest.fixture
def silent(running: Stand) -> Stand:
    """A server whose watches begin with nothing, as a filter that takes nothing among many routes."""
    running.broker.watched = []
    return running


def test_a_mirror_is_entered_once_its_copy_is_complete(running: Stand) -> None:
    """Its own time-out is for changes: the copy may take longer, as long as any answer."""
    with Client(running.path).mirror(timeout=1e-6) as mirror:
        assert mirror.connected
        with pytest.raises(NoAnswer):
            next(mirror)
        with pytest.raises(NoAnswer):
            next(mirror)


async def test_a_mirror_is_entered_once_its_copy_is_complete_in_asyncio(running: Stand) -> None:
    async with AsyncClient(running.path) as nld, nld.mirror(timeout=1e-6) as mirror:
        assert mirror.connected
        with pytest.raises(NoAnswer):
            await anext(mirror)


def test_a_mirror_may_be_entered_again(silent: Stand) -> None:
    mirror = Client(silent.path, timeout=0.05).mirror()
    for _ in range(2):
        with pytest.raises(NoAnswer):
            mirror.__enter__()
    silent.broker.watched = [b'{"kind":"synced","cursor":"1"}']
    again = Client(silent.path).mirror()
    with again:
        assert again.connected
    mirror.close()


async def test_a_mirror_may_be_entered_again_in_asyncio(silent: Stand) -> None:
    mirror = AsyncClient(silent.path, timeout=0.05).mirror()
    for _ in range(2):
        with pytest.raises(NoAnswer):
            await mirror.__aenter__()
    await mirror.aclose()
