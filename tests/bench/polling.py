"""The daemon with ``busy_poll`` set; run as a program: MICROSECONDS --config FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from nld.daemon.daemon import main

if __name__ == "__main__":
    file = Path(sys.argv[3])
    file.write_text(f"busy_poll = {sys.argv[1]}\n{file.read_text()}")
    sys.exit(main(str(file)))
