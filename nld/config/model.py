"""The keys: one pydantic model per TOML table, each key with its manual beside it.

A new key is one annotated line here; ``config.example.toml`` is printed from it (example.py).
"""

from __future__ import annotations

import grp
import pwd
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

MIB = 1 << 20


class Manual(NamedTuple):
    """What a person needs to know about one key. ``reload``: taken up on SIGHUP, else on restart."""

    about: str
    allowed: str
    unit: str | None = None
    zero: str | None = None
    reload: bool = False


def _account(kind: str, look_up: Callable[[str], int]) -> Callable[[object], object]:
    """A validator that takes numbers and names of this machine's accounts, and gives numbers."""

    def number(value: object) -> object:
        if isinstance(value, str):
            try:
                return look_up(value)
            except KeyError:
                raise ValueError(f"this machine has no {kind} {value!r}") from None
        return value

    return number


def _assigned(kind: str) -> Callable[[int], int]:
    """A validator that refuses the overflow id, which stands for every account without a number here."""

    def check(number: int) -> int:
        if number == overflow_id(kind):
            raise ValueError(
                f"{number} stands for every {kind} without a number in this user namespace"
                f" (kernel.overflow{kind[0]}id); it would admit all of them"
            )
        return number

    return check


def overflow_id(kind: str) -> int:
    """The number that the kernel shows for a ``user`` or ``group`` without one here (user_namespaces(7))."""
    try:
        return int(Path(f"/proc/sys/kernel/overflow{kind[0]}id").read_text())
    except (OSError, ValueError):
        return 65534


_User = Annotated[
    int,
    BeforeValidator(_account("user", lambda name: pwd.getpwnam(name).pw_uid)),
    Field(ge=0, lt=2**32 - 1),
    AfterValidator(_assigned("user")),
]
_Group = Annotated[
    int,
    BeforeValidator(_account("group", lambda name: grp.getgrnam(name).gr_gid)),
    Field(ge=0, lt=2**32 - 1),
    AfterValidator(_assigned("group")),
]


def _device(name: str) -> str:
    """Refuse names that the kernel rejects, takes as a template (``nld%d``), or uses in /proc/sys/net."""
    if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", name, re.ASCII):
        raise ValueError(f"{name!r} is not a valid device name")
    if name in ("all", "default"):
        raise ValueError(f"{name!r} means every device in /proc/sys/net")
    return name


class Section(BaseModel):
    """Base of every table: frozen, no unknown keys, no silent conversion (``"1"`` is not 1)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LogConfig(Section):
    """The log: what is written, and where."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Manual("The least severe entry that is written.", "debug, info, warning or error", reload=True),
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "journal"],
        Manual(
            "console: readable lines on standard error. journal: journald's native protocol, each key a"
            " field of its own (journalctl -u nld NLD_DST=10.0.0.0/8). auto: journal if standard error is"
            " connected to the journal (JOURNAL_STREAM), else console.",
            "auto, console or journal",
        ),
    ] = "auto"


class TableConfig(Section):
    """What every kernel table has: the mark of nld's routes, and its sockets."""

    protocol: Annotated[
        int,
        Field(ge=1, le=255),
        Manual(
            "The rtm_protocol that marks nld's routes in the kernel. Routes of any other protocol are"
            " foreign. 0-4 are the kernel's and ip's own; /usr/share/iproute2/rt_protos has the"
            " numbers of other programs.",
            "a whole number from 1 to 255",
            zero="not valid: to the kernel, 0 means unspecified",
        ),
    ] = 131
    receive_buffer: Annotated[
        int,
        Field(ge=0, le=1 << 30),
        Manual(
            "SO_RCVBUF of the request and dump sockets. Limits the messages of one send, since the"
            " reply to each must fit. nld asks for at least 64 KiB; nld status shows what the kernel"
            " granted.",
            "a whole number from 0 to 1073741824",
            unit="bytes",
            zero="leave the kernel's default (net.core.rmem_default)",
        ),
    ] = 4 * MIB
    send_buffer: Annotated[
        int,
        Field(ge=0, le=1 << 30),
        Manual(
            "SO_SNDBUF of the request socket. Limits the bytes of one send. nld asks for at least 64 KiB.",
            "a whole number from 0 to 1073741824",
            unit="bytes",
            zero="leave the kernel's default (net.core.wmem_default)",
        ),
    ] = 1 * MIB
    notification_buffer: Annotated[
        int,
        Field(ge=0, le=1 << 30),
        Manual(
            "SO_RCVBUF of the notification socket: how far nld may fall behind other programs' changes"
            " before the kernel drops some and nld must resync. One change takes about 1 KiB.",
            "a whole number from 0 to 1073741824",
            unit="bytes",
            zero="leave the kernel's default (net.core.rmem_default)",
        ),
    ] = 64 * MIB


