"""Random messages, made from the tables that decode them, so that a new row is tested at once."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from nld.netlink import address, encapsulation, link, module, nexthop, route, rule
from nld.netlink.attribute import ADDRESS, BYTES, FLAG, STRING, Attribute, Kind, Table
from nld.netlink.form import Form
from nld.netlink.registry import EncapType
from nld.netlink.route import ADDRESS_SIZE, Via
from nld.netlink.segments import SegmentHeader

NUMBERS = {"u8": 8, "u16": 16, "be16": 16, "u32": 32, "be32": 32, "u64": 64, "be64": 64}
SETS: dict[str, type[Any]] = {
    "metrics": route.Metrics,
    "info": link.LinkInfo,
    "res_group": nexthop.ResilientGroup,
    "counters": encapsulation.Seg6Counters,
    "flavors": encapsulation.Seg6Flavors,
}

unsigned = {bits: st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64)}
blob = st.binary(max_size=40)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def unknown(table: Table) -> st.SearchStrategy[tuple[tuple[int, bytes], ...]]:
    """Attributes that the table has no row for, some with flag bits."""
    numbers = st.integers(0, 0x3FFF).filter(lambda number: number not in table.by_number)
    flagged = st.builds(lambda number, flags: number | flags, numbers, st.sampled_from((0, 0x8000, 0x4000)))
    return st.lists(st.tuples(flagged, blob), max_size=2).map(tuple)


def segments() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "segments": st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=4).map(tuple),
        "mode": st.integers(0, 4),
        "hmac": st.none() | unsigned[32],
        "flags": st.integers(0, 7),
        "tag": unsigned[16],
        "next_header": unsigned[8],
        "segments_left": st.none(),
        "tlvs": st.sampled_from((b"", b"\x04\x06" + bytes(6))),
    })  # fmt: skip


def encap() -> st.SearchStrategy[Any]:
    """A tunnel of every class, or one without a class."""
    choices: list[st.SearchStrategy[Any]] = [st.builds(encapsulation.OpaqueEncap, blob)]
    for cls in encapsulation.CLASSES.values():
        if cls is encapsulation.Seg6Encap:
            choices.append(segments().map(lambda values: encapsulation.Seg6Encap(**values)))
        else:
            choices.append(attribute_set(cls.TABLE, cls))
    return st.one_of(choices)


SPECIAL: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "s32": lambda: st.integers(-(2**31), 2**31 - 1),
    "label stack": lambda: st.lists(st.integers(0, 2**20 - 1), min_size=1, max_size=5).map(tuple),
    "via": lambda: st.builds(
        lambda family: Via(family, bytes(ADDRESS_SIZE[family])), st.sampled_from(sorted(ADDRESS_SIZE))
    ),
    "list of next hops": lambda: st.lists(
        tunnelled(attribute_set(
            route.NEXT_HOP, route.NextHop, flags=unsigned[8], hops=unsigned[8],
            ifindex=st.integers(0, 2**31 - 1), gateway=st.none() | st.just(b""),
        )), max_size=3,
    ).map(tuple),
    "tunnel": encap,
    "segment routing header": lambda: segments().map(lambda values: SegmentHeader(**{**values, "mode": 0})),
    "cacheinfo": lambda: st.tuples(*[st.integers(0, 2**31 - 1)] * 8).map(lambda v: route.CacheInfo(*v)),
    "mfc_stats": lambda: st.tuples(*[unsigned[64]] * 3).map(lambda v: route.MfcStats(*v)),
    "uid_range": lambda: st.tuples(unsigned[32], unsigned[32]).map(lambda v: rule.Range(*v)),
    "port_range": lambda: st.tuples(unsigned[16], unsigned[16]).map(lambda v: rule.Range(*v)),
    "nexthop_grp": lambda: st.lists(
        st.tuples(unsigned[32], unsigned[8], unsigned[8], unsigned[16]).map(lambda v: nexthop.Member(*v)),
        max_size=3,
    ).map(tuple),
    "list of names": lambda: st.lists(text, max_size=3).map(tuple),
    "IPv4 address": lambda: st.binary(min_size=4, max_size=4),
    "IPv6 address": lambda: st.binary(min_size=16, max_size=16),
}  # fmt: skip


def value(row: Attribute, form: Form[Any] | None) -> st.SearchStrategy[Any]:
    """A value that the row's kind can hold."""
    kind: Kind = row.kind
    if form is address.FORM and row.name == "cacheinfo":
        return st.tuples(*[unsigned[32]] * 4).map(lambda v: address.AddressCacheInfo(*v))
    if kind is module.NEXTHOPS:
        return st.lists(attribute_set(module.NEXT_HOP, module.NextHop), max_size=3).map(tuple)
    if kind.name in NUMBERS:
        return unsigned[NUMBERS[kind.name]]
    if kind.name == "nest":
        assert kind.table is not None
        return attribute_set(kind.table, SETS[row.name])
    if kind is STRING:
        return text
    if kind is FLAG:
        return st.just(True)
    if kind is BYTES or kind is ADDRESS:
        return blob
    return SPECIAL[kind.name]()


