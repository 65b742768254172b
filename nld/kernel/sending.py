"""Sending: routes to be written, in order, in as few sends as a channel allows.

Consecutive routes share a send whatever their patterns are; only its last message asks for an
acknowledgement, and each failure names the message that it is about.  A send whose answer was lost, or
that could not be sent, says nothing about the others: its routes get that error, each for itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from nld.errors import KernelRefused, NldError, OutcomeUnknown
from nld.kernel.channel import Channel
from nld.kernel.table import Pattern, Refusal
from nld.netlink.extack import Acknowledgement
from nld.netlink.template import Template, frames

SEND_BYTES = 64 * 1024
"""Most bytes of one send. The kernel works through it within sendmsg; a longer one only adds delay."""

Explain = Callable[[Acknowledgement, Pattern, bytes], NldError]
"""The error for a refusal of one route, from its pattern and destination."""


async def send(
    channel: Channel,
    patterns: Sequence[Pattern],
    destinations: Sequence[bytes],
    explain: Explain,
    sent: Callable[[], None],
) -> list[Refusal]:
    """What was not written, by its place in the two columns.

    ``sent``  called between two sends, to take in the notifications of the first.
    """
    templates = [pattern.template for pattern in patterns]
    refusals: list[Refusal] = []
    for start, stop in _sends(templates, channel.batch_limit):
        if start:
            sent()
        part = destinations[start:stop]
        try:
            request = await channel.batch(stop - start, partial(frames, templates[start:stop], part))
        except (OutcomeUnknown, KernelRefused) as error:
            refusals += [Refusal(index, copy.copy(error)) for index in range(start, stop)]
        else:
            for at, acknowledgement in request.failures.items():
                explained = explain(acknowledgement, patterns[start + at], part[at])
                refusals.append(Refusal(start + at, explained))
    return refusals


def _sends(templates: Sequence[Template], most: int) -> Iterator[tuple[int, int]]:
    """Where each send starts and stops."""
    longest = max(len(template.message) for template in set(templates))
    step = max(1, min(most, SEND_BYTES // longest))
    for start in range(0, len(templates), step):
        yield start, min(start + step, len(templates))
