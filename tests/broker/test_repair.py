"""What a repair says of the causes of what it finds."""

from __future__ import annotations

from nld.broker.repair import Repair
from nld.kernel.shape import Shape, Shapes
from nld.kernel.suspicion import Suspicion, Suspicions
from nld.netlink.registry import AF
from nld.netlink.route import Route, encode
from nld.rib.mirror import Difference

CHANGED = Suspicion("device nld0 changed", 2, vague=True)
DOWN = Suspicion("device nld0 went down", 2)
UP = Suspicion("device nld0 went up", 2)
OTHER = Suspicion("device nld1 went down", 3)


def lost() -> Difference[Shape]:
    shape = Shapes().intern(encode(Route(AF.INET, 16, dst=bytes([10, 1, 0, 0]), table=254, oif=2, type=1)))
    assert shape is not None
    return Difference(bytes([10, 1, 0, 0]), shape, None)


async def cause(now: list[Suspicion], meanwhile: list[Suspicion]) -> str | None:
    repair, later = Repair(), Repair()
    repair.suspicions = Suspicions(now)
    later.suspicions = Suspicions(meanwhile)
    return repair.cause(lost(), bytes(30), later)


async def test_a_cause_that_is_known_explains_better_than_a_vague_one() -> None:
    assert await cause([CHANGED], []) == CHANGED.cause
    assert await cause([CHANGED, DOWN], []) == DOWN.cause
    # The dump that CHANGED asked for finds what went with the device, which went down meanwhile.
    assert await cause([CHANGED], [OTHER, DOWN]) == DOWN.cause
    # What it was asked for is the cause, if that is known.
    assert await cause([DOWN], [UP]) == DOWN.cause
    assert await cause([CHANGED], [CHANGED]) == CHANGED.cause
    assert await cause([OTHER], [CHANGED]) == CHANGED.cause
    assert await cause([OTHER], []) is None
