"""The tests that need a private network namespace, in a machine, where this host cannot make one.

A host that can runs them directly, and has no need of this file.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stand import can_make_namespaces

from .bridge import required
from .machine import Machine
from .packages import UnavailableError
from .wheels import REPOSITORY

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(can_make_namespaces() is None, reason="this host runs them itself"),
]

PLACES = ("broker", "cli", "daemon", "docs", "kernel", "netlink", "parity", "sandbox")
CARRIED = ("tests", "docs", "pyproject.toml", "config.example.toml", "README.md")
SECONDS = 1500
"""The longest that one of them may take in an emulated machine."""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    try:
        made = Machine("6.12", memory=3072, lifetime=4800)
    except UnavailableError as error:
        if required():
            raise
        pytest.skip(str(error))
    with made:
        made.put_tree({name: REPOSITORY / name for name in CARRIED}, "/srv/here")
        # A listener cannot force its buffer there, and everything is slow: let it have a large one.
        made.run("sysctl -q -w net.core.rmem_max=67108864")
        yield made


@pytest.mark.parametrize("place", PLACES)
def test_in_a_machine(machine: Machine, place: str) -> None:
    done = machine.run(
        f"python3 -m pytest -q -m namespace -p no:cacheprovider --tb=short tests/{place}",
        cwd="/srv/here", timeout=SECONDS, check=False,
    )  # fmt: skip
    print(done.text)
    assert done.code == 0, done.text[-20000:] + done.error_text[-5000:]
    assert " passed" in done.text.splitlines()[-1]
