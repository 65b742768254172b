"""Who is behind a netlink protocol: nld.ko of our ABI, or a sentence that says what to do.

What a module that is there does, the tests in a machine show.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from nld.errors import KernelUnavailable, NldError
from nld.kernel import attachment
from nld.kernel.attachment import Buffers, attach, check, loaded_anew
from nld.kernel.greeting import greet
from nld.netlink.module import ABI_VERSION, INFO_FORM, MAGIC, Info

GENERIC, NOBODY = 16, 30
ADVICE = (
    f"this nld speaks ABI {ABI_VERSION}; install the module of this version (make kmod-install) and load it"
)
RIGHT = Info(magic=MAGIC, abi=ABI_VERSION, features=63, version="0.1.0", max_routes_netns=100)


def test_our_module_is_taken() -> None:
    check(RIGHT, 31)
    # Limits and features are for the status; a module that does not say them is ours all the same.
    check(Info(magic=MAGIC, abi=ABI_VERSION), 31)


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        (
            replace(RIGHT, magic=MAGIC + 1),
            "netlink protocol 29 belongs to another kernel module: its answer to GET_INFO does not bear"
            " nld's mark",
        ),
        (
            replace(RIGHT, magic=None),
            "netlink protocol 29 belongs to another kernel module: its answer to GET_INFO does not bear"
            " nld's mark",
        ),
        (
            replace(RIGHT, abi=ABI_VERSION + 1, version="9.2"),
            f"nld.ko 9.2 speaks ABI {ABI_VERSION + 1}, {ADVICE}",
        ),
        (
            replace(RIGHT, abi=None),
            f"nld.ko 0.1.0 does not say its ABI, {ADVICE}",
        ),
        (
            replace(RIGHT, abi=7, version=None),
            f"nld.ko of unknown version speaks ABI 7, {ADVICE}",
        ),
    ],
    ids=["another mark", "no mark", "another ABI", "no ABI", "no version"],
)
def test_anything_else_is_refused_with_its_sentence(info: Info, sentence: str) -> None:
    answer = INFO_FORM.decode(INFO_FORM.encode(info))
    with pytest.raises(KernelUnavailable) as caught:
        check(answer, 29)
    assert caught.value.message == sentence


async def refusal(number: int) -> NldError:
    """Why nobody can attach there."""
    with pytest.raises(KernelUnavailable) as caught:
        await attach(number, Buffers(0, 0, 0), absorb=lambda messages: None, overrun=lambda: None)
    return caught.value


async def test_another_protocol_of_the_kernel() -> None:
    error = await refusal(GENERIC)
    assert error.message == (
        "netlink protocol 16 belongs to another kernel module: it does not know GET_INFO"
    )


async def test_a_protocol_that_nobody_has() -> None:
    error = await refusal(NOBODY)
    assert error.message == "this kernel has no netlink protocol 30: no kernel module offers it"
    assert error.errno == "EPROTONOSUPPORT"


async def test_a_greeting_to_nobody() -> None:
    with pytest.raises(KernelUnavailable, match="no netlink protocol 30"):
        await greet(NOBODY, "Hello")


async def test_loaded_anew_means_gone_and_come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded = tmp_path / "nld"
    state = loaded / "initstate"
    loaded.mkdir()
    state.write_text("live\n")
    looks: list[str] = []

    async def turn(seconds: float) -> None:
        """In place of waiting: the next thing that happens to the module."""
        if not looks:
            state.unlink()
            loaded.rmdir()
        elif looks[-1] == "gone":
            loaded.mkdir()
            state.write_text("coming\n")
        else:
            state.write_text("live\n")
        looks.append("gone" if not loaded.exists() else state.read_text().strip())

    monkeypatch.setattr(attachment, "LOADED", loaded)
    monkeypatch.setattr(asyncio, "sleep", turn)
    await loaded_anew()
    assert looks == ["gone", "coming", "live"]


async def test_a_quick_exchange_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unloaded and loaded between two looks."""
    for name in ("nld", "next"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "initstate").write_text("live\n")
    turns = 0

    async def turn(seconds: float) -> None:
        nonlocal turns
        turns += 1
        (tmp_path / "nld").rename(tmp_path / "before")
        (tmp_path / "next").rename(tmp_path / "nld")

    monkeypatch.setattr(attachment, "LOADED", tmp_path / "nld")
    monkeypatch.setattr(asyncio, "sleep", turn)
    await loaded_anew()
    assert turns == 1


async def test_a_module_that_stays_is_taken_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "initstate").write_text("live\n")
    monkeypatch.setattr(attachment, "LOADED", tmp_path)
    monkeypatch.setattr(attachment, "RELEASED", 0.01)
    monkeypatch.setattr(attachment, "POLL", 0.001)
    await loaded_anew()
