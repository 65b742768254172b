"""The host's end of the agent's port: requests out, answers matched by id, death noticed.

One thread reads the port; everything else waits on one condition that the thread notifies, so a wait
ends by an answer, by its own limit, or by the end of the machine, whichever is first.
"""

from __future__ import annotations

import itertools
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from .frame import Decoder, Frame, Header, encode


class MachineError(Exception):
    """The machine, or something in it, did not do what was asked; the text has the details."""


class MachineGoneError(MachineError):
    """The machine ended while something was expected of it."""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    code: int  # negative: ended by that signal
    output: bytes
    errors: bytes

    @property
    def text(self) -> str:
        """Return the standard output as text."""
        return self.output.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Return the standard error as text."""
        return self.errors.decode(errors="replace")


class Running:
    """A command in the guest. Its output can be looked at while it runs."""

    def __init__(self, channel: Channel, ident: int, argv: list[str]) -> None:
        self._channel = channel
        self._ident = ident
        self.argv = argv
        self.output = bytearray()
        self.errors = bytearray()
        self.code: int | None = None
        self.body = b""
        self.failure: str | None = None

    def take(self, frame: Frame) -> None:
        """Take one frame of the answer (the channel's thread calls this)."""
        header = frame.header
        if "stream" in header:
            (self.output if header["stream"] == "out" else self.errors).extend(frame.body)
        elif "error" in header:
            self.failure = str(header["error"])
        elif "rc" in header:
            self.body = frame.body
            self.code = cast(int, header["rc"])

    def wait(self, timeout: float = 60) -> Done:
        """Wait for the command's end; when the time is over it is killed, and its output is in the error."""
        what = " ".join(self.argv)
        if not self._channel.wait(lambda: self.ended, timeout):
            self.signal(signal.SIGKILL)
            raise MachineError(f"{what}: no end in {timeout} s\n{self._so_far()}")
        if self.failure is not None:
            raise MachineError(f"{what}: {self.failure}")
        assert self.code is not None
        return Done(self.code, bytes(self.output), bytes(self.errors))

    def wait_for(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """Wait until the standard output matches; a command that ends without it is an error."""
        expression = re.compile(pattern, re.MULTILINE)

        def found() -> re.Match[str] | None:
            return expression.search(self.output.decode(errors="replace"))

        self.wait_until(lambda: found() is not None, timeout)
        match = found()
        if match is None:
            raise MachineError(f"{' '.join(self.argv)}: no {pattern!r}\n{self._so_far()}")
        return match

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for a condition on the output, or for the command's end; False when the time is over."""
        return self._channel.wait(lambda: condition() or self.ended, timeout)

    @property
    def ended(self) -> bool:
        """Say whether the command is over (or could not start)."""
        return self.code is not None or self.failure is not None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command and to all that it started."""
        self._channel.request({"op": "signal", "target": self._ident, "signal": int(number)})

    def _so_far(self) -> str:
        return (self.output + self.errors).decode(errors="replace")


class Channel:
    """The port of one boot of one machine."""

    def __init__(
        self, port: socket.socket, kill: Callable[[], None], lifetime: float, tail: Callable[[], str]
    ) -> None:
        self._port = port
        self._tail = tail
        self._deadline = time.monotonic() + lifetime
        self._condition = threading.Condition()
        self._send_lock = threading.Lock()
        self._ids = itertools.count(1)
        self._answers: dict[int, Running] = {}
        self._hello = False
        self._ended = False
        # The last resort if nobody waits: a test stuck in its own code.
        self._timer = threading.Timer(lifetime, kill)
        self._timer.daemon = True
        self._timer.start()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for_hello(self, timeout: float) -> bool:
        """Wait until the agent speaks: the machine is up. False when the time is over."""
        return self.wait(lambda: self._hello, timeout)

    def start(
        self, argv: list[str], stdin: bytes, env: dict[str, str], cwd: str, user: str | None
    ) -> Running:
        """Start a command."""
        return self.request({"op": "run", "argv": argv, "env": env, "cwd": cwd, "user": user}, stdin, argv)

    def put(self, path: str, data: bytes, mode: int) -> None:
        """Write a file."""
        self.request({"op": "put", "path": path, "mode": mode}, data, ["put", path]).wait()

    def get(self, path: str) -> bytes:
        """Read a file."""
        running = self.request({"op": "get", "path": path}, b"", ["get", path])
        running.wait()
        return running.body

    def request(self, header: Header, body: bytes = b"", argv: list[str] | None = None) -> Running:
        """Send one request; the answer collects in what is returned."""
        ident = next(self._ids)
        running = Running(self, ident, argv or [str(header["op"])])
        self._answers[ident] = running
        try:
            with self._send_lock:
                self._port.sendall(encode({"id": ident, **header}, body))
        except OSError as error:
            raise MachineGoneError(f"the machine is gone\n{self._tail()}") from error
        return running

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for a condition that an answer makes true; False when the time is over."""
        limit = min(time.monotonic() + timeout, self._deadline)
        with self._condition:
            while not condition():
                left = limit - time.monotonic()
                if self._ended:
                    raise MachineGoneError(f"the machine ended\n{self._tail()}")
                if left <= 0:
                    return False
                self._condition.wait(left)
        return True

    def close(self) -> None:
        """Forget the machine; whoever still waits is told that it ended."""
        self._timer.cancel()
        self._port.close() if self._ended else self._port.shutdown(socket.SHUT_RDWR)
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
        self._port.close()

    def _read(self) -> None:
        decoder = Decoder()
        while data := self._receive():
            with self._condition:
                for frame in decoder.feed(data):
                    if frame.header.get("op") == "hello":
                        self._hello = True
                    elif (running := self._answers.get(cast(int, frame.header["id"]))) is not None:
                        running.take(frame)
                self._condition.notify_all()
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def _receive(self) -> bytes:
        try:
            return self._port.recv(1 << 20)
        except OSError:
            return b""
