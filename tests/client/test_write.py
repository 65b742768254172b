"""A long write in bounded calls must look as if it had been one call.

The oracle is a broker that takes the whole list at once; the property is that what the caller gets,
result or error, is the same however the list was cut.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nld.client.protocol import Reply
from nld.client.write import Write, alone, done_of
from nld.errors import InvalidRecord, NldError, PermissionDenied, ProtocolBroken, RouteExists

TAKEN = {"d3", "d7", "d20"}


def refuse(routes: list[dict[str, Any]]) -> Reply | NldError:
    """Do all destinations but those that are taken, and say which were."""
    done = 0
    failures: list[RouteExists] = []
    for index, route in enumerate(routes):
        listed = isinstance(route["dst"], list)
        for position, destination in enumerate(route["dst"] if listed else [route["dst"]]):
            if destination in TAKEN:
                where = f".dst[{position}]" if listed else ".dst"
                failures.append(
                    RouteExists(
                        destination,
                        index=index,
                        destination_index=position if listed else None,
                        field=f"routes[{index}]{where}",
                    )
                )
            else:
                done += 1
    if not failures:
        return Reply(b'{"done":%d}' % done, False)
    error = failures[0]
    error.done = done
    error.failed = len(failures)
    error.failures = tuple(failure.parameters() for failure in failures)
    return error


def outcome(write: Write) -> tuple[int | dict[str, Any], int]:
    """What the caller gets, and how many calls it took."""
    calls = 0
    for frame in write.frames():
        calls += 1
        assert frame.endswith(b"\0")
        call = json.loads(frame[:-1])
        assert call["method"] == "io.nld.Add"
        write.absorb(refuse(call["parameters"]["routes"]))
    try:
        return write.result(), calls
    except RouteExists as error:
        parameters = error.parameters()
        parameters["failures"] = [
            {name: failure[name] for name in ("index", "destination_index", "field") if name in failure}
            for failure in parameters["failures"]
        ]
        return parameters, calls


def expected(routes: list[dict[str, Any]]) -> int | dict[str, Any]:
    answer = refuse(routes)
    if isinstance(answer, Reply):
        done: int = answer.values()["done"]
        return done
    parameters = answer.parameters()
    parameters["failures"] = [
        {name: failure[name] for name in ("index", "destination_index", "field") if name in failure}
        for failure in parameters["failures"]
    ]
    return parameters


destinations = st.integers(0, 30).map("d{}".format)
records = st.fixed_dictionaries(
    {"dst": destinations | st.lists(destinations, min_size=1, max_size=12)},
    optional={"gateway": st.sampled_from(["a", "b"])},
)


@given(st.lists(records, max_size=30), st.integers(20, 400))
def test_cutting_changes_nothing(routes: list[dict[str, Any]], call_bytes: int) -> None:
    got, _ = outcome(Write("io.nld.Add", routes, {}, call_bytes))
    assert got == expected(routes)


@given(records, st.integers(20, 400), st.sampled_from([{}, {"takeover": True, "kernel": None}]))
def test_one_record_is_one_call(route: dict[str, Any], call_bytes: int, parameters: dict[str, Any]) -> None:
    frame = alone("io.nld.Add", [route], parameters, call_bytes)
    if frame is None:
        assert len(json.dumps(route, separators=(",", ":"))) > call_bytes
        return
    [as_many] = Write("io.nld.Add", [route], parameters, call_bytes).frames()
    assert frame == as_many


def test_many_records_are_not_alone() -> None:
    assert alone("io.nld.Add", [{"dst": "a"}, {"dst": "b"}], {}) is None
    assert alone("io.nld.Add", [], {}) is None


def test_an_error_says_that_nothing_was_done() -> None:
    with pytest.raises(PermissionDenied) as caught:
        done_of("io.nld.Add", PermissionDenied("no"))
    assert caught.value.done == 0
    with pytest.raises(ProtocolBroken, match=r"io\.nld\.Add"):
        done_of("io.nld.Add", Reply(b"{}", False))


def test_neighbours_become_one_record() -> None:
    routes = [{"dst": f"e{number}", "gateway": "a"} for number in range(5)] + [{"dst": "f", "gateway": "b"}]
    [frame] = Write("io.nld.Add", routes, {"takeover": True, "kernel": None}).frames()
    assert json.loads(frame[:-1]) == {
        "method": "io.nld.Add",
        "parameters": {
            "routes": [
                {"gateway": "a", "dst": ["e0", "e1", "e2", "e3", "e4"]},
                {"gateway": "b", "dst": "f"},
            ],
            "takeover": True,
        },
    }


def test_many_go_in_bounded_calls() -> None:
    routes = [{"dst": [f"10.{n >> 8}.{n & 255}.0/24" for n in range(20_000)], "dev": "nld0"}]
    frames = list(Write("io.nld.Add", routes, {}, 10_000).frames())
    assert len(frames) > 30
    assert max(map(len, frames)) < 10_200
    sent = [text for frame in frames for text in json.loads(frame[:-1])["parameters"]["routes"][0]["dst"]]
    assert sent == routes[0]["dst"]


def test_nothing_is_still_one_call() -> None:
    write = Write("io.nld.Add", [], {})
    assert outcome(write) == (0, 1)


def test_an_invalid_record_stops_what_follows() -> None:
    routes = [{"dst": f"d{number}", "n": number} for number in range(100)]
    write = Write("io.nld.Add", routes, {}, 100)
    calls = 0
    for frame in write.frames():
        calls += 1
        count = len(json.loads(frame[:-1])["parameters"]["routes"])
        if calls == 3:
            write.absorb(InvalidRecord("bad", index=1, field="routes[1].n"))
        else:
            write.absorb(Reply(b'{"done":%d}' % count, False))
    assert calls == 3
    with pytest.raises(InvalidRecord) as caught:
        write.result()
    before = caught.value.done
    assert before is not None
    assert caught.value.index == before + 1
    assert caught.value.field == f"routes[{before + 1}].n"
