"""What is wrong with a record, in words: pydantic's errors made nld's own.

Each complaint names the field by its path in the call (``routes[3].nexthops[0].gateway``), says what
is wrong with it and what is allowed.  The first is the error; all of them are in its ``failures``.

Who sends much that is wrong gets no more for it: after some hundred complaints nobody looks for more, and
a name that was meant is looked for ``GUESSES`` times.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails

from nld.errors import InvalidRecord
from nld.records.filter import RouteFilter
from nld.records.key import RouteKey
from nld.records.lookup import LookupQuestion
from nld.records.metrics import MetricsRecord
from nld.records.model import FieldError
from nld.records.nexthop import NextHopRecord
from nld.records.route import RouteRecord

MAXIMUM = 100
"""How many complaints about one call are reported."""
GUESSES = 5
"""For how many unknown names of one call a similar one is looked for."""
SHOWN = 60
"""Characters of a name or value that are shown."""
DETAILS = 4 * MAXIMUM
"""Details of pydantic's that are looked at: of a union there is one for each branch."""

_KINDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "string_unicode": "must be valid UTF-8",
    "bool_type": "must be true or false",
    "list_type": "must be a list [...]",
    "dict_type": "must be an object {...}",
    "model_type": "must be an object {...}",
    "model_attributes_type": "must be an object {...}",
    "missing": "is required",
    "union_tag_not_found": "must have the field type",
}
_TAGS = frozenset({
    "str", "int", "list[str]", "mpls", "ip", "ip6", "seg6", "ila", "bpf", "seg6local", "rpl", "ioam6",
    "xfrm", "unknown",
})  # fmt: skip
"""What pydantic puts into the path to say which branch of a union it means."""
_BRANCHES = ("dst", "encap")
"""Fields that are unions, behind which a tag stands."""


