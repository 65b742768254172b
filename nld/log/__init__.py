"""The log: events with keys, as readable lines or as journald fields.

Everything in nld logs with structlog: ``log = structlog.get_logger()``, then one line per request where
it is handled, ``log.info("routes added", owner="frr", dst="10.0.0.0/8", done=1)``.  An event is a few
plain words, its keys are those of the route record; under journald each key is a field of its own
(``NLD_DST``), so that ``journalctl -u nld NLD_DST=10.0.0.0/8`` finds it.

``setup``    wires structlog and the standard library's logging (asyncio's complaints) to one sink.
``console``  an event as one line that cannot be broken by what a peer sent.
``outlet``   text for a stream whose reader may stand still.
``journal``  an event as a datagram of journald's native protocol, which never blocks.

Layer: imports nothing of nld.
"""

from nld.log.setup import Log, configure

__all__ = ["Log", "configure"]
