"""The io.nld interface: what programs ask of nld, bound to the broker.

One method here is one function of the broker, and nothing else happens: parameters are valid when a
handler gets them (``call.py``), and JSON text that the broker made goes out as it is.

The rows in ``interface`` are the table of methods: the server checks and answers calls by them, and the
description is made of them.  A new method is two models in ``messages.py``, a handler and a row; a test holds
the clients to it.

Does not belong here: decisions (the broker's and the policy's), framing (``reply.py``).
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from pydantic_core import to_json

from nld.broker.broker import Broker
from nld.broker.pacing import Pause
from nld.control.budget import READER_MESSAGE_BYTES
from nld.control.interface import QUESTION_BYTES, Interface, Method, NoParameters, Stream, unbounded
from nld.control.messages import (
    Elsewhere,
    ErrorParameters,
    GetParameters,
    GreetParameters,
    GreetReply,
    ListParameters,
    LookupParameters,
    LookupReply,
    ReleaseParameters,
    RoutesReply,
    StatusReply,
    ValidateParameters,
    ValidateReply,
    WatchParameters,
    WatchReply,
    WriteParameters,
    WriteReply,
)
from nld.control.portions import LONGEST, MEMBERS, OBJECTS
from nld.control.reply import RawReply, Reply
from nld.errors import INTERFACE, WIRE_ERRORS, PermissionDenied
from nld.kernel.table import Operation
from nld.records import RouteFilter
from nld.records.peer import Peer

VALIDATE_BYTES = 32 * 1024
"""Longest call of Validate of a peer that may not write: some hundred records."""
ANSWER_BYTES = 1024
"""An address and its answer, in the daemon's memory; most take less."""

ABOUT = f"""\
The routes of this Linux host: create, read, update, delete, look up, watch.

A route is what "ip -j route" prints. Every error has the same parameters: message, a sentence for
people; fault, who must act; operation; key, the route's; field, the path of what is wrong, such as
routes[3].gateway; index and destination_index, its place in the call; errno, by name; extack, the
kernel's own words; done, how many routes were written all the same; failed, how many were not, and
failures, the parameters of each of these (at most 100). Of a call that is refused for its records, failed
is the number of complaints; when it is larger than that of the failures, there are more.

Limits, in bytes, beyond which a call gets LimitExceeded with the field message_bytes. A message is at
most limits.message_bytes of the configuration long (16777216 by default), and from who may not write
{READER_MESSAGE_BYTES}. A call that writes has in it as many routes as fit, but at most {LONGEST} bytes
besides them, and each route at most {LONGEST} besides its destinations, with at most {OBJECTS} objects
and {MEMBERS} members in it. The same holds for Validate from who may write; from others such a call has
at most {VALIDATE_BYTES}. A call of Lookup has at most {LONGEST}, any other {QUESTION_BYTES}.
"""


