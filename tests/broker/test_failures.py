"""Failures of one call: all are counted, the first are told, and no others are put into words."""

from __future__ import annotations

from functools import partial

from nld.broker.failures import REPORTED, Failures
from nld.errors import NldError, RouteExists, RouteNotFound
from nld.kernel.table import Operation


def test_only_what_is_told_is_put_into_words() -> None:
    worded: list[int] = []

    def word(nth: int) -> NldError:
        worded.append(nth)
        return RouteNotFound(f"the route {nth} is not there", field="dst")

    failures = Failures(Operation.DELETE, lambda nth: (nth // 2, nth % 2))
    failures.add(RouteExists("it is there"), 0)
    for nth in range(1, 3 * REPORTED):
        failures.add(partial(word, nth), nth)
    assert worded == list(range(1, REPORTED))
    error = failures.error(done=7)
    assert (error.message, error.done, error.failed) == ("it is there", 7, 3 * REPORTED)
    assert len(error.failures) == REPORTED
    told = error.failures[3]
    assert (told["index"], told["destination_index"], told["field"]) == (1, 1, "routes[1].dst")
