"""Start, signals, stop.

Start-up and tear-down mirror each other: configuration, log, kernel table and its view, broker,
control server, READY; and back.  SIGTERM and SIGINT stop the daemon: no new connections, running calls
end, routes stay in the kernel.  SIGHUP reads the configuration again and takes up the policy and the
log level; a wrong file is reported and the old one kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import resource
import signal
import socket
import sys
from collections.abc import Iterable

import structlog
import uvloop

from nld.broker.broker import Broker
from nld.broker.view import View
from nld.config import Config, load, needs_restart
from nld.control.budget import READER_MESSAGE_BYTES, Limits
from nld.control.routes import interface
from nld.control.server import Server, listen
from nld.control.service import Service
from nld.errors import NldError
from nld.kernel.fib import FibTable
from nld.kernel.module import ModuleTable
from nld.log import Log, configure
from nld.policy import Policy
from nld.records import Names
from nld.records.peer import Peer
from nld.service_manager import ServiceManager, passed_sockets

log = structlog.get_logger("nld.daemon")

CONFIGURATION_FAILED = 78
"""Exit status EX_CONFIG (sysexits.h): restarting does not help."""


def main(config_path: str | None = None) -> int:
    """Run the daemon until it is told to stop.

    ``config_path``  the configuration file; None takes /etc/nld/config.toml if it is there.

    Returns 0 after an orderly stop, 78 when the configuration is wrong, 1 when the daemon could not
    start or a part of it failed.
    """
    try:
        config = load(config_path)
    except NldError as error:
        print(f"nld: {error}", file=sys.stderr)
        return CONFIGURATION_FAILED
    output = configure(config.log.level, config.log.format)
    try:
        return uvloop.run(Daemon(config, config_path, output).run())
    except NldError as error:
        log.error("the daemon cannot run", **error.parameters())
        return 1
    finally:
        output.flush()


class Daemon:
    """One run of the daemon.

    ``config_path``  read again on SIGHUP; None as for :func:`main`.
    """

    def __init__(self, config: Config, config_path: str | None, output: Log) -> None:
        self._config = config
        self._path = config_path
        self._output = output
        self._policy = _policy(config)
        self._manager = ServiceManager.from_environment()
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal says stop; the exit status."""
        _allow_descriptors()
        _give_memory_back()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        config = self._config
        views = self._views()
        async with contextlib.AsyncExitStack() as open_views:
            for view in views.values():
                await view.start()
                open_views.push_async_callback(view.close)
            broker = Broker(views, config.kernel.default, config.watch.batch)
            service = Service([interface(broker, may_write=self._may_write)])
            limits = Limits(
                message_bytes=config.limits.message_bytes,
                reader_message_bytes=min(config.limits.message_bytes, READER_MESSAGE_BYTES),
                connections=config.limits.connections,
                connections_per_uid=config.limits.connections_per_uid,
                partial_bytes=config.limits.partial_bytes,
                reader_bytes=config.limits.reader_bytes,
                uid_bytes=config.limits.reader_bytes // 4,
                message_seconds=config.limits.message_seconds,
            )
            server = Server(service, limits, writes=self._may_write, busy_poll=config.busy_poll)
            listener, passed = self._listener()
            await server.start(listener, unlink=not passed)
            try:
                # What is there now lives as long as the daemon, and a mirror of a million routes is no
                # garbage: look through the young objects only, and few at a time: a look is a
                # part of one turn of the loop, and takes up to a millisecond for 2,000 objects.
                gc.freeze()
                gc.set_threshold(2_000, 2, 8_000)
                routes = sum(len(view.mirror) for view in views.values())
                self._manager.ready(f"{routes} routes; listening on {listener.getsockname()}")
                log.info("ready", routes=routes, socket=listener.getsockname(), activated=passed)
                failure = await self._until_stopped(views.values())
            finally:
                self._manager.stopping()
                log.info("stopping")
                await server.close()
                broker.close()
        log.info("stopped")
        return 1 if failure is not None else 0

    async def _until_stopped(self, views: Iterable[View]) -> BaseException | None:
        """Why a part of the daemon failed, or None when it was told to stop."""
        waiting = [
            asyncio.ensure_future(event.wait()) for event in (self._stop, *(view.failed for view in views))
        ]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for future in waiting:
            future.cancel()
        failure = next((view.failure for view in views if view.failure is not None), None)
        if failure is not None:
            log.critical("a part of the daemon failed", exc_info=failure)
        return failure

    def _views(self) -> dict[str, View]:
        """The kernel tables of the configuration, each with its view."""
        names, kernel, history = Names(), self._config.kernel, self._config.watch.history
        fib = FibTable(
            names,
            protocol=kernel.fib.protocol,
            receive_buffer=kernel.fib.receive_buffer,
            send_buffer=kernel.fib.send_buffer,
            notification_buffer=kernel.fib.notification_buffer,
        )
        views = {fib.name: View(fib, history)}
        if kernel.module.enabled:
            module = ModuleTable(
                names,
                fib.around,
                fib.drained,
                number=kernel.module.number,
                protocol=kernel.module.protocol,
                device=kernel.module.device,
                receive_buffer=kernel.module.receive_buffer,
                send_buffer=kernel.module.send_buffer,
                notification_buffer=kernel.module.notification_buffer,
            )
            views[module.name] = View(module, history)
        return views

    def _may_write(self, peer: Peer) -> bool:
        return self._policy.may_write(peer)

    def _listener(self) -> tuple[socket.socket, bool]:
        """The control socket, and whether the service manager passed it."""
        passed = passed_sockets()
        if passed:
            for extra in passed[1:]:
                extra.socket.close()
            return passed[0].socket, True
        return listen(self._config.socket), False

    def _reload(self) -> None:
        self._manager.reloading()
        try:
            config = load(self._path)
        except NldError as error:
            log.error("the new configuration is wrong; the old one stays in force", **error.parameters())
        else:
            self._output.set_level(config.log.level)
            self._policy = _policy(config)
            waiting = needs_restart(self._config, config)
            log.info("reloaded", needs_restart=waiting or None)
            self._config = config
        self._manager.ready()


def _policy(config: Config) -> Policy:
    return Policy(frozenset(config.policy.write_users), frozenset(config.policy.write_groups))


def _allow_descriptors() -> None:
    """Raise the soft limit of open files to the hard one: each connection is a descriptor.

    The soft limit is 1024 on most systems for the sake of select(2), which nld does not use.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 128 * 1024
"""Bytes of a block that is mapped by itself, and so given back when it is free: where glibc begins."""


def _give_memory_back() -> None:
    """Have what a large call took go back to the system when it is over (mallopt(3)).

    glibc would raise its thresholds with the first large block, and keep as much for ever; set, they stay.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none, and keeps nothing of this size
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
