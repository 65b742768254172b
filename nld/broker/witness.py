"""A witness: who reads for a while, and wants to know in which tables something happened meanwhile."""

from __future__ import annotations

from nld.rib.reconciliation import FAMILY_AT, TABLE_LENGTH


class Witness:
    """In which tables something happened while somebody read them.

    ``restless``  their families and numbers, as the first bytes of their keys.
    ``lost``      news was lost, so that it may have happened in any.
    """

    def __init__(self) -> None:
        self.restless: set[bytes] = set()
        self.lost = False

    def saw_any(self, family: int) -> bool:
        """Whether something happened in any table of this family."""
        return self.lost or any(table[FAMILY_AT] == family for table in self.restless)

    def saw(self, place: bytes) -> bool:
        """Whether something happened in the table of this key."""
        return self.lost or place[:TABLE_LENGTH] in self.restless
