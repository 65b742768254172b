"""What both clients share: calls to bytes, bytes to replies and errors. No I/O, standard library only.

A reply's parameters stay JSON text (``Reply.text``) until somebody asks for values, so that a program
which only prints or forwards what the daemon says never parses it.

The daemon writes ``{"parameters":...,"continues":true}`` and ``{"error":...,"parameters":...}`` in
exactly this order; a reply that looks otherwise is parsed whole.

Does not belong here: sockets, event loops, timeouts (``blocking.py``, ``asynchronous.py``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, NotRequired, Protocol, TypeAlias, TypedDict, runtime_checkable

from nld.errors import (
    WIRE_ERRORS,
    ConnectionFailed,
    InvalidRecord,
    LimitExceeded,
    NldError,
    PermissionDenied,
    ProtocolBroken,
    Unsupported,
    from_parameters,
)

SOCKET: Final = "/run/nld/io.nld"
"""Where the daemon listens unless its configuration says otherwise."""
SOCKET_VARIABLE: Final = "NLD_SOCKET"
"""Environment variable with another path."""
REPLY_BYTES: Final = 64 * 1024 * 1024
"""Longest reply that a client takes, in bytes; the daemon's own batches are far below."""
ENDS: Final = (ConnectionFailed, ProtocolBroken, LimitExceeded)
"""Errors after which a connection is of no more use."""
TIMEOUT: Final = 45.0
"""Seconds to wait for a reply by default (sd-varlink: 45 s)."""

_PARAMETERS = b'{"parameters":'
_CONTINUES = b',"continues":true}'
_SERVICE = "org.varlink.service."
_ABSENT = frozenset(
    _SERVICE + name for name in ("InterfaceNotFound", "MethodNotFound", "MethodNotImplemented")
)


@runtime_checkable
class Dumpable(Protocol):
    """A pydantic model, such as ``nld.records.RouteRecord``, without importing pydantic."""

    def model_dump(self, *, mode: str, by_alias: bool, exclude_none: bool) -> dict[str, Any]:
        """The model as JSON-ready values."""


Route: TypeAlias = dict[str, Any]
"""A route as ``ip -j route`` prints it."""
Answers: TypeAlias = list[dict[str, Any]]
"""Answers of a look-up, one for each address."""
RouteLike: TypeAlias = Mapping[str, Any] | Dumpable
"""What is taken for a route."""


class Change(TypedDict):
    """One change of a route.

    ``event``       ``new``, ``append``, ``replace`` or ``delete``.
    ``route``       the route after the change; for ``delete`` the route that was.
    ``generation``  number of the change, growing.
    ``port_id``     netlink address of whoever made it, if known.
    ``cause``       why a route went that nobody deleted, such as ``link down``.
    """

    event: str
    route: Route
    generation: int
    port_id: NotRequired[int]
    cause: NotRequired[str]


class Watched(TypedDict):
    """One reply of a watch.

    ``kind``     ``snapshot``: ``routes`` is a part of what is there; ``synced``: the snapshot is
                 complete; ``changes``: ``changes`` happened, in order; ``resync``: notifications were
                 lost, forget the state, a new snapshot follows.
    ``cursor``   where to resume a later watch.
    """

    kind: str
    cursor: str
    routes: NotRequired[list[Route]]
    changes: NotRequired[list[Change]]


class Reply(NamedTuple):
    """A reply without error. ``text`` is its parameters' JSON; ``continues`` says that more follow."""

    text: bytes
    continues: bool

    def values(self) -> dict[str, Any]:
        """The parameters, parsed."""
        values = json.loads(self.text)
        if not isinstance(values, dict):
            raise ProtocolBroken("the parameters of a reply are not a JSON object")
        return values


def default_socket() -> str:
    """The path of the daemon's socket: ``NLD_SOCKET``, or /run/nld/io.nld when that is unset or empty."""
    return os.environ.get(SOCKET_VARIABLE) or SOCKET


def encode_call(
    method: str, parameters: Mapping[str, Any], *, more: bool = False, oneway: bool = False
) -> bytes:
    """One call as a frame, NUL included. Parameters that are None are left out.

    ``method``  its full name, such as ``io.nld.Add``. It goes first, where the daemon looks for it.
    """
    call: dict[str, Any] = {"method": method}
    if more:
        call["more"] = True
    if oneway:
        call["oneway"] = True
    call["parameters"] = {name: value for name, value in parameters.items() if value is not None}
    return encode_json(call) + b"\0"


