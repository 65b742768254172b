"""The layers of docs/architecture.md, checked on the imports of every file.

A part may import the parts on its line below, and no others.  Imports for type checkers only
(``if TYPE_CHECKING``) count too: a layer that names another's types knows it.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LOWEST = {"errors", "names", "device_name", "prefix", "traced"}
BOTTOM = LOWEST | {"netlink", "records", "config", "metrics", "log", "service_manager"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "names": set(),
    "device_name": set(),
    "prefix": set(),
    "traced": {"errors"},
    "netlink": {"errors"},
    "records": LOWEST,
    "config": LOWEST,
    "metrics": LOWEST,
    "log": set(),
    "service_manager": set(),
    "kernel": BOTTOM - {"config", "service_manager"},
    "rib": LOWEST | {"records", "netlink", "metrics"},
    "policy": LOWEST | {"records"},
    "broker": BOTTOM - {"config", "service_manager"} | {"kernel", "rib", "policy"},
    "control": LOWEST | {"records", "metrics", "log", "broker", "policy", "kernel"},
    "client": LOWEST | {"records"},
    "cli": LOWEST | {"records", "client"},
    "sandbox": LOWEST | {"netlink", "service_manager"},
    "tour": LOWEST | {"client"},
    "daemon": BOTTOM | {"kernel", "rib", "policy", "broker", "control"},
}
"""What each part of nld may import, itself aside."""

STARTS: dict[str, set[str]] = {"cli": {"daemon", "sandbox", "config", "tour"}}
"""Parts that the command line starts: imported in a function only, so that no other command pays."""

THIRD_PARTY: dict[str, set[str]] = {
    "pydantic": {"records", "config", "control", "kernel", "broker", "rib", "policy"},
    "pydantic_core": {"records", "config", "control"},
    "structlog": {"log", "kernel", "broker", "rib", "control", "daemon"},
    "uvloop": {"daemon", "control"},
    "click": {"cli"},
}
"""Which parts may use which library: nld.netlink is the standard library's alone."""


def part_of(path: Path) -> str:
    """``nld/kernel/fib.py`` -> ``kernel``; ``nld/errors.py`` -> ``errors``."""
    return path.relative_to(ROOT / "nld").parts[0].removesuffix(".py")


def imports(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """(module, line, whether it is inside a function) of every import."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            names = [f"nld.{alias.name}" for alias in node.names] if node.module == "nld" else [node.module]
            for name in names:
                yield name, node.lineno, id(node) in inside


FILES = sorted(path for path in (ROOT / "nld").rglob("*.py") if path != ROOT / "nld/__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_layer_reaches_up_or_sideways(path: Path) -> None:
    part = part_of(path)
    assert part in MAY_IMPORT, f"{part} is no part that docs/architecture.md knows"
    breaches = []
    for module, line, lazily in imports(ast.parse(path.read_text())):
        top, _, below = module.partition(".")
        if top == "nld":
            used = below.partition(".")[0]
            allowed = MAY_IMPORT[part] | {part} | (STARTS.get(part, set()) if lazily else set())
            if used and used not in allowed:
                breaches.append(f"{path.relative_to(ROOT)}:{line}: {part} may not import {module}")
        elif part not in THIRD_PARTY.get(top, {part}):
            breaches.append(f"{path.relative_to(ROOT)}:{line}: {part} may not use {top}")
    assert not breaches, "\n".join(breaches)


def test_no_file_knows_another_in_a_circle() -> None:
    """Each file can be read after those that it imports; imports for type checkers count."""
    paths = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in FILES}
    files = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    before = {name: _imported(name, path, files) for name, path in files.items()}
    try:
        tuple(TopologicalSorter(before).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def _imported(name: str, path: Path, files: Mapping[str, Path]) -> set[str]:
    """The files of nld that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= below & files.keys() or {node.module}
    return found & files.keys() - {name}


def test_only_the_kernel_layer_opens_netlink_sockets() -> None:
    """The sandbox makes its links before there is a daemon."""
    users = {part_of(path) for path in FILES if "socket.AF_NETLINK" in path.read_text()}
    assert users <= {"kernel", "sandbox"}
