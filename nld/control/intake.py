"""The intake: what peers send, that they read and that they leave, taken in for a bounded time in each turn.

An event loop hands over whatever has come, from everybody, before anything else happens: with four thousand
connections that have sent two hundred kilobytes each, that takes half a second.  And it learns that a peer
has gone by reading only; from a connection that waits for something nothing is read.  So connections have no
transport of the loop's, which would take ten times as long to make, too.

So the connections of a user are in an epoll of their own, whose descriptor is one more in the event loop.
From it some are taken in a turn, the others in those to come, in turns too; other users' are beside it.  A
connection that is not read from is still there, for the end of its input (EPOLLRDHUP) or for its hang-up,
which is always told (EPOLLHUP, epoll_ctl(2)).

Does not belong here: what is done with it (``connection.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import time
from enum import IntEnum
from typing import Protocol

TAKEN = 64
"""Connections of one user that are taken in one turn of the loop, at most."""
SECONDS = 0.001
"""Time for them."""
READ_BYTES = 64 * 1024
"""What is read of one of them."""


class Ask(IntEnum):
    """What a connection wants to be told of, for as long as it is so."""

    INPUT = select.EPOLLIN | select.EPOLLRDHUP
    END = select.EPOLLRDHUP
    """The end of input, while nothing is read."""
    HANGUP = 0
    """The hang-up, which is told with the others too."""
    NOTHING = -1
    """All has been told."""


class Reader(Protocol):
    """Who is told."""

    def output_ready(self) -> None:
        """The socket has room for output again."""

    def data_received(self, data: bytes) -> None:
        """The peer has sent this."""

    def eof_received(self) -> None:
        """The peer will send nothing more, and all that it sent was handed over."""

    def input_ends(self) -> None:
        """The peer will send nothing more; what it has sent is not all read."""

    def hung_up(self, *, unread: bool) -> bool:
        """The peer has closed the connection; whether no more need be told of it.

        ``unread``  what it sent before that is still to be read, perhaps.
        """


class Intake:
    """The connections of one user."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._readers: dict[int, tuple[Reader, Ask]] = {}
        loop.add_reader(self._epoll.fileno(), self._take)

    def __len__(self) -> int:
        return len(self._readers)

    def close(self) -> None:
        """Tell nobody any more."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def ask(self, descriptor: int, reader: Reader, what: Ask, output: bool) -> None:
        """Tell a connection of this from now on, and of nothing else.

        ``output``  of room for output, too.
        """
        known = descriptor in self._readers
        mask = what | select.EPOLLOUT if output else what
        if known:
            self._epoll.modify(descriptor, mask)
        else:
            self._epoll.register(descriptor, mask)
        self._readers[descriptor] = reader, what

    def forget(self, descriptor: int) -> None:
        """Tell this one no more; nothing happens when it is not known."""
        if self._readers.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError):  # it was closed, and so forgotten by the kernel
                self._epoll.unregister(descriptor)

    def _take(self) -> None:
        end = time.monotonic() + SECONDS
        for descriptor, events in self._epoll.poll(0, TAKEN):
            reader, what = self._readers.get(descriptor, (None, Ask.NOTHING))
            if reader is None:  # one before it has closed it
                continue
            self._tell(descriptor, reader, what, events)
            if time.monotonic() >= end:
                return  # the others are told of again

    def _tell(self, descriptor: int, reader: Reader, what: Ask, events: int) -> None:
        gone = events & (select.EPOLLHUP | select.EPOLLERR)
        if gone and reader.hung_up(unread=what is Ask.INPUT):
            return
        if events & select.EPOLLOUT:
            reader.output_ready()
            if events == select.EPOLLOUT or descriptor not in self._readers:
                return
        if what is Ask.INPUT:
            self._read(descriptor, reader)
        else:
            reader.input_ends()

    @staticmethod
    def _read(descriptor: int, reader: Reader) -> None:
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # it went without a word
            data = b""
        if data:
            reader.data_received(data)
        else:
            reader.eof_received()


class Intakes:
    """An intake for each user with connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._intakes: dict[int, Intake] = {}

    def close(self) -> None:
        """Close all of them."""
        while self._intakes:
            self._intakes.popitem()[1].close()

    def ask(self, uid: int, descriptor: int, reader: Reader, what: Ask, output: bool) -> None:
        """As :meth:`Intake.ask`. Raises OSError when the kernel has no room for another one."""
        if what is Ask.NOTHING:
            self.forget(uid, descriptor)
            return
        intake = self._intakes.get(uid)
        if intake is None:
            intake = self._intakes[uid] = Intake(self._loop)
        try:
            intake.ask(descriptor, reader, what, output)
        finally:
            self._needless(uid, intake)

    def forget(self, uid: int, descriptor: int) -> None:
        """As :meth:`Intake.forget`."""
        intake = self._intakes.get(uid)
        if intake is not None:
            intake.forget(descriptor)
            self._needless(uid, intake)

    def _needless(self, uid: int, intake: Intake) -> None:
        if not len(intake):
            del self._intakes[uid]
            intake.close()