def encode_json(value: Any) -> bytes:
    """Compact JSON; pydantic models inside are written by their aliases, without what is None."""
    return _ENCODER.encode(value).encode("ascii")


def dump(value: Any) -> dict[str, Any]:
    """A mapping or a record as a new dict of JSON-ready values. Raises TypeError for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        values: dict[str, Any] = value.model_dump(mode="json", by_alias=True, exclude_none=True)
        return values
    raise TypeError(f"{type(value).__name__} is neither a mapping, a record, nor a plain JSON value")


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=dump, allow_nan=False, check_circular=False)


class ReplyDecoder:
    """Cuts what was received into replies; linear in the bytes fed, however they were cut."""

    __slots__ = ("_buffer", "_scanned")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0

    @property
    def pending(self) -> int:
        """Bytes held: replies not taken yet and the unfinished one."""
        return len(self._buffer)

    def feed(self, data: bytes | memoryview) -> None:
        """Append what was received."""
        self._buffer += data

    def take(self) -> Reply | None:
        """The next reply, or None when more bytes are needed.

        Raises the error that the daemon sent in its place, as its class of nld.errors; ProtocolBroken
        when it is not a reply.
        """
        buffer = self._buffer
        end = buffer.find(0, self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            if self._scanned > REPLY_BYTES:
                raise ProtocolBroken(f"a reply is longer than {REPLY_BYTES} bytes")
            return None
        with memoryview(buffer) as view:
            frame = bytes(view[:end])
        del buffer[: end + 1]
        self._scanned = 0
        return decode_reply(frame)


def decode_reply(frame: bytes) -> Reply:
    """A frame without its NUL as a reply. Raises as ``ReplyDecoder.take``."""
    if frame.startswith(_PARAMETERS):
        if frame.endswith(_CONTINUES):
            return Reply(frame[len(_PARAMETERS) : -len(_CONTINUES)], True)
        if frame.endswith(b"}}"):
            return Reply(frame[len(_PARAMETERS) : -1], False)
    try:
        reply = json.loads(frame)
        parameters = reply.get("parameters") or {}
        error = reply.get("error")
    except (ValueError, AttributeError, RecursionError) as cause:
        raise ProtocolBroken(f"not a Varlink reply: {frame[:60]!r}") from cause
    if error is not None:
        raise error_of(str(error), parameters)
    return Reply(encode_json(parameters), bool(reply.get("continues")))


def error_of(name: str, parameters: Mapping[str, Any]) -> NldError:
    """The error of nld.errors for a Varlink error."""
    if name in WIRE_ERRORS:
        return from_parameters(name, parameters)
    message = str(parameters.get("message") or f"the daemon answers {name} {dict(parameters) or ''}".strip())
    if name == _SERVICE + "InvalidParameter":
        return InvalidRecord(message, field=str(parameters.get("parameter", "")))
    if name == _SERVICE + "PermissionDenied":
        return PermissionDenied(message)
    if name in _ABSENT:
        return Unsupported(message)
    return ProtocolBroken(message)


def unreachable(path: str, error: OSError) -> ConnectionFailed:
    """Why a connection could not be made, and how to go on."""
    words = error.strerror or str(error)
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        advice = (
            "is nld running? Start it with 'systemctl start nld', try 'nld sandbox', or set "
            f"{SOCKET_VARIABLE} to the path of its socket"
        )
    elif isinstance(error, PermissionError):
        advice = "this user may not open the socket"
    elif isinstance(error, TimeoutError):
        advice = "the daemon does not answer"
    else:
        advice = f"is it nld's socket? {SOCKET_VARIABLE} names another"
    return ConnectionFailed(f"cannot reach nld at {path}: {words}; {advice}", operation="connect")


def broken(path: str, why: str) -> ConnectionFailed:
    """A connection that ended in the middle of a call."""
    return ConnectionFailed(f"the connection to nld at {path} {why}; whether the call was done is not known")


def array_of(reply: Reply, name: str) -> bytes:
    """The JSON array text of a reply whose only parameter is the array ``name``, without parsing it."""
    prefix = b'{"%b":' % name.encode("ascii")
    if reply.text.startswith(prefix + b"[") and reply.text.endswith(b"]}"):
        return reply.text[len(prefix) : -1]
    return encode_json(reply.values().get(name, []))


def as_list(routes: RouteLike | Iterable[RouteLike]) -> list[RouteLike]:
    """One route or many, as a list."""
    if isinstance(routes, dict):  # first, for asking whether something is a Mapping takes long
        return [routes]
    if isinstance(routes, Mapping | Dumpable):
        return [routes]
    return list(routes)
