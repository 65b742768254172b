"""What tests that boot machines have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .bridge import required
from .machine import Machine
from .packages import UnavailableError

Boot = Callable[..., Machine]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "machine(*names, timeout=seconds): the machines that a test of tests/vm/guest runs in"
    )


@pytest.fixture
def boot() -> Iterator[Boot]:
    """Boot machines by name (see ``Machine``); they end with the test."""
    with ExitStack() as machines:

        def start(name: str, **options: object) -> Machine:
            try:
                machine = Machine(name, **options)  # type: ignore[arg-type]  # checked where it is defined
            except UnavailableError as error:
                if required():
                    raise
                pytest.skip(str(error))
            return machines.enter_context(machine)

        yield start
