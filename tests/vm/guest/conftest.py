"""The same files on both sides: outside they are collected and bridged, inside they run.

Each test here gets one copy per machine (``on``), and inside, each is also held to leave no complaint in
the kernel's log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.vm import bridge, kernel_log


def pytest_configure(config: pytest.Config) -> None:
    if bridge.INSIDE in os.environ:
        from .reporter import Reporter

        config.pluginmanager.register(Reporter(config))
    else:
        config.pluginmanager.register(bridge.Bridge(config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("machine")
    metafunc.parametrize("on", bridge.machines_of(mark), indirect=True, scope="session")


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker("vm")


@pytest.fixture(scope="session", autouse=True)
def on(request: pytest.FixtureRequest) -> str:
    """Return the name of the machine that the test runs in."""
    return str(request.param)


@pytest.fixture(autouse=True)
def clean_kernel_log() -> Iterator[None]:
    """Fail the test during which the kernel reported something wrong with itself."""
    with kernel_log.Watch() as watch:
        yield
        reports = watch.reports()
    assert not reports, "the kernel reported:\n" + "\n".join(reports)
