"""The contract of kernel tables, on both tables of one kernel."""

from __future__ import annotations

import pytest

from tests.contract.suite import Contract

from .loaded import module

__all__ = ["module"]

pytestmark = [pytest.mark.machine("6.1", "6.12", timeout=600), pytest.mark.usefixtures("module")]


# On the oldest kernel; tests/contract has the one that the tests run on.
@pytest.mark.machine("6.1", timeout=600)
class TestFib(Contract):
    """NETLINK_ROUTE."""

    kernel = "fib"


class TestModule(Contract):
    """nld.ko."""

    kernel = "module"