def _fields(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(info.alias or name for name, info in model.model_fields.items())


_PLACES: Mapping[str, tuple[str, ...]] = {
    "metrics": _fields(MetricsRecord),
    "nexthops": _fields(NextHopRecord),
    "filter": _fields(RouteFilter),
    "routes": _fields(RouteRecord),
    "": (*_fields(RouteRecord), *_fields(LookupQuestion)),
}
"""The fields that are known, by the field of the call that they stand in."""
_KNOWN = frozenset().union(*_PLACES.values(), _fields(RouteKey))
"""All of them."""
_HINTS = {
    "src": "for the preferred source address write prefsrc, for a source prefix from",
    "congctl": "write congestion, as ip prints it",
    "realms": 'write {"flow": {"to": ...}}, as ip prints it',
    "proto": "write protocol",
    "priority": "write metric",
    "oif": "write dev",
    "gw": "write gateway",
    "nexthop": "write gateway, or nexthops for several",
    "weight": "it belongs in an entry of nexthops",
    "deleted": "a deleted route cannot be written",
}


def invalid(error: ValidationError, operation: str) -> InvalidRecord:
    """The typed error for what pydantic found.

    ``operation``  what was asked for, such as ``add``.
    ``field`` and ``index`` of the result are those of the first complaint; with several, ``failures``
    has the parameters of each, at most 100, and ``failed`` their number: of the first 400 details.
    """
    guesses = iter(range(GUESSES))
    complaints = [_complaint(details, operation, guesses) for details in _merged(error)]
    first = complaints[0]
    if len(complaints) == 1:
        return first
    return InvalidRecord(
        first.message,
        operation=operation,
        field=first.field,
        index=first.index,
        done=0,
        failed=len(complaints),
        failures=tuple(complaint.parameters() for complaint in complaints[:MAXIMUM]),
    )


def within(error: ValidationError, name: str) -> ValidationError:
    """The same of what is called so alone: of places in it without its name."""
    details = error.errors(include_url=False)
    return ValidationError.from_exception_data(error.title, [_inside(one, name) for one in details])


def _inside(details: ErrorDetails, name: str) -> InitErrorDetails:
    location = details["loc"]
    return InitErrorDetails(
        type=details["type"],
        loc=location[1:] if location[:1] == (name,) else location,
        input=details["input"],
        ctx=details.get("ctx", {}),
    )


def bounded(value: Any) -> Any:
    """JSON that is wrong, without what would only repeat it: of an object's names that no record has, some.

    What made it wrong is still there, or something like it.
    """
    if isinstance(value, list):
        return list(map(bounded, value))
    if not isinstance(value, dict):
        return value
    unknown = iter(range(DETAILS))
    return {
        name: bounded(entry)
        for name, entry in value.items()
        if name in _KNOWN or next(unknown, None) is not None
    }


def _merged(error: ValidationError) -> list[ErrorDetails]:
    """The details, one a field: of a union's branches only that which came nearest."""
    found: dict[str, ErrorDetails] = {}
    for details in islice(error.errors(include_url=False, include_context=True), DETAILS):
        path = _path(details["loc"])
        parent = path.rpartition("[")[0] if path.endswith("]") else ""
        if parent in found and found[parent]["type"] == "string_type":
            del found[parent]
        found.setdefault(path, details)
    return list(found.values())


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    before = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        if before in _BRANCHES and step in _TAGS:
            continue
        name = step if len(step) <= SHOWN else f"{step[: SHOWN - 3]}..."
        path += f".{name}" if path else name
        before = step
    return path


def _complaint(details: ErrorDetails, operation: str, guesses: Iterator[int]) -> InvalidRecord:
    location = details["loc"]
    path = _path(location)
    words = _words(details, str(location[-1]) if location else "", guesses)
    index = next((step for step in location if isinstance(step, int)), None)
    if location and location[0] != "routes":
        index = None
    blamed = (details.get("ctx") or {}).get("error")
    if isinstance(blamed, FieldError):
        path = f"{path}.{blamed.field}" if path else blamed.field
    message = f"{path}: {words}" if path else words
    return InvalidRecord(message, operation=operation, field=path or None, index=index, done=0)


def _words(details: ErrorDetails, field: str, guesses: Iterator[int]) -> str:
    """What is wrong and what is allowed, without the field's name."""
    kind = details["type"]
    context: Mapping[str, Any] = details.get("ctx") or {}
    given = details["input"]
    if kind == "extra_forbidden":
        return _unknown(field, [str(step) for step in details["loc"][:-1] if isinstance(step, str)], guesses)
    if kind == "value_error":
        return str(context.get("error", details["msg"]))
    if kind in {"literal_error", "enum"}:
        return f"{_shown(given)} is not known; allowed: {context.get('expected')}"
    if kind == "union_tag_invalid":
        return f"type '{context.get('tag')}' is not known; allowed: {context.get('expected_tags')}"
    if kind in {"greater_than_equal", "greater_than"}:
        return f"{_shown(given)} is too small; allowed: {context.get('ge', context.get('gt'))} or more"
    if kind in {"less_than_equal", "less_than"}:
        return f"{_shown(given)} is too large; allowed: at most {context.get('le', context.get('lt'))}"
    if kind in {"too_long", "string_too_long"}:
        return f"is too long; allowed: at most {context.get('max_length')}"
    if kind in {"too_short", "string_too_short"}:
        return f"is too short; at least {context.get('min_length')} needed"
    if kind == "string_pattern_mismatch":
        return f"{_shown(given)} is not of the form {context.get('pattern')}"
    if kind == "json_invalid":
        return f"is not JSON: {context.get('error')}"
    words = _KINDS.get(kind, details["msg"])
    return words if kind == "missing" else f"{words}, not {_shown(given)}"


def _unknown(field: str, path: Sequence[str], guesses: Iterator[int]) -> str:
    """What to say of a field that is not known behind this path; the place decides what was meant."""
    place = path[-1] if path else ""
    known = _PLACES.get(place, ())
    if place in {"routes", ""} and field in _PLACES["metrics"]:
        return f'is not a field of a route; write {{"metrics": [{{"{field}": ...}}]}}, as ip prints it'
    if field in _HINTS:
        return f"is not a field of a record; {_HINTS[field]}"
    if place in {"metrics", "nexthops"} and field in _PLACES["routes"]:
        return f"is not a field of an entry of {place}; it belongs to the route"
    guessed = len(field) <= SHOWN and next(guesses, None) is not None
    near = difflib.get_close_matches(field, known, n=1) if guessed else []
    return f"is not a field of a record{f'; did you mean {near[0]}?' if near else ''}"


def _shown(value: object) -> str:
    """The value as JSON would have it, cut where it is long."""
    names = {True: "true", False: "false", None: "null"}
    if isinstance(value, bool) or value is None:
        return names[value]
    if isinstance(value, str):
        text = f"'{value}'" if value.isprintable() else ascii(value)
    elif isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    else:
        text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
