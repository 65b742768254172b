"""What a wrong file is told: the line, the key path, what was wrong, what is allowed."""

import os
from pathlib import Path

import pytest

from nld import config
from nld.config.model import Config, overflow_id
from nld.errors import ConfigInvalid


def refusal(text: str | bytes) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as caught:
        config.parse(text.encode() if isinstance(text, str) else text, "nld.toml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        ("x =", 1, None, "not TOML"),
        ("\n\nx = [", 3, None, "not TOML"),
        (b"# fine\nx = '\xff'", 2, None, "not UTF-8"),
        ('sockte = "/x"', 1, "sockte", 'unknown key; did you mean "socket"?'),
        ("[lgo]", 1, "lgo", 'did you mean "log"?'),
        ("zzz = 1", 1, "zzz", "allowed here: socket, busy_poll, log, kernel, limits, watch, policy"),
        ("[log]\n\nlevel = 'loud'", 3, "log.level", "'loud' is not known; allowed: debug, info"),
        ("log.level = 'loud'", 1, "log.level", "debug, info, warning or error"),
        ("log = { level = 'loud' }", 1, "log.level", "debug, info, warning or error"),
        ("log = 3", 1, "log", "3 is not a table; write [log]"),
        ("[kernel]\ndefault = 'modul'", 2, "kernel.default", "allowed: fib or module"),
        ("[kernel]\ndefault = 'module'", 2, "kernel.default", "set kernel.module.enabled = true too"),
        ("[kernel.module]\nnumber = 32", 2, "kernel.module.number", "a whole number from 1 to 31"),
        (
            "[kernel.module]\nenabled = true\ndevice = 'nld%d'",
            3,
            "kernel.module.device",
            "not a valid device name",
        ),
        ("[kernel.module]\nenabled = true\ndevice = 'all'", 3, "kernel.module.device", "every device"),
        ("[kernel.module]\ndevice = 'via0'", 2, "kernel.module.device", "set enabled = true too"),
        ("[kernel.fib]\nprotocol = 0", 2, "kernel.fib.protocol", "0 is out of range; allowed: a whole"),
        ("[kernel.fib]\nprotocol = 256", 2, "kernel.fib.protocol", "256 is out of range"),
        ("[kernel.fib]\nprotocol = '131'", 2, "kernel.fib.protocol", "'131' is not a whole number"),
        ("[kernel.fib]\nsend_buffer = 1.5", 2, "kernel.fib.send_buffer", "1.5 is not a whole number"),
        ("[kernel.fib]\nrecv_buffer = 1", 2, "kernel.fib.recv_buffer", 'did you mean "receive_buffer"'),
        ("[limits]\nconnections = true", 2, "limits.connections", "True is not a whole number"),
        ("[limits]\npartial_bytes = 5000", 2, "limits.partial_bytes", "less than limits.message_bytes"),
        ("[limits]\nmessage_bytes = 99999999", 1, "limits.partial_bytes", "(99999999)"),
        ("socket = 'nld.sock'", 1, "socket", "'nld.sock' is not an absolute path"),
        (f"socket = '/{'x' * 107}'", 1, "socket", "at most 107 bytes"),
        ("[policy]\nwrite_users = 0", 2, "policy.write_users", "0 is not a list"),
        ("[policy]\nwrite_users = [0,\n true]", 2, "policy.write_users[1]", "True is not a whole number"),
        ("[policy]\nwrite_users = [-1]", 2, "policy.write_users[0]", "-1 is out of range"),
        ("[policy]\nwrite_users = [4294967295]", 2, "policy.write_users[0]", "out of range"),
        ("[policy]\nwrite_users = ['n o']", 2, "policy.write_users[0]", "no user 'n o'"),
        ("[policy]\nwrite_groups = ['n o']", 2, "policy.write_groups[0]", "no group 'n o'"),
    ],
)
def test_a_wrong_file_is_told_where_and_what(
    text: str | bytes, line: int, field: str | None, words: str
) -> None:
    error = refusal(text)
    assert (error.key, error.field) == (f"nld.toml:{line}", field)
    assert str(error).startswith(f"nld.toml:{line}: ")
    assert words in str(error)


def test_every_fault_of_a_file_is_told_in_its_order() -> None:
    error = refusal("[watch]\nbatch = 0\nhistory = -1\n[log]\nlevel = 1\n")
    assert error.failed == 3
    assert [failure["field"] for failure in error.failures] == [
        "watch.batch",
        "watch.history",
        "log.level",
    ]
    assert "(and 2 more)" in str(error)


def test_the_empty_file_is_the_defaults() -> None:
    assert config.parse(b"", "nld.toml") == Config()


def test_what_is_set_is_set_and_the_rest_stays() -> None:
    changed = config.parse(b"[watch]\nhistory = 0\n[policy]\nwrite_users = ['root', 7]\n", "nld.toml")
    assert changed.watch.history == 0
    assert changed.watch.batch == Config().watch.batch
    assert changed.policy.write_users == (0, 7)


def test_a_missing_file_is_an_error_only_if_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "none.toml")
    with pytest.raises(ConfigInvalid, match="no such file"):
        config.load(missing)
    monkeypatch.setattr("nld.config.file.DEFAULT_PATH", missing)
    assert config.load(None) == Config()
    (tmp_path / "none.toml").write_text("[log]\nlevel = 'debug'\n")
    assert config.load(None).log.level == "debug"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=f"cannot be read: {os.strerror(21)}"):
        config.load(str(tmp_path))


def test_what_a_reload_cannot_take_up() -> None:
    new = config.parse(
        b"[log]\nlevel = 'debug'\n[limits]\nconnections = 7\n[policy]\nwrite_users = []\n", "nld.toml"
    )
    assert config.needs_restart(Config(), new) == ["limits.connections"]
    assert config.needs_restart(Config(), Config()) == []


@pytest.mark.parametrize(("mode", "refused"), [(0o644, False), (0o664, False), (0o646, True), (0o666, True)])
def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path, mode: int, refused: bool) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[policy]\nwrite_users = [0]\n")
    path.chmod(mode)
    if refused:
        with pytest.raises(ConfigInvalid, match="everybody may write this file"):
            config.load(str(path))
    else:
        assert config.load(str(path)).policy.write_users == (0,)


@pytest.mark.parametrize(("key", "kind"), [("write_users", "user"), ("write_groups", "group")])
def test_the_number_of_all_that_have_none_is_refused(key: str, kind: str) -> None:
    number = overflow_id(kind)
    with pytest.raises(ConfigInvalid, match=f"overflow{kind[0]}id") as caught:
        config.parse(f"[policy]\n{key} = [0, {number}]\n".encode(), "c")
    assert caught.value.key == "c:2"
    assert caught.value.field == f"policy.{key}[1]"
