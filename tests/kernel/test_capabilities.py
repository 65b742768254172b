"""What the tables declare: shown in the status, and refused by name before anything is sent."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from nld.errors import Unsupported
from nld.kernel.capabilities import FIB, MODULE, Capabilities, Feature
from nld.kernel.translation import Translation
from nld.netlink.module import NLD_TYPE
from nld.records import Names, RouteRecord, RouteType
from tests.contract.suite import WISHES
from tests.kernel.test_translation import Links

BESIDES: list[tuple[Feature, str, dict[str, Any]]] = [
    (
        Feature.ENCAP,
        "encap",
        {"dst": "10.0.0.0/8", "gateway": "192.0.2.2", "encap": {"type": "mpls", "dst": "16"}},
    ),
    (Feature.NEXTHOP_OBJECTS, "nhid", {"dst": "10.0.0.0/8", "nhid": 5}),
    (Feature.SOURCE, "from", {"dst": "2001:db8::/32", "from": "2001:db8:1::/48", "gateway": "2001:db8::2"}),
]
ALL = [*WISHES, *BESIDES]


def translation(table: Capabilities) -> Translation:
    return Translation(Names(), Links({2: "nld0", 3: "nld1"}), None, table)


def test_the_words_of_the_status_are_in_order() -> None:
    for table in (FIB, MODULE):
        words = table.words()
        assert set(words) == set(table.types) | set(table.features)
        assert len(words) == len(table.types) + len(table.features)
    assert MODULE.words() == [
        "blackhole", "prohibit", "unicast", "unreachable", "expires4", "expires6", "multipath", "via4",
    ]  # fmt: skip


def test_types_are_those_of_the_vocabulary() -> None:
    assert set(get_args(RouteType)) - FIB.types == {"nat"}
    assert MODULE.types == {member.name.lower() for member in NLD_TYPE}
    assert MODULE.types < FIB.types


def test_what_only_one_of_them_can_do() -> None:
    assert MODULE.features - FIB.features == {Feature.EXPIRES4, Feature.VIA4}
    assert FIB.features | MODULE.features == set(Feature)


@pytest.mark.parametrize(("feature", "field", "record"), ALL, ids=[str(wish[0]) for wish in ALL])
@pytest.mark.parametrize("table", [FIB, MODULE], ids=["fib", "module"])
def test_what_is_not_declared_is_refused_by_name(
    table: Capabilities, feature: Feature, field: str, record: dict[str, Any]
) -> None:
    wish = RouteRecord.model_validate(record)
    if feature in table.features:
        if feature is not Feature.NEXTHOP_OBJECTS:  # there is none to refer to
            translation(table).to_route(wish)
        return
    with pytest.raises(Unsupported) as caught:
        translation(table).to_route(wish)
    assert caught.value.field == field


def test_every_feature_is_tried() -> None:
    """But for those that no record asks for."""
    assert {feature for feature, _, _ in ALL} == set(Feature) - {Feature.ALIAS, Feature.RULES}