def interface(broker: Broker, *, may_write: Callable[[Peer], bool]) -> Interface:
    """The io.nld interface over a broker.

    ``may_write``  whether a peer may call the methods that write; asked before its parameters are
                   looked at. Everybody may call the others.
    """

    def of_validate(peer: Peer) -> int:
        return sys.maxsize if may_write(peer) else VALIDATE_BYTES

    def writers_only(peer: Peer) -> None:
        if not may_write(peer):
            raise PermissionDenied(f"uid {peer.uid} may read routes, but not write them", errno="EPERM")

    def write(operation: Operation, about: str) -> Method:
        async def handler(peer: Peer, parameters: WriteParameters | Elsewhere) -> Reply:
            done = await broker.write(
                peer, operation, parameters.routes, bool(parameters.takeover), parameters.kernel
            )
            return RawReply(b"%d" % done, "done")

        name = operation.value.capitalize()
        return Method(
            name,
            WriteParameters,
            WriteReply,
            handler,
            writers_only,
            about,
            prompt=True,
            changes=True,
            longest=unbounded,
        )

    async def validate(peer: Peer, parameters: ValidateParameters) -> Reply:
        operation = parameters.operation or Operation.ADD
        valid = await broker.validate(peer, operation, parameters.routes, parameters.kernel)
        return RawReply(b"%d" % valid, "valid")

    async def get(peer: Peer, parameters: GetParameters) -> Reply:
        text = await broker.get(peer, parameters.key, parameters.form or "full", parameters.kernel)
        return RawReply(text, "routes")

    def lookup(peer: Peer, parameters: LookupParameters) -> AsyncGenerator[Reply | Pause, None]:
        return _replies(
            broker.lookup(peer, parameters.questions(), parameters.form or "full", parameters.kernel),
            "answers",
        )

    def list_(peer: Peer, parameters: ListParameters) -> AsyncGenerator[Reply | Pause, None]:
        return _replies(
            broker.list(
                peer,
                parameters.filter or RouteFilter(),
                parameters.form or "full",
                parameters.with_table,
                parameters.kernel,
            ),
            "routes",
        )

    def watch(peer: Peer, parameters: WatchParameters) -> AsyncGenerator[Reply | Pause, None]:
        snapshot = parameters.cursor is None if parameters.snapshot is None else parameters.snapshot
        return _replies(
            broker.watch(
                peer,
                parameters.filter or RouteFilter(),
                parameters.cursor,
                snapshot,
                parameters.form or "full",
                parameters.kernel,
            )
        )

    async def status(peer: Peer, parameters: NoParameters) -> Reply:
        return RawReply(to_json(await broker.status(peer)))

    async def greet(peer: Peer, parameters: GreetParameters) -> Reply:
        return RawReply(to_json(await broker.greet(peer, parameters.text)), "text")

    async def release(peer: Peer, parameters: ReleaseParameters) -> Reply:
        await broker.release(peer, parameters.kernel)
        return RawReply(b"{}")

    return Interface(
        name=INTERFACE,
        about=ABOUT,
        methods=(
            write(Operation.ADD, "Add routes that are not there yet."),
            write(Operation.APPEND, "Add routes after those with the same key."),
            write(Operation.PREPEND, "Add routes before those with the same key."),
            write(Operation.REPLACE, "Add routes, or put them in the place of those with the same key."),
            write(Operation.CHANGE, "Put routes in the place of those with the same key, which must exist."),
            write(Operation.DELETE, "Delete routes; the fields that are given must match."),
            Method(
                "Validate", ValidateParameters, ValidateReply, validate, longest=of_validate,
                about="Whether routes could be written: the errors of a method that writes, as far as they"
                " are found before anything is written. Nothing is written.",
            ),
            Method(
                "Get", GetParameters, RoutesReply, get,
                about="The routes with exactly this key. RouteNotFound when there is none.", prompt=True,
            ),
            Stream(
                "Lookup", LookupParameters, LookupReply, lookup, single=True, holds=_answers,
                longest=unbounded,
                about="Which way packets take to each address, and why.",
            ),
            Stream(
                "List", ListParameters, RoutesReply, list_, last=RawReply(b"[]", "routes"),
                about='The routes, in as many replies as needed; needs "more". The last has no routes.',
            ),
            Stream(
                "Watch", WatchParameters, WatchReply, watch,
                about='What is there, then every change, in order, for ever; needs "more".',
            ),
            Method("Status", NoParameters, StatusReply, status, about="How the daemon is.", prompt=True),
            Method(
                "Greet", GreetParameters, GreetReply, greet,
                about="Say something to the kernel module, and hear what it says.",
            ),
            Method(
                "Release", ReleaseParameters, NoParameters, release, writers_only,
                "Close the sockets to a kernel table, so that its module can be unloaded. nld comes back"
                " when it is loaded again, and puts its routes in again.", changes=True,
            ),
        ),
        errors={
            name.rpartition(".")[2]: (cls.__doc__ or "", ErrorParameters) for name, cls in WIRE_ERRORS.items()
        },
    )  # fmt: skip


async def _replies(
    texts: AsyncGenerator[bytes | Pause, None], field: str | None = None
) -> AsyncGenerator[Reply | Pause, None]:
    """The broker's texts as replies; its generator ends when the stream does, not when it is collected."""
    async with aclosing(texts):
        async for text in texts:
            yield text if isinstance(text, Pause) else RawReply(text, field)


def _answers(parameters: LookupParameters) -> int:
    """What a look-up holds: its addresses, and an answer for each."""
    return len(parameters.addresses) * ANSWER_BYTES
