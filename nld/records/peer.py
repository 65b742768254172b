"""Who is on the other end of a control connection.

A ``Peer`` is taken once, when the connection is accepted, from what the kernel vouches for
(SO_PEERCRED and its relatives, unix(7)); nothing in it comes from what the process says of itself.
``uid``, ``gid`` and ``groups`` may decide; ``pid`` and ``unit`` are for logs only, because a pid may
have been reused by the time it is looked at.

Does not belong here: how the values are obtained (``nld.control.credentials``) and what they permit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """The connected process, as the kernel knew it when the connection was made.

    ``uid``, ``gid``  effective ids, as seen from the daemon's user namespace.
    ``pid``           process id in the daemon's pid namespace; 0 when it is not visible there.
    ``groups``        supplementary groups (SO_PEERGROUPS); empty when the kernel does not tell.
    ``unit``          systemd unit of the process, such as ``bird.service``; None when there is none.
    """

    uid: int
    gid: int
    pid: int
    groups: tuple[int, ...] = ()
    unit: str | None = None
