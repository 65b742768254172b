"""A witness: who reads for a while, and wants to know in which tables something happened meanwhile."""

from __future__ import annotations

from nld.rib.reconciliation import TABLE_LENGTH


class Witness:
    """In which tables something happened while somebody read them.

    ``restless``  their families and numbers, as the first bytes of their keys.
    ``lost``      news was lost, so that it may have happened in any.
    """

    def __init__(self) -> None:
        self.restless: set[bytes] = set()
        self.lost = False

    def __bool__(self) -> bool:
        return self.lost or bool(self.restless)

    def saw(self, place: bytes) -> bool:
        """Whether something happened in the table of this key."""
        return self.lost or place[:TABLE_LENGTH] in self.restless
