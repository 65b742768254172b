"""The guest's half of the bridge: each report leaves on descriptor 3 as one line of JSON."""

from __future__ import annotations

import json
import os

import pytest


class Reporter:
    """A pytest plugin that sends what pytest itself would have printed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        # For the tests' children the descriptor must not exist: a daemon that stays would hold it open.
        os.set_inheritable(3, False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send one report, whole."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        view = memoryview(json.dumps(data).encode() + b"\n")
        while view:
            view = view[os.write(3, view) :]
