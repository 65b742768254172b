"""A server that is not nld's: it answers whatever it is asked with bytes that a test chose."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def impostor(path: Path, *, hangs_up: bool) -> Iterator[list[bytes]]:
    """Answer every call on this socket with the last bytes of the list.

    ``hangs_up``  after its answer; else it keeps silent until the caller goes.
    """
    says: list[bytes] = []

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                if not connection.recv(65536):
                    return
                connection.sendall(says[-1])
                if not hangs_up:
                    connection.recv(1)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield says
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        thread.join(10)
