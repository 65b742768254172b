"""What type checkers are told is what the daemon's models say."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from nld.client import protocol, route
from nld.control.messages import RouteChange, WatchReply
from nld.records import RouteFilter, RouteRecord
from nld.records.metrics import MetricsRecord
from nld.records.nexthop import Flow, NextHopRecord, Via

PAIRS: list[tuple[Any, type[BaseModel]]] = [
    (route.Route, RouteRecord), (route.Filter, RouteFilter), (route.NextHop, NextHopRecord),
    (route.Metrics, MetricsRecord), (route.Via, Via), (route.Flow, Flow),
    (protocol.Change, RouteChange), (protocol.Watched, WatchReply),
]  # fmt: skip
NAMES = {model: typed for typed, model in PAIRS}
OPAQUE = {"encap"}
"""Unions of many models: a mapping for type checkers."""


def plain(annotation: Any) -> Any:
    """A model's annotation as the typed dictionary has it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return plain(arguments[0])
    if origin in (Union, types.UnionType):
        some = [plain(argument) for argument in arguments if argument is not type(None)]
        return Union[tuple(some)]  # noqa: UP007 (from a tuple)
    if origin is list:
        return list[plain(arguments[0])]  # type: ignore[misc] # a type that is made at run time
    return annotation if origin is Literal else NAMES.get(annotation, annotation)


@pytest.mark.parametrize(("typed", "model"), PAIRS)
def test_the_fields_are_the_same(typed: Any, model: type[BaseModel]) -> None:
    hints = get_type_hints(typed, localns={"Route": route.Route})
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    assert set(hints) == set(fields)
    for name, info in fields.items():
        if name in OPAQUE or (typed is route.Route and name == "dst"):
            continue
        assert hints[name] == plain(info.annotation), name
        if typed in (protocol.Change, protocol.Watched):
            declared = get_type_hints(typed, localns={"Route": route.Route}, include_extras=True)[name]
            assert (get_origin(declared) is not NotRequired) == info.is_required(), name
