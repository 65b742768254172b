"""Every error that nld raises on purpose, and nothing else.

One class per answer to "what should I do now?".  Each error says who is at fault, which operation
failed, which route and field it was about, and, where the kernel spoke, its errno by name and its
extack words.  The control channel sends exactly these as Varlink errors (``io.nld.<ClassName>``) and
the clients raise the same classes again, so an error means the same on both sides of the socket.

Layer: the lowest.  Imports nothing of nld.
"""

from __future__ import annotations

import errno as errno_names
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

INTERFACE = "io.nld"


class Fault(StrEnum):
    """Who must act: the one who asked, the kernel's state, or nld itself."""

    CLIENT = "client"
    KERNEL = "kernel"
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Extack:
    """The kernel's extended acknowledgement (NETLINK_EXT_ACK), already named.

    ``message``    the kernel's own words, or None.
    ``attribute``  name of the attribute that the kernel points at, such as ``RTA_GATEWAY``, or None.
    ``offset``     byte offset of that attribute from the start of the request's netlink header, or None.
    ``missing``    name of the attribute that the kernel says was missing, or None.
    """

    message: str | None = None
    attribute: str | None = None
    offset: int | None = None
    missing: str | None = None

    def parameters(self) -> dict[str, Any]:
        """The set fields only, as they go on the control channel."""
        pairs = (
            ("message", self.message),
            ("attribute", self.attribute),
            ("offset", self.offset),
            ("missing", self.missing),
        )
        return {name: value for name, value in pairs if value is not None}


def errno_name(number: int) -> str:
    """``ENETUNREACH`` for 101; ``E999`` for a number this system has no name for."""
    return _KERNELS_NAMES.get(number) or errno_names.errorcode.get(number, f"E{number}")


_KERNELS_NAMES = {errno_names.EOPNOTSUPP: "EOPNOTSUPP", errno_names.EDEADLK: "EDEADLK"}
"""Where Python has another name for the same number."""


