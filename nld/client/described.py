"""Answers as described: what the interface says of a reply is looked at before anybody gets it.

The other side may be anybody who listens at the path.  So what is not as described is ProtocolBroken, and
its words name the field; no caller has to expect a KeyError, and no program prints what is not JSON.

The text of a list is not parsed for that: it is looked through for what the daemon never writes, and parsed
only where there is some of it.

Does not belong here: the fields of a route (the daemon validates those that are written).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from nld.client.protocol import Reply, Watched, array_of, parse_json
from nld.errors import ProtocolBroken

if TYPE_CHECKING:
    from nld.client.route import Route

KINDS: Final = ("snapshot", "synced", "changes", "resync")
"""Of the replies of a watch."""
EVENTS: Final = ("new", "replace", "delete")
"""Of changes."""
SHORT: Final = 4096
"""Bytes of an array that is parsed in any case."""

_STRANGE: Final = (
    re.compile(rb'\},[^{"]'),  # an element that is not an object
    re.compile(rb'":-?[0-9][0-9.]*[eE]'),  # a number with an exponent, which may be too large
)


def broken(field: str, why: str) -> NoReturn:
    """Raise ProtocolBroken for a field of an answer."""
    raise ProtocolBroken(f"the answer is not what the interface describes: {field} {why}", field=field)


def routes_of(text: bytes) -> list[Route]:
    """The routes of an array."""
    routes = parse_json(text)
    return cast("list[Route]", _routes("routes", routes))


def text_of(reply: Reply) -> bytes:
    """The text of an array of routes, not parsed where nothing in it is strange."""
    text = array_of(reply, "routes")
    plain = text == b"[]" or (text.startswith(b"[{") and text.endswith(b"}]") and len(text) > SHORT)
    if not plain or b"NaN" in text or b"Infinity" in text or any(one.search(text) for one in _STRANGE):
        routes_of(text)
    return text


def answers_of(reply: Reply, count: int) -> list[dict[str, Any]]:
    """The answers of a look-up of so many addresses."""
    answers = _objects("answers", reply.values().get("answers"))
    if len(answers) != count:
        broken("answers", f"are {len(answers)}, for {count} addresses")
    for place, answer in enumerate(answers):
        _text(f"answers[{place}].address", answer.get("address"))
        for name in ("route", "match"):
            if answer.get(name) is not None:
                _routes(f"answers[{place}].{name}", [answer[name]])
    return answers


def status_of(reply: Reply) -> dict[str, Any]:
    """What Status says."""
    status = reply.values()
    _text("version", status.get("version"))
    return status


def watched(reply: Reply) -> Watched:
    """One reply of a watch."""
    values = reply.values()
    if values.get("kind") not in KINDS:
        broken("kind", f"must be one of {', '.join(KINDS)}, not {_shown(values.get('kind'))}")
    if values["kind"] == "snapshot":
        _routes("routes", values.get("routes"))
    if values["kind"] == "changes":
        for place, change in enumerate(_objects("changes", values.get("changes"))):
            _change(f"changes[{place}]", change)
    if values.get("cursor") is not None:
        _text("cursor", values.get("cursor"))
    return cast(Watched, values)


def _change(path: str, change: Mapping[str, Any]) -> None:
    if change.get("event") not in EVENTS:
        broken(f"{path}.event", f"must be one of {', '.join(EVENTS)}, not {_shown(change.get('event'))}")
    if type(change.get("generation")) is not int:
        broken(f"{path}.generation", f"must be a whole number, not {_shown(change.get('generation'))}")
    _routes(f"{path}.route", [change.get("route")])
    if change.get("previous") is not None:
        _routes(f"{path}.previous", [change["previous"]])


def _routes(path: str, values: Any) -> list[dict[str, Any]]:
    for place, route in enumerate(_objects(path, values)):
        if type(route.get("dst")) not in (str, list):
            broken(f"{path}[{place}].dst", f"must be text, not {_shown(route.get('dst'))}")
    return cast("list[dict[str, Any]]", values)


def _objects(path: str, values: Any) -> list[dict[str, Any]]:
    if type(values) is not list:
        broken(path, f"must be a list, not {_shown(values)}")
    for place, value in enumerate(values):
        if type(value) is not dict:
            broken(f"{path}[{place}]", f"must be an object, not {_shown(value)}")
    return values


def _text(path: str, value: Any) -> None:
    if type(value) is not str:
        broken(path, f"must be text, not {_shown(value)}")


def _shown(value: Any) -> str:
    return "null" if value is None else repr(value)[:60]
