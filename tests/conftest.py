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
    """Mark what needs a namespace, and skip it where there can be none; then sort into lanes.

    A lane is what one process runs from its first test to its last (``--dist loadgroup``): those of a
    file, or of a machine.  The machines are slow, so when there are several processes they go first.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
        if NEEDING & set(getattr(item, "fixturenames", ())):
            item.add_marker("namespace")
    marked = [item for item in items if item.get_closest_marker("namespace")]
    if marked and (reason := can_make_namespaces()):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"no private network namespace: {reason}"))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: "vm" not in item.keywords)
