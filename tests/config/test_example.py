"""config.example.toml, the model and the defaults are one thing."""

import tomllib
from pathlib import Path
from typing import Any

from nld import config
from nld.config.example import example
from nld.config.model import Config, keys

FILE = Path(__file__).parents[2] / "config.example.toml"


def paths(tree: dict[str, Any], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = set()
    for name, value in tree.items():
        found |= paths(value, (*above, name)) if isinstance(value, dict) else {(*above, name)}
    return found


def test_the_file_is_printed_from_the_model() -> None:
    assert FILE.read_text() == example(), "run: python -m nld.config.example > config.example.toml"


def test_the_file_has_every_key_and_its_default() -> None:
    text = FILE.read_bytes()
    assert paths(tomllib.loads(text.decode())) == {key.path for key in keys()}
    assert config.parse(text, str(FILE)) == Config()


def test_every_number_says_what_zero_means_and_every_size_has_a_unit() -> None:
    for key in keys():
        if isinstance(key.default, int) and not isinstance(key.default, bool):
            assert key.manual.zero, key.path
        if key.path[-1].endswith(("_bytes", "_buffer")):
            assert key.manual.unit == "bytes", key.path
