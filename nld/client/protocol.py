"""What both clients share: calls to bytes, bytes to replies and errors. No I/O, standard library only.

A reply's parameters stay JSON text (``Reply.text``) until somebody asks for values, so that a program
which only prints or forwards what the daemon says never parses it.

The daemon writes ``{"parameters":...,"continues":true}`` and ``{"error":...,"parameters":...}`` in
exactly this order; a reply that looks otherwise is parsed whole.

Does not belong here: sockets, event loops, timeouts (``blocking.py``, ``asynchronous.py``).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NamedTuple,
    NotRequired,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    runtime_checkable,
)

from nld.errors import (
    WIRE_ERRORS,
    ConnectionFailed,
    InvalidRecord,
    LimitExceeded,
    NldError,
    NoAnswer,
    PermissionDenied,
    ProtocolBroken,
    Unreachable,
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
LONGEST_TIMEOUT: Final = 1e9
"""Seconds that a time-out may have, some thirty years: event loops and the kernel count in smaller units."""

_PARAMETERS = b'{"parameters":'
_CONTINUES = b',"continues":true}'
_SERVICE = "org.varlink.service."
_ABSENT = frozenset(
    _SERVICE + name for name in ("InterfaceNotFound", "MethodNotFound", "MethodNotImplemented")
)


T = TypeVar("T")


@runtime_checkable
class Dumpable(Protocol):
    """A pydantic model, such as ``nld.records.RouteRecord``, without importing pydantic."""

    def model_dump(self, *, mode: str, by_alias: bool, exclude_none: bool) -> dict[str, Any]:
        """The model as JSON-ready values."""


LookupAnswers: TypeAlias = list[dict[str, Any]]
"""LookupAnswers of a look-up, one for each address."""
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from nld.client.route import Filter, Route

Destination: TypeAlias = "str | IPv4Address | IPv6Address | IPv4Network | IPv6Network"
"""An address or prefix."""
RouteLike: TypeAlias = "Route | Mapping[str, Any] | Dumpable"
"""What is taken for a route."""
FilterLike: TypeAlias = "Filter | Mapping[str, Any]"
"""What is taken for a filter."""


class Change(TypedDict):
    """One change of a route.

    ``event``       ``new``, ``replace`` or ``delete``. There may be several routes with one key: ``new``
                    does not say that there was none.
    ``route``       the route after the change; for ``delete`` the route that was.
    ``previous``    with ``replace``: the route in whose place it is now.
    ``generation``  number of the change, growing.
    ``port_id``     netlink address of whoever made it, if known.
    ``cause``       why a route went that nobody deleted, such as ``link down``.
    """

    event: Literal["new", "replace", "delete"]
    route: Route
    previous: NotRequired[Route]
    generation: int
    port_id: NotRequired[int]
    cause: NotRequired[str]


class Watched(TypedDict):
    """One reply of a watch.

    ``kind``     ``snapshot``: ``routes`` is a part of what is there; ``synced``: the snapshot is
                 complete; ``changes``: ``changes`` happened, in order; ``resync``: notifications were
                 lost, forget the state, a new snapshot follows.
    ``cursor``   with ``synced`` and ``changes``: where to resume a later watch.
    """

    kind: Literal["snapshot", "synced", "changes", "resync"]
    cursor: NotRequired[str]
    routes: NotRequired[list[Route]]
    changes: NotRequired[list[Change]]


class Reply(NamedTuple):
    """A reply without error. ``text`` is its parameters' JSON; ``continues`` says that more follow."""

    text: bytes
    continues: bool

    def values(self) -> dict[str, Any]:
        """The parameters, parsed. Raises ProtocolBroken."""
        values = parse_json(self.text)
        if not isinstance(values, dict):
            raise ProtocolBroken("the parameters of a reply are not a JSON object")
        return values

    def parameter(self, name: str, kind: type[T]) -> T:
        """One parameter, which must be there and of this type. Raises ProtocolBroken."""
        value = self.values().get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ProtocolBroken(f"the reply's {name} is not what it should be: {str(value)[:60]!r}")
        return value


Absorb: TypeAlias = Callable[[Reply | NldError], None]
"""What takes an answer."""


