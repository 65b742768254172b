"""What the server sends: replies and errors as ready frames.

A reply that is JSON text already (``RawReply``) is framed without being parsed again; the text must be
one JSON object and hold no NUL, which JSON text never does.  ``error`` always comes first in an error
reply and ``continues`` always last in a reply, so that a client may tell them apart by their ends.

Does not belong here: who gets the reply, and when (``connection.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from nld.errors import NldError

SERVICE = "org.varlink.service"


@dataclass(slots=True)
class RawReply:
    """The parameters of a reply as JSON text, in UTF-8, without NUL.

    ``text``   one object; with ``field``, the value of the reply's only parameter.
    ``field``  the name of that parameter.
    """

    text: bytes
    field: str | None = None


Reply = BaseModel | RawReply


class ServiceError(Exception):
    """An error of org.varlink.service, the errors of the protocol itself (varlink.org/Service).

    ``name``        full error name, such as ``org.varlink.service.MethodNotFound``.
    ``parameters``  what the error carries; ``message``, where present, says in words what is wrong
                    (an addition of nld: the standard's errors carry a name only).
    """

    def __init__(self, name: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(f"{SERVICE}.{name} {dict(parameters)}")
        self.name = f"{SERVICE}.{name}"
        self.parameters = parameters


def encode_reply(reply: Reply, *, continues: bool = False) -> bytes:
    """One frame, NUL included. ``continues`` marks that more replies to the same call follow.

    A model is written by its aliases, without the fields that are None.
    """
    if isinstance(reply, RawReply):
        if reply.field is not None:
            before = b'{"parameters":{"%b":' % reply.field.encode("ascii")
            return b"".join((before, reply.text, b'},"continues":true}\0' if continues else b"}}\0"))
        text = reply.text
    else:
        text = reply.__pydantic_serializer__.to_json(reply, by_alias=True, exclude_none=True)
    return b"".join((b'{"parameters":', text, b',"continues":true}\0' if continues else b"}\0"))


def encode_error(error: NldError | ServiceError) -> bytes:
    """One frame, NUL included."""
    parameters = error.parameters() if isinstance(error, NldError) else dict(error.parameters)
    return to_json({"error": error.name, "parameters": parameters}) + b"\0"
