"""Sending: routes to be written, in order, in a few sends that follow each other closely.

Consecutive routes share a send whatever their patterns are; only its last message asks for an
acknowledgement, and each failure names the message that it is about.  All sends are handed to the channel
at once: while the kernel works through one, the notifications of the one before it are taken in.

A send whose answer was lost, or that could not be sent, says nothing about the others: its routes get that
error, each for itself.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from functools import partial

from nld.errors import KernelRefused, NldError, OutcomeUnknown
from nld.kernel.channel import Channel
from nld.kernel.listener import Listener
from nld.kernel.table import Pattern, Refusal
from nld.netlink.extack import Acknowledgement
from nld.netlink.template import Template, frames

SEND_BYTES = 64 * 1024
"""Most bytes of one send. The kernel works through it within sendmsg; a longer one only adds delay."""
SEND = 512
"""Most routes of one send: the kernel's millisecond, and some microseconds to hand it over."""

EXPLAINED = 64
"""Refusals that are put into words in one turn of the loop: some milliseconds."""

PIECE = 2048
"""Most routes that are written at once, of one call; between two pieces others get their turn."""

Explain = Callable[[Acknowledgement, Pattern, bytes], NldError]
"""The error for a refusal of one route, from its pattern and destination."""


def piece(listener: Listener) -> int:
    """Most routes that :func:`send` should be given at once: their notifications surely fit."""
    return min(listener.room, PIECE)


async def send(
    channel: Channel,
    patterns: Sequence[Pattern],
    destinations: Sequence[bytes],
    explain: Explain,
    sent: Callable[[], None],
) -> list[Refusal]:
    """What was not written, by its place in the two columns.

    ``sent``  called after each send but the last, to take in its notifications, but no more than a turn of
              the event loop may take: what it leaves is taken in afterwards.
    """
    templates = [pattern.template for pattern in patterns]
    sends = _sends(templates, channel.batch_limit, min(SEND_BYTES, channel.byte_limit))
    requests = [
        channel.submit(stop - start, partial(frames, templates[start:stop], destinations[start:stop]))
        for start, stop in sends
    ]
    refusals: list[Refusal] = []
    try:
        for (start, stop), request in zip(sends, requests, strict=True):
            if start:
                sent()
            try:
                await request.done
            except (OutcomeUnknown, KernelRefused) as error:
                refusals += [Refusal(index, copy.copy(error)) for index in range(start, stop)]
            else:
                for at, acknowledgement in request.failures.items():
                    if len(refusals) % EXPLAINED == EXPLAINED - 1:
                        await asyncio.sleep(0)
                    index = start + at
                    explained = explain(acknowledgement, patterns[index], destinations[index])
                    refusals.append(Refusal(index, explained))
    finally:
        for request in requests:
            request.abandon()
    return refusals


def _sends(templates: Sequence[Template], most: int, most_bytes: int) -> list[tuple[int, int]]:
    """Where each send starts and stops."""
    count = len(templates)
    if count == 1:
        return [(0, 1)]
    longest = max(len(template.message) for template in set(templates))
    step = max(1, min(most, SEND, most_bytes // longest))
    return [(start, min(start + step, count)) for start in range(0, count, step)]
