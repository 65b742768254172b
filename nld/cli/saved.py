"""Saved routes: the text that ``save`` or ``ip -j route`` wrote, to records.

What is not such a text is refused with what it is and what to do; the binary form of ``ip route save``
(``ip/iproute.c``, route_dump_magic) among them, for the command line does not know the wire.

Pure: bytes in, records out.
"""

from __future__ import annotations

import json
from typing import Any

from nld.device_name import spelled
from nld.names import type_of

Record = dict[str, Any]

_IP_ROUTE_SAVE = (b"\x24\x12\x31\x45", b"\x45\x31\x12\x24")
"""The number that ``ip route save`` writes first, 0x45311224, in either byte order."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NotSaved(ValueError):
    """The text is not what ``save`` writes; says what it is. ``advice`` is how to go on, or ""."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


def read(data: bytes) -> list[Record]:
    """The records, each with one destination, in the order of the text. Raises NotSaved."""
    if data.startswith(_IP_ROUTE_SAVE):
        raise NotSaved(
            "standard input is the binary form of ip route save",
            'restore it with "ip route restore"; for nld, save with "nld route save" or "ip -j route"',
        )
    # ip writes the names of devices as they are, control characters and what is not UTF-8 among them.
    text = data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
    try:
        routes = json.loads(text, object_pairs_hook=first_kept, strict=False)
    except (ValueError, RecursionError) as error:
        raise NotSaved(f"standard input is not JSON: {error}") from None
    if not isinstance(routes, list):
        raise NotSaved("standard input is JSON, but not a list of routes")
    records: list[Record] = []
    for number, route in enumerate(routes, 1):
        if not isinstance(route, dict):
            raise NotSaved(f"item {number} of standard input is not a route: {route!r:.60}")
        if "type" in route:
            route["type"] = type_of(route["type"])
        destinations = route.get("dst")
        if isinstance(destinations, list):
            records += [{**route, "dst": destination} for destination in destinations]
        else:
            records.append(route)
    return records


def first_kept(pairs: list[tuple[str, Any]]) -> Record:
    """A JSON object in which the route's ``dst`` is not lost to that of a flattened encap.

    ``ip -j`` prints ``"dst"`` twice for a route with an encap: the route's, and behind ``"encap":"ip"``
    the tunnel's, which becomes a part of an encap object here.
    """
    fields: Record = {}
    encap: Record | None = None
    for name, value in pairs:
        if isinstance(value, str) and not value.isprintable():
            value = spelled(value)  # noqa: PLW2901 - a device's raw name
        if name == "encap" and isinstance(value, str) and value in ENCAP_FIELDS:
            encap = fields["encap"] = {"type": value}
        elif encap is not None and name in ENCAP_FIELDS.get(encap["type"], ()) and name not in encap:
            encap[name] = value
        else:
            encap = None
            fields[name] = value
    return fields


ENCAP_FIELDS: dict[str, tuple[str, ...]] = {
    "mpls": ("dst", "ttl"),
    "ip": ("id", "src", "dst", "ttl", "tos", "key", "csum", "seq"),
    "ip6": ("id", "src", "dst", "hoplimit", "tc", "key", "csum", "seq"),
    "seg6": ("mode", "segs", "hmac"),
    "seg6local": (
        "action", "srh", "table", "vrftable", "nh4", "nh6", "iif", "oif", "flavors", "lblen", "nflen",
    ),
    "xfrm": ("if_id", "link_dev"),
}  # fmt: skip
"""The fields that ``ip -j`` prints behind ``encap``, by kind."""
