"""Counters: what the sockets of a kernel table have seen and were granted, for the status."""

from __future__ import annotations

from typing import Any

from nld.kernel.channel import Channel
from nld.kernel.listener import Listener


def counters(channel: Channel, listener: Listener) -> dict[str, Any]:
    """The fields of ``KernelStatus`` (nld.control.messages) that both tables have."""
    return {
        "port_id": channel.socket.port_id,
        "receive_buffer": channel.socket.granted.receive,
        "send_buffer": channel.socket.granted.send,
        "notification_buffer": listener.socket.granted.receive,
        "requests_sent": channel.counters.sent,
        "replies_received": channel.exchange.matched,
        "replies_unmatched": channel.exchange.unmatched,
        "notifications": listener.counters.received,
        "malformed": listener.counters.malformed + channel.exchange.malformed,
        "overruns": listener.counters.overruns + channel.counters.overruns,
        "strangers": channel.socket.strangers + listener.socket.strangers,
    }
