"""Bad requests, and what each must be answered with. Data; no test here.

``test_errors.py`` sends those that need no kernel to a server over a stub; the same table is for the
daemon on a real kernel table, in a sandbox with the links nld0 (192.0.2.1/24, 2001:db8::1/64).

A row's expectation is complete: the error's full name, and every parameter of it that is named here
must be equal; ``words`` must each occur in its message, in extack's message or in errno.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

SERVICE = "org.varlink.service."
NLD = "io.nld."

MESSAGE_BYTES = 16 * 1024 * 1024


class BadRequest(NamedTuple):
    """One bad request.

    ``name``       what is wrong, as the test's id.
    ``frame``      bytes to send, without the NUL that ends them.
    ``error``      full name of the error.
    ``expected``   parameters of the error that must be equal.
    ``words``      what the error must say besides.
    ``closes``     whether the daemon ends the connection after it.
    ``layer``      who refuses: the protocol, the records, or the kernel (and nld before it).
    ``before``     calls that must succeed first.
    """

    name: str
    frame: bytes
    error: str
    expected: Mapping[str, Any] = MappingProxyType({})
    words: tuple[str, ...] = ()
    closes: bool = False
    layer: Literal["protocol", "records", "kernel"] = "protocol"
    before: tuple[bytes, ...] = ()


def call(method: str, parameters: Any = None, **members: Any) -> bytes:
    """A call's frame without NUL; a method without dot is one of io.nld."""
    full = method if "." in method else NLD + method
    return json.dumps({"method": full, "parameters": parameters or {}} | members).encode()


def add(**route: Any) -> bytes:
    """Add one route."""
    return call("Add", {"routes": [{"dst": "198.51.100.0/24"} | route]})


def invalid(name: str, frame: bytes, field: str, *words: str, index: int | None = 0) -> BadRequest:
    """A request that nld itself refuses, for what is in a record."""
    expected: dict[str, Any] = {"field": field, "fault": "client"}
    if index is not None:
        expected["index"] = index
    return BadRequest(name, frame, NLD + "InvalidRecord", expected, words, layer="records")


def parameter(name: str, frame: bytes, which: str, *words: str, closes: bool = False) -> BadRequest:
    """A request whose parameters do not fit the method, or that is no call at all."""
    return BadRequest(name, frame, SERVICE + "InvalidParameter", {"parameter": which}, words, closes)


def kernel(
    name: str, frame: bytes, error: str, *words: str, before: tuple[bytes, ...] = (), **expected: Any
) -> BadRequest:
    """A request that the kernel, or nld's knowledge of it, refuses."""
    return BadRequest(name, frame, NLD + error, expected, words, layer="kernel", before=before)


