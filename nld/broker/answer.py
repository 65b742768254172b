"""The answer to a look-up: which way a packet goes, and why.

The kernel says the way and the matching route.  It does not say which policy rule led to the table, so
the rules are gone through in the kernel's order: the first whose selector fits the packet and whose
table is the one that answered.  When a route refuses the packet (blackhole, unreachable, prohibit,
throw) the kernel says an errno alone; then the mirror shows which route it was.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from nld.broker.view import View
from nld.kernel.refusal import explained
from nld.kernel.selection import Row
from nld.kernel.table import Answer
from nld.netlink.registry import RTN, RuleAction
from nld.netlink.route import Route
from nld.netlink.rule import NO_SUPPRESSION, Range, Rule
from nld.records import LookupQuestion


async def answer(view: View, question: LookupQuestion, form: str) -> str:
    """One look-up as a JSON object."""
    said: Answer = await view.table.lookup(question)
    match = said.match
    asked = said.asked
    address = asked.dst or b""
    rules = [rule for rule in view.table.rules(asked.family) if _fits(view, rule, asked)]
    found = match or _first_match(view, rules, address)
    error = said.error
    if error is None:
        match = found
    else:
        kind = None if found is None else found[0].type
        error = explained(error, asked, kind)
        if kind in _ERRNOS and asked.iif is None and error.errno in _ERRNOS[kind]:
            match = found  # it answered, and by this errno
    parts = [f'"address":{json.dumps(question.address)}']
    if said.route is not None:
        parts.append(f'"route":{view.table.text(said.route, form)}')
    if match is not None:
        table = match[0].table
        rule = next((rule for rule in rules if rule.table == table), None)
        if rule is not None:
            parts.append(f'"rule":{json.dumps(_rule(view, rule))}')
        parts.append(f'"table":{json.dumps(view.table.table_name(table))}')
        parts.append(f'"match":{view.table.texts([match], form, True)[0]}')
    if error is not None:
        parts.append(f'"error":{json.dumps({"error": error.name, **error.parameters()})}')
    return "{" + ",".join(parts) + "}"


_ERRNOS: Mapping[int | None, tuple[str, ...]] = {
    RTN.UNREACHABLE: ("EHOSTUNREACH",),
    RTN.PROHIBIT: ("EACCES",),
    RTN.BLACKHOLE: ("EINVAL",),
    RTN.THROW: ("ENETUNREACH", "EAGAIN"),
}
"""What the kernel says of an address that a route of this type answers for (net/ipv4/fib_semantics.c)."""


def _first_match(view: View, rules: list[Rule], address: bytes) -> Row | None:
    """The route that the rules lead to; one of type throw where they go on behind it and find no other."""
    thrown: Row | None = None
    for rule in rules:
        if rule.action == RuleAction.TO_TBL:
            found = view.longest(rule.table, address)
            if found is None or _suppressed(rule, found[0].length):
                continue
            if found[0].type != RTN.THROW:
                return found
            thrown = thrown or found
    return thrown


def _suppressed(rule: Rule, length: int) -> bool:
    """Whether a rule passes over results with such a short prefix."""
    least = rule.suppress_prefix_len
    return least not in (None, NO_SUPPRESSION) and length <= least


def _fits(view: View, rule: Rule, asked: Route) -> bool:
    """Whether a rule's selector fits the packet (``fib_rule_match``, net/core/fib_rules.c)."""
    tests = (
        _covers(rule.src, rule.src_len, asked.src),
        _covers(rule.dst, rule.dst_len, asked.dst),
        not rule.tos or rule.tos == asked.tos,
        rule.iif is None or rule.iif == ("lo" if asked.iif is None else view.table.device_name(asked.iif)),
        rule.oif is None or (asked.oif is not None and rule.oif == view.table.device_name(asked.oif)),
        _marked(rule, asked.mark or 0),
        _within(rule.uid_range, asked.uid or 0),
        rule.ip_proto in (None, asked.ip_proto),
        _within(rule.sport_range, asked.sport),
        _within(rule.dport_range, asked.dport),
    )
    return all(tests) != rule.invert


def _covers(prefix: bytes | None, length: int, address: bytes | None) -> bool:
    if not length:
        return True
    if prefix is None or address is None:
        return False
    shift = 8 * len(prefix) - length
    return int.from_bytes(prefix, "big") >> shift == int.from_bytes(address, "big") >> shift


def _marked(rule: Rule, mark: int) -> bool:
    if rule.fwmark is None and rule.fwmask is None:
        return True
    mask = 0xFFFFFFFF if rule.fwmask is None else rule.fwmask
    return ((rule.fwmark or 0) ^ mark) & mask == 0


def _within(wanted: Range | None, value: int | None) -> bool:
    return wanted is None or (value is not None and wanted.start <= value <= wanted.end)


def _rule(view: View, rule: Rule) -> dict[str, Any]:
    """The rule in the words of ``ip -j rule``."""
    fields: dict[str, Any] = {"priority": rule.priority or 0}
    if rule.invert:
        fields["not"] = None
    for name, address, length in (("src", rule.src, rule.src_len), ("dst", rule.dst, rule.dst_len)):
        if address is not None:
            fields[name] = socket.inet_ntop(rule.family, address)
            if length != 8 * len(address):
                fields[f"{name}len"] = length
        elif name == "src":
            fields[name] = "all"
    if rule.fwmark is not None:
        fields["fwmark"] = f"{rule.fwmark:#x}"
        if rule.fwmask not in (None, 0xFFFFFFFF):
            fields["fwmask"] = f"{rule.fwmask:#x}"
    if rule.iif is not None:
        fields["iif"] = rule.iif
    if rule.oif is not None:
        fields["oif"] = rule.oif
    if rule.uid_range is not None:
        fields["uid_start"], fields["uid_end"] = rule.uid_range
    fields["table"] = view.table.table_name(rule.table)
    return fields
