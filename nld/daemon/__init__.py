"""The daemon: the composition root, which builds the parts, wires them, and answers signals."""

from nld.daemon.daemon import main

__all__ = ["main"]
