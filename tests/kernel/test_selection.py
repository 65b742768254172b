"""Selections against a stupid oracle: the ipaddress module and one comparison for each field."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.kernel.selection import Prefix, Selection
from nld.kernel.shape import Shape, Shapes
from nld.netlink.registry import AF, RTN
from nld.netlink.route import NextHop, Route, encode

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def family(network: Network) -> int:
    return int(AF.INET if network.version == 4 else AF.INET6)


def shape(shapes: Shapes, network: Network, **fields: Any) -> Shape:
    fields = {"table": 254, "type": 1, "protocol": 131} | fields
    made = shapes.intern(encode(Route(family(network), dst_len=network.prefixlen, **fields)))
    assert made is not None
    return made


def destination(network: Network) -> bytes:
    """As the kernel says it: nothing at all for the default route."""
    return network.network_address.packed if network.prefixlen else b""


def prefix(network: Network) -> Prefix:
    return Prefix(family(network), network.prefixlen, destination(network))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Few bits differ, so that one often covers another."""
    width = draw(st.sampled_from((32, 128)))
    length = draw(st.integers(0, width))
    number = draw(st.sampled_from((0, 1, 1 << (width - 1), (1 << width) - 1, 0xA << (width - 4))))
    kind = ipaddress.ip_network if width == 128 else ipaddress.IPv4Network
    text = str(ipaddress.IPv6Address(number)) if width == 128 else number
    return kind((text, length), strict=False)


@given(networks(), networks())
def test_prefixes_are_compared_as_ipaddress_does(wanted: Network, there: Network) -> None:
    row = (shape(Shapes(), there, oif=2), destination(there))
    same = wanted.version == there.version
    covers = same and there.subnet_of(wanted)  # type: ignore[arg-type]
    within = same and wanted.subnet_of(there)  # type: ignore[arg-type]
    assert Selection(exact=prefix(wanted)).takes(*row) is (wanted == there)
    assert Selection(root=prefix(wanted)).takes(*row) is covers
    assert Selection(match=prefix(wanted)).takes(*row) is within
    assert Selection(root=prefix(wanted), match=prefix(wanted)).takes(*row) is (wanted == there)


NETWORK = ipaddress.ip_network("10.0.0.0/8")
FIELDS: dict[str, tuple[Any, ...]] = {
    "table": (254, 100, 70000),
    "protocol": (131, 4),
    "type": (1, 6),
    "oif": (None, 2, 3),
    "multipath": (None, (NextHop(ifindex=2), NextHop(ifindex=3))),
}


@given(
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FIELDS.items()}),
    st.fixed_dictionaries(
        {},
        optional={
            "table": st.sampled_from(FIELDS["table"]),
            "protocol": st.sampled_from(FIELDS["protocol"]),
            "type": st.sampled_from(FIELDS["type"]),
            "device": st.sampled_from((2, 3, 4)),
            "families": st.sampled_from(((AF.INET,), (AF.INET6,), (AF.INET, AF.INET6))),
        },
    ),
)
def test_each_field_that_was_named_must_agree(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    devices = {fields["oif"], *(hop.ifindex for hop in fields["multipath"] or ())}
    expected = (
        all(fields[name] == wanted[name] for name in ("table", "protocol", "type") if name in wanted)
        and (wanted.get("device") is None or wanted["device"] in devices)
        and AF.INET in wanted.get("families", (AF.INET,))
    )
    made = shape(Shapes(), NETWORK, **fields)
    selection = Selection(**wanted)
    assert selection.takes_shape(made) is expected
    assert selection.rows([(made, bytes([10, 0, 0, 0]))] * 2) == [(made, bytes([10, 0, 0, 0]))] * 2 * expected
    for request, of in zip(selection.requests(), wanted.get("families", (AF.INET, AF.INET6)), strict=True):
        assert (request.family, request.table, request.protocol, request.type, request.oif) == (
            of, wanted.get("table", 0), wanted.get("protocol", 0),
            # The kernel does not compare the type that a nexthop object gives a route.
            0 if wanted.get("type") in (RTN.UNICAST, RTN.BLACKHOLE) else wanted.get("type", 0),
            wanted.get("device"),
        )  # fmt: skip


def test_a_shape_is_tested_once_whatever_number_of_routes_have_it() -> None:
    shapes, tested = Shapes(), list[Shape]()
    first, second = shape(shapes, NETWORK, oif=2), shape(shapes, NETWORK, oif=3)

    def test(one: Shape) -> bool:
        tested.append(one)
        return one is first

    selection = Selection(shape_test=test)
    rows = [(one, bytes([10, number, 0, 0])) for number in range(50) for one in (first, second)]
    assert selection.rows(rows) == [row for row in rows if row[0] is first]
    assert tested == [first, second]


@pytest.mark.parametrize("length", [0, 1, 8, 31, 32])
def test_a_prefix_covers_itself_and_nothing_shorter(length: int) -> None:
    one = Prefix(AF.INET, length, bytes(4) if length else b"")
    assert one.covers(length, bytes(4)) and one.within(length, bytes(4))
    assert not one.covers(length - 1, bytes(4))
    assert not one.within(length + 1, bytes(4))
