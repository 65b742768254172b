"""The netlink contract of nld.ko as plain values, read from the files that state it.

Each ``read_*`` returns what its file says and nothing that another file says, so comparing two of them
is a test. The header is read with its comments: there the words "u32, 1 to INT_MAX" are the contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KMOD = Path(__file__).parents[2] / "kmod"

INT_MAX = 2**31 - 1

# (enum's constants begin with, attribute set's name in the specification)
SETS = {
    "NLD_A_": "route",
    "NLD_NH_": "nexthop",
    "NLD_GREET_": "greet",
    "NLD_INFO_": "info",
    "NLD_STATS_": "stats",
}
# The same for what is no attribute.
ENUMS = {
    "NLD_TYPE_": "route-type",
    "NLD_CAUSE_": "cause",
    "NLD_F_": "header-flags",
    "NLD_FEATURE_": "features",
}
LIMITS = {
    "NLD_MAGIC": "magic",
    "NLD_ABI_VERSION": "abi-version",
    "NLD_TABLE_MAIN": "table-main",
    "NLD_MAX_OWNER": "max-owner",
    "NLD_MAX_NEXTHOPS": "max-nexthops",
    "NLD_MAX_WEIGHT": "max-weight",
    "NLD_MAX_METRICS": "max-metrics",
    "NLD_MAX_GREETING": "max-greeting",
    "NLD_MAX_EXPIRES": "max-expires",
}


@dataclass(frozen=True)
class Attribute:
    """One attribute: ``least`` and ``most`` bound a number's value, a string's or bytes' length."""

    number: int
    kind: str  # u8, u16, u32, u64, string, binary, nest, pad
    least: int | None = None
    most: int | None = None


Sets = dict[str, dict[str, Attribute]]


@dataclass(frozen=True)
class Contract:
    """Everything with a number in it, under the specification's names."""

    messages: dict[str, int]
    sets: Sets
    enums: dict[str, dict[str, int]]
    constants: dict[str, int]
    groups: dict[str, int]


def dashed(name: str, prefix: str) -> str:
    """``NLD_A_AS_OF`` -> ``as-of``."""
    return name.removeprefix(prefix).lower().replace("_", "-")


# -- uapi/nld.h


def defines(header: str) -> dict[str, int]:
    """Return the ``#define``s that are plain numbers."""
    found = re.findall(r"^#define\s+(\w+)\s+(0x[0-9a-fA-F]+|\d+)\b", header, re.MULTILINE)
    return {name: int(value, 0) for name, value in found}


def enumerators(header: str) -> Iterator[tuple[str, int, str, str]]:
    """Yield (name, value, the comment that belongs to it, the enum's own comment)."""
    comment = r"/\*(?:[^*]|\*(?!/))*\*/"
    for enum in re.finditer(rf"({comment})?\s*\nenum \w+ \{{(.*?)\n\}};", header, re.DOTALL):
        value = -1
        before = ""
        for token in re.finditer(rf"({comment})|(\w+)(?: = (\d+))?,?[ \t]*({comment})?", enum[2]):
            if token[1]:
                before = token[1]
                continue
            value = int(token[3]) if token[3] else value + 1
            yield token[2], value, token[4] or before, enum[1] or ""
            before = ""


def _kind(words: str) -> str:
    for pattern, kind in (
        (r"\b(u8|u16|u32|u64)\b", ""),
        (r"\bstring\b", "string"),
        (r"\bNest\b", "nest"),
        (r"^Padding", "pad"),
        (r"\bbytes\b", "binary"),
    ):
        if match := re.search(pattern, words):
            return kind or match[1]
    raise ValueError(f"no type in {words!r}")


def _bound(word: str, numbers: dict[str, int]) -> int:
    return int(word) if word.isdigit() else numbers[word]


def _attribute(number: int, words: str, numbers: dict[str, int]) -> Attribute:
    kind = _kind(words)
    least = most = None
    if kind == "binary" and words.startswith("4 or 16 bytes"):
        least, most = 4, 16
    elif kind in ("u8", "u16", "u32", "binary") and (match := re.search(r"\b(\d+) to (\w+)\b", words)):
        least, most = int(match[1]), _bound(match[2], numbers)
    elif match := re.search(r"\b(\d+) and up\b", words):
        least = int(match[1])
    elif match := re.search(r"at most (\w+)", words):
        most = _bound(match[1], numbers)
    return Attribute(number, kind, least or None, most)


