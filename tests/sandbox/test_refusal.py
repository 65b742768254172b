"""Where namespaces are forbidden: which setting does it, and how to go on."""

import errno
import os
from pathlib import Path

import pytest

from nld.errors import PermissionDenied, Unsupported
from nld.sandbox.links import addresses
from nld.sandbox.namespace import refusal


def forbidden() -> OSError:
    return OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize(
    ("setting", "value", "how"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=16384"),
        ("user/max_net_namespaces", "0", "sudo sysctl user.max_net_namespaces=16384"),
    ],
)
def test_the_setting_is_named(tmp_path: Path, setting: str, value: str, how: str) -> None:
    (tmp_path / setting).parent.mkdir()
    (tmp_path / setting).write_text(f"{value}\n")
    error = refusal(forbidden(), tmp_path)
    assert isinstance(error, PermissionDenied)
    assert f"{setting.replace('/', '.')} is {value}" in str(error)
    assert how in str(error)
    assert "sudo nld sandbox" in str(error)
    assert error.errno == "EPERM"


def test_settings_that_allow_are_not_blamed(tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "user/max_user_namespaces").write_text("96365\n")
    assert "seccomp" in str(refusal(forbidden(), tmp_path))


def test_a_kernel_without_namespaces() -> None:
    error = refusal(OSError(errno.ENOSYS, "x"))
    assert isinstance(error, Unsupported)
    assert "CONFIG_USER_NS" in str(error)


@pytest.mark.parametrize(
    ("position", "four", "six"),
    [
        (0, "192.0.2.1/24", "2001:db8::1/64"),
        (1, "192.0.3.1/24", "2001:db8:0:1::1/64"),
        (253, "192.0.255.1/24", "2001:db8:0:fd::1/64"),
    ],
)
def test_addresses(position: int, four: str, six: str) -> None:
    assert [str(one) for one in addresses(position)] == [four, six]
