"""What all records have in common: strictness, and the few kinds of text that occur in them.

A record is strict: a number is a number and never its text, an unknown field is an error and never
dropped.  Two things are read generously because scripts write them both ways: a table, protocol,
scope, tos or realm may be its number as well as its name, and becomes text.

Does not belong here: rules between fields (with the model that has them), and the words of error
messages (``complaint.py``).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from nld.device_name import LONGEST, name_of, size
from nld.prefix import parse_address, parse_prefix


class FieldError(ValueError):
    """A rule between fields was broken. ``field`` is the path of the one to blame, inside the record."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Record(BaseModel):
    """Base of all records: strict types, no unknown fields, immutable."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _named(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _tos(value: Any) -> Any:
    # A bare number is read as hexadecimal where it is text (as ip does), so spell an int as 0x...
    return f"0x{value:02x}" if type(value) is int and value >= 0 else _named(value)


def _word(text: str) -> str:
    if not text or not text.isprintable() or any(mark.isspace() for mark in text):
        raise ValueError("must be a word or a number, without blanks")
    return text


def _device(text: str) -> str:
    if not text or text in {".", ".."} or "/" in text:
        raise ValueError("is not a valid device name")
    if not text.isprintable() or any(mark.isspace() for mark in text):
        raise ValueError(
            "is not a valid device name: it has a blank or unprintable character (write the byte as \\xff)"
        )
    if size(name_of(text)) > LONGEST:
        raise ValueError(f"is not a valid device name: it has more than {LONGEST} bytes")
    return text


def _address(text: str) -> str:
    parse_address(text)
    return text


def _prefix(text: str) -> str:
    parse_prefix(text)
    return text


def _hexadecimal(value: Any) -> Any:
    return f"{value:#x}" if type(value) is int and value >= 0 else value


Named = Annotated[str, BeforeValidator(_named), AfterValidator(_word)]
"""A name of iproute2's databases, or a number."""
Tos = Annotated[str, BeforeValidator(_tos), AfterValidator(_word)]
"""A type of service byte: its name, or hexadecimal, such as ``0x10``."""
Device = Annotated[str, AfterValidator(_device)]
"""A device name (at most 15 bytes), an alternative name (at most 127), or ``if5`` for index 5.

Bytes that are not printable UTF-8 are written ``\\xff`` (``nld.device_name``)."""
Address = Annotated[str, AfterValidator(_address)]
"""An IPv4 or IPv6 address as text."""
Prefix = Annotated[str, AfterValidator(_prefix)]
"""A prefix as text, such as ``10.0.0.0/8``; a bare address is a host route; ``default``."""
Hexadecimal = Annotated[str, BeforeValidator(_hexadecimal), Field(pattern=r"^0x[0-9a-fA-F]{1,16}$")]
"""A number in hexadecimal, such as ``0x10``, as ``ip`` prints some."""

U8 = Annotated[int, Field(ge=0, le=0xFF)]
U16 = Annotated[int, Field(ge=0, le=0xFFFF)]
U32 = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]
U64 = Annotated[int, Field(ge=0, le=0xFFFFFFFFFFFFFFFF)]
