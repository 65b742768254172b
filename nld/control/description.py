"""The Varlink interface description, generated from pydantic models (varlink.org/Interface-Definition).

How Python types become Varlink types:

    bool, int, float, str         bool, int, float, string
    list, tuple[X, ...], set      []X
    dict[str, X]                  [string]X
    X | None, or a default        ?X
    model, enum, named Literal    a type of its own; ``RouteRecord`` is described as ``Route``
    Literal                       (a, b); one word only, or a word that is no identifier: string
    anything else (a union, Any)  object, with a comment that says what it may be

Varlink has no unions, and calls any JSON value that it has no word for ``object``.
A field whose JSON name Varlink cannot spell is named in a comment only.

Does not belong here: what the methods do (``routes.py``).
"""

from __future__ import annotations

import re
import textwrap
import types
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from nld.control.interface import Interface

WIDTH = 100
"""Columns of a comment in the description."""

_IDENTIFIER = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
_SIMPLE = {bool: "bool", int: "int", float: "float", str: "string", bytes: "string"}


def describe(interface: Interface) -> str:
    """The whole description: documentation, types, methods, errors. Ends with a line end."""
    writer = _Writer()
    methods = [
        (*_comment(method.about), f"method {method.name}{parameters} -> {reply}")
        for method in interface.methods
        for parameters in [writer.struct(method.parameters)]
        for reply in [writer.struct(method.reply)]
    ]
    errors = [
        (*_comment(about), f"error {name} {writer.struct(model)}")
        for name, (about, model) in interface.errors.items()
    ]
    members = [*writer.declarations, *(method.name for method in interface.methods), *interface.errors]
    if len(set(members)) < len(members):
        twice = sorted({name for name in members if members.count(name) > 1})
        raise TypeError(f"{interface.name} has two members of one name: {', '.join(twice)}")
    head = (*_comment(interface.about), f"interface {interface.name}")
    blocks = [head, *writer.declarations.values(), *methods, *errors]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


class _Writer:
    """Collects the declarations of types, in the order in which they are first needed."""

    def __init__(self) -> None:
        self.declarations: dict[str, tuple[str, ...]] = {}
        self._sources: dict[str, type] = {}

    def struct(self, model: type[BaseModel]) -> str:
        """``(name: type, ...)``; on several lines when it is long or documented."""
        comments: list[list[str]] = []
        fields: list[str] = []
        unspellable: list[str] = []
        for python_name, info in model.model_fields.items():
            name = info.serialization_alias or info.alias or python_name
            if not _IDENTIFIER.fullmatch(name):
                unspellable.append(name)
                continue
            text, note = self.spell(info.annotation)
            if not info.is_required() and not text.startswith("?"):
                text = f"?{text}"
            about = [part for part in (info.description, f"Either {note}." if note else None) if part]
            comments.append([line for part in about for line in _comment(part, indent=2)])
            fields.append(f"{name}: {text}")
        notes = [f"  # Also {name!r}, a name that Varlink cannot spell." for name in unspellable]
        if not notes and not any(comments):
            return _fill(fields)
        # In front: systemd's parser takes no comment between the last field and the parenthesis.
        lines = ["(", *notes]
        for position, (comment, text) in enumerate(zip(comments, fields, strict=True)):
            lines += [*comment, f"  {text}{',' if position < len(fields) - 1 else ''}"]
        return "\n".join([*lines, ")"])

    def spell(self, annotation: Any) -> tuple[str, str]:
        """The Varlink type of an annotation, and for an ``object`` what it may be, in words."""
        origin = get_origin(annotation)
        arguments = get_args(annotation)
        if origin is Annotated:
            return self.spell(arguments[0])
        if origin in (Union, types.UnionType):
            return self._union(arguments)
        if origin is Literal:
            return _enumeration([str(value) for value in arguments]), ""
        if origin in (list, tuple, set, frozenset, Sequence):
            element, note = self.spell(arguments[0])
            return f"[]{element}", f"{note}, each" if note else ""
        if origin is dict:
            element, note = self.spell(arguments[1])
            return f"[string]{element}", f"{note}, each" if note else ""
        if isinstance(annotation, type):
            return self._class(annotation)
        return "object", ""

    def _class(self, cls: type) -> tuple[str, str]:
        if cls in _SIMPLE:
            return _SIMPLE[cls], ""
        if issubclass(cls, BaseModel):
            return self._declare(cls, lambda: self.struct(cls)), ""
        if issubclass(cls, Enum):
            members = _enumeration([str(member.value) for member in cls])
            return (members if members == "string" else self._declare(cls, lambda: members)), ""
        return "object", ""

    def _union(self, arguments: tuple[Any, ...]) -> tuple[str, str]:
        some = [argument for argument in arguments if argument is not type(None)]
        if len(some) == 1:
            text, note = self.spell(some[0])
        else:
            alternatives = list(dict.fromkeys(self.spell(argument)[0] for argument in some))
            text, note = "object", " or ".join(alternatives)
            if len(alternatives) == 1:
                text, note = alternatives[0], ""
        nullable = len(some) < len(arguments) and not text.startswith("?")
        return (f"?{text}" if nullable else text), note

    def _declare(self, cls: type, body: Callable[[], str]) -> str:
        name = cls.__name__.removesuffix("Record").lstrip("_")
        if self._sources.setdefault(name, cls) is not cls:
            raise TypeError(f"two different types would be described as {name}: {cls}, {self._sources[name]}")
        if name not in self.declarations:
            self.declarations[name] = ()  # holds the place, and ends the recursion of a recursive type
            self.declarations[name] = (*_comment(_documentation(cls)), f"type {name} {body()}")
        return name


def _documentation(cls: type) -> str:
    """The class's own docstring; not the one that it inherits or that its machinery writes."""
    about = cls.__dict__.get("__doc__")
    return textwrap.dedent(about) if isinstance(about, str) else ""


def _enumeration(words: list[str]) -> str:
    """``(a, b)``. One word alone reads as a broken struct to some parsers, so it is a string."""
    if len(words) < 2 or not all(_IDENTIFIER.fullmatch(word) for word in words):
        return "string"
    return f"({', '.join(words)})"


def _fill(fields: list[str]) -> str:
    """The fields in parentheses: on one line where they fit, else on as many as they need."""
    line = f"({', '.join(fields)})"
    if len(line) <= WIDTH - 40:
        return line
    wrapped = textwrap.wrap(
        ", ".join(field.replace(" ", "\u00a0") for field in fields),
        WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False,
    )  # fmt: skip
    return "\n".join(["(", *(line.replace("\u00a0", " ") for line in wrapped), ")"])


def _comment(about: str, indent: int = 0) -> Iterator[str]:
    """``about`` as comment lines: paragraphs are filled, indented lines kept as they are."""
    prefix = " " * indent + "#"
    for line in _paragraphs(about):
        yield f"{prefix} {line}".rstrip()


def _paragraphs(about: str) -> Iterator[str]:
    first, _, rest = about.strip().partition("\n")
    text = f"{first}\n{textwrap.dedent(rest)}".strip()
    if not text:
        return
    for number, paragraph in enumerate(re.split(r"\n[ \t]*\n", text)):
        if number:
            yield ""
        lines = paragraph.splitlines()
        if any(line.startswith((" ", "``")) for line in lines):
            yield from lines
        else:
            yield from textwrap.wrap(" ".join(lines), WIDTH)
