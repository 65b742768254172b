"""The parameters of the io.nld methods, as both clients build them. No I/O.

Does not belong here: the daemon's side of the same (``nld.control.routes``); the two meet only in JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from nld.client.protocol import Destination, FilterLike

ADD: Final = "io.nld.Add"
APPEND: Final = "io.nld.Append"
PREPEND: Final = "io.nld.Prepend"
REPLACE: Final = "io.nld.Replace"
CHANGE: Final = "io.nld.Change"
DELETE: Final = "io.nld.Delete"
VALIDATE: Final = "io.nld.Validate"
GET: Final = "io.nld.Get"
LOOKUP: Final = "io.nld.Lookup"
LIST: Final = "io.nld.List"
WATCH: Final = "io.nld.Watch"
STATUS: Final = "io.nld.Status"
GREET: Final = "io.nld.Greet"
RELEASE: Final = "io.nld.Release"

LOOKUP_ADDRESSES: Final = 4096
"""Addresses that the daemon takes in one Lookup."""


def write(*, takeover: bool, kernel: str | None) -> dict[str, Any]:
    """What a write method takes besides its routes."""
    return {"takeover": takeover or None, "kernel": kernel}


def get(
    key: Destination | Mapping[str, Any],
    *,
    table: str | int | None,
    metric: int | None,
    tos: str | int | None,
    form: str | None,
    kernel: str | None,
) -> dict[str, Any]:
    """The parameters of Get; ``key`` is a destination or a whole key."""
    parts: dict[str, Any] = dict(key) if isinstance(key, Mapping) else {"dst": key}
    named = {"table": table, "metric": metric, "tos": tos}
    parts |= {name: value for name, value in named.items() if value is not None}
    return {"key": parts, "form": form, "kernel": kernel}


def lookups(
    addresses: Destination | Iterable[Destination],
    options: Mapping[str, Any],
    *,
    form: str | None,
    kernel: str | None,
) -> Iterator[dict[str, Any]]:
    """The parameters of as many Lookups as the addresses need.

    ``from_`` in the options stands for ``from``, which Python keeps for itself.
    """
    named = {("from" if name == "from_" else name): value for name, value in options.items()}
    listed = (
        list(addresses) if isinstance(addresses, Iterable) and not isinstance(addresses, str) else [addresses]
    )
    for start in range(0, max(len(listed), 1), LOOKUP_ADDRESSES):
        part = listed[start : start + LOOKUP_ADDRESSES]
        yield {"addresses": part, **named, "form": form, "kernel": kernel}


def list_(
    filter: FilterLike | None,  # noqa: A002 - the parameter's name on the wire
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
    filter: FilterLike | None,  # noqa: A002 - the parameter's name on the wire
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
