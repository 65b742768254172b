"""A repair: parts of the mirror that are to be read again, together, and who waits for it.

Whatever casts doubt on the mirror while one repair is under way gathers for the next, so that a thousand
events cost one dump of each family.  Who needs an answer waits only for the repairs that it depends on.

Does not belong here: reading and reconciling (``repairer.py``, ``nld/rib/reconciliation.py``).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from itertools import chain

from nld.kernel.selection import Selection
from nld.kernel.shape import Shape
from nld.kernel.suspicion import Suspicion, Suspicions
from nld.rib.mirror import Difference, Mirror, several
from nld.rib.reconciliation import FAMILY_AT

NARROW = 8
"""Devices whose routes are dumped one by one, at most; for more the whole table is."""


class Repair:
    """What is to be read again.

    ``everything``  families of which all is in doubt, each with the cause in words; None is the start.
    ``suspicions``  what happened, each once and in order.
    ``keys``        single keys in doubt.
    ``tables``      IPv6 tables (first bytes of a key) to be looked at again for what is missing, each with
                    its cause.  What is known of them is answered meanwhile.
    """

    def __init__(self) -> None:
        self.everything: dict[int, str | None] = {}
        self.suspicions = Suspicions()
        self.keys: dict[bytes, str | None] = {}
        self.tables: dict[bytes, str | None] = {}
        self.lost = False
        """News was lost, of devices and nexthop objects too."""
        self.waiters = 0
        self.wanted = asyncio.Event()
        """Set when somebody waits."""
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take_over(self, other: Repair) -> None:
        """Repair what another one could not."""
        self.everything = {**self.everything, **other.everything}
        self.suspicions = Suspicions(chain(other.suspicions, self.suspicions))
        self.keys = {**self.keys, **other.keys}
        self.tables = {**self.tables, **other.tables}
        self.lost = self.lost or other.lost

    @property
    def urgent(self) -> bool:
        """Whether any answer depends on it."""
        return bool(self.everything or self.suspicions or self.keys)

    def __bool__(self) -> bool:
        return bool(self.urgent or self.tables)

    def matters(self, keys: Iterable[bytes] | None, mirror: Mirror[Shape], suspected: bool) -> bool:
        """Whether an answer about these keys depends on it; None is every key.

        ``suspected``  False for who only needs to know what was told.
        """
        if keys is None or not self.urgent:
            return self.urgent
        if self.everything or self.keys:
            keys = list(keys)
            if any(key in self.keys or key[FAMILY_AT] in self.everything for key in keys):
                return True
        if not self.suspicions or not suspected:
            return False
        shapes = {shape for entry in set(mirror.entries(keys)) for shape in several(entry)}
        return any(map(self.suspicions.about, shapes))

    async def done(self) -> None:
        """Wait for its end. Raises the error with which it failed."""
        self.waiters += 1
        self.wanted.set()
        await asyncio.shield(self._done)

    def end(self, error: Exception | None = None) -> None:
        """It is over, maybe in vain: it is tried again, but nobody shall wait for ever."""
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
            self._done.exception()  # nobody may be waiting

    def cause(self, difference: Difference[Shape], key: bytes, later: Repair | None = None) -> str | None:
        """Why a route is not what it was, in words; None when nobody knows.

        ``later``  what has gathered meanwhile: a dump that a vague suspicion asked for may find what a
                   device that went down since has lost.
        """
        vague = None
        every = [self.suspicions] if later is None else [self.suspicions, later.suspicions]
        for suspicions in every:
            for shape in (difference.old, difference.new):
                for suspicion in () if shape is None else suspicions.about(shape):
                    if not suspicion.vague:
                        return suspicion.cause
                    vague = vague or suspicion.cause
        if vague is not None:
            return vague
        if key in self.keys:
            return self.keys[key]
        table = key[: FAMILY_AT + 1]
        return self.tables[table] if table in self.tables else self.everything.get(key[FAMILY_AT])

    def about(self, family: int, shapes: Iterable[Shape]) -> list[Suspicion]:
        """The suspicions that are about any of the shapes of a family."""
        found = {
            one
            for shape in (shapes if self.suspicions else ())
            if shape.family == family
            for one in self.suspicions.about(shape)
        }
        return [one for one in self.suspicions if one in found and one.family in (0, family)]

    def selections(
        self, family: int, about: list[Suspicion], shapes: Iterable[Shape]
    ) -> tuple[list[Selection], bool]:
        """What to dump of a family, and whether that shows all that there is at the keys in question."""
        keys = [key for key in self.keys if key[FAMILY_AT] == family]
        tables = {key[: FAMILY_AT + 1] for key in (*keys, *self.tables) if key[FAMILY_AT] == family}
        if about or family in self.everything:
            devices = {one.device for one in about}
            narrow = (
                family not in self.everything
                and not tables
                and 0 not in devices
                and len(devices) <= NARROW
                and all(
                    one.stays_on_its_device(shape)
                    for shape in shapes
                    if shape.family == family
                    for one in about
                    if one.concerns(shape)
                )
            )
            if narrow:
                return [Selection((family,), device=device) for device in devices], False
            return [Selection((family,), onward=family in self.everything)], True
        if len(tables) > 1:
            return [Selection((family,))], True
        return [Selection((family,), table=_number(table)) for table in tables], True


def _number(table: bytes) -> int:
    return int.from_bytes(table[:FAMILY_AT], sys.byteorder)