PROTOCOL = (
    parameter("empty frame", b"", "message", closes=True),
    parameter("no JSON", b"hello", "message", "JSON", closes=True),
    parameter("half an object", b'{"method":"io.nld.Status"', "message", "JSON", closes=True),
    parameter("trailing bytes", b'{"method":"io.nld.Status"} x', "message", "JSON", closes=True),
    parameter("an array", b"[]", "message", closes=True),
    parameter("no method", b'{"parameters":{}}', "method", closes=True),
    parameter("method is a number", b'{"method":5}', "method", closes=True),
    parameter("not UTF-8", b'{"method":"io.nld.Status","x":"\xff\xfe"}', "message", closes=True),
    parameter("half a surrogate pair", b'{"method":"io.nld.Status","x":"\\ud800"}', "message", closes=True),
    parameter("NUL inside", b'{"method":"io.nld.Sta\0tus"}', "message", "JSON", closes=True),
    parameter(
        "nested too deep",
        b'{"method":"io.nld.Status","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "message",
        closes=True,
    ),
    parameter(
        "a number of 5,000 digits",
        b'{"method":"io.nld.Status","x":' + b"9" * 5000 + b"}",
        "message",
        closes=True,
    ),
    parameter(
        "two methods",
        b'{"method":"io.nld.Status","method":"io.nld.List","more":true}',
        "message",
        "twice",
        closes=True,
    ),
    parameter("more is a word", b'{"method":"io.nld.List","more":"yes"}', "more", closes=True),
    BadRequest(
        "17 MiB",
        b'{"method":"io.nld.Status","x":"' + b"x" * (17 << 20) + b'"}',
        NLD + "LimitExceeded",
        {"field": "message_bytes", "fault": "client"},
        (str(MESSAGE_BYTES),),
        closes=True,
    ),
    BadRequest(
        "unknown interface",
        call("io.example.Add"),
        SERVICE + "InterfaceNotFound",
        {"interface": "io.example"},
    ),
    BadRequest(
        "method without interface", b'{"method":"Add"}', SERVICE + "InterfaceNotFound", {"interface": "Add"}
    ),
    BadRequest("unknown method", call("Flush"), SERVICE + "MethodNotFound", {"method": "io.nld.Flush"}),
    BadRequest(
        "method in lower case", call("io.nld.add"), SERVICE + "MethodNotFound", {"method": "io.nld.add"}
    ),
    BadRequest("list without more", call("List"), SERVICE + "ExpectedMore"),
    BadRequest("watch without more", call("Watch"), SERVICE + "ExpectedMore"),
    BadRequest(
        "description of an unknown interface",
        call("org.varlink.service.GetInterfaceDescription", {"interface": "io.example"}),
        SERVICE + "InterfaceNotFound",
        {"interface": "io.example"},
    ),
    parameter("upgrade", call("Status", upgrade=True), "upgrade"),
    parameter("oneway and more", call("List", oneway=True, more=True), "oneway", closes=True),
    parameter("parameter missing", call("Add"), "routes", "required"),
    parameter("parameter unknown", call("Add", {"routes": [], "force": True}), "force", "takeover"),
    parameter("parameters to a method without", call("Status", {"verbose": True}), "verbose"),
    parameter("parameters are an array", call("Status", [1]), "parameters"),
    parameter("routes is one route", call("Add", {"routes": {"dst": "10.0.0.0/8"}}), "routes", "list"),
    parameter(
        "takeover is a word", call("Add", {"routes": [], "takeover": "yes"}), "takeover", "true or false"
    ),
    parameter("kernel unknown", call("Add", {"routes": [], "kernel": "bsd"}), "kernel", "fib", "module"),
    parameter("form unknown", call("List", {"form": "xml"}, more=True), "form", "full", "ip_details"),
    parameter("filter is a word", call("List", {"filter": "all"}, more=True), "filter"),
)

