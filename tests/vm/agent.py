"""The hands of the host inside a machine: runs commands and moves files, over one virtio port.

It runs in the guest as ``python3 -m vm.agent`` with nothing but the standard library. One thread per
request; one lock for the port, because frames must not interleave. It keeps no state between requests,
and dies with the machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, cast

from .frame import Decoder, Frame, Header, encode

PORT_NAME = "agent.0"
_CHUNK = 256 * 1024


def find_port() -> Path:
    """Find the port's device by the name that QEMU gave it; udev may not be running yet."""
    for entry in Path("/sys/class/virtio-ports").iterdir():
        name = entry / "name"
        if name.exists() and name.read_text().strip() == PORT_NAME:
            return Path("/dev") / entry.name
    raise SystemExit("the machine has no agent port")


class Agent:
    """Answers the requests of one port until the machine ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._running: dict[object, subprocess.Popen[bytes]] = {}

    def send(self, header: Header, body: bytes = b"") -> None:
        """Write one whole frame."""
        view = memoryview(encode(header, body))
        with self._lock:
            while view:
                view = view[os.write(self._port, view) :]

    def serve(self) -> None:
        """Greet, then answer for ever."""
        decoder = Decoder()
        self.send({"id": 0, "op": "hello", "release": os.uname().release})
        while data := os.read(self._port, _CHUNK):
            for frame in decoder.feed(data):
                threading.Thread(target=self._answer, args=(frame,), daemon=True).start()

    def _answer(self, frame: Frame) -> None:
        header = frame.header
        try:
            match header["op"]:
                case "run":
                    self._run(frame)
                case "signal":
                    process = self._running.get(header["target"])
                    if process is not None:
                        os.killpg(process.pid, cast(int, header["signal"]))
                    self.send({"id": header["id"], "rc": 0})
                case "put":
                    path = Path(str(header["path"]))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(frame.body)
                    path.chmod(cast(int, header["mode"]))
                    self.send({"id": header["id"], "rc": 0})
                case "get":
                    self.send({"id": header["id"], "rc": 0}, Path(str(header["path"])).read_bytes())
                case other:
                    raise ValueError(f"unknown request {other!r}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the host waits for an answer
            self.send({"id": header["id"], "error": f"{type(error).__name__}: {error}"})

    def _run(self, frame: Frame) -> None:
        header = frame.header
        ident = header["id"]
        process = subprocess.Popen(
            cast(list[str], header["argv"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cast(str, header["cwd"]),
            env={**os.environ, **cast(dict[str, str], header["env"])},
            user=cast("str | None", header["user"]),
            group=cast("str | None", header["user"]),
            extra_groups=None if header["user"] is None else [],
            # A group of its own, so that a signal reaches what the command started too.
            start_new_session=True,
        )
        self._running[ident] = process
        self.send({"id": ident, "pid": process.pid})
        assert process.stdin and process.stdout and process.stderr
        pumps = [
            threading.Thread(target=self._pump, args=(ident, "out", process.stdout), daemon=True),
            threading.Thread(target=self._pump, args=(ident, "err", process.stderr), daemon=True),
        ]
        for pump in pumps:
            pump.start()
        try:
            process.stdin.write(frame.body)
            process.stdin.close()
        except BrokenPipeError:
            pass  # the command did not want its input
        code = process.wait()
        for pump in pumps:
            # What the command wrote is in the pipe and comes out at once; only a daemon that it left behind
            # may hold the pipe open for ever, and is not waited for.
            pump.join(timeout=2)
        del self._running[ident]
        self.send({"id": ident, "rc": code})

    def _pump(self, ident: object, stream: str, source: IO[bytes]) -> None:
        while data := os.read(source.fileno(), _CHUNK):
            self.send({"id": ident, "stream": stream}, data)


def main() -> None:
    """Serve the port; the console tells why if there is none."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    port = os.open(find_port(), os.O_RDWR)
    os.set_inheritable(port, False)
    Agent(port).serve()
    sys.exit("the agent's port closed")


if __name__ == "__main__":
    main()
