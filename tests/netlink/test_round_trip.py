"""Random messages survive encoding and decoding, whatever is in them and in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nld.errors import MalformedMessage
from nld.netlink import address, link, module, nexthop, route, rule
from nld.netlink.attribute import pack, walk
from nld.netlink.catalogue import MESSAGES, MODULE_MESSAGES
from nld.netlink.form import Form
from nld.netlink.registry import AF
from nld.netlink.shape import cut

from .strategies import address_route, message

FORMS = [
    route.FORM, link.FORM, address.FORM, nexthop.FORM, rule.FORM,
    module.ENTRY_FORM, module.GREETING_FORM, module.INFO_FORM, module.STATISTICS_FORM,
]  # fmt: skip
CALM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def test_every_form_is_here() -> None:
    assert {entry.form for entry in (*MESSAGES.values(), *MODULE_MESSAGES.values())} == set(FORMS)
    assert set(MODULE_MESSAGES) == set(module.NLD_MSG)


@pytest.mark.parametrize("form", FORMS)
@CALM
@given(data=st.data())
def test_decode_is_the_inverse_of_encode(form: Form[Any], data: st.DataObject) -> None:
    subject = data.draw(message(form))
    wire = form.encode(subject)
    again = form.decode(wire)
    assert again == subject
    assert form.encode(again) == wire


@pytest.mark.parametrize("form", FORMS)
@CALM
@given(data=st.data())
def test_any_order_means_the_same_and_is_kept(form: Form[Any], data: st.DataObject) -> None:
    subject = data.draw(message(form))
    subject.unknown = ()
    wire = form.encode(subject)
    start = form.header.size
    parts = [pack(kind, wire[first:last]) for kind, first, last in walk(wire, start, len(wire))]
    shuffled = wire[:start] + b"".join(data.draw(st.permutations(parts)))
    again = form.decode(shuffled)
    assert again == subject
    assert form.encode(again) == shuffled


@pytest.mark.parametrize("family", [AF.INET, AF.INET6])
@CALM
@given(data=st.data())
def test_routes_of_both_families(family: int, data: st.DataObject) -> None:
    subject = data.draw(address_route(family))
    wire = route.encode(subject)
    again = route.decode(wire)
    assert again == subject
    assert route.encode(again) == wire
    shape, destination = cut(wire)
    assert destination == (subject.dst or b"")
    rest = route.decode(shape)
    rest.dst = subject.dst
    assert rest == subject


@pytest.mark.parametrize("form", FORMS)
@CALM
@given(data=st.data())
def test_changed_bytes_are_malformed_or_kept(form: Form[Any], data: st.DataObject) -> None:
    wire = bytearray(form.encode(data.draw(message(form))))
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = form.decode(bytes(wire))
    except MalformedMessage as error:
        assert 0 <= error.offset <= len(wire)
    else:
        once = form.encode(again)
        assert form.encode(form.decode(once)) == once
