"""What tests that boot machines have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

import pytest

from .bridge import required
from .machine import Machine
from .packages import UnavailableError


class Boot(Protocol):
    """Boots a machine by name; see ``Machine`` for the options."""

    def __call__(
        self, name: str, *, memory: int = 1024, cpus: int = 2, lifetime: float = 1800
    ) -> Machine: ...


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "machine(*names, timeout=seconds): the machines that a test of tests/vm/guest runs in"
    )


@contextmanager
def _machines() -> Iterator[Boot]:
    with ExitStack() as machines:

        def start(name: str, *, memory: int = 1024, cpus: int = 2, lifetime: float = 1800) -> Machine:
            try:
                machine = Machine(name, memory=memory, cpus=cpus, lifetime=lifetime)
            except UnavailableError as error:
                if required():
                    raise
                pytest.skip(str(error))
            return machines.enter_context(machine)

        yield start


@pytest.fixture
def boot() -> Iterator[Boot]:
    """Boot machines; they end with the test."""
    with _machines() as start:
        yield start


@pytest.fixture(scope="module")
def boot_module() -> Iterator[Boot]:
    """Boot machines; they end with the file's last test."""
    with _machines() as start:
        yield start
