"""Fixtures of the control channel: everything runs on uvloop, as the daemon does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from tests.control.loop import Loop
from tests.control.stand import Stand, stand


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loops of the asyncio tests here."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Stand]:
    """A server over a stub broker, in a thread."""
    with stand(tmp_path / "nld") as made:
        yield made


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    """A stand-in for an event loop, whose clock is everybody's."""
    made = Loop()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made
