"""The daemon's errors as text: the caret, the kernel's words, and the way on."""

from __future__ import annotations

import pytest

from nld.cli.complaint import complaint, spot, status_of
from nld.cli.grammar import WriteRequest, parse
from nld.errors import DeviceNotFound, Extack, InvalidRecord, KernelRefused, NldError, RouteExists

LINE = (
    "nld", "route", "add", "10.0.0.0/8", "via", "203.0.113.9", "dev", "nld0", "mtu", "1400", "encap", "ip",
    "id", "5",
)  # fmt: skip


def asked() -> WriteRequest:
    request = parse(LINE, 2)
    assert isinstance(request, WriteRequest)
    return request


def test_a_kernel_error_points_at_the_word() -> None:
    error = KernelRefused(
        "Nexthop has invalid gateway", operation="add", key="10.0.0.0/8", errno="ENETUNREACH",
        extack=Extack(message="Nexthop has invalid gateway", attribute="RTA_GATEWAY"),
    )  # fmt: skip
    request = asked()
    text = complaint(error, request.words, request.spots, request.record).splitlines()
    assert text[0] == "nld: add 10.0.0.0/8: Nexthop has invalid gateway"
    assert text[1][text[2].index("^") :].startswith("203.0.113.9")
    assert text[3:] == ["kernel: ENETUNREACH (Network is unreachable), attribute RTA_GATEWAY"]


FIELDS = (
    ("gateway", None, "203.0.113.9"), ("routes[0].gateway", None, "203.0.113.9"),
    ("dst[0]", None, "10.0.0.0/8"),
    ("filter.gateway", None, "203.0.113.9"),
    ("routes[0].metrics[0].mtu", None, "1400"), ("metrics", None, "1400"), ("encap.id", None, "5"),
    (None, "RTA_OIF", "nld0"), (None, "RTA_METRICS", "1400"), ("table", None, None), (None, None, None),
    ("unknown", "RTA_DST", "10.0.0.0/8"),
)  # fmt: skip


@pytest.mark.parametrize(("field", "attribute", "word"), FIELDS)
def test_fields_and_attributes_find_their_word(
    field: str | None, attribute: str | None, word: str | None
) -> None:
    at = spot(field, attribute, asked().spots)
    assert (None if at is None else LINE[at]) == word


def test_advice_names_the_route() -> None:
    error = RouteExists("exists", operation="add", key="10.0.0.0/8", errno="EEXIST")
    assert '"nld route list exact 10.0.0.0/8"' in complaint(error, record={"dst": "10.0.0.0/8"})


def test_a_field_without_a_word_is_named() -> None:
    assert "field: owner" in complaint(InvalidRecord("unknown", field="routes[0].owner"))


def test_the_place_of_a_route_is_the_users_and_not_that_in_the_call() -> None:
    error = InvalidRecord("routes[3].gateway: wrong", field="routes[3].gateway", operation="validate")
    assert complaint(error) == "nld: gateway: wrong\nfield: gateway"
    assert complaint(error, place="route 7") == "nld: route 7: gateway: wrong\nfield: gateway"


STATUSES: tuple[tuple[NldError, int], ...] = (
    (DeviceNotFound("no"), 1), (RouteExists("no"), 2), (KernelRefused("no"), 2), (InvalidRecord("no"), 2),
)  # fmt: skip


@pytest.mark.parametrize(("error", "status"), STATUSES)
def test_statuses(error: NldError, status: int) -> None:
    assert status_of(error) == status


SUSPECTS = (
    ("Nexthop has invalid gateway", "ENETUNREACH", "203.0.113.9"), (None, "EHOSTUNREACH", "203.0.113.9"),
    ("Device for nexthop is not up", "ENETDOWN", "203.0.113.9"), (None, "ENETDOWN", "nld0"),
    (None, "EEXIST", "10.0.0.0/8"), (None, "EINVAL", None),
)  # fmt: skip


@pytest.mark.parametrize(("words", "errno", "word"), SUSPECTS)
def test_without_an_attribute_the_words_and_the_errno_are_asked(
    words: str | None, errno: str, word: str | None
) -> None:
    error = KernelRefused(f"the kernel refused it ({errno})", errno=errno, extack=Extack(message=words))
    request = asked()
    lines = complaint(error, request.words, request.spots).splitlines()
    carets = [index for index, line in enumerate(lines) if line.strip() and not line.strip("^ ")]
    assert len(carets) == (word is not None)
    for index in carets:
        assert lines[index - 1][lines[index].index("^") :].startswith(str(word))
