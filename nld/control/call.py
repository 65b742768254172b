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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import from_json, to_json

from nld.control.alike import Alike
from nld.control.interface import Call, Interface, Method, RefusalError, Stream
from nld.control.reply import ServiceError
from nld.errors import NldError
from nld.records import invalid
from nld.records.peer import Peer

_METHOD_FIRST = re.compile(rb'\s*\{\s*"method"\s*:\s*"([A-Za-z0-9.-]{1,255})"')


class Envelope(BaseModel):
    """What surrounds the parameters of a call (varlink.org/Method-Call). Unknown members are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")

    method: str
    more: bool | None = None
    oneway: bool | None = None
    upgrade: bool | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """A method with the validator that reads a whole call of it."""

    method: Method | Stream
    validator: Any


class CallReader:
    """Reads calls to the methods of some interfaces."""

    def __init__(self, interfaces: Mapping[str, Interface]) -> None:
        self._interfaces = interfaces
        self._entries = {
            f"{interface.name}.{method.name}".encode(): _Entry(method, _validator(method))
            for interface in interfaces.values()
            for method in interface.methods
        }
        self._alike = Alike(self._parse, _authorize)

    def read(self, frame: bytes, peer: Peer) -> Call:
        """The call in a frame. Raises RefusalError."""
        return self._alike.read(frame, peer)

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
        try:
            call = entry.validator.validate_json(frame)
            parameters = call.parameters
            if parameters is None:
                parameters = method.parameters.model_validate({})
        except ValidationError:
            oneway = _envelope(frame).oneway
            raise RefusalError(None if oneway else _explain(frame, method)) from None
        if call.method.encode() != name:
            raise RefusalError(_broken("method is given twice"), broken=True)
        if call.oneway and call.more:
            raise RefusalError(_broken("oneway and more exclude each other", "oneway"), broken=True)
        if call.upgrade:
            raise RefusalError(_parameter("upgrade", "no method of this service upgrades the connection"))
        if isinstance(method, Stream) and not call.more:
            raise RefusalError(None if call.oneway else ServiceError("ExpectedMore", {}))
        return Call(method, parameters, bool(call.oneway))

    def _unknown(self, name: str) -> ServiceError:
        interface, _, _ = name.rpartition(".")
        if interface in self._interfaces:
            return ServiceError("MethodNotFound", {"method": name})
        return ServiceError("InterfaceNotFound", {"interface": interface or name})


def _authorize(method: Method | Stream, frame: bytes, peer: Peer) -> None:
    try:
        method.authorize(peer)
    except NldError as error:
        raise RefusalError(_visible(frame, error)) from None


def _validator(method: Method | Stream) -> Any:
    """What reads a whole call of a method, envelope and parameters together."""
    optional: Any = method.parameters | None
    model = create_model(f"{method.name}Call", __base__=Envelope, parameters=(optional, None))
    return model.__pydantic_validator__


def _explain(frame: bytes, method: Method | Stream) -> NldError | ServiceError:
    """What the caller is told of parameters that do not fit; they are looked at once more, by themselves.

    A parameter that is missing, unknown or of the wrong type is InvalidParameter, which names it.
    What is wrong inside a parameter (a field of a record) is InvalidRecord, with the path, the index
    of the record, and the words of ``nld.records``.
    """
    parameters = from_json(frame).get("parameters") or {}
    model = method.parameters
    if isinstance(parameters, dict):
        known = [info.alias or name for name, info in model.model_fields.items()]
        for name in parameters:
            if name not in known:
                return _parameter(name, f"{method.name} has no such parameter; it has {_listed(known)}")
    try:
        model.model_validate_json(to_json(parameters))
    except ValidationError as error:
        complaint = invalid(error, method.name.lower())
        field = complaint.field or "parameters"
        return _parameter(field, complaint.message) if field.isidentifier() else complaint
    return _parameter("parameters", "they do not fit the method")


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
    return _parameter(member, f"this is no Varlink call: {message}")
