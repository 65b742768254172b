"""Where an error's record stands in the caller's list: in its fields, its path, and its words. Pure.

Records are sent in calls of another shape than the caller's list, and the daemon counts in what it got.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from nld.errors import NldError

RecordPosition: TypeAlias = tuple[int, int | None]
"""A record's place in a list, and a destination's place in the record's list (None without a list)."""
Trace: TypeAlias = Callable[[int, int | None], RecordPosition]
"""From a position in a call to that in the caller's list."""

_PATH = re.compile(r"routes\[(\d+)\](?:\.dst\[(\d+)\])?")


def traced(error: NldError, trace: Trace) -> NldError:
    """The same error, with its positions and those of its ``failures`` in the caller's list."""
    values = traced_parameters(error.parameters(), trace)
    error.message = values["message"]
    error.args = (error.message,)
    error.field = values.get("field")
    error.index = values.get("index")
    error.destination_index = values.get("destination_index")
    error.failures = tuple(traced_parameters(failure, trace) for failure in error.failures)
    return error


def traced_parameters(failure: Mapping[str, Any], trace: Trace) -> dict[str, Any]:
    """As ``traced``, for the parameters of an error."""

    def path(match: re.Match[str]) -> str:
        given = None if match[2] is None else int(match[2])
        index, destination = trace(int(match[1]), given)
        if given is None:
            return f"routes[{index}]"
        return f"routes[{index}].dst" if destination is None else f"routes[{index}].dst[{destination}]"

    values = dict(failure)
    index, destination = failure.get("index"), failure.get("destination_index")
    if isinstance(index, int):
        positions = dict(zip(("index", "destination_index"), trace(index, destination), strict=True))
        values |= positions
        for name in ("field", "message"):
            if isinstance(values.get(name), str):
                values[name] = _PATH.sub(path, values[name], count=1)
    return {name: value for name, value in values.items() if value is not None}