def read_header() -> Contract:
    """Read ``uapi/nld.h``."""
    text = (KMOD / "uapi/nld.h").read_text()
    numbers = defines(text) | {"INT_MAX": INT_MAX}
    messages: dict[str, int] = {}
    groups: dict[str, int] = {}
    enums: dict[str, dict[str, int]] = {name: {} for name in ENUMS.values()}
    sets: Sets = {name: {} for name in ("nexthops", *SETS.values())}
    for name, value, comment, general in enumerators(text):
        words = " ".join(re.sub(r"^\s*/?\*+/?|\*/", "", comment, flags=re.MULTILINE).split())
        if name.endswith(("_UNSPEC", "_NONE")) or name.startswith("__"):
            continue
        if name.startswith("NLD_MSG_"):
            messages[dashed(name, "NLD_MSG_")] = value
        elif name.startswith("NLD_GROUP_"):
            groups[dashed(name, "NLD_GROUP_")] = value
        elif prefix := next((one for one in ENUMS if name.startswith(one)), None):
            enums[ENUMS[prefix]][dashed(name, prefix)] = value
        elif name == "NLD_NH_ENTRY":
            sets["nexthops"]["entry"] = _attribute(value, words, numbers)
        else:
            prefix = next(one for one in SETS if name.startswith(one))
            short = dashed(name, prefix)
            if short == "pad":
                attribute = Attribute(value, "pad")
            elif reference := re.search(r"As (NLD_A_\w+)", words):
                other = sets["route"][dashed(reference[1], "NLD_A_")]
                attribute = Attribute(value, other.kind, other.least, other.most)
            else:
                attribute = _attribute(value, words if prefix != "NLD_STATS_" else general, numbers)
            sets[SETS[prefix]][short] = attribute
    for name, value in numbers.items():
        if prefix := next((one for one in ("NLD_F_", "NLD_FEATURE_") if name.startswith(one)), None):
            enums[ENUMS[prefix]][dashed(name, prefix)] = value
    constants = {LIMITS[name]: numbers[name] for name in LIMITS}
    return Contract(messages, sets, enums, constants, groups)


# -- nld.yaml


def _spec_bound(value: Any, constants: dict[str, int]) -> int | None:
    if value is None or isinstance(value, int):
        return value
    return {"s32-max": INT_MAX, **constants}[value]


def read_spec(spec: dict[str, Any]) -> Contract:
    """Read ``nld.yaml``, parsed."""
    constants = {one["name"]: one["value"] for one in spec["definitions"] if one["type"] == "const"}
    enums: dict[str, dict[str, int]] = {}
    for one in spec["definitions"]:
        if one["type"] not in ("enum", "flags"):
            continue
        enums[one["name"]] = values = {}
        for at, raw in enumerate(one["entries"]):
            entry = raw if isinstance(raw, dict) else {"name": raw}
            number = entry.get("value", at)
            values[entry["name"]] = 1 << number if one["type"] == "flags" else number
    sets: Sets = {}
    for one in spec["attribute-sets"]:
        sets[one["name"]] = found = {}
        number = 0
        for entry in one["attributes"]:
            number = entry.get("value", number + 1)
            checks = entry.get("checks", {})
            least = _spec_bound(checks.get("min", checks.get("min-len")), constants)
            most = _spec_bound(checks.get("max", checks.get("max-len")), constants)
            if entry["type"] == "binary" and entry.get("doc", "").find("4 or 16 bytes") >= 0:
                least, most = 4, 16
            found[entry["name"]] = Attribute(number, entry["type"], least, most)
    messages: dict[str, int] = {}
    for one in spec["operations"]["list"]:
        if "notify" in one:
            assert messages[one["name"].removesuffix("-ntf")] == one["value"]
            continue
        values_of = {half["request"]["value"] for half in (one.get("do"), one.get("dump")) if half}
        (messages[one["name"]],) = values_of
    groups = {one["name"]: one["value"] for one in spec["mcast-groups"]["list"]}
    return Contract(messages, sets, enums, constants, groups)


def spec_requests(spec: dict[str, Any]) -> dict[str, set[str]]:
    """Return the attributes that each request may have, by ``message do`` or ``message dump``."""
    return {
        f"{one['name']} {how}": set(one[how]["request"].get("attributes", ()))
        for one in spec["operations"]["list"]
        for how in ("do", "dump")
        if how in one
    }


# -- the module's sources


