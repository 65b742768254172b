"""What the methods of io.nld take and give, as pydantic models.

Parameters are validated by these models; replies are described by them, and leave the daemon as the
text that the broker made.  The documentation of a field is its documentation in the interface.

Does not belong here: records (``nld.records``), and what the methods do (``routes.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, FailFast, Field, PlainValidator, ValidationError

from nld.control.interface import Parameters
from nld.errors import Fault
from nld.kernel.table import Operation
from nld.records import Form, LookupQuestion, RouteFilter, RouteKey, RouteRecord, invalid
from nld.records.many import Records
from nld.records.model import U16, U32, Address, Device, Named, Tos

Kernel = Literal["fib", "module"]
"""The kernel's routing table manager."""

LOOKUP_ADDRESSES: Final = 4096
"""Addresses that one Lookup may ask about: what is checked and asked for in a few milliseconds."""

# -- parameters


class WriteParameters(Parameters):
    """Of every method that writes."""

    routes: Annotated[Sequence[RouteRecord], PlainValidator(Records.read)]
    """The routes; one record may stand for many, by a list of destinations in ``dst``."""
    takeover: bool | None = None
    """Take over routes that belong to somebody else. Default false."""
    kernel: Kernel | None = None
    """The kernel's routing table manager. Default as configured."""


class Elsewhere(NamedTuple):
    """As :class:`WriteParameters`, valid already. (To copy a model takes longer than the kernel's part.)"""

    routes: Records
    takeover: bool | None
    kernel: Kernel | None


class ValidateParameters(Parameters):
    """Of Validate."""

    routes: Annotated[Sequence[RouteRecord], PlainValidator(Records.read)]
    """The routes, as for a method that writes."""
    operation: Operation | None = None
    """What would be done with them. Default add."""
    kernel: Kernel | None = None
    """The kernel's routing table manager. Default as configured."""


class GetParameters(Parameters):
    """Of Get."""

    key: RouteKey
    """Which route; what is left out has the kernel's default and is no wildcard."""
    form: Form | None = None
    """How routes are printed. Default full."""
    kernel: Kernel | None = None
    """The kernel's routing table manager. Default as configured."""


class LookupParameters(Parameters):
    """Of Lookup: addresses, and what else decides about the way."""

    model_config = ConfigDict(populate_by_name=True)

    addresses: Annotated[list[Address], FailFast(), Field(max_length=LOOKUP_ADDRESSES)]
    """Where packets go, at most 4096."""
    src: Annotated[Address | None, Field(alias="from")] = None
    """Source address of the packets. Default as the kernel chooses."""
    iif: Device | None = None
    """Device that the packets came in by. Default: they are made here."""
    oif: Device | None = None
    """Device that the sender is bound to."""
    mark: U32 | None = None
    """Firewall mark. Default 0."""
    tos: Tos | None = None
    """Type of service. Default 0."""
    uid: U32 | None = None
    """User id of the sender. Default 0."""
    ipproto: Named | None = None
    """IP protocol, a number or name. Default none."""
    sport: Annotated[U16, Field(ge=1)] | None = None
    """Source port; needs ipproto."""
    dport: Annotated[U16, Field(ge=1)] | None = None
    """Destination port; needs ipproto."""
    vrf: Device | None = None
    """VRF device that the sender is bound to."""
    form: Form | None = None
    """How routes are printed. Default full."""
    kernel: Kernel | None = None
    """The kernel's routing table manager. Default as configured."""

    def questions(self) -> Iterator[LookupQuestion]:
        """A question for each address, made when it is asked for.

        Raises InvalidRecord where the parameters contradict each other, for any of them.
        """
        rest = {
            name: value
            for name in LookupQuestion.model_fields
            if name != "address" and (value := getattr(self, name)) is not None
        }
        samples: dict[bool, LookupQuestion] = {}
        try:
            for address in self.addresses:
                if (":" in address) not in samples:
                    samples[":" in address] = LookupQuestion(address=address, **rest)
        except ValidationError as error:
            raise invalid(error, "lookup") from None
        return (samples[":" in address].model_copy(update={"address": address}) for address in self.addresses)


class ListParameters(Parameters):
    """Of List."""

    filter: RouteFilter | None = None
    """Which routes. Default all."""
    form: Form | None = None
    """How routes are printed. Default full."""
    with_table: bool | None = None
    """Whether form ip shows the table. Default as ip does for "table all"."""
    kernel: Kernel | None = None
    """The kernel's routing table manager. Default as configured."""


class WatchParameters(Parameters):
    """Of Watch."""

    filter: RouteFilter | None = None
    """Which routes. Default all."""
    cursor: str | None = None
    """Go on after this point of an earlier watch. Default now."""
    snapshot: bool | None = None
    """Whether to begin with what is there. Default true, with a cursor false."""
    form: Form | None = None
    """How routes are printed. Default full."""
    kernel: Kernel | None = None
    """The kernel's routing table manager. Default as configured."""


class GreetParameters(Parameters):
    """Of Greet."""

    text: str
    """What to say: at most 255 bytes, without NUL."""


class ReleaseParameters(Parameters):
    """Of Release."""

    kernel: Literal["module"]
    """The table to let go of. The kernel's own is always there."""


