"""Who sends much that is wrong is told a hundred things, and costs no more than that."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from nld.control.interface import RefusalError
from nld.control.service import Service
from nld.errors import InvalidRecord, NldError
from nld.records.complaint import GUESSES, MAXIMUM
from nld.records.many import Records
from nld.records.peer import Peer
from tests.control.stand import StubBroker, serve


@pytest.fixture
def service() -> Service:
    return serve(StubBroker()).service


def refused(service: Service, method: str, **parameters: Any) -> NldError:
    frame = json.dumps({"method": f"io.nld.{method}", "more": True, "parameters": parameters}).encode()
    with pytest.raises(RefusalError) as caught:
        service.read(frame, Peer(0, 0, 1))
    assert isinstance(caught.value.error, NldError)
    return caught.value.error


def test_a_hundred_are_told_and_few_similar_names_looked_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def near(word: str, words: Sequence[str], n: int) -> list[str]:
        looked.append(word)
        return []

    monkeypatch.setattr(difflib, "get_close_matches", near)
    error = refused(service, "List", filter={f"n{number}": 1 for number in range(1200)})
    assert isinstance(error, InvalidRecord)
    assert len(error.failures) == MAXIMUM
    assert len(looked) == GUESSES
    records = [{"dst": f"10.{number >> 8}.{number & 255}.0/33", "gatewy": 1} for number in range(5000)]
    error = refused(service, "Add", routes=records)
    assert len(error.failures) == MAXIMUM
    assert len(looked) == 2 * GUESSES


def test_a_question_that_is_too_long_is_not_read(service: Service) -> None:
    error = refused(service, "List", filter={f"n{number}": 1 for number in range(20_000)})
    assert error.field == "message_bytes"
    assert error.name == "io.nld.LimitExceeded"


def test_no_word_of_an_error_is_long(service: Service) -> None:
    error = refused(service, "List", filter={"d" * 10_000: 1})
    assert len(str(error)) < 200
    error = refused(service, "Add", routes=[{"dst": "10.0.0.0/8", "d" * 1_000_000: 1}])
    assert len(str(error)) < 200


@pytest.mark.parametrize("place", [0, 63, 64, 4999])
def test_the_one_that_is_wrong_is_found_among_many(place: int) -> None:
    records: list[dict[str, Any]] = [
        {"dst": f"10.{number >> 8}.{number & 255}.0/24", "gateway": "192.0.2.2"} for number in range(5000)
    ]
    assert len(Records.read(records)) == 5000
    records[place] = {"dst": "10.0.0.0/8", "gateway": "x"}
    with pytest.raises(ValidationError) as caught:
        Records.read(records)
    [details] = caught.value.errors()
    assert details["loc"] == (place, "gateway")