def read_policies() -> Sets:
    """Read the policy tables of ``message.c``: what requests may carry."""
    text = (KMOD / "message.c").read_text()
    header = read_header()
    numbers = defines((KMOD / "uapi/nld.h").read_text()) | {"INT_MAX": INT_MAX}
    values = {
        f"{prefix}{name.upper().replace('-', '_')}": attribute.number
        for prefix, of in SETS.items()
        for name, attribute in header.sets[of].items()
    } | {"NLD_NH_ENTRY": 1}
    types = {f"NLD_TYPE_{name.upper()}": value for name, value in header.enums["route-type"].items()}
    ranges: dict[str, tuple[int | None, int | None]] = {}
    for match in re.finditer(r"netlink_range_validation (\w+) = \{(.*?)\};", text, re.DOTALL):
        bounds = dict(re.findall(r"\.(min|max) = (\w+)", match[2]))
        low, high = (_bound(bounds[one], numbers) if one in bounds else None for one in ("min", "max"))
        ranges[match[1]] = (low, high)
    names = {"route_policy": "route", "nld_nexthop_policy": "nexthop", "nexthops_policy": "nexthops"}
    names["greet_policy"] = "greet"
    sets: Sets = {}
    for table in re.finditer(r"const struct nla_policy (\w+)\[\w+ \+ 1\] = \{(.*?)\n\};", text, re.DOTALL):
        of = names[table[1]]
        sets[of] = found = {}
        body = re.sub(r"/\*.*?\*/", "", table[2], flags=re.DOTALL)
        for name, what in re.findall(r"\[(\w+)\] = (.*?)(?=,\s*(?:\[NLD|$))", body, re.DOTALL):
            prefix = next(one for one in SETS if name.startswith(one))
            found[dashed(name, prefix)] = _policy(
                values[name], " ".join(what.split()), ranges, numbers | types
            )
    return sets


def _policy(
    number: int, what: str, ranges: dict[str, tuple[int | None, int | None]], numbers: dict[str, int]
) -> Attribute:
    if match := re.fullmatch(r"NLA_POLICY_FULL_RANGE\(NLA_(\w+), &(\w+)\)", what):
        return Attribute(number, match[1].lower(), *ranges[match[2]])
    if match := re.fullmatch(r"NLA_POLICY_RANGE\(NLA_(\w+), (\w+), (\w+)\)", what):
        low, high = (_bound(match[at], numbers) for at in (2, 3))
        return Attribute(number, match[1].lower(), low, high)
    if match := re.fullmatch(r"NLA_POLICY_MIN\(NLA_(\w+), (\w+)\)", what):
        return Attribute(number, match[1].lower(), _bound(match[2], numbers))
    if re.fullmatch(r"NLA_POLICY_VALIDATE_FN\(NLA_BINARY, check_(address|gateway)\)", what):
        return Attribute(number, "binary", 4, 16)
    if re.fullmatch(r"NLA_POLICY_NESTED\(\w+\)", what):
        return Attribute(number, "nest")
    if match := re.fullmatch(r"\{ \.type = NLA_NUL_STRING, \.len = (\w+) \}", what):
        return Attribute(number, "string", None, _bound(match[1], numbers))
    if match := re.fullmatch(r"\{ \.type = NLA_(\w+) \}", what):
        return Attribute(number, match[1].lower())
    raise ValueError(f"a policy of an unknown form: {what}")


def taken_in() -> set[str]:
    """Return the attributes of a route that ``uapi/nld.h`` marks as "in"."""
    text = (KMOD / "uapi/nld.h").read_text()
    return {
        dashed(name, "NLD_A_")
        for name, _, comment, _ in enumerators(text)
        if name.startswith("NLD_A_") and re.search(r"\bin(?=[,:.]| \()", comment)
    }


def module_requests() -> dict[str, set[str]]:
    """Return the attributes that ``message.c`` lets each request have, as ``spec_requests()``."""
    text = (KMOD / "message.c").read_text()
    masks: dict[str, set[str]] = {}
    for match in re.finditer(r"#define (\w+_ATTRS)\s+\(((?:[^\n]*\\\n)*[^\n]*)\)", text):
        words = re.findall(r"\w+_ATTRS|NLD_A_\w+", match[2])
        masks[match[1]] = {
            name for word in words for name in (masks[word] if word in masks else {dashed(word, "NLD_A_")})
        }
    functions = re.findall(r"^int (nld_parse_\w+)\((.*?)^\}", text, re.DOTALL | re.MULTILINE)
    of = {name: mask[1] for name, body in functions if (mask := re.search(r"\(req, (\w+_ATTRS), ", body))}
    return {
        "greet do": set(read_policies()["greet"]),
        "get-info do": set(),
        "stats do": set(),
        "route-new do": masks[of["nld_parse_new"]],
        "route-del do": masks[of["nld_parse_delete"]],
        "route-get do": masks[of["nld_parse_get"]],
        "route-get dump": masks[of["nld_parse_filter"]],
        "flush do": masks[of["nld_parse_filter"]],
    }


def written() -> dict[str, str]:
    """Return the type that the module's sources put each attribute with, by the constant's name."""
    found: dict[str, str] = {}
    for source in sorted(KMOD.glob("*.c")):
        text = source.read_text()
        for how, name in re.findall(r"nla_(?:put|nest)(\w*)\(skb,\s*(NLD_\w+)", text):
            kind = {"": "binary", "_u64_64bit": "u64", "_start": "nest"}.get(how, how.removeprefix("_"))
            assert found.setdefault(name, kind) == kind, name
    return found
