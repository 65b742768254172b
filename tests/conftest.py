"""What all tests have in common: the ``namespace`` mark, lanes, and that no property is a timed test.

A test with it needs a private network namespace with a real kernel table.  Where this host cannot make
one, the test is skipped with the reason; ``tests/vm`` runs the same tests in virtual machines.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.stand import can_make_namespaces, stand

__all__ = ["stand"]

# On a busy or emulated machine an example takes as long as it takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


NEEDING = {"room", "stand"}
"""Fixtures that make a namespace; a test that uses one has the mark."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a namespace, and skip it where there can be none; in several processes, take turns."""
    for item in items:
        if NEEDING & set(getattr(item, "fixturenames", ())):
            item.add_marker("namespace")
    marked = [item for item in items if item.get_closest_marker("namespace")]
    if marked and (reason := can_make_namespaces()):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"no private network namespace: {reason}"))
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.lanes import turn

        items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A file's tests stay together, and a machine's."""
    from tests.lanes import Lanes

    return Lanes(config, log)
