"""Fixtures of the clients: a server over a stub broker, in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.stand import Stand, stand


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Stand]:
    """A server over a stub broker, in a thread."""
    with stand(tmp_path / "nld") as made:
        yield made
