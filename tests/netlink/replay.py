"""Give the golden routes back to a kernel: it must accept each and then say the same bytes again.

``python -m tests.netlink.replay`` in a network namespace of its own.  Each route is encoded anew, in our
order and without what only the kernel says, so this is the proof that what we send is understood, not
only that what we read is written back.  One line of JSON says how it went.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from nld.netlink.extack import parse_error
from nld.netlink.header import Flag, split
from nld.netlink.registry import RTM
from nld.netlink.route import Route, decode, encode

from .capture import FAMILIES, ROUTES, Kernel, dump, run, setup
from .vector import load

TOLD = 0x5F
"""RTNH_F_DEAD and its like, but for ONLINK: the kernel says them, nobody asks for them."""

MISSING = {19: "ENODEV", 93: "EPROTONOSUPPORT", 95: "EOPNOTSUPP", 97: "EAFNOSUPPORT"}
"""What a kernel without a tunnel type or without MPLS answers."""


def plain(route: Route) -> Route:
    """Without what depends on the moment or is only ever told."""
    hops = route.multipath and tuple(replace(hop, flags=hop.flags & 4, wire=None) for hop in route.multipath)
    return replace(route, flags=route.flags & 4, cacheinfo=None, wire=None, multipath=hops)


def main() -> None:
    """Replay all."""
    setup()
    accepted, unsupported, wrong = 0, [], []
    for vector in load():
        if vector.name not in ROUTES:
            continue
        for command in vector.commands[:-1]:
            run(command)
        original = plain(decode(vector.payload))
        request = original
        if original.nh_id is not None:  # its gateway and device are the object's, told for old readers
            request = replace(original, gateway=None, via=None, oif=None, multipath=None)
        before = dump(RTM.GETROUTE, FAMILIES)
        (answer,) = Kernel().ask(RTM.NEWROUTE, Flag.CREATE | Flag.EXCL | Flag.ACK, encode(request))
        end = parse_error(next(split(answer)))
        if end.errno in MISSING:
            unsupported.append(vector.name)
            continue
        found = [plain(decode(payload)) for payload in dump(RTM.GETROUTE, FAMILIES) if payload not in before]
        if end.errno or original not in found:
            wrong.append([vector.name, end.errno, end.message, str(found)])
        else:
            accepted += 1
    json.dump({"accepted": accepted, "unsupported": unsupported, "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main()
