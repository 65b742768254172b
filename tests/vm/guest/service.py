"""The daemon in the present network namespace, with the module's table beside the kernel's own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nld.client import Client
from nld.errors import NldError

_SECONDS = 120
"""The longest that anything is waited for."""

PREFIXES = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(0x10000)]


@contextmanager
def daemon(place: Path, *, before: Sequence[str] = (), **module: Any) -> Iterator[Client]:
    """Run it, and be its client. ``module`` are keys of [kernel.module], ``before`` words in front."""
    socket, config = place / "io.nld", place / "config.toml"
    keys = {"enabled": True} | module
    config.write_text(
        f'socket = "{socket}"\n[kernel.module]\n'
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in keys.items())
    )
    with (place / "log").open("w") as log:
        words = [*before, sys.executable, "-m", "nld.daemon", "--config", str(config)]
        process = subprocess.Popen(words, stderr=log)
    try:
        ready = place / "log"
        until(lambda: " ready " in ready.read_text() or process.poll() is not None, "the daemon to be ready")
        assert process.poll() is None, (place / "log").read_text()
        with Client(str(socket), timeout=_SECONDS) as client:
            yield client
        assert process.poll() is None, (place / "log").read_text()
    finally:
        process.terminate()
        process.wait(_SECONDS)
        print((place / "log").read_text()[-8000:])


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    limit = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < limit, f"waited {_SECONDS} s for {what}"
        time.sleep(0.05)


def available(client: Client) -> str | None:
    """Why the module's table cannot be used; None when it can."""
    (status,) = [entry for entry in client.status()["kernels"] if entry["name"] == "module"]
    assert status["available"] == ("reason" not in status)
    reason: str | None = status.get("reason")
    return reason


def listed(client: Client) -> dict[str, str | None]:
    """The module's routes: gateways by destination."""
    return {route["dst"]: route.get("gateway") for route in client.list(kernel="module")}


def refused(call: Callable[[], object]) -> NldError:
    """The error of a call that must fail."""
    try:
        call()
    except NldError as error:
        return error
    raise AssertionError("it was done")
