"""One name, one thing: no two classes share a name, unless the glossary says that they are one thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = {ROOT / "nld/client" / name for name in ("blocking.py", "replies.py", "mirror.py")}
"""Made from their asyncio twins, with the names of these but for ``Async``."""

LEFT = {"Counters", "Cut", "Entry", "Event", "Policy", "Reading", "Shape"}
"""Names that still stand for two things in the kernel's layers. A name that no longer does goes from here."""


def classes(path: Path) -> Iterator[str]:
    """Names of a file's classes, private or not, and of its type aliases."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and ast.unparse(node.annotation) == "TypeAlias"
        ):
            yield node.target.id.lstrip("_")


def shared() -> dict[str, set[str]]:
    """The parts with a class of a name, for names that more than one file has."""
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted((ROOT / "nld").rglob("*.py")):
        for name in set(classes(path)):
            if path not in GENERATED or name == "Mirror":
                files[name].append(path)
    return {
        name: {path.relative_to(ROOT / "nld").parts[0].removesuffix(".py") for path in paths}
        for name, paths in files.items()
        if len(paths) > 1
    }


def glossary() -> dict[str, set[str]]:
    """The names that the glossary has as one thing, and the parts that it names."""
    text = (ROOT / "docs/glossary.md").read_text().partition("## One thing, several sides")[2]
    rows = re.findall(r"^\| ([A-Z]\w+) \| ([\w, ]+) \|", text, re.MULTILINE)
    return {name: set(parts.split(", ")) for name, parts in rows}


def test_a_name_that_two_files_have_is_one_thing() -> None:
    found = shared()
    assert {name: parts for name, parts in found.items() if name not in LEFT} == glossary()
    assert found.keys() >= LEFT, "this name stands for one thing now: take it off the list"