class FibConfig(TableConfig):
    """The kernel's own forwarding table, over NETLINK_ROUTE."""


class ModuleConfig(TableConfig):
    """The table of nld.ko, the kernel module."""

    enabled: Annotated[
        bool,
        Manual(
            "Manage the module's table beside the kernel's own. nld.service loads the module if it is"
            " installed; otherwise nld runs without it, and attaches to it when it is loaded.",
            "true or false",
        ),
    ] = False
    number: Annotated[
        int,
        Field(ge=1, le=31),
        Manual(
            "The netlink protocol number of the module: its parameter protocol (modprobe nld protocol=30).",
            "a whole number from 1 to 31",
            zero="not valid: 0 is the kernel's own routing protocol",
        ),
    ] = 31
    device: Annotated[
        str,
        AfterValidator(_device),
        Manual(
            "A device of kind nld that nld creates and sets up. Packets routed to it are forwarded by the"
            " module's table main. The device remains when nld stops, so that a restart does not disturb"
            " traffic; when nld starts with another name here, or none, it removes the device that it"
            " created. Needs kernel.module.enabled ="
            " true.",
            'a name of at most 15 letters, digits, and ".", "_", "-" inside, such as "via0"',
            zero='"" creates none',
        ),
    ] = ""


class KernelConfig(Section):
    """The kernel tables that nld manages: always the FIB, and the module if it is enabled."""

    default: Annotated[
        Literal["fib", "module"],
        Manual(
            "The kernel table for requests that do not name one. module needs kernel.module.enabled = true.",
            "fib or module",
        ),
    ] = "fib"
    fib: FibConfig = FibConfig()
    module: ModuleConfig = ModuleConfig()


class LimitsConfig(Section):
    """What one program may cost the daemon. The first three defaults are those of sd-varlink."""

    message_bytes: Annotated[
        int,
        Field(ge=4096, le=1 << 30),
        Manual(
            "The largest request of a user who may write. A longer one is answered with an error, and its"
            " connection is closed. Regardless of this key, each route in a request has at most 262144 bytes"
            " besides its destinations, as has the rest of the request; users who may not write send at most"
            " 262144 bytes"
            " (Lookup), 32768 (Validate) or 16384 (anything else).",
            "a whole number from 4096 to 1073741824",
            unit="bytes",
            zero="not valid: the limit cannot be turned off",
        ),
    ] = 16 * MIB
    connections: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        Manual(
            "Simultaneous connections to the control socket, of all users together; one in sixteen is"
            " reserved for users who may write. The file descriptor limit (LimitNOFILE= in the unit) must be"
            " higher.",
            "a whole number from 1 to 1000000",
            zero="not valid: no program could connect",
        ),
    ] = 4096
    connections_per_uid: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        Manual(
            "Simultaneous connections to the control socket, of one user.",
            "a whole number from 1 to 1000000",
            zero="not valid: no program could connect",
        ),
    ] = 1024
    partial_bytes: Annotated[
        int,
        Field(ge=4096, le=1 << 34),
        Manual(
            "Memory that all connections together may use: incomplete requests, large queries in progress,"
            " and unread replies. Beyond it a connection is closed: the largest of the user that uses most,"
            " and users who may not write first.",
            "a whole number from 4096 to 17179869184, and no less than limits.message_bytes",
            unit="bytes",
            zero="not valid: no request could arrive in two pieces",
        ),
    ] = 64 * MIB

    reader_bytes: Annotated[
        int,
        Field(ge=4096, le=1 << 34),
        Manual(
            "The part of limits.partial_bytes that all users who may not write share. A quarter of it is for"
            " the large queries in progress of one user; further ones wait.",
            "a whole number from 4096 to 17179869184",
            unit="bytes",
            zero="not valid: only users who may write could ask",
        ),
    ] = 16 * MIB
    message_seconds: Annotated[
        int,
        Field(ge=1, le=86400),
        Manual(
            "The time within which a request of more than 4 KiB must be complete.",
            "a whole number from 1 to 86400",
            unit="seconds",
            zero="not valid: the limit cannot be turned off",
        ),
    ] = 60