class NldError(Exception):
    """Base of all. ``str(error)`` is one sentence a person can act on.

    ``operation``  what was being done, such as ``add`` or ``lookup``.
    ``key``        the route's key as text, such as ``10.0.0.0/8 table main metric 5``.
    ``field``      path of the offending field, such as ``routes[3].nexthops[0].gateway``.
    ``index``      position of the offending record in the call, from 0; for a record with a list of
                   destinations, ``destination_index`` is the position in that list.
    ``errno``      name of the kernel's errno, such as ``EEXIST``.
    ``done``       how many routes of the call were written before or beside this failure.
    ``failures``   the parameters of each failure of the call (the first is this one), and its class as
                   ``error``; at most 100 from the daemon, of bad records all from a client; ``failed`` is
                   their true number.
    """

    fault: ClassVar[Fault] = Fault.DAEMON

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        key: str | None = None,
        field: str | None = None,
        index: int | None = None,
        destination_index: int | None = None,
        errno: str | None = None,
        extack: Extack | None = None,
        done: int | None = None,
        failed: int | None = None,
        failures: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.key = key
        self.field = field
        self.index = index
        self.destination_index = destination_index
        self.errno = errno
        self.extack = extack
        self.done = done
        self.failed = failed
        self.failures = failures

    @property
    def name(self) -> str:
        """The Varlink error name, such as ``io.nld.RouteExists``."""
        return f"{INTERFACE}.{type(self).__name__}"

    def parameters(self) -> dict[str, Any]:
        """What the control channel sends: the set fields only, plus ``fault`` and ``message``."""
        result: dict[str, Any] = {"message": self.message, "fault": self.fault.value}
        for name in (
            "operation", "key", "field", "index", "destination_index", "errno", "done", "failed",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None:
                result[name] = value
        if self.extack is not None and (extack := self.extack.parameters()):
            result["extack"] = extack
        if self.failures:
            result["failures"] = [dict(failure) for failure in self.failures]
        return result


class InvalidRecord(NldError):
    """The request breaks a rule that nld checks itself; nothing of the call was written. Names the field.

    A client sends a long list in several calls: ``done`` says how much of the list had been written.
    """

    fault = Fault.CLIENT


class RouteExists(NldError):
    """A route with this key is there already (EEXIST)."""

    fault = Fault.CLIENT


class RouteNotFound(NldError):
    """No such route (ESRCH, ENOENT)."""

    fault = Fault.CLIENT


class DeviceNotFound(NldError):
    """No network device with this name or index (ENODEV)."""

    fault = Fault.CLIENT


class ForeignRoute(NldError):
    """The route has another owner; nld leaves it alone unless takeover is set."""

    fault = Fault.CLIENT


class PermissionDenied(NldError):
    """The daemon's policy does not let the peer do this (EPERM)."""

    fault = Fault.CLIENT


class Unsupported(NldError):
    """This kernel table has no such feature, or would accept the wish and ignore it."""

    fault = Fault.CLIENT


class LimitExceeded(NldError):
    """A bound was reached: message size, connections, batch. Says which and how large it is."""

    fault = Fault.CLIENT


class CursorExpired(NldError):
    """The watch cursor is older than the kept history: take a new snapshot."""

    fault = Fault.CLIENT


class KernelRefused(NldError):
    """The kernel said no, for a reason that has no class of its own here."""

    fault = Fault.KERNEL


class OutcomeUnknown(NldError):
    """The kernel's answer was lost (ENOBUFS); whether the change happened could not be read back."""

    fault = Fault.KERNEL


class KernelUnavailable(NldError):
    """The kernel side is not there: module not loaded, wrong ABI, socket closed."""

    fault = Fault.KERNEL


class InternalError(NldError):
    """A bug in nld. The request id in ``operation`` finds it in the log."""

    fault = Fault.DAEMON


class ConnectionFailed(NldError):
    """No answer could be had. Raised by clients only, and always as one of the two classes below."""

    fault = Fault.DAEMON


class Unreachable(ConnectionFailed):
    """The daemon could not be reached in time, or did not take the call: nothing of it was done."""


class NoAnswer(ConnectionFailed):
    """The call was sent, and its answer did not come (in time): it may have been done.

    After a write, read before repeating it; or repeat it as ``replace``, which does no harm when done
    twice.
    """


class Misused(NldError, RuntimeError):
    """A client, or the replies of a call, used by a thread, event loop or process that it does not belong to.

    Nothing was sent. Raised by clients only.
    """

    fault = Fault.CLIENT


class ProtocolBroken(NldError):
    """The other side sent what is not Varlink, or not what the interface describes; names the field.

    Raised by clients only.
    """

    fault = Fault.DAEMON


class ConfigInvalid(NldError):
    """The configuration file is wrong; ``key`` is the file and line, ``field`` the key path."""

    fault = Fault.CLIENT


class MalformedMessage(NldError):
    """Bytes that are no netlink message; ``offset`` is where it goes wrong, in bytes from the start."""

    fault = Fault.KERNEL

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at byte {offset})")
        self.offset = offset


WIRE_ERRORS: Mapping[str, type[NldError]] = {
    f"{INTERFACE}.{cls.__name__}": cls
    for cls in (
        InvalidRecord, RouteExists, RouteNotFound, DeviceNotFound, ForeignRoute, PermissionDenied,
        Unsupported, LimitExceeded, CursorExpired, KernelRefused, OutcomeUnknown, KernelUnavailable,
        InternalError,
    )
}  # fmt: skip
"""The errors that cross the control channel, by Varlink name."""


def from_parameters(name: str, parameters: Mapping[str, Any]) -> NldError:
    """The inverse of :meth:`NldError.parameters`, for clients. Unknown names give ``NldError``.

    What is not of its kind (the other side may be anybody) is left out, and so is what has no name here.
    """
    cls = WIRE_ERRORS.get(name, NldError)
    failures = parameters.get("failures")
    return cls(
        str(parameters.get("message", name)),
        extack=_extack(parameters.get("extack")),
        failures=tuple(failure for failure in failures if isinstance(failure, dict))
        if isinstance(failures, list)
        else (),
        **_of_kind(parameters, str, ("operation", "key", "field", "errno")),
        **_of_kind(parameters, int, ("index", "destination_index", "done", "failed")),
    )


def _extack(values: Any) -> Extack | None:
    if not isinstance(values, dict):
        return None
    words = _of_kind(values, str, ("message", "attribute", "missing"))
    return Extack(**words, **_of_kind(values, int, ("offset",)))


def _of_kind(values: Mapping[str, Any], kind: type, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names if type(values.get(name)) is kind}