def attribute_set(
    table: Table, make: Callable[..., Any], form: Form[Any] | None = None, /, **more: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """An object with some of the table's rows set."""
    absent = {row.name: False if row.kind is FLAG else None for row in table.rows}
    fields = {row.name: st.just(absent[row.name]) | value(row, form) for row in table.rows}
    return st.builds(make, **{**fields, **more}, unknown=unknown(table))


def tunnelled(objects: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """With ``encap_type`` what ``encap`` needs, as every sender must have it."""

    def agree(subject: Any) -> Any:
        if isinstance(subject.encap, encapsulation.OpaqueEncap):
            subject.encap_type = int(EncapType.BPF)
        else:
            subject.encap_type = subject.encap.TYPE if subject.encap else None
        return subject

    return objects.map(agree)


@cache
def message(form: Form[Any]) -> st.SearchStrategy[Any]:
    """A random message of one form."""
    codes = form.header.format.lstrip("=").replace("x", "")
    more: dict[str, st.SearchStrategy[Any]] = {}
    for name, code in zip(form.fields, codes, strict=True):
        bits = 8 * struct.calcsize(code)
        more[name] = st.integers(0, 2**31 - 1) if code == "i" else unsigned[bits]
    if form.wide:
        more[form.wide.name] = unsigned[32]
    if form is route.FORM:
        more["family"] = st.sampled_from((0, 28, 129 + 1))  # families whose addresses have any size
        return tunnelled(attribute_set(form.table, form.make, form, **more))
    made = attribute_set(form.table, form.make, form, **more)
    return tunnelled(made) if form is nexthop.FORM else made


@cache
def module_entry(family: int) -> st.SearchStrategy[module.Entry]:
    """A record of nld.ko of IPv4 or IPv6, whose addresses have their size."""
    size = ADDRESS_SIZE[family]
    one = st.none() | st.binary(min_size=size, max_size=size)
    either = st.none() | st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
    hop = attribute_set(module.NEXT_HOP, module.NextHop, gateway=either)
    return attribute_set(
        module.ENTRY, module.Entry, module.ENTRY_FORM, family=st.just(family),
        dst_len=st.integers(0, 8 * size), flags=unsigned[8], reserved=unsigned[8], dst=one, gateway=either,
        prefsrc=one, nexthops=st.none() | st.lists(hop, max_size=3).map(tuple),
    )  # fmt: skip


@cache
def address_route(family: int) -> st.SearchStrategy[route.Route]:
    """A route of IPv4 or IPv6, whose addresses have their size."""
    size = ADDRESS_SIZE[family]
    one = st.none() | st.binary(min_size=size, max_size=size)
    return tunnelled(
        attribute_set(
            route.ROUTE, route.Route, route.FORM, family=st.just(family), dst_len=st.integers(0, 8 * size),
            src_len=st.integers(0, 8 * size), tos=unsigned[8], table=unsigned[32], protocol=unsigned[8],
            scope=unsigned[8], type=unsigned[8], flags=unsigned[32], dst=one, src=one, gateway=one,
            prefsrc=one, multipath=st.none(),
        )
    )  # fmt: skip