class WatchConfig(Section):
    """Watches and lists."""

    history: Annotated[
        int,
        Field(ge=0, le=100_000_000),
        Manual(
            "How many past changes are kept, so that a watcher that reconnects with its cursor can resume"
            " where it stopped.",
            "a whole number from 0 to 100000000",
            unit="changes",
            zero="keep none: every watch begins with a snapshot",
        ),
    ] = 65536
    batch: Annotated[
        int,
        Field(ge=1, le=100_000),
        Manual(
            "The most routes or changes in one reply of a list or a watch.",
            "a whole number from 1 to 100000",
            unit="routes",
            zero="not valid: replies would be empty",
        ),
    ] = 1024


class PolicyConfig(Section):
    """Who may change routes. Every user who can open the socket may read."""

    write_users: Annotated[
        tuple[_User, ...],
        Field(strict=False),
        Manual(
            "Users that may change routes, by name or number. A name is looked up when the file is read."
            " kernel.overflowuid, mostly 65534, is not valid: in a user namespace it stands for many users.",
            'a list of user names and numbers, such as [0, "frr"]',
            zero="0 is root; an empty list allows no user",
            reload=True,
        ),
    ] = (0,)
    write_groups: Annotated[
        tuple[_Group, ...],
        Field(strict=False),
        Manual(
            "Groups whose members may change routes, by name or number.",
            'a list of group names and numbers, such as ["netdev"]',
            zero="0 is the group root; an empty list allows no group",
            reload=True,
        ),
    ] = ()


class Config(Section):
    """The whole file. ``Config()`` is the defaults; :func:`load` reads a file."""

    socket: Annotated[
        str,
        Field(pattern=r"^/[^\x00]{0,106}$"),
        Manual(
            "The control socket. Not used with systemd socket activation, which passes an open socket."
            " Clients use NLD_SOCKET, or else the default.",
            "an absolute path of at most 107 bytes",
        ),
    ] = "/run/nld/io.nld"
    busy_poll: Annotated[
        int,
        Field(ge=0, le=10_000),
        Manual(
            "How long the daemon stays awake after each answer and looks for the next call. Programs that"
            " make one call after the other are answered sooner, at the cost of processor time; as the"
            " kernel's net.core.busy_poll.",
            "a whole number from 0 to 10000",
            unit="microseconds",
            zero="sleep at once",
        ),
    ] = 0
    log: LogConfig = LogConfig()
    kernel: KernelConfig = KernelConfig()
    limits: LimitsConfig = LimitsConfig()
    watch: WatchConfig = WatchConfig()
    policy: PolicyConfig = PolicyConfig()


class ConfigKey(NamedTuple):
    """One settable key: its path (``("kernel", "fib", "protocol")``), manual and default."""

    path: tuple[str, ...]
    manual: Manual
    default: Any


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)


def keys(model: type[Section] = Config, above: tuple[str, ...] = ()) -> Iterator[ConfigKey]:
    """Every settable key of ``model``, in the order of the file: plain keys first, then tables."""
    for name, field in model.model_fields.items():
        if not _is_section(field):
            manual = next(entry for entry in field.metadata if isinstance(entry, Manual))
            yield ConfigKey((*above, name), manual, field.default)
    for name, field in model.model_fields.items():
        if _is_section(field):
            assert isinstance(field.annotation, type)
            yield from keys(field.annotation, (*above, name))


def needs_restart(old: Config, new: Config) -> list[str]:
    """The keys that differ and are only read at start, such as ``["limits.connections"]``.

    A running daemon applies the others (``Manual.reload``) at once.
    """

    def value(config: Config, path: tuple[str, ...]) -> object:
        found: object = config
        for name in path:
            found = getattr(found, name)
        return found

    return [
        ".".join(key.path)
        for key in keys()
        if not key.manual.reload and value(old, key.path) != value(new, key.path)
    ]
