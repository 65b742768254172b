"""The words behind ``encap``: one table of words for each kind of tunnel, to an encap record.

An encap record has ``type`` and the fields that ``ip -j route`` prints for that type, for instance
``{"type": "ip", "id": 5, "dst": "192.0.2.9"}``.  An encap ends at the first word that is none of its own;
the route's words go on there.

Four kinds that ``ip`` knows are refused at once.  BPF programs ``ip`` compiles and loads itself, which is
no business of a route; for ila, rpl and ioam6 an encap record has no fields.
Source: iproute2 6.1, ``ip/iproute_lwtunnel.c``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nld.cli import names, values
from nld.cli.line import REFUSED, Line
from nld.cli.values import INET, INET6, U8, U32, U64
from nld.cli.vocabulary import choice
from nld.device_name import name_of, spelled

KINDS = ("mpls", "ip", "ip6", "ila", "bpf", "seg6", "seg6local", "rpl", "ioam6", "xfrm")
"""What ``ip`` knows; those of ``FIELDS`` are supported."""
SEG6_MODES = ("inline", "encap", "l2encap", "encap.red", "l2encap.red")
SEG6_ACTIONS = (
    "End", "End.X", "End.T", "End.DX2", "End.DX6", "End.DX4", "End.DT6", "End.DT4", "End.DT46", "End.B6",
    "End.B6.Encaps", "End.BM", "End.S", "End.AS", "End.AM", "End.BPF",
)  # fmt: skip
FLAVORS = ("psp", "usp", "usd", "next-csid")

ValueReader = Callable[[Line, str], Any]


def _integer(maximum: int, minimum: int = 0) -> ValueReader:
    return lambda line, what: values.number(line, what, maximum, minimum)


def _address(family: str) -> ValueReader:
    return lambda line, what: values.address(line, what, family).text


def _tos(line: Line, what: str) -> int:
    spelled = names.tos(line, what)
    return names.database("tos").words.get(spelled) or int(spelled, 16)


def _device(line: Line, what: str) -> str:
    return spelled(name_of(line.word or ""))


def _segments(line: Line, what: str) -> list[str]:
    found = []
    for segment in (line.word or "").split(","):
        address = values.parse_address(segment, INET6)
        if address is None:
            raise line.refusal(
                f'segment "{segment}" is not an IPv6 address', expected="IPv6 addresses, separated by commas"
            )
        found.append(address.text)
    return found


def _flavors(line: Line, what: str) -> list[str]:
    found: list[str] = []
    for flavor in (line.word or "").lower().split(","):
        if flavor not in FLAVORS or flavor in found:
            raise line.refusal(f'flavor "{flavor}" is unknown or given twice', expected=" or ".join(FLAVORS))
        found.append(flavor)
    return found


TUNNEL_FLAGS = ("key", "csum", "seq")
FIELDS: dict[str, dict[str, ValueReader]] = {
    "ip": {
        "id": _integer(U64), "dst": _address(INET), "src": _address(INET), "tos": _tos, "ttl": _integer(U8),
    },
    "ip6": {
        "id": _integer(U64), "dst": _address(INET6), "src": _address(INET6), "tc": _tos,
        "hoplimit": _integer(U8),
    },
    "mpls": {"ttl": _integer(U8)},
    "seg6": {
        "mode": lambda line, what: choice(line, what, SEG6_MODES), "segs": _segments, "hmac": _integer(U32),
    },
    "seg6local": {
        "action": lambda line, what: choice(line, what, SEG6_ACTIONS), "table": names.table,
        "vrftable": names.table, "nh4": _address(INET), "nh6": _address(INET6), "iif": _device,
        "oif": _device, "flavors": _flavors, "lblen": _integer(U8), "nflen": _integer(U8),
    },
    "xfrm": {"if_id": _integer(U32, 1), "link_dev": _device},
}  # fmt: skip
"""For each kind of encap, its words that take one value."""

SWITCHES: dict[str, tuple[str, ...]] = {"ip": TUNNEL_FLAGS, "ip6": TUNNEL_FLAGS, "seg6local": ("count",)}
"""For each kind of encap, its words that stand alone."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "seg6": ("mode", "segs"),
    "seg6local": ("action",),
    "xfrm": ("if_id",),
}


def encap(line: Line) -> dict[str, Any]:
    """Read an encap; the position stands on ``encap`` before and on its last word after."""
    start = line.at
    kind = line.argument("the kind of encap: " + ", ".join(KINDS))
    choice(line, "encap", KINDS)
    if kind not in FIELDS:
        raise line.refusal(
            f"encap {kind} is not supported by nld", expected=" or ".join(FIELDS), status=REFUSED
        )
    first = line.argument(f"the keywords of encap {kind}")
    record: dict[str, Any] = {"type": kind}
    if kind == "mpls":
        record["dst"] = _labels(line, first)
        line.step()
    _fields(line, kind, record)
    if kind == "seg6" and record["mode"] == "inline":
        record["segs"].append("::")  # The slot of the packet's own destination; ip lists it too.
    if len(record) == 1:
        raise line.refusal(
            f"encap {kind} needs at least one of its keywords", at=start + 2, expected=_words(kind)
        )
    line.at -= 1
    return record


def _words(kind: str) -> str:
    return ", ".join((*FIELDS[kind], *SWITCHES.get(kind, ()))) + (", srh" if kind == "seg6local" else "")


def _labels(line: Line, word: str) -> str:
    labels = [values.parse_number(label) for label in word.split("/")]
    if any(label is None or label >= 1 << 20 for label in labels):
        raise line.refusal(
            f'"{word}" is not a valid label stack', expected="labels up to 1048575, such as 100/200"
        )
    return "/".join(map(str, labels))


def _fields(line: Line, kind: str, record: dict[str, Any]) -> None:
    fields, switches = FIELDS[kind], SWITCHES.get(kind, ())
    while (word := line.word) is not None:
        if word in switches:
            name = word
            value: Any = True
        elif kind == "seg6local" and word == "srh":
            name, value = word, _segment_header(line)
        elif word in fields:
            name = word
            line.argument(f"the value of {word}")
            value = fields[name](line, name)
        else:
            break
        if name in record:
            raise line.refusal(f'a second "{name}" in one encap {kind}')
        if name == "segs" and kind == "seg6" and "mode" not in record:
            raise line.refusal("mode must come before segs", expected="mode MODE segs ADDRESS,...")
        record[name] = value
        line.step()
    for name in REQUIRED.get(kind, ()):
        if name not in record:
            raise line.refusal(f'encap {kind} needs "{name}"', expected=_words(kind), candidates=fields)
    srh = record.get("srh")
    if srh is not None and record["action"] != "End.B6.Encaps":
        srh["segs"].append("::")


def _segment_header(line: Line) -> dict[str, Any]:
    if line.argument("segs ADDRESS,...") != "segs":
        raise line.refusal("srh must be followed by segs", expected="srh segs ADDRESS,... [ hmac KEY ]")
    line.argument("IPv6 addresses, separated by commas")
    header: dict[str, Any] = {"segs": _segments(line, "segs")}
    if line.at + 1 < len(line.words) and line.words[line.at + 1] == "hmac":
        line.step()
        line.argument("the hmac key's number")
        header["hmac"] = values.number(line, "hmac")
    return header
