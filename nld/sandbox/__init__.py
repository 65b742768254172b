"""``nld sandbox``: a network of one's own, on the real kernel, without root, gone afterwards.

What a newcomer runs first and what the tests stand on: a user, network, mount and process namespace
with links nld0.. that are up, the daemon on the kernel's own table in it, and a command (or a shell)
that finds the daemon at its usual place.  It keeps experiments apart; it is not a jail for hostile code:
the files of the host are all there.

``namespace``  the system calls, and what to do where they are forbidden.
``links``      loopback and nld0.. made and addressed over netlink.
``session``    the processes: who starts whom, who dies with whom, whose status is returned.

Layer: on top, beside the daemon, which it starts as a program.
"""

from nld.sandbox.session import main

__all__ = ["main"]
