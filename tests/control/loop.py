"""A stand-in for an event loop: what is to be called waits for the next turn, and the clock for the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Loop:
    """Notes what is to be called in the next turn; its clock stands until somebody sets it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.next: list[Callable[[], Any]] = []

    def call_soon(self, callback: Callable[[], Any]) -> None:
        self.next.append(callback)

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.Future(loop=self._real)

    _real = asyncio.new_event_loop()

    def turn(self, seconds: float = 0.0) -> bool:
        """One turn, which takes so long; whether there is another without sleep."""
        self.now += seconds
        due, self.next = self.next, []
        for callback in due:
            callback()
        return bool(self.next)
