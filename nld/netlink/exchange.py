"""Which reply belongs to which request: the state of one netlink socket, without the socket.

Requests go in and give bytes to send; datagrams go in and give events.  A reply is matched on
sequence number and port id.  Three things can be outstanding:

- a *request*: one message that asks for an acknowledgement, which ends it;
- a *batch*: messages with consecutive sequence numbers of which only the last asks for one.  The
  kernel works through a send in order and reports each failure whether or not it was asked to, so the
  answer to the last message proves that all were processed;
- a *dump*: any number of messages, ended by NLMSG_DONE, or by an error before it began.

What to do with a message is a table over (what is outstanding, what came).  A message that fits
nothing outstanding is counted and given back as :class:`Unmatched`, never guessed at.  Anything that
shows a loss (NLMSG_OVERRUN, a truncated or malformed datagram) is :class:`Lost`: what is outstanding
is then unknown, not failed, and :meth:`Exchange.abandon_all` gives it back for reading again.

Source: RFC 3549 section 2.3, netlink(7), net/netlink/af_netlink.c (``netlink_rcv_skb``).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import TypeAlias

from nld.errors import MalformedMessage
from nld.netlink.extack import Acknowledgement, parse_done, parse_error
from nld.netlink.header import MAXIMUM_LENGTH, Flag, Message, MessageType, frame, split

LAST_SEQUENCE = MAXIMUM_LENGTH

_PLAIN = struct.Struct("=IHHIIi16s")
"""An NLMSG_ERROR of its smallest form: header, error, the header of the request."""
_ERROR, _CAPPED = int(MessageType.ERROR), int(Flag.CAPPED)
SUCCESS = Acknowledgement(0)
"""Nothing but that all went well."""


# These two are numbers, which are hashed in C: that is done for every reply.
class Sort(IntEnum):
    """What is outstanding: see the module's text."""

    REQUEST = auto()
    BATCH = auto()
    DUMP = auto()


class Arrival(IntEnum):
    """What came."""

    DATA = auto()
    SUCCESS = auto()
    FAILURE = auto()
    DONE = auto()


class Step(Enum):
    """What to do about it."""

    DELIVER = auto()
    RECORD = auto()
    FINISH = auto()
    SKIP = auto()
    REFUSE = auto()


STEPS: Mapping[tuple[Sort, Arrival], Step] = {
    (Sort.REQUEST, Arrival.DATA): Step.DELIVER,
    (Sort.REQUEST, Arrival.SUCCESS): Step.FINISH,
    (Sort.REQUEST, Arrival.FAILURE): Step.FINISH,
    (Sort.REQUEST, Arrival.DONE): Step.REFUSE,
    (Sort.BATCH, Arrival.DATA): Step.DELIVER,
    (Sort.BATCH, Arrival.SUCCESS): Step.RECORD,
    (Sort.BATCH, Arrival.FAILURE): Step.RECORD,
    (Sort.BATCH, Arrival.DONE): Step.REFUSE,
    (Sort.DUMP, Arrival.DATA): Step.DELIVER,
    (Sort.DUMP, Arrival.SUCCESS): Step.SKIP,
    (Sort.DUMP, Arrival.FAILURE): Step.FINISH,
    (Sort.DUMP, Arrival.DONE): Step.FINISH,
}


@dataclass(slots=True, eq=False)
class Pending:
    """One outstanding request, batch or dump.

    ``first``, ``last``  its sequence numbers, both included; equal but for a batch.
    ``failures``         acknowledgements with an errno, by sequence number.
    ``interrupted``      a message bore NLM_F_DUMP_INTR: the dump is inconsistent, do it again.
    """

    sort: Sort
    first: int
    last: int
    failures: dict[int, Acknowledgement] = field(default_factory=dict)
    interrupted: bool = False


@dataclass(slots=True)
class Replied:
    """A message of data for ``pending``; its payload is a view into the datagram."""

    pending: Pending
    message: Message


@dataclass(slots=True)
class Finished:
    """``pending`` is over.  ``acknowledgement`` is the last one: of the whole, or of a batch's last."""

    pending: Pending
    acknowledgement: Acknowledgement


@dataclass(slots=True)
class Notified:
    """A message with sequence number 0: the kernel speaks by itself."""

    message: Message


@dataclass(slots=True)
class Unmatched:
    """A message that fits nothing outstanding, and has been counted."""

    message: Message


@dataclass(slots=True)
class Lost:
    """Something did not arrive; everything outstanding is unknown.  ``reason`` is for the log."""

    reason: str


Event: TypeAlias = Replied | Finished | Notified | Unmatched | Lost