RECORDS = (
    invalid("field unknown", add(gatway="192.0.2.7"), "routes[0].gatway", "gateway"),
    invalid("field missing", call("Add", {"routes": [{"gateway": "192.0.2.7"}]}), "routes[0].dst"),
    invalid(
        "second record wrong",
        call("Add", {"routes": [{"dst": "10.0.0.0/8"}, {"dst": 5}]}),
        "routes[1].dst",
        index=1,
    ),
    invalid("host bits set", add(dst="10.0.0.1/8"), "routes[0].dst", "10.0.0.0/8"),
    invalid("prefix too long", add(dst="10.0.0.0/33"), "routes[0].dst"),
    invalid("no prefix", add(dst="lorem"), "routes[0].dst"),
    invalid("no destinations", add(dst=[]), "routes[0].dst"),
    invalid("gateway is a prefix", add(gateway="192.0.2.0/24"), "routes[0].gateway"),
    invalid("gateway of the other family", add(gateway="2001:db8::7"), "routes[0].gateway", "via"),
    invalid("gateway is a number", add(gateway=7), "routes[0].gateway"),
    invalid("metric is text", add(metric="5"), "routes[0].metric"),
    invalid("metric negative", add(metric=-1), "routes[0].metric"),
    invalid("metric out of range", add(metric=1 << 32), "routes[0].metric", "4294967295"),
    invalid("type unknown", add(type="wormhole"), "routes[0].type", "blackhole"),
    invalid("device name with slash", add(dev="eth/0"), "routes[0].dev"),
    invalid(
        "gateway and via",
        add(gateway="192.0.2.7", via={"family": "inet6", "host": "2001:db8::7"}),
        "routes[0].via",
    ),
    invalid("blackhole with gateway", add(type="blackhole", gateway="192.0.2.7"), "routes[0].gateway"),
    invalid(
        "next hop of the other family",
        add(nexthops=[{"gateway": "2001:db8::7"}]),
        "routes[0].nexthops[0].gateway",
    ),
    invalid(
        "next hop weight zero",
        add(nexthops=[{"gateway": "192.0.2.7", "weight": 0}]),
        "routes[0].nexthops[0].weight",
    ),
    invalid(
        "key with a prefix that is none", call("Get", {"key": {"dst": "10.0.0.0/8/8"}}), "key.dst", index=None
    ),
    invalid(
        "filter field unknown",
        call("List", {"filter": {"devices": "nld0"}}, more=True),
        "filter.devices",
        index=None,
    ),
    invalid(
        "address that is none",
        call("Lookup", {"addresses": ["192.0.2.1", "192.0.2.256"]}),
        "addresses[1]",
        index=None,
    ),
)

DUPLICATE = add(gateway="192.0.2.7")

KERNEL = (
    kernel(
        "gateway unreachable",
        add(gateway="203.0.113.1"),
        "KernelRefused",
        "ENETUNREACH",
        errno="ENETUNREACH",
        fault="kernel",
    ),
    kernel("no next hop", add(), "InvalidRecord"),
    kernel("device missing", add(dev="nld99"), "DeviceNotFound", "nld99", field="routes[0].dev"),
    kernel(
        "duplicate", DUPLICATE, "RouteExists", "EEXIST", errno="EEXIST", fault="client", before=(DUPLICATE,)
    ),
    kernel("get what is not there", call("Get", {"key": {"dst": "10.99.0.0/16"}}), "RouteNotFound"),
    kernel(
        "delete what is not there",
        call("Delete", {"routes": [{"dst": "10.99.0.0/16"}]}),
        "RouteNotFound",
        errno="ESRCH",
    ),
    kernel(
        "change what is not there",
        call("Change", {"routes": [{"dst": "10.99.0.0/16", "dev": "nld0"}]}),
        "RouteNotFound",
        errno="ENOENT",
    ),
    kernel(
        "host bits in a list",
        add(dst=["10.0.0.0/8", "10.0.0.1/8"], dev="nld0"),
        "InvalidRecord",
        field="routes[0].dst[1]",
    ),
    kernel(
        "two families in a list",
        add(dst=["10.0.0.0/8", "2001:db8:1::/48"], dev="nld0"),
        "InvalidRecord",
        field="routes[0].dst[1]",
    ),
    kernel("table name unknown", add(dev="nld0", table="lorem"), "InvalidRecord", field="routes[0].table"),
    kernel(
        "protocol out of range", add(dev="nld0", protocol=256), "InvalidRecord", field="routes[0].protocol"
    ),
    kernel("scope name unknown", add(dev="nld0", scope="galaxy"), "InvalidRecord", field="routes[0].scope"),
    kernel("nexthop object missing", add(nhid=4242), "KernelRefused", fault="kernel"),
    kernel("foreign route", call("Delete", {"routes": [{"dst": "192.0.2.0/24"}]}), "ForeignRoute"),
    kernel("cursor from elsewhere", call("Watch", {"cursor": "0badc0de:7"}, more=True), "CursorExpired"),
    kernel("no module", call("Add", {"routes": [], "kernel": "module"}), "KernelUnavailable"),
)

ALL = (*PROTOCOL, *RECORDS, *KERNEL)
