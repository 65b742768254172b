"""Clients of nld, ``Client`` (blocking) and ``AsyncClient``; routes in one spelling: ``canonical``, ``key``.

    >>> from nld.client import Client
    >>> with Client() as nld:                                     # doctest: +SKIP
    ...     nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"})
    1

Importing this package is cheap: no pydantic, and no asyncio until ``AsyncClient`` is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nld.client.blocking import Client
from nld.client.protocol import Change, Watched, default_socket

if TYPE_CHECKING:
    from nld.client.asynchronous import AsyncClient
    from nld.client.route import Filter, Metrics, NextHop, Route
    from nld.client.spelling import Key, canonical, fulfils, key

__all__ = [
    "AsyncClient", "Change", "Client", "Filter", "Key", "Metrics", "NextHop", "Route", "Watched", "canonical",
    "default_socket", "fulfils", "key",
]  # fmt: skip

_LATER = {
    "AsyncClient": "asynchronous",
    **dict.fromkeys(("Key", "canonical", "fulfils", "key"), "spelling"),
    **dict.fromkeys(("Filter", "Metrics", "NextHop", "Route"), "route"),
}
"""Where what takes longer to import than a call takes comes from, when it is first asked for."""


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 (the command line never comes here)

    module = import_module(f"nld.client.{_LATER[name]}")
    for later, place in _LATER.items():
        if place == _LATER[name]:
            globals()[later] = getattr(module, later)
    return globals()[name]
