"""Every public name says what it is for.

Public: a module, class, function or method whose name and whose whole path have no leading underscore.
Overrides of a documented method, ``__init__`` (documented by its class), and properties that the class's
docstring lists as ``name`` need no words of their own.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "nld").rglob("*.py"))
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(node: ast.Module | ast.ClassDef, path: str) -> Iterator[str]:
    listed = ast.get_docstring(node) or ""
    for child in node.body:
        if not isinstance(child, Definition) or child.name.startswith("_"):
            continue
        marks = {ast.unparse(mark) for mark in child.decorator_list}
        if "property" in marks and f"``{child.name}``" in listed:
            continue
        if ast.get_docstring(child) is None and not marks & {"override", "typing.override", "overload"}:
            yield f"{path}:{child.lineno} {child.name}"
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_have_docstrings(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    name = str(path.relative_to(ROOT))
    missing = list(undocumented(tree, name))
    if text.strip() and ast.get_docstring(tree) is None:
        missing.append(f"{name}:1 (the file)")
    assert not missing, "\n".join(missing)


def test_no_file_is_a_drawer() -> None:
    """A file is a noun of the domain; design by drawer hides what belongs together."""
    drawers = {"util", "utils", "common", "helper", "helpers", "misc", "core", "manager", "handler"}
    assert not [path for path in FILES if path.stem in drawers]
