"""Shell completion: which words can come next. Reads the same tables as the grammar.

The shell's script calls ``nld completion words WORD...`` with the words so far, the last of them the
unfinished one, and gets a candidate and what it is for on each line.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from nld.cli import encap_words, names, values
from nld.cli.grammar import VERBS, WRITES, verb_of
from nld.cli.line import abbreviates
from nld.cli.lookup_words import LOOKUP_WORDS
from nld.cli.options import OPTIONS, find_option
from nld.cli.route_words import HOP_WORDS, PREFERENCES, WORDS
from nld.cli.selector_words import SELECTOR_WORDS
from nld.cli.vocabulary import TYPES, Word, find
from nld.errors import NldError

Candidates = list[tuple[str, str]]

COMMANDS: Candidates = [
    ("route", "change, list, look up and watch routes"),
    ("monitor", "show every change of a route"),
    ("status", "show the status of the daemon"),
    ("sandbox", "try nld in a private network"),
    ("daemon", "run the daemon"),
    ("greet", "send a text to the kernel module"),
    ("module", "release the kernel module"),
    ("config", "check a configuration file"),
    ("completion", "print a shell's completion script"),
]
_OF_EXISTING = ("delete", "change", "replace")
"""Verbs whose route may be there."""
_OFFERED, _LOOKED_AT = 64, 50_000
"""Destinations that are offered, and routes that are looked at for them."""
_PATIENCE = 1.0
"""Seconds to wait for the daemon."""
_HIDDEN_VERBS = ("chg", "lst", "test", "showdump", "list")
_CONGESTION = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


def _plain(words: Sequence[str], about: str = "") -> Candidates:
    return [(word, about) for word in words]


def _devices() -> Candidates:
    return _plain([name for _, name in socket.if_nameindex()], "device")


def _congestion() -> Candidates:
    try:
        return _plain(["lock", *_CONGESTION.read_text(encoding="ascii").split()])
    except OSError:
        return _plain(["lock", "cubic", "reno"])


VALUES: dict[str, Callable[[], Candidates]] = {
    "DEVICE": _devices,
    "TABLE": lambda: _plain(list(names.database("table").words), "table"),
    "TABLE|all": lambda: _plain([*names.database("table").words, "all"], "table"),
    "PROTOCOL": lambda: _plain(list(names.database("protocol").words), "protocol"),
    "SCOPE": lambda: _plain(list(names.database("scope").words), "scope"),
    "TOS": lambda: _plain(list(names.database("tos").words), "tos"),
    "REALM": lambda: _plain(list(names.database("realm").words), "realm"),
    "TYPE": lambda: _plain([name for name, _ in TYPES], "type"),
    "PREF": lambda: _plain(PREFERENCES),
    "FEATURE": lambda: _plain(["ecn"]),
    "0|1": lambda: _plain(["0", "1"]),
    "enabled|disabled": lambda: _plain(["enabled", "disabled"]),
    "[lock] NUMBER": lambda: _plain(["lock"], "keep this value whatever the path says"),
    "TIME": lambda: _plain(["lock"], "keep this value whatever the path says"),
    "[lock] NAME": _congestion,
    "[FAMILY] ADDRESS": lambda: _plain(["inet", "inet6"], "family of the gateway"),
    "ENCAP": lambda: _plain([kind for kind in encap_words.KINDS if kind in encap_words.FIELDS]),
}
"""What can stand behind a keyword, by the kind of value in its table row. Free values give nothing."""


def candidates(words: Sequence[str]) -> Candidates:
    """The words that can stand in the place of the last of ``words``; the program's name is not in them."""
    *before, unfinished = words or [""]
    return (
        [pair for pair in _next(before, unfinished) if pair[0].startswith(unfinished)]
        if not unfinished.startswith("-")
        else [(name, about) for name, _, _, about in OPTIONS if name.startswith(unfinished)]
    )


def _next(before: list[str], unfinished: str) -> Candidates:
    at = 0
    while at < len(before) and before[at].startswith("-"):
        name = find_option(before[at])
        takes = next((value for option, _, value, _ in OPTIONS if option == name), "")
        at += 1
        if takes:
            if at == len(before):
                return _plain(takes.split("|")) if "|" in takes else []
            at += 1
    rest = before[at:]
    if not rest:
        return COMMANDS
    if abbreviates(rest[0], "route"):
        return _route(rest[1:], unfinished)
    if rest[0] == "monitor":
        return _route(rest, unfinished)
    if rest == ["module"]:
        return [("release", "close the sockets to the kernel module, so that it can be unloaded")]
    if rest == ["config"]:
        return [("check", "check a configuration file")]
    if rest == ["completion"]:
        return _plain(["bash", "zsh", "fish"])
    return []