class Exchange:
    """The requests and replies of one socket.

    ``port_id``        the socket's own netlink address (getsockname), to which replies are directed.
    ``next_sequence``  the first sequence number to use.
    ``matched``        messages that answered something outstanding.
    ``unmatched``      messages that fitted nothing.
    ``malformed``      datagrams that make no sense.
    ``foreign``        datagrams dropped because a process, not the kernel, had sent them.
    """

    def __init__(self, port_id: int, next_sequence: int = 1) -> None:
        self.port_id = port_id
        self.next_sequence = next_sequence
        self.matched = 0
        self.unmatched = 0
        self.malformed = 0
        self.foreign = 0
        self._pending: list[Pending] = []

    @property
    def pending(self) -> tuple[Pending, ...]:
        """What is outstanding, oldest first."""
        return tuple(self._pending)

    def request(self, message_type: int, flags: int, payload: bytes = b"") -> tuple[Pending, bytes]:
        """One request and the bytes to send; NLM_F_REQUEST and NLM_F_ACK are added to ``flags``."""
        return self._single(Sort.REQUEST, message_type, flags | Flag.REQUEST | Flag.ACK, payload)

    def dump(self, message_type: int, payload: bytes = b"") -> tuple[Pending, bytes]:
        """A dump and the bytes to send.  A kernel runs one at a time on a socket (EBUSY)."""
        return self._single(Sort.DUMP, message_type, Flag.REQUEST | Flag.DUMP, payload)

    def batch(self, count: int) -> Pending:
        """Sequence numbers for ``count`` messages to be sent at once, the last with NLM_F_ACK.

        ``Template.frames(destinations, pending.first)`` makes them.
        """
        first = self._allot(count)
        pending = Pending(Sort.BATCH, first, first + count - 1)
        self._pending.append(pending)
        return pending

    def receive(self, datagram: bytes | memoryview, sender: int = 0, truncated: bool = False) -> list[Event]:
        """The events of one datagram, in order.

        ``sender`` is nl_pid of the source address: other than 0 it is a process, and is ignored.
        ``truncated`` is MSG_TRUNC.  Never raises: broken bytes end in :class:`Lost`.
        """
        if sender:
            self.foreign += 1
            return []
        if len(datagram) == _PLAIN.size and not truncated:
            finished = self._plain(datagram)
            if finished is not None:
                return [finished]
        events: list[Event] = []
        try:
            for message in split(datagram):
                if (event := self._take(message)) is not None:
                    events.append(event)
        except MalformedMessage as error:
            self.malformed += not truncated
            events.append(Lost("a truncated datagram" if truncated else str(error)))
        else:
            if truncated:
                events.append(Lost("a truncated datagram"))
        return events

    def abandon(self, pending: Pending) -> None:
        """Stop waiting; what still arrives for it is unmatched.  Nothing happens if it is over."""
        if pending in self._pending:
            self._pending.remove(pending)

    def abandon_all(self) -> tuple[Pending, ...]:
        """After a loss: everything outstanding, whose outcome is unknown."""
        lost = self.pending
        self._pending.clear()
        return lost

    def _single(self, sort: Sort, message_type: int, flags: int, payload: bytes) -> tuple[Pending, bytes]:
        sequence = self._allot(1)
        data = frame(message_type, flags, sequence, payload)
        pending = Pending(sort, sequence, sequence)
        self._pending.append(pending)
        return pending, data

    def _allot(self, count: int) -> int:
        """The first of ``count`` consecutive sequence numbers that nothing outstanding uses."""
        if not 0 < count <= LAST_SEQUENCE:
            raise ValueError(f"{count} sequence numbers, must be 1 to {LAST_SEQUENCE}")
        first = self.next_sequence
        tries = len(self._pending) + 2
        for _ in range(tries):
            if first + count - 1 > LAST_SEQUENCE:
                first = 1
            taken = [entry for entry in self._pending if entry.first < first + count and first <= entry.last]
            if not taken:
                last = first + count - 1
                self.next_sequence = 1 if last == LAST_SEQUENCE else last + 1
                return first
            first = max(entry.last for entry in taken) + 1
        raise ValueError(f"no {count} free sequence numbers beside {len(self._pending)} outstanding requests")

    def _plain(self, datagram: bytes | memoryview) -> Finished | None:
        """What :meth:`_take` makes of the most common datagram, the acknowledgement that all went well."""
        length, kind, flags, sequence, port_id, error, _ = _PLAIN.unpack(datagram)
        if kind != _ERROR or error or length != _PLAIN.size or flags != _CAPPED or port_id != self.port_id:
            return None
        for pending in self._pending:
            if pending.last == sequence and pending.sort is not Sort.DUMP:
                self._pending.remove(pending)
                self.matched += 1
                return Finished(pending, SUCCESS)
        return None

    def _take(self, message: Message) -> Event | None:
        if message.type == MessageType.NOOP:
            return None
        if message.type == MessageType.OVERRUN:
            return Lost("NLMSG_OVERRUN")
        if message.sequence == 0:
            return Notified(message)
        pending = self._owner(message)
        if pending is None:
            return self._refuse(message)
        if pending.sort is Sort.DUMP and message.flags & Flag.DUMP_INTR:
            pending.interrupted = True
        arrival, acknowledgement = _classify(message)
        step = STEPS[pending.sort, arrival]
        if step is Step.REFUSE:
            return self._refuse(message)
        self.matched += 1
        if step is Step.DELIVER:
            return Replied(pending, message)
        if step is Step.SKIP:
            return None
        if acknowledgement.errno:
            pending.failures[message.sequence] = acknowledgement
        if step is Step.RECORD and message.sequence != pending.last:
            return None
        self._pending.remove(pending)
        return Finished(pending, acknowledgement)

    def _owner(self, message: Message) -> Pending | None:
        if message.port_id != self.port_id:
            return None
        for pending in self._pending:
            if pending.first <= message.sequence <= pending.last:
                return pending
        return None

    def _refuse(self, message: Message) -> Unmatched:
        self.unmatched += 1
        return Unmatched(message)


def _classify(message: Message) -> tuple[Arrival, Acknowledgement]:
    if message.type == MessageType.DONE:
        return Arrival.DONE, parse_done(message)
    if message.type == MessageType.ERROR:
        acknowledgement = parse_error(message)
        return Arrival.FAILURE if acknowledgement.errno else Arrival.SUCCESS, acknowledgement
    return Arrival.DATA, Acknowledgement(0)
