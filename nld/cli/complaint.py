"""Errors of the daemon, told to a person: what failed, where in the line, and how to go on.

    nld: add 10.0.0.0/8: no route leads to the gateway; ... Nexthop has invalid gateway (ENETUNREACH)
      nld route add 10.0.0.0/8 via 203.0.113.9 dev nld0
                                   ^^^^^^^^^^^
    kernel: attribute RTA_GATEWAY

The daemon's message already says what the kernel said; only what is not in it is added.  The caret
stands under the word that the error's field came from, else under the one that the kernel's attribute,
its words or its errno are about.

Also what an answer is taken for that makes no sense.  Pure: errors and words in, text out.
"""

from __future__ import annotations

import contextlib
import errno as errno_names
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nld.cli.line import REFUSED, USAGE, caret
from nld.cli.streams import printable_values
from nld.errors import DeviceNotFound, NldError, ProtocolBroken

FIELD_OF_ATTRIBUTE: Mapping[str, str] = {
    "RTA_DST": "dst", "RTA_SRC": "from", "RTA_OIF": "dev", "RTA_GATEWAY": "gateway", "RTA_VIA": "via",
    "RTA_PRIORITY": "metric", "RTA_PREFSRC": "prefsrc", "RTA_METRICS": "metrics[0]", "RTA_TABLE": "table",
    "RTA_MULTIPATH": "nexthops", "RTA_FLOW": "flow", "RTA_PREF": "pref", "RTA_ENCAP": "encap",
    "RTA_ENCAP_TYPE": "encap", "RTA_EXPIRES": "expires", "RTA_NH_ID": "nhid", "RTAX_CC_ALGO":
    "metrics[0].congestion", "RTAX_FEATURES": "metrics[0].ecn", "RTA_TTL_PROPAGATE": "ttl-propogate",
}  # fmt: skip
"""The record field behind an attribute that the kernel points at."""

ADVICE: Mapping[str, str] = {
    "RouteExists": '"{nld} route list {table}exact {dst}" shows what is there; "replace" takes its place, '
    'a route with another "metric" can be added beside it',
    "RouteNotFound": '"{nld} route list table all root {dst}" shows what is there; every keyword given '
    "must match, including the table",
    "DeviceNotFound": '"ip link" lists the devices of this network namespace',
    "ForeignRoute": "it is not nld's; to change it all the same, put -takeover before route",
    "PermissionDenied": "only root, and users and groups named in the daemon's policy, may write; "
    "every user may read",
    "ENETDOWN": 'the device is down: "ip link set {dev} up"',
}
"""How to go on, by error class or errno name; ``{dst}``, ``{dev}`` and ``{table}`` are the route's own,
``{nld}`` the program with the option that names the kernel table."""

ONLY: Mapping[str, tuple[str, ...]] = {"RouteExists": ("add",)}
"""Classes whose advice is for some operations alone: an append or a replace is not helped by "replace"."""

OWN = ("PermissionDenied", "ForeignRoute")
"""Errors that nld decides: without words of the kernel it was not asked, whatever the errno says."""
_HOPS = ("gateway", "via", "nexthops", "nhid")
_SUSPECTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("prefsrc", ("prefsrc",)), ("preferred source", ("prefsrc",)), ("source", ("prefsrc", "from")),
    ("gateway", _HOPS), ("nexthop id", ("nhid",)), ("nexthop", ("nhid", *_HOPS)),
    ("device", ("dev", "nexthops")),
    ("scope", ("scope",)), ("congestion", ("metrics[0].congestion",)), ("ENETUNREACH", (*_HOPS, "address")),
    ("EHOSTUNREACH", (*_HOPS, "address")), ("ENODEV", ("dev", "nexthops", "oif", "iif")),
    ("ENETDOWN", ("dev", "nexthops")), ("EEXIST", ("dst",)), ("ESRCH", ("dst",)),
)  # fmt: skip
"""Where the kernel names no attribute: fields that its words, or else its errno, are about."""

_RECORD = re.compile(r"^routes\[\d+\]\.?|^filter\.")
"""The place of a record in the daemon's call, which is not the user's."""


def status_of(error: NldError) -> int:
    """The exit status: 2 when the daemon or the kernel refused, 1 for a device that is not there."""
    return USAGE if isinstance(error, DeviceNotFound) and error.extack is None else REFUSED


