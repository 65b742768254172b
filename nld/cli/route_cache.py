"""``nld route flush cache``: have the kernel forget what it learnt of single destinations.

There has been no cache of routes since Linux 3.6. What ``ip route flush cache`` still does for IPv4 is to
write to ``net.ipv4.route.flush``: the kernel forgets path MTUs and redirects that it learnt, and that sockets
hold.  So does this; for IPv6 ``net.ipv6.route.flush`` is the like.  The daemon has no part in it, and no
right to: it is for root in the network namespace.
"""

from __future__ import annotations

import os

from nld.errors import NldError, PermissionDenied, Unsupported

PATHS = {"inet": "/proc/sys/net/ipv4/route/flush", "inet6": "/proc/sys/net/ipv6/route/flush"}


def flush(family: str | None) -> None:
    """Flush; IPv4 unless told otherwise, as ``ip`` does. Raises PermissionDenied, Unsupported, NldError."""
    path = PATHS[family or "inet"]
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, b"-1")
        finally:
            os.close(descriptor)
    except PermissionError:
        raise PermissionDenied(f"flush cache needs root: this user may not write to {path}") from None
    except FileNotFoundError:
        raise Unsupported(f"flush cache: this kernel, or container, has no {path}") from None
    except OSError as error:
        raise NldError(f"flush cache: {path}: {error.strerror}") from error
