"""Reading the file: TOML to :class:`Config`, or one error that says where and what.

A file is taken whole or not at all.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nld.config.model import Config, Manual, Section, keys
from nld.errors import ConfigInvalid

DEFAULT_PATH = "/etc/nld/config.toml"
"""Read when no path is given, if it exists."""


def load(path: str | None = None) -> Config:
    """Read the configuration.

    ``path``  a TOML file, which must exist; None: :data:`DEFAULT_PATH` if it exists, else defaults.

    A file that everybody may write is refused: who may change routes would be anybody's decision.

    Raises ConfigInvalid: ``key`` is ``file:line`` (or the file alone), ``field`` the key path, and if
    several things are wrong ``failures`` has each, in the order of the file.
    """
    name = path if path is not None else DEFAULT_PATH
    try:
        with Path(name).open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read()
    except FileNotFoundError as error:
        if path is None:
            return Config()
        raise ConfigInvalid(f"{name}: no such file", key=name, errno="ENOENT") from error
    except OSError as error:
        raise ConfigInvalid(f"{name}: cannot be read: {error.strerror}", key=name) from error
    if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IWOTH:
        raise ConfigInvalid(
            f"{name}: everybody may write this file, and so decide who may change routes; chmod o-w {name}",
            key=name,
        )
    return parse(text, name)


def parse(text: bytes, name: str) -> Config:
    """The configuration in ``text`` (TOML, UTF-8); ``name`` is the file's name for messages.

    Raises ConfigInvalid as :func:`load` does.
    """
    try:
        document = text.decode()
        tree = tomllib.loads(document)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigInvalid(f"{name}:{line}: not UTF-8", key=f"{name}:{line}") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        line_text = (place[1] if place else None) or str(document.count("\n") + 1)
        words = str(error)[: place.start()] if place else str(error)
        raise ConfigInvalid(
            f"{name}:{line_text}: not TOML: {words[:1].lower()}{words[1:]}", key=f"{name}:{line_text}"
        ) from error
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise _refusal([_complaint(entry) for entry in error.errors()], document, name) from error
    contradictions = list(_contradictions(config))
    if contradictions:
        raise _refusal(contradictions, document, name)
    return config


def _contradictions(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Values that do not go together: the key path to change, and the words."""
    limits = config.limits
    if limits.partial_bytes < limits.message_bytes:
        path: tuple[str | int, ...] = ("limits", "partial_bytes")
        yield (
            path,
            (
                f"{limits.partial_bytes} is less than limits.message_bytes ({limits.message_bytes});"
                f" allowed: {_manual(path).allowed}"
            ),
        )
    if config.kernel.default == "module" and not config.kernel.module.enabled:
        yield ("kernel", "default"), "'module' is not driven; set kernel.module.enabled = true too"
    if config.kernel.module.device and not config.kernel.module.enabled:
        yield ("kernel", "module", "device"), "the module is not driven; set enabled = true too"


_TYPE_WORDS: Mapping[str, str] = {
    "int_type": "not a whole number",
    "string_type": "not text in quotes",
    "string_pattern_mismatch": "not an absolute path, or too long",
    "tuple_type": "not a list",
    "model_type": "not a table",
    "model_attributes_type": "not a table",
}


def _manual(path: tuple[str | int, ...]) -> Manual:
    return next(key.manual for key in keys() if key.path == path[: len(key.path)])


def _complaint(entry: Any) -> tuple[tuple[str | int, ...], str]:
    """Key path, and what was wrong and what is allowed, of one pydantic error."""
    path: tuple[str | int, ...] = entry["loc"]
    if entry["type"] == "extra_forbidden":
        model: type[Section] = Config
        for part in path[:-1]:
            annotation = model.model_fields[str(part)].annotation
            assert isinstance(annotation, type)
            model = annotation
        near = difflib.get_close_matches(str(path[-1]), model.model_fields, n=1)
        guess = f'; did you mean "{near[0]}"?' if near else ""
        return path, f"unknown key{guess}; allowed here: {', '.join(model.model_fields)}"
    if entry["type"] in {"model_type", "model_attributes_type"}:
        return path, f"{entry['input']!r} is not a table; write [{'.'.join(map(str, path))}]"
    if entry["type"] == "value_error":
        words = str(entry["ctx"]["error"])
    elif entry["type"] in _TYPE_WORDS:
        words = f"{entry['input']!r} is {_TYPE_WORDS[entry['type']]}"
    else:
        words = f"{entry['input']!r} is out of range"
        if entry["type"] == "literal_error":
            words = f"{entry['input']!r} is not known"
    return path, f"{words}; allowed: {_manual(path).allowed}"


def _refusal(complaints: list[tuple[tuple[str | int, ...], str]], document: str, name: str) -> ConfigInvalid:
    """One error for all complaints; the first in the file speaks, the others are in ``failures``."""
    placed = sorted((_line(document, path) or 0, path, words) for path, words in complaints)
    parameters = []
    for line, path, words in placed:
        place = f"{name}:{line}" if line else name
        dotted = ""
        for part in path:
            dotted += f"[{part}]" if isinstance(part, int) else f".{part}" if dotted else part
        parameters.append({"message": f"{place}: {dotted}: {words}", "key": place, "field": dotted})
    first = parameters[0]
    more = f" (and {len(parameters) - 1} more)" if len(parameters) > 1 else ""
    return ConfigInvalid(
        first["message"] + more,
        key=first["key"],
        field=first["field"],
        failed=len(parameters) if more else None,
        failures=tuple(parameters) if more else (),
    )


def _line(document: str, path: tuple[str | int, ...]) -> int | None:
    """The line (from 1) that sets ``path``, or the nearest table above it; None if none was found.

    Reads headers and ``key =`` only: enough for every usual file, and a wrong guess costs a line
    number, never a wrong value.
    """
    wanted = tuple(part for part in path if isinstance(part, str))
    table: tuple[str, ...] = ()
    best: tuple[int, int] | None = None
    for number, text in enumerate(document.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", text):
            table = _parts(header[1])
            here = table
        elif assignment := re.match(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=""", text):
            here = (*table, *_parts(assignment[1]))
        else:
            continue
        depth = len(here)
        if here == wanted[:depth] and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