def spot(field: str | None, attribute: str | None, spots: Mapping[str, int]) -> int | None:
    """The index of the word that a field's path, or the attribute the kernel points at, came from."""
    for whole in (_RECORD.sub("", field) if field else "", FIELD_OF_ATTRIBUTE.get(attribute or "", "")):
        path = whole
        while path:
            if path in spots:
                return spots[path]
            below = [at for name, at in spots.items() if name.startswith((f"{path}.", f"{path}["))]
            if below:
                return min(below)
            path = path.rpartition(".")[0] or (path.partition("[")[0] if path.endswith("]") else "")
    return None


def _suspect(words: str, errno: str, spots: Mapping[str, int]) -> int | None:
    """The word that the kernel's words, or else its errno, are most likely about."""
    for hint, fields in _SUSPECTS:
        if hint in words.lower() or hint == errno:
            for field in fields:
                at = spot(field, None, spots)
                if at is not None:
                    return at
    return None


def complaint(
    error: NldError | Mapping[str, Any],
    words: Sequence[str] = (),
    spots: Mapping[str, int] | None = None,
    record: Mapping[str, Any] | None = None,
    kernel: str | None = None,
    *,
    place: str = "",
) -> str:
    """An error, or one of its ``failures``, as several lines.

    ``words`` and ``spots`` are the command line and where each field came from, for the caret; ``record``
    is what was asked for, for the advice, and ``kernel`` which kernel table, if one was named.
    ``place`` names the route where there are several, in the user's own counting.
    """
    said = printable_values(error.parameters() if isinstance(error, NldError) else dict(error))
    message = _RECORD.sub("", str(said.get("message", "the daemon refused"))).removeprefix(": ")
    operation, key = said.get("operation"), said.get("key")
    if operation in ("connect", "validate"):
        operation = None  # The message says it all.
    subject = place or " ".join(str(part) for part in (operation, key) if part)
    said_already = not place and str(key or "\0") in message
    lines = [f"nld: {subject}: {message}" if subject and not said_already else f"nld: {message}"]
    extack = said.get("extack") or {}
    attribute = extack.get("attribute") or extack.get("missing")
    at = spot(said.get("field"), attribute, spots or {})
    if at is None and said.get("field"):
        lines.append(f"field: {_RECORD.sub('', said['field'])}")
    elif at is None:
        at = _suspect(str(extack.get("message", "")), str(said.get("errno", "")), spots or {})
    if at is not None:
        lines += caret(words, at)
    name = type(error).__name__
    if not isinstance(error, NldError):
        name = str(said.get("error", "")).rpartition(".")[2]
    if (name not in OWN or extack) and (told := _kernel(said.get("errno"), extack, message)):
        lines.append(f"kernel: {told}")
    if extack and name == "DeviceNotFound":
        name = ""  # The kernel misses a device in the request, not one of this name.
    advice = ADVICE.get(name) or ADVICE.get(str(said.get("errno")))
    if operation not in ONLY.get(name, (operation,)):
        advice = None
    if advice:
        nld = f"nld -kernel {kernel}" if kernel else "nld"
        known = {"nld": nld, "dst": "PREFIX", "dev": "DEVICE", "table": ""} | {
            field: str(value) for field, value in (record or {}).items() if field in ("dst", "dev")
        }
        if record and record.get("table"):
            known["table"] = f"table {record['table']} "
        lines.append("try: " + advice.format(**known))
    return "\n".join(lines)


@contextlib.contextmanager
def making_sense() -> Iterator[None]:
    """Answers of the daemon are read here: what is not as it should be is ProtocolBroken."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise ProtocolBroken(f"the daemon's answer makes no sense ({why[:200]})") from error


def _kernel(errno: Any, extack: Mapping[str, Any], message: str) -> str:
    parts = []
    if isinstance(errno, str) and errno not in message:
        number = getattr(errno_names, errno, None)
        words = f" ({os.strerror(number)})" if isinstance(number, int) else ""
        parts.append(errno + words)
    if (spoken := extack.get("message")) and spoken not in message:
        parts.append(spoken)
    if attribute := extack.get("attribute"):
        parts.append(f"attribute {attribute}")
    if missing := extack.get("missing"):
        parts.append(f"missing attribute {missing}")
    return ", ".join(parts)
