"""The contract of kernel tables, on the kernel's own forwarding table."""

from __future__ import annotations

from tests.contract.suite import Contract


class TestFib(Contract):
    """NETLINK_ROUTE."""

    kernel = "fib"