def parse_json(text: bytes) -> Any:
    """JSON that the other side sent. Raises ProtocolBroken for whatever it cannot be read as."""
    try:
        return _DECODER.decode(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
        raise ProtocolBroken(f"not a Varlink reply: {text[:60]!r}: {why}") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:20]} is too large a number")
    return value


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def patience(timeout: float | None) -> float | None:
    """A time-out as it is taken everywhere: seconds, or None for ever.

    Raises TypeError for what is not a number, and ValueError for what is not above 0 and at most
    ``LONGEST_TIMEOUT``.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds, or None to wait for ever; not {timeout!r}")
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise ValueError(
            f"timeout must be above 0 and at most {LONGEST_TIMEOUT:.0f} seconds, or None to wait for ever;"
            f" not {timeout!r}"
        )
    return float(timeout)


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


def _plain(value: Any) -> Any:
    """What JSON has in the place of an object: the text of an address or network of ``ipaddress``."""
    return str(value) if type(value).__module__ == "ipaddress" else dump(value)


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_plain, allow_nan=False, check_circular=False)


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
    reply = parse_json(frame)
    parameters = reply.get("parameters") if isinstance(reply, dict) else 0
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise ProtocolBroken(f"not a Varlink reply: {frame[:60]!r}")
    error = reply.get("error")
    if error is not None:
        raise error_of(str(error), parameters)
    return Reply(encode_json(parameters), bool(reply.get("continues")))


def error_of(name: str, parameters: Mapping[str, Any]) -> NldError:
    """The error of nld.errors for a Varlink error."""
    if name in WIRE_ERRORS:
        error = from_parameters(name, parameters)
        if not error.failures and error.index is not None:
            error.failures = ({"error": error.name, **error.parameters()},)
        return error
    message = str(parameters.get("message") or f"the daemon answers {name} {dict(parameters) or ''}".strip())
    if name == _SERVICE + "InvalidParameter":
        return InvalidRecord(message, field=str(parameters.get("parameter", "")))
    if name == _SERVICE + "PermissionDenied":
        return PermissionDenied(message)
    if name in _ABSENT:
        return Unsupported(message)
    return ProtocolBroken(message)


def unreachable(path: str, error: OSError) -> Unreachable:
    """Why a connection could not be made, and how to go on."""
    words = error.strerror or str(error)
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        advice = (
            "is nld running? Start it with 'systemctl start nld', try 'nld sandbox', or set "
            f"{SOCKET_VARIABLE} to the path of its socket"
        )
    elif isinstance(error, PermissionError):
        advice = "this user may not open the socket"
    elif isinstance(error, BlockingIOError | TimeoutError):  # the queue of listen(2) stayed full
        words = "timed out" if isinstance(error, BlockingIOError) else words or "timed out"
        advice = "the daemon takes no new connections at the moment"
    else:
        advice = f"is it nld's socket? {SOCKET_VARIABLE} names another"
    return Unreachable(f"cannot reach nld at {path}: {words}; {advice}", operation="connect")


def unsent(path: str, why: str) -> Unreachable:
    """A call that did not go out, not wholly at least; the daemon does nothing of the like."""
    return Unreachable(f"the connection to nld at {path} {why}; nothing of the call was done")


def unanswered(path: str, why: str) -> NoAnswer:
    """A connection that ended, or took too long, in the middle of a call."""
    return NoAnswer(f"the connection to nld at {path} {why}; whether the call was done is not known")


def too_long(error: LimitExceeded, index: int) -> LimitExceeded:
    """A call was too long for one record, which is the caller's with this index: the error says so."""
    error.index, error.field = index, f"routes[{index}]"
    error.message = f"routes[{index}]: {error.message}"
    error.args = (error.message,)
    return error


def array_of(reply: Reply, name: str) -> bytes:
    """The JSON array text of a reply whose only parameter is the array ``name``, without parsing it."""
    prefix = b'{"%b":' % name.encode("ascii")
    if reply.text.startswith(prefix + b"[") and reply.text.endswith(b"]}"):
        return reply.text[len(prefix) : -1]
    return encode_json(reply.parameter(name, list))


def as_list(routes: RouteLike | Iterable[RouteLike]) -> list[RouteLike]:
    """One route or many, as a list."""
    if isinstance(routes, dict):  # first, for asking whether something is a Mapping takes long
        return [routes]
    if isinstance(routes, Mapping | Dumpable):
        return [routes]
    return list(routes)