def _route(rest: list[str], unfinished: str) -> Candidates:
    rest = [word for index, word in enumerate(rest) if index > 1 or not word.startswith("-")]
    if not rest:
        seen = dict.fromkeys(spelling for spelling, _, _ in VERBS if spelling not in _HIDDEN_VERBS)
        return _plain(list(seen))
    verb, words = verb_of(rest[0]), rest[1:]
    if verb in WRITES:
        return _write(words, unfinished if verb in _OF_EXISTING else None)
    if verb in ("list", "flush", "save", "monitor"):
        found, _ = _walk(SELECTOR_WORDS, words)
        if found is not None:
            return found
        return [*_keywords(SELECTOR_WORDS), ("root", "more specific"), ("match", "covering"), ("exact", "")]
    if verb == "get":
        found, _ = _walk(LOOKUP_WORDS, words)
        return _keywords(LOOKUP_WORDS) if found is None else found
    return []


def _write(words: list[str], unfinished: str | None) -> Candidates:
    """``unfinished`` is the beginning of a destination where only one that is there makes sense."""
    own, hops = words, []
    if "nexthop" in words:
        first = words.index("nexthop")
        own, hops = words[:first], words[first:]
    found, free = _walk(WORDS, own)
    if hops:
        last = len(hops) - hops[::-1].index("nexthop")
        found, _ = _walk(HOP_WORDS, hops[last:])
        return [*_keywords(HOP_WORDS), ("nexthop", "one more next hop")] if found is None else found
    if found is not None:
        return found
    destination = [word for word in free if word != "to" and word not in dict(TYPES)]
    first_words = [] if destination else [*_plain([name for name, _ in TYPES], "type"), ("default", "")]
    if destination:
        return [*_keywords(WORDS), ("nexthop", "one of several next hops")]
    if unfinished is not None:
        first_words += existing(unfinished)
    return first_words if free or not own else [*first_words, *_keywords(WORDS)]


def existing(beginning: str) -> Candidates:
    """Destinations that are there and begin so, at most 64; none without a daemon that answers soon."""
    from nld.client import Client  # noqa: PLC0415 (only this pays for it)

    found: dict[str, str] = {}
    try:
        with Client(timeout=_PATIENCE) as client:
            own = {kernel["protocol"] for kernel in client.status()["kernels"] if kernel["name"] == "fib"}
            with closing(client.list({"protocol": own.pop()})) as routes:
                for route in islice(routes, _LOOKED_AT):
                    if route["dst"].startswith(beginning) and route["dst"] != "default":
                        found[route["dst"]] = "a route"
                        if len(found) == _OFFERED:
                            break
    except (NldError, KeyError, TypeError, AttributeError):
        return []
    return list(found.items())


def _keywords(table: Sequence[Word[Any]]) -> Candidates:
    return [(row.name, row.about) for row in table]


def _walk(table: Sequence[Word[Any]], words: list[str]) -> tuple[Candidates | None, list[str]]:
    """What the last keyword still waits for (None when a keyword can follow), and the words of no keyword."""
    free: list[str] = []
    at = 0
    while at < len(words):
        row = find(table, words[at])
        at += 1
        if row is None:
            free.append(words[at - 1])
            continue
        if not row.value:
            continue
        if row.value == "ENCAP":
            waits, at = _walk_encap(words, at)
            if waits is not None:
                return waits, free
            continue
        if at == len(words):
            return VALUES.get(row.value, list)(), free
        if words[at] in ("lock", "to") or (row.name == "via" and words[at] in values.FAMILIES):
            at += 1
            if at == len(words):
                return ([pair for pair in VALUES.get(row.value, list)() if pair[0] != "lock"]
                        if row.value == "[lock] NAME" else []), free  # fmt: skip
        at += 1
    return None, free


def _walk_encap(words: list[str], at: int) -> tuple[Candidates | None, int]:
    if at == len(words):
        return VALUES["ENCAP"](), at
    kind = words[at]
    fields = encap_words.FIELDS.get(kind, {})
    switches = encap_words.SWITCHES.get(kind, ())
    at += 1
    if kind == "mpls":
        if at == len(words):
            return [], at
        at += 1
    start = at
    while at < len(words):
        if words[at] in switches:
            at += 1
        elif words[at] in fields:
            if at + 1 == len(words):
                choices = {"mode": encap_words.SEG6_MODES, "action": encap_words.SEG6_ACTIONS}
                return _plain(choices.get(words[at], ())), at
            at += 2
        else:
            break
    if at == len(words) and (at == start or any(name not in words[start:] for name in fields)):
        used = words[start:]
        own = [name for name in (*fields, *switches) if name not in used]
        return (_plain(own, f"of encap {kind}") + ([] if at == start else _keywords(WORDS))), at
    return None, at


SCRIPTS = {
    "bash": """\
_nld() {
    local IFS=$'\\n'
    COMPREPLY=($(nld completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _nld nld
""",
    "zsh": """\
#compdef nld
_nld() {
    local line
    local -a found
    for line in "${(@f)$(nld completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
    done
    _describe nld found
}
if [[ $funcstack[1] == _nld ]]; then _nld "$@"; else compdef _nld nld; fi
""",
    "fish": """\
function __nld_complete
    set -l words (commandline -opc)
    nld completion words -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c nld -f -a '(__nld_complete)'
""",
}
"""What ``nld completion SHELL`` prints."""
