"""The greeting: one message to the module, one back, by unicast.

The smallest use of the protocol, and an example of the primitive that every message leaves by: build a
payload, :func:`send_netlink_message_to_kernel`, wait for the answer with its sequence number.
"""

from __future__ import annotations

import asyncio
import select

from nld.errors import InvalidRecord, KernelUnavailable
from nld.kernel.refusal import Dialect, refusal
from nld.kernel.socket import NetlinkSocket, send_netlink_message_to_kernel
from nld.netlink import module as message
from nld.netlink.extack import parse_error
from nld.netlink.header import Flag, MessageType, split
from nld.netlink.module import MAX_GREETING, NLD_GREET, NLD_MSG, Greeting

PATIENCE = 5.0
"""Seconds for the answer; the module gives it within the send."""

DIALECT = Dialect(NLD_GREET, {NLD_GREET.TEXT: "text"}, message.HEADER_SIZE)


async def greet(number: int, text: str) -> str:
    """What the module answers to ``text``, at most 255 bytes of UTF-8 without NUL.

    ``number``  netlink protocol number.

    Raises :class:`InvalidRecord` for a text that does not fit, :class:`KernelUnavailable` when the
    module is not there or does not answer, and what ``refusal.py`` makes of a refusal.
    """
    if len(text.encode("utf-8", "surrogateescape")) > MAX_GREETING or "\0" in text:
        raise InvalidRecord(
            f"text: a greeting has at most {MAX_GREETING} bytes and no NUL", field="text", operation="greet"
        )
    # A thread, for whatever the module does it does within the send.
    return await asyncio.to_thread(_greet, number, text)


def _greet(number: int, text: str) -> str:
    payload = message.GREETING_FORM.encode(Greeting(text=text))
    socket = NetlinkSocket(number)
    arrived = select.poll()
    arrived.register(socket.fileno(), select.POLLIN)
    try:
        sequence = send_netlink_message_to_kernel(
            socket.fileno(), payload, len(payload), NLD_MSG.GREET, Flag.REQUEST
        )
        while arrived.poll(1000 * PATIENCE):
            for answer in split(socket.receive() or b""):
                if answer.sequence != sequence:
                    continue
                if answer.type == NLD_MSG.GREET:
                    return message.GREETING_FORM.decode(answer.payload).text or ""
                if answer.type == MessageType.ERROR:
                    raise refusal(parse_error(answer), payload, operation="greet", key=text, dialect=DIALECT)
        raise KernelUnavailable(f"nobody answers a greeting on netlink protocol {number}", operation="greet")
    finally:
        socket.close()
