"""A Varlink interface: its methods as descriptors, and what a call of one is once it has been read.

The pydantic models of a method's parameters and reply are the single source: they validate what
comes in, and the interface description (``description.py``) is generated from them.

Does not belong here: reading calls (``call.py``), running them (``connection.py``).
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from nld.broker.pacing import Pause
from nld.control.reply import RawReply, Reply, ServiceError
from nld.errors import NldError
from nld.records.peer import Peer


class Parameters(BaseModel):
    """Base of every method's parameters: unknown names and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class NoParameters(Parameters):
    """The parameters, or the reply, of a method that has none."""


def anyone(peer: Peer) -> None:
    """The authorisation of a method that every peer may call."""


QUESTION_BYTES = 16 * 1024
"""The longest call that asks something: what is parsed in some milliseconds, with everything in it wrong."""
STREAM_BYTES = 256 * 1024
"""What a stream holds: some rows, a reply of them, and what of it the peer has not read."""


def questions(peer: Peer) -> int:
    """How long a call may be that asks something."""
    return QUESTION_BYTES


def unbounded(peer: Peer) -> int:
    """How long a call may be that is bounded by its message alone."""
    return sys.maxsize


def _a_stream(parameters: Any) -> int:
    return STREAM_BYTES


@dataclass(frozen=True, slots=True)
class Method:
    """A method with one reply.

    ``name``        member name, such as ``Add``.
    ``parameters``  model of what comes in.
    ``reply``       model of what goes out; describes the reply, also where the handler returns text.
    ``handler``     answers a call; raises NldError or ServiceError to refuse it.
    ``authorize``   called with the peer before the parameters are looked at, so that a peer that may
                    not call cannot make the daemon work; raises nld.errors.PermissionDenied.
    ``about``       documentation for the interface description; paragraphs are kept.
    ``prompt``      the handler seldom waits, and needs no task of its own before it does.
    ``changes``     it may change something: it is never cancelled, not even when its peer goes away. Any
                    other ends with its peer.
    ``longest``     bytes of a peer's call, at the most; what is longer is not parsed.
    """

    name: str
    parameters: type[Parameters]
    reply: type[BaseModel]
    handler: Callable[[Peer, Any], Awaitable[Reply]]
    authorize: Callable[[Peer], None] = anyone
    about: str = ""
    prompt: bool = False
    changes: bool = False
    longest: Callable[[Peer], int] = questions


@dataclass(frozen=True, slots=True)
class Stream:
    """A method that takes many turns; it is refused with ExpectedMore unless the call sets ``more``.

    The fields are those of ``Method``, except:
    ``handler``  yields the replies, and pauses where it has none yet. It is asked for the next only after
                 the peer took the last. Each step is short.
    ``last``     the final reply, sent without ``continues`` when the handler is exhausted. None for an
                 endless stream: its end closes the connection, and so does the peer's end of input.
    ``single``   there is one reply, which takes many turns to make; ``more`` is not needed, ``last`` unused.
    ``holds``    bytes that a call with these parameters makes the daemon hold, at the most.
    """

    name: str
    parameters: type[Parameters]
    reply: type[BaseModel]
    handler: Callable[[Peer, Any], AsyncGenerator[Reply | Pause, None]]
    last: RawReply | None = None
    authorize: Callable[[Peer], None] = anyone
    about: str = ""
    single: bool = False
    holds: Callable[[Any], int] = _a_stream
    longest: Callable[[Peer], int] = questions


@dataclass(slots=True)
class Call:
    """A call that may run.

    ``parameters``  what the handler takes: the method's model, or what has its fields.
    ``oneway``      nothing is sent back, no error either.
    """

    method: Method | Stream
    parameters: Any
    oneway: bool


class RefusalError(Exception):
    """A frame that is not answered by its method.

    ``error``   the error to send, or None when the caller asked for no reply (``oneway``).
    ``broken``  the frame was no call at all: nothing after it can be trusted, so the connection ends.
    """

    def __init__(self, error: NldError | ServiceError | None, *, broken: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.broken = broken


@dataclass(frozen=True)
class Interface:
    """A named set of methods.

    ``name``     such as ``io.nld``.
    ``methods``  in the order in which they are described.
    ``errors``   documentation and parameter model by error name (``RouteExists``).
    ``about``    documentation of the whole.
    """

    name: str
    methods: tuple[Method | Stream, ...]
    errors: dict[str, tuple[str, type[BaseModel]]] = field(default_factory=dict)
    about: str = ""
