"""The parameters of the io.nld methods, as both clients build them. No I/O.

Does not belong here: the daemon's side of the same (``nld.control.routes``); the two meet only in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

INTERFACE: Final = "io.nld."

ADD: Final = "io.nld.Add"
APPEND: Final = "io.nld.Append"
PREPEND: Final = "io.nld.Prepend"
REPLACE: Final = "io.nld.Replace"
CHANGE: Final = "io.nld.Change"
DELETE: Final = "io.nld.Delete"
GET: Final = "io.nld.Get"
LOOKUP: Final = "io.nld.Lookup"
LIST: Final = "io.nld.List"
WATCH: Final = "io.nld.Watch"
STATUS: Final = "io.nld.Status"


def write(*, takeover: bool, kernel: str | None) -> dict[str, Any]:
    """What a write method takes besides its routes."""
    return {"takeover": takeover or None, "kernel": kernel}


def get(
    key: str | Mapping[str, Any],
    *,
    table: str | int | None,
    metric: int | None,
    tos: str | int | None,
    form: str | None,
    kernel: str | None,
) -> dict[str, Any]:
    """The parameters of Get; ``key`` is a destination or a whole key."""
    parts: dict[str, Any] = {"dst": key} if isinstance(key, str) else dict(key)
    named = {"table": table, "metric": metric, "tos": tos}
    parts |= {name: value for name, value in named.items() if value is not None}
    return {"key": parts, "form": form, "kernel": kernel}


def lookup(
    addresses: str | Sequence[str],
    options: Mapping[str, Any],
    *,
    form: str | None,
    kernel: str | None,
) -> dict[str, Any]:
    """The parameters of Lookup. ``from_`` stands for ``from``, which Python keeps for itself."""
    named = {("from" if name == "from_" else name): value for name, value in options.items()}
    listed = [addresses] if isinstance(addresses, str) else list(addresses)
    return {"addresses": listed, **named, "form": form, "kernel": kernel}


def list_(
    filter: Mapping[str, Any] | None,  # noqa: A002 - the parameter's name on the wire
    *,
    form: str | None,
    with_table: bool | None,
    kernel: str | None,
) -> dict[str, Any]:
    """The parameters of List."""
    return {
        "filter": None if filter is None else dict(filter),
        "form": form,
        "with_table": with_table,
        "kernel": kernel,
    }


def watch(
    filter: Mapping[str, Any] | None,  # noqa: A002 - the parameter's name on the wire
    *,
    cursor: str | None,
    snapshot: bool | None,
    form: str | None,
    kernel: str | None,
) -> dict[str, Any]:
    """The parameters of Watch."""
    return {
        "filter": None if filter is None else dict(filter),
        "cursor": cursor,
        "snapshot": snapshot,
        "form": form,
        "kernel": kernel,
    }
