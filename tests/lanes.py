"""Lanes: what one process runs from its first test to its last, when the tests run in several processes.

A lane is a file, or a virtual machine with all the tests that run inside it: what a file's tests share is
made once, and a machine boots once.  A lane is known by its tests' node ids alone, for that is all that the
process which hands out the work knows of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import pytest

MACHINE = "machine "

_INSIDE = re.compile(r"tests/vm/guest/.*?\[([^]-]+)")
"""A test that runs in a machine, and the machine's name: the first parameter of each."""


def lane(node_id: str) -> str:
    """The lane of a test."""
    inside = _INSIDE.match(node_id)
    return MACHINE + inside[1] if inside else node_id.partition("::")[0]


def turn(node_id: str) -> int:
    """Whose turn comes first, 0 before 1.

    The longest lane, a machine, builds the images of all; meanwhile the other processes can only do what
    needs none; then the other machines' turn has come.  Half of the short lanes are kept for the end, so that
    no process has a machine to itself while the others have nothing.
    """
    if lane(node_id) == f"{MACHINE}6.12":
        return 0
    if node_id.startswith("tests/vm/"):
        return 2
    return 1 if node_id < "tests/kernel" else 3


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole lanes, in the order of the tests."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)
