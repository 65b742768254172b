"""One call: from a frame to validated parameters, or to the error that answers it.

A frame is parsed once.  The method's name is found by a look at the frame's first bytes, where every
known client writes it; that selects the one pydantic validator which then reads the whole frame,
envelope and parameters together.  A frame that hides its method further back is parsed twice, and one
that repeats another but for a destination is not parsed at all (``alike.py``).

The name that was peeked is only a guess until the parsed name confirms it (JSON allows ``method``
twice), and the peer's right to call is checked before its parameters are looked at.

Does not belong here: answering (``connection.py``), what methods do.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import from_json, to_json

from nld.control.alike import Alike
from nld.control.interface import Call, Interface, Method, RefusalError, Stream
from nld.control.messages import Elsewhere, ValidateParameters, WriteParameters
from nld.control.portions import LONG, LONGEST, NoCallError, Portion, Portions, TooLongError
from nld.control.reply import ServiceError
from nld.errors import InvalidRecord, LimitExceeded, NldError
from nld.records import invalid
from nld.records.complaint import DETAILS, MAXIMUM, SHOWN, bounded, within
from nld.records.many import Records
from nld.records.peer import Peer
from nld.traced import traced

_METHOD_FIRST = re.compile(rb'\s*\{\s*"method"\s*:\s*"([A-Za-z0-9.-]{1,255})"')


class Envelope(BaseModel):
    """What surrounds the parameters of a call (varlink.org/Method-Call). Unknown members are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")

    method: str
    more: bool | None = None
    oneway: bool | None = None
    upgrade: bool | None = None


@dataclass(frozen=True, slots=True)
class _CallValidator:
    """A method with the validator that reads a whole call of it."""

    method: Method | Stream
    validator: Any


class CallReader:
    """Reads calls to the methods of some interfaces."""

    def __init__(self, interfaces: Mapping[str, Interface]) -> None:
        self._interfaces = interfaces
        self._entries = {
            f"{interface.name}.{method.name}".encode(): _CallValidator(method, _validator(method))
            for interface in interfaces.values()
            for method in interface.methods
        }
        self._alike = Alike(self._parse, _authorize)

    def read(self, frame: bytes, peer: Peer) -> Call:
        """The call in a frame. Raises RefusalError."""
        return self._alike.read(frame, peer)

    def read_long(self, frame: bytes, peer: Peer) -> Generator[None, None, Call]:
        """As :meth:`read`, in short steps; for a frame that is :meth:`long`.

        A call that asks has no routes to be cut between: it is one portion, and no longer than that may be.
        """
        entry = self._peeked(frame)
        if entry is not None and len(frame) <= LONGEST:  # else it is refused without being parsed
            _bound(entry.method, frame, peer)
        calls: list[Call] = []
        routes = Records.none()
        complaints = _RecordComplaints()
        try:
            for portion in Portions(frame):
                if portion is not None:
                    try:
                        calls[:] = [self._alike.read(portion.frame, peer)]
                    except RefusalError as refusal:
                        complaints.add(refusal, portion)
                        if complaints.enough:
                            break
                    else:
                        if isinstance(calls[0].method, Stream):
                            return calls[0]
                        read = _routes(calls[0])
                        complaints.passed(read.destinations, portion)
                        if not complaints.found:
                            routes.join(read, goes_on=portion.goes_on)
                yield
        except TooLongError as error:
            raise RefusalError(LimitExceeded(str(error), field="message_bytes"), broken=True) from None
        except NoCallError as error:
            raise RefusalError(_broken(str(error)), broken=True) from None
        complaints.tell()
        [call] = calls
        if isinstance(call.parameters, ValidateParameters):
            parameters: Any = call.parameters.model_copy(update={"routes": routes})
        else:
            parameters = Elsewhere(routes, call.parameters.takeover, call.parameters.kernel)
        return Call(call.method, parameters, call.oneway)

    def long(self, frame: bytes, writes: bool) -> bool:
        """Whether a frame is to be read in short steps.

        ``writes``  its peer may write. Others have routes to be read in one method only; their questions are
                    of a bounded length, or cost nothing to read.
        """
        if len(frame) < LONG:
            return False
        entry = None if writes else self._peeked(frame)
        return writes or (entry is not None and entry.method.parameters is ValidateParameters)

    def _peeked(self, frame: bytes) -> _CallValidator | None:
        """What its first bytes say that a frame is."""
        name = _METHOD_FIRST.match(frame)
        return None if name is None else self._entries.get(name[1])

    def _parse(self, frame: bytes, peer: Peer) -> Call:
        peeked = _METHOD_FIRST.match(frame)
        name = peeked[1] if peeked else None
        entry = self._entries.get(name) if name is not None else None
        if entry is None or name is None:
            name = _envelope(frame).method.encode()
            entry = self._entries.get(name)
            if entry is None:
                raise RefusalError(_visible(frame, self._unknown(name.decode())))
        method = entry.method
        _authorize(method, frame, peer)
        _bound(method, frame, peer)
        try:
            call = entry.validator.validate_json(frame)
            parameters = call.parameters
            if parameters is None:
                parameters = method.parameters.model_validate({})
        except ValidationError as error:
            oneway = _envelope(frame).oneway
            raise RefusalError(None if oneway else _explain(frame, method, error)) from None
        if call.method.encode() != name:
            raise RefusalError(_broken("method is given twice"), broken=True)
        if call.oneway and call.more:
            raise RefusalError(_broken("oneway and more exclude each other", "oneway"), broken=True)
        if call.upgrade:
            raise RefusalError(_parameter("upgrade", "no method of this service upgrades the connection"))
        if isinstance(method, Stream) and not method.single and not call.more:
            raise RefusalError(None if call.oneway else ServiceError("ExpectedMore", {}))
        return Call(method, parameters, bool(call.oneway))

    def _unknown(self, name: str) -> ServiceError:
        interface, _, _ = name.rpartition(".")
        if interface in self._interfaces:
            return ServiceError("MethodNotFound", {"method": name})
        return ServiceError("InterfaceNotFound", {"interface": interface or name})


