"""Clients of nld: ``blocking.Client`` and ``asynchronous.AsyncClient``, over one sans-I/O core.

    >>> from nld.client import Client
    >>> with Client() as nld:                                     # doctest: +SKIP
    ...     nld.add({"dst": "10.0.0.0/8", "gateway": "192.0.2.7"})
    1

Importing this package is cheap: no pydantic, and no asyncio until ``AsyncClient`` is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nld.client.blocking import Client
from nld.client.protocol import default_socket

if TYPE_CHECKING:
    from nld.client.asynchronous import AsyncClient

__all__ = ["AsyncClient", "Client", "default_socket"]


def __getattr__(name: str) -> Any:
    """Import ``AsyncClient`` when it is first asked for: asyncio takes longer to import than a call takes."""
    if name == "AsyncClient":
        from nld.client.asynchronous import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
