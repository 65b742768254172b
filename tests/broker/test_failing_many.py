"""Of many that fail every command says which, and how many: the first, those between, and the last."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from nld.client import Client
from nld.errors import ForeignRoute, RouteExists
from tests.stand import Stand

pytestmark = pytest.mark.namespace

MANY = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(12_000)]
FAILING = [5, 11_990, 11_995]


@pytest.fixture
def place(shared: Stand) -> Iterator[Stand]:
    """Somebody else has three of the many."""
    lines = [f"route add {MANY[at]} via 192.0.2.9 proto 186" for at in FAILING]
    shared.run("ip", "-batch", "-", stdin="\n".join(lines), check=True)
    yield shared
    for protocol in ("186", "131"):
        shared.ip(f"route flush proto {protocol}")


def foreign(place: Stand) -> set[str]:
    return {route["dst"] for route in place.routes("ip") if route["protocol"] in {"186", "bgp"}}


@pytest.mark.parametrize("listed", [False, True])
def test_a_call_tells_each_with_the_callers_place(place: Stand, listed: bool) -> None:
    with Client(place.socket, timeout=300) as client:
        records = [{"dst": dst, "gateway": "192.0.2.2"} for dst in MANY]
        with pytest.raises(RouteExists) as caught:
            client.add({"dst": MANY, "gateway": "192.0.2.2"} if listed else records)
        error = caught.value
        where = "destination_index" if listed else "index"
        assert (error.done, error.failed) == (len(MANY) - 3, 3)
        assert [failure[where] for failure in error.failures] == FAILING
        assert getattr(error, where) == FAILING[0]
        assert {failure["error"] for failure in error.failures} == {"io.nld.RouteExists"}
        with pytest.raises(ForeignRoute) as refused:
            client.replace({"dst": MANY[5], "gateway": "192.0.2.2"})
        assert [failure["index"] for failure in refused.value.failures] == [0]
        assert refused.value.failed == 1


@pytest.mark.parametrize("options", [[], ["-force"]])
def test_a_batch_names_each_line(place: Stand, options: list[str]) -> None:
    lines = [f"route add {dst} via 192.0.2.2" for dst in MANY]
    done = place.nld([*options, "-batch", "-"], stdin="\n".join(lines))
    assert done.code == 1
    wanted = FAILING if options else FAILING[:1]  # without -force it stops behind the call of the first
    for at in wanted:
        assert f"add {MANY[at]}: " in done.err
        assert f"Command failed -:{at + 1}\n" in done.err
    assert done.err.count("Command failed") == len(wanted)


def test_a_flush_goes_on_and_says_what_stays(place: Stand) -> None:
    with Client(place.socket, timeout=300) as client:
        client.add({"dst": [dst for at, dst in enumerate(MANY) if at not in FAILING], "gateway": "192.0.2.2"})
    done = place.nld("-s route flush root 10.0.0.0/8")
    assert done.code == 2
    for at in FAILING:
        assert f"delete {MANY[at]} " in done.err
    assert f"3 of {len(MANY)} routes were not flushed" in done.err
    assert f"{len(MANY) - 3} routes flushed" in done.err
    left = {route["dst"] for route in place.routes("ip") if route["dst"].startswith("10.")}
    assert left == foreign(place) == {MANY[at] for at in FAILING}


def test_a_restore_says_what_it_did_not_do(place: Stand) -> None:
    saved = json.dumps([{"dst": dst, "gateway": "192.0.2.2", "protocol": "131"} for dst in MANY])
    done = place.nld("route restore", stdin=saved)
    assert done.code == 2
    for at in FAILING:
        assert f"{MANY[at]}" in done.err
    assert f"3 of {len(MANY)} routes were not restored" in done.err
    assert foreign(place) == {MANY[at] for at in FAILING}