def _routes(call: Call) -> Records:
    """The routes of a call that writes or validates them, and at least one."""
    takes = isinstance(call.parameters, WriteParameters | Elsewhere | ValidateParameters)
    routes = call.parameters.routes if takes else None
    if not isinstance(routes, Records) or not routes:
        raise TooLongError(f"only a call with routes may be longer than {LONG} bytes")
    return routes


class _RecordComplaints:
    """What is wrong with the records of a long call, and how far it has been read."""

    def __init__(self) -> None:
        self.found: list[Mapping[str, Any]] = []
        self._first: NldError | None = None
        self._failed = 0
        self._records = 0

    @property
    def enough(self) -> bool:
        """Whether nobody looks for more."""
        return len(self.found) >= MAXIMUM

    def passed(self, destinations: Sequence[Any], portion: Portion) -> None:
        """A portion was read, with these records."""
        self._records += len(destinations) - portion.goes_on

    def add(self, refusal: RefusalError, portion: Portion) -> None:
        """A portion was refused; raises the refusal again where it is not for a record."""
        error = refusal.error
        if not isinstance(error, InvalidRecord) or error.index is None:
            raise refusal
        before = self._records
        self.passed(from_json(portion.frame)["parameters"]["routes"], portion)
        if portion.goes_on:
            return  # the same is wrong with it as before
        traced(error, lambda index, place: (before + index, place))
        self._first = self._first or error
        self._failed += error.failed or 1
        self.found += error.failures or (error.parameters(),)

    def tell(self) -> None:
        """Raise what was found."""
        if self._first is not None:
            if len(self.found) > 1:
                self._first.failed, self._first.failures = self._failed, tuple(self.found[:MAXIMUM])
            raise RefusalError(self._first)


def _authorize(method: Method | Stream, frame: bytes, peer: Peer) -> None:
    try:
        method.authorize(peer)
    except NldError as error:
        raise RefusalError(_visible(frame, error)) from None


def _bound(method: Method | Stream, frame: bytes, peer: Peer) -> None:
    longest = method.longest(peer)
    if len(frame) > longest:
        message = f"a call of {method.name} is at most {longest} bytes long"
        raise RefusalError(_visible(frame, LimitExceeded(message, field="message_bytes")))


def _validator(method: Method | Stream) -> Any:
    """What reads a whole call of a method, envelope and parameters together."""
    optional: Any = method.parameters | None
    model = create_model(f"{method.name}Call", __base__=Envelope, parameters=(optional, None))
    return model.__pydantic_validator__


def _explain(frame: bytes, method: Method | Stream, found: ValidationError) -> NldError | ServiceError:
    """What the caller is told of parameters that do not fit.

    A parameter that is missing, unknown or of the wrong type is InvalidParameter, which names it.
    What is wrong inside a parameter (a field of a record) is InvalidRecord, with the path, the index
    of the record, and the words of ``nld.records``.

    ``found``  what is wrong with the frame, or with no parameters at all.
    """
    parameters = from_json(frame).get("parameters") or {}
    model = method.parameters
    if isinstance(parameters, dict):
        known = [info.alias or name for name, info in model.model_fields.items()]
        for name in parameters:
            if name not in known:
                shown = name if len(name) <= SHOWN else f"{name[: SHOWN - 3]}..."
                return _parameter(shown, f"{method.name} has no such parameter; it has {_listed(known)}")
    if found.error_count() <= DETAILS:
        return _told(within(found, "parameters"), method)
    try:  # once more, without what would only repeat it
        model.model_validate_json(to_json(bounded(parameters)))
    except ValidationError as error:
        return _told(error, method)
    return _parameter("parameters", "they do not fit the method")


def _told(error: ValidationError, method: Method | Stream) -> NldError | ServiceError:
    complaint = invalid(error, method.name.lower())
    field = complaint.field or "parameters"
    return _parameter(field, complaint.message) if field.isidentifier() else complaint


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _envelope(frame: bytes) -> Envelope:
    """The members beside the parameters. Raises RefusalError when the frame is no call."""
    try:
        return Envelope.model_validate_json(frame)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        where = str(detail["loc"][0]) if detail["loc"] else "message"
        raise RefusalError(_broken(detail["msg"], where), broken=True) from None


def _visible(frame: bytes, error: NldError | ServiceError) -> NldError | ServiceError | None:
    """The error, or None when the call is ``oneway``. Raises RefusalError when the frame is no call."""
    return None if _envelope(frame).oneway else error


def _parameter(name: str, message: str) -> ServiceError:
    return ServiceError("InvalidParameter", {"parameter": name, "message": message})


def _broken(message: str, member: str = "message") -> ServiceError:
    return _parameter(member, f"not a valid Varlink call: {message}")
