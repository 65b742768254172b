"""The blocking client is what the asyncio client's source makes it: nobody edits it by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nld.client import twin


@pytest.mark.parametrize("name", twin.TWINS)
def test_the_file_is_what_is_made(name: str) -> None:
    text = twin.twin(name)
    for step in (["check", "--fix-only", "-q"], ["format", "-q"]):
        done = subprocess.run(
            [Path(sys.executable).parent / "ruff", *step, "--stdin-filename", twin.HERE / name, "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = done.stdout
    assert text == (twin.HERE / name).read_text(), "run make fmt"
    assert "await" not in text
