"""The module's sources build on each other in one direction: the order in which Kbuild names them."""

from __future__ import annotations

import re

from .contract import KMOD

# A definition begins a line; a declaration ends with a semicolon, and what is static is a file's own.
_DEFINITION = re.compile(r"^(?!static\b)\w[\w \t*]*?\b(nld_\w+)\([^;{}]*\)\s*\{", re.MULTILINE)


def order() -> list[str]:
    """List the module's files from the bottom to the top."""
    lines = re.findall(r"^nld-y [:+]= (.*)$", (KMOD / "Kbuild").read_text(), re.MULTILINE)
    return [name.removesuffix(".o") for line in lines for name in line.split()]


def code(name: str) -> str:
    """Return a file without comments and strings."""
    text = (KMOD / f"{name}.c").read_text()
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', " ", text, flags=re.DOTALL)


def test_every_file_has_its_place() -> None:
    names = order()
    assert len(set(names)) == len(names)
    assert set(names) == {path.stem for path in KMOD.glob("*.c")} - {"trie_test"}


def test_calls_go_down() -> None:
    names = order()
    sources = {name: code(name) for name in names}
    defined = {function: name for name in names for function in _DEFINITION.findall(sources[name])}
    assert len(defined) > 50
    wrong = [
        f"{name}.c uses {function}() of {defined[function]}.c"
        for name in names
        for function in sorted(set(re.findall(r"\bnld_\w+", sources[name])) & set(defined))
        if names.index(defined[function]) > names.index(name)
    ]
    assert wrong == []


def test_every_function_has_a_caller_elsewhere() -> None:
    """What no other file uses is static."""
    sources = {name: code(name) for name in order()}
    for name, text in sources.items():
        for function in _DEFINITION.findall(text):
            users = [other for other, words in sources.items() if other != name and function in words]
            assert users, f"{function}() of {name}.c"


def test_readme_lists_the_files_in_their_order() -> None:
    rows = re.findall(r"^\| `(\w+)\.c` \|", (KMOD / "README.md").read_text(), re.MULTILINE)
    assert rows == [*order(), "trie_test"]
