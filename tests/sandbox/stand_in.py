"""A daemon in nld's place: listens, says that it is ready, waits. Its arguments after ``--config FILE``
change that: ``fail`` ends before it is ready."""

import os
import re
import signal
import socket
import sys
from pathlib import Path

if sys.argv[1] == "fail":
    sys.exit(3)
config = Path(sys.argv[-1]).read_text()
path = re.search(r'socket = "(.*)"', config)
assert path
listener = socket.socket(socket.AF_UNIX)
listener.bind(path[1])
listener.listen()
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.sendto(b"STATUS=starting", os.environ["NOTIFY_SOCKET"])
    manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
signal.pause()
