"""The key of a route: what contradicts itself is refused before anybody looks for it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nld.records import RouteKey


@pytest.mark.parametrize(
    "key",
    [
        {"dst": "::/0", "family": "inet"},
        {"dst": "0.0.0.0/0", "family": "inet6"},
        {"dst": "10.0.0.0/8", "family": "inet6"},
        {"dst": "2001:db8::/32", "from": "10.0.0.0/8"},
        {"dst": "default", "family": "inet", "from": "2001:db8::/32"},
    ],
)
def test_families_that_contradict_each_other_are_refused(key: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="IPv"):
        RouteKey.model_validate(key)