# -- replies


class WriteReply(BaseModel):
    """How many routes were done."""

    done: int


class ValidateReply(BaseModel):
    """How many routes would be written."""

    valid: int


class RoutesReply(BaseModel):
    """Routes."""

    routes: list[RouteRecord]


class LookupRule(BaseModel):
    """The rule of the policy routing database that chose the table."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    priority: int
    """Rules are tried from the lowest on."""
    table: str | None = None
    """The table that it sends to."""


class LookupAnswer(BaseModel):
    """The way to one address."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    address: str
    """The address that was asked about."""
    route: RouteRecord | None = None
    """The way, as "ip route get" prints it."""
    rule: LookupRule | None = None
    """The rule that chose the table."""
    table: str | None = None
    """The table."""
    match: RouteRecord | None = None
    """The route of that table which matched."""
    error: Any = None
    """Why there is no way: the parameters of an error."""


class LookupReply(BaseModel):
    """An answer for each address, in order."""

    answers: list[LookupAnswer]


class RouteChange(BaseModel):
    """One change of a route."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    event: Literal["new", "replace", "delete"]
    """What happened."""
    route: RouteRecord
    """The route after the change; for delete the route that was."""
    previous: RouteRecord | None = None
    """With replace: the route in whose place it is now."""
    generation: int
    """Number of the change, growing."""
    port_id: int | None = None
    """Netlink address of whoever made it, if known."""
    cause: str | None = None
    """Why a route went that nobody deleted."""


class WatchReply(BaseModel):
    """One reply of a watch."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kind: Literal["snapshot", "synced", "changes", "resync"]
    """snapshot: some of what is there; synced: that was all; changes: what happened, in order; resync:
    notifications were lost, forget the state, a new snapshot follows."""
    routes: list[RouteRecord] | None = None
    """With snapshot."""
    changes: list[RouteChange] | None = None
    """With changes."""
    cursor: str | None = None
    """Where to resume a later watch."""


class GreetReply(BaseModel):
    """Of Greet."""

    text: str
    """What the module said."""


class KernelStatus(BaseModel):
    """One of the kernel's routing table managers."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    name: str
    """fib or module."""
    available: bool
    """Whether it can be used now."""
    reason: str | None = None
    """Why not."""
    capabilities: list[str] | None = None
    """What it can do."""
    routes: int | None = None
    """Routes that it holds, of both families and all tables."""
    generation: int | None = None
    """Number of the latest change of its routes."""
    resyncs: int | None = None
    """How often everything was read again, because notifications were lost."""
    hidden: str | None = None
    """Why the kernel cannot show all of its routes now, so that nld does not know them all either."""
    version: str | None = None
    """Of the module."""
    abi: int | None = None
    """Version of the protocol that the module speaks."""
    max_routes: int | None = None
    """Routes that the module takes in this network namespace; 0 is no limit."""
    protocol: str | None = None
    """The protocol that marks routes which nld made."""
    port_id: int | None = None
    """Netlink address of the socket that nld writes by."""
    receive_buffer: int | None = None
    """Bytes that the kernel granted for replies."""
    send_buffer: int | None = None
    """Bytes that the kernel granted for requests."""
    notification_buffer: int | None = None
    """Bytes that the kernel granted for notifications."""
    requests_sent: int | None = None
    """Netlink messages sent, a batch counted by its messages."""
    replies_received: int | None = None
    """Netlink messages that answered them: each refusal, and one acknowledgement for each send."""
    replies_unmatched: int | None = None
    """Netlink messages that answered nothing which was waited for."""
    notifications: int | None = None
    """Notifications received."""
    malformed: int | None = None
    """Datagrams of the kernel that make no sense."""
    overruns: int | None = None
    """How often the kernel dropped something for want of room."""
    strangers: int | None = None
    """Datagrams dropped because a process, not the kernel, had sent them."""


class StatusReply(BaseModel):
    """How the daemon is."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    version: str
    """Version of nld."""
    pid: int | None = None
    """Process id of the daemon."""
    uptime: float | None = None
    """Seconds since the daemon started."""
    memory_bytes: int | None = None
    """Memory that the daemon holds now (resident)."""
    requests: int | None = None
    """Writes asked of it."""
    kernels: list[KernelStatus] | None = None
    """The kernel tables that it drives."""
    watchers: int | None = None
    """Watches that run."""
    generation: int | None = None
    """Number of the latest change."""


# -- errors


class ErrorExtack(BaseModel):
    """What the kernel said of a refused request (NETLINK_EXT_ACK)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    message: str | None = None
    """The kernel's own words."""
    attribute: str | None = None
    """Name of the attribute that it points at, such as RTA_GATEWAY."""
    offset: int | None = None
    """Byte offset of that attribute in the netlink request."""
    missing: str | None = None
    """Name of the attribute that was missing."""


class ErrorParameters(BaseModel):
    """The parameters of every io.nld error."""

    message: str
    fault: Fault
    operation: str | None = None
    key: str | None = None
    field: str | None = None
    index: int | None = None
    destination_index: int | None = None
    errno: str | None = None
    done: int | None = None
    failed: int | None = None
    extack: ErrorExtack | None = None
    failures: list[Any] | None = None
