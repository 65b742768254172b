"""Refusals as a table: errno and the kernel's offset in; class, field and words out."""

from __future__ import annotations

import errno

import pytest

from nld.errors import (
    DeviceNotFound,
    KernelRefused,
    NldError,
    RouteExists,
    RouteNotFound,
    Unsupported,
)
from nld.kernel.refusal import attribute_at, refusal
from nld.netlink.attribute import TYPE_MASK, walk
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import HEADER_SIZE
from nld.netlink.registry import AF, RTA
from nld.netlink.route import HEADER_SIZE as ROUTE_HEADER_SIZE
from nld.netlink.route import Metrics, NextHop, Route, encode

PAYLOAD = encode(
    Route(
        AF.INET, dst_len=8, dst=bytes([10, 0, 0, 0]), table=1000, priority=5, oif=7,
        prefsrc=bytes([192, 0, 2, 1]), gateway=bytes([192, 0, 2, 2]), nh_id=9,
        metrics=Metrics(mtu=1400, advmss=1200),
        multipath=(NextHop(ifindex=7, gateway=bytes([192, 0, 2, 3])),),
    )
)  # fmt: skip

WHERE = {
    RTA(kind & TYPE_MASK): (start - 4, end)
    for kind, start, end in walk(PAYLOAD, ROUTE_HEADER_SIZE, len(PAYLOAD))
}


@pytest.mark.parametrize("attribute", list(WHERE), ids=lambda attribute: attribute.name)
def test_every_offset_into_an_attribute_names_it(attribute: RTA) -> None:
    start, end = WHERE[attribute]
    for offset in range(start, end):
        assert attribute_at(PAYLOAD, HEADER_SIZE + offset) is attribute


@pytest.mark.parametrize(
    "offset", [None, 0, HEADER_SIZE, HEADER_SIZE + 11, HEADER_SIZE + len(PAYLOAD), 1 << 31, 0xFFFF_FFFF]
)
def test_an_offset_into_no_attribute_names_none(offset: int | None) -> None:
    assert attribute_at(PAYLOAD, offset) is None


FIELDS = {
    RTA.DST: "dst", RTA.TABLE: "table", RTA.PRIORITY: "metric", RTA.OIF: "dev", RTA.PREFSRC: "prefsrc",
    RTA.GATEWAY: "gateway", RTA.METRICS: "metrics", RTA.NH_ID: "nhid", RTA.MULTIPATH: "nexthops",
}  # fmt: skip


@pytest.mark.parametrize("attribute", list(WHERE), ids=lambda attribute: attribute.name)
def test_the_field_is_the_records_word(attribute: RTA) -> None:
    said = Acknowledgement(errno.EINVAL, "Nope", HEADER_SIZE + WHERE[attribute][0])
    error = refusal(said, PAYLOAD, operation="add", key="10.0.0.0/8 table 1000", index=3)
    assert error.field == FIELDS[attribute]
    assert (error.operation, error.key, error.index) == ("add", "10.0.0.0/8 table 1000", 3)
    assert error.extack is not None
    assert (error.extack.message, error.extack.attribute) == ("Nope", f"RTA_{attribute.name}")
    assert error.extack.offset == said.offset


CASES: tuple[tuple[str, int, str | None, type[NldError], str, str], ...] = (
    ("add", errno.EEXIST, None, RouteExists, "EEXIST", "is there already"),
    ("delete", errno.ESRCH, None, RouteNotFound, "ESRCH", "no such route"),
    ("change", errno.ENOENT, None, RouteNotFound, "ENOENT", "no route with this"),
    ("add", errno.ENODEV, None, DeviceNotFound, "ENODEV", "device is not there"),
    ("add", errno.EPERM, None, KernelRefused, "EPERM", "CAP_NET_ADMIN"),
    ("add", errno.EOPNOTSUPP, None, Unsupported, "EOPNOTSUPP", "without it"),
    ("add", errno.ENETDOWN, None, KernelRefused, "ENETDOWN", "device is down"),
    (
        "add",
        errno.ENETUNREACH,
        "Nexthop has invalid gateway",
        KernelRefused,
        "ENETUNREACH",
        "invalid gateway",
    ),
    (
        "add",
        errno.EINVAL,
        "Invalid prefix for given prefix length",
        KernelRefused,
        "EINVAL",
        "Invalid prefix",
    ),
    ("add", errno.ENOSPC, None, KernelRefused, "ENOSPC", "limit"),
    ("add", 4000, None, KernelRefused, "E4000", "refused"),
    ("lookup", errno.ENETUNREACH, None, KernelRefused, "ENETUNREACH", "no route leads there"),
    ("lookup", errno.EACCES, None, KernelRefused, "EACCES", "no way"),
    ("lookup", errno.EINVAL, None, KernelRefused, "EINVAL", "no way"),
    ("lookup", errno.EHOSTUNREACH, None, KernelRefused, "EHOSTUNREACH", "no way"),
    ("lookup", errno.ENODEV, None, DeviceNotFound, "ENODEV", "device"),
)


@pytest.mark.parametrize(("operation", "number", "said", "cls", "name", "words"), CASES)
def test_an_errno_becomes_a_class_and_a_sentence(  # noqa: PLR0917 - a table's columns
    operation: str, number: int, said: str | None, cls: type[NldError], name: str, words: str
) -> None:
    error = refusal(Acknowledgement(number, said), PAYLOAD, operation=operation, key="10.0.0.0/8")
    assert type(error) is cls
    assert error.errno == name
    assert words in error.message and name in error.message
    assert error.message.startswith(f"{operation} 10.0.0.0/8: ")
    assert error.field is None


def test_what_was_missing_is_named() -> None:
    for number, name in ((int(RTA.GATEWAY), "RTA_GATEWAY"), (999, "999"), (None, None)):
        error = refusal(
            Acknowledgement(errno.EINVAL, missing_type=number), PAYLOAD, operation="add", key="10.0.0.0/8"
        )
        assert error.extack is not None
        assert error.extack.missing == name
