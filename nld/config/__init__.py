"""The configuration: what may be set, what it means, and what is wrong with a file.

Each key carries its own manual (meaning, unit, what zero does, what is allowed), and
``config.example.toml`` is printed from the same lines, so the two cannot drift apart.  An unknown key
or a bad value is refused with file and line, key path, what was wrong and what is allowed.

``model``    the keys.
``file``     TOML text to :class:`Config`, with complaints that point at the line.
``example``  the text of ``config.example.toml``.

Layer: imports ``nld.errors`` only.  Nothing here opens sockets or logs.
"""

from nld.config.file import DEFAULT_PATH, load, parse
from nld.config.model import (
    Config,
    FibConfig,
    KernelConfig,
    LimitsConfig,
    LogConfig,
    PolicyConfig,
    WatchConfig,
    needs_restart,
)  # fmt: skip

__all__ = [
    "DEFAULT_PATH", "Config", "FibConfig", "KernelConfig", "LimitsConfig", "LogConfig", "PolicyConfig",
    "WatchConfig", "load", "needs_restart", "parse",
]  # fmt: skip
