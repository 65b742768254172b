"""The policy: who may do what.  Pure: a peer and a wish go in, a decision with its reason comes out.

For now there is one rule: the users and groups that the configuration names may write, everybody who
can reach the socket may read.
"""

from __future__ import annotations

from dataclasses import dataclass

from nld.records.peer import Peer


@dataclass(frozen=True, slots=True)
class Policy:
    """``users`` and ``groups`` (ids) whose members may change routes."""

    users: frozenset[int]
    groups: frozenset[int]

    def may_write(self, peer: Peer) -> bool:
        """Whether a peer may change routes."""
        return (
            peer.uid in self.users
            or peer.gid in self.groups
            or any(group in self.groups for group in peer.groups)
        )
