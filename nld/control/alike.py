"""Calls alike: records in words that were read before, but for the destination, are not parsed again.

A program with many routes says the same of each, or one of a few things, but for where it goes to.  So a
frame of such records is cut in front of each destination and behind it.  What is left are few texts, and
each of them is read once, as a call of one record, in the ordinary way.

Why that is sound: without a backslash in a frame, every quote in it begins or ends a string.  So an exchange
of one string for another without quote and backslash leaves all the rest as it was parsed.  Where no string
is open and no object was begun, the first brace ends the record; between that and the next ``{"dst":"`` there
is a comma and nothing else, so that each record stands where the only one of its call stood.  The name
``"dst"`` is nowhere else, so that this is its destination.

Whatever is not so, or does not fit, goes the ordinary way; so does what is wrong, for the words of errors.

Does not belong here: what a destination is (``nld.records``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from nld.control.interface import Call, Method, RefusalError, Stream
from nld.control.messages import Elsewhere, WriteParameters
from nld.records import RouteRecord
from nld.records.many import Records
from nld.records.peer import Peer

_RECORD = '{"dst":"'
_NAME = '"dst"'
_BYTES = 512
_CALLS = 1024
"""A call is remembered up to this size, and so many of them: some megabytes at most."""
_SHARE = 32
"""Records of a call for each text that must be read first; with fewer it is quicker to parse them all."""

Parse = Callable[[bytes, Peer], Call]
"""The ordinary way to read a call. Raises RefusalError."""
Authorize = Callable[[Method | Stream, bytes, Peer], None]
"""Raises RefusalError where a peer may not call a method."""


class _Known(NamedTuple):
    """A call of one record that was read: the record, at whatever destination, and all else it says."""

    method: Method | Stream
    oneway: bool
    parameters: WriteParameters
    record: RouteRecord

    def call(self, routes: Records) -> Call:
        parameters = Elsewhere(routes, self.parameters.takeover, self.parameters.kernel)
        return Call(self.method, parameters, self.oneway)


class _Words(NamedTuple):
    """What stands around the destination of a call's only record, and the family of that."""

    head: str
    end: str
    inet6: bool

    @property
    def long(self) -> bool:
        """Whether they are too long to be remembered."""
        return len(self.head) + len(self.end) > _BYTES


class Alike:
    """Reads calls; remembers those of one record.

    ``parse``, ``authorize``  for what was not read before, and for what was. The first does both.
    """

    def __init__(self, parse: Parse, authorize: Authorize) -> None:
        self._parse = parse
        self._authorize = authorize
        self._known: dict[_Words, _Known] = {}

    def read(self, frame: bytes, peer: Peer) -> Call:
        """The call in a frame. Raises RefusalError."""
        if b'{"dst":"' not in frame or b"\\" in frame or not frame.isascii():
            return self._parse(frame, peer)
        head, *records = frame.decode("ascii").split(_RECORD)
        if len(records) == 1:
            return self._one(frame, peer, head, records[0])
        return self._many(frame, peer, head, records) or self._parse(frame, peer)

    def _one(self, frame: bytes, peer: Peer, head: str, record: str) -> Call:
        destination, _, end = record.partition('"')
        words = _Words(head, end, ":" in destination)
        known = self._known.get(words)
        if known is None:
            call = self._parse(frame, peer)
            self._keep(words, call)
            return call
        self._authorize(known.method, frame, peer)
        try:
            return known.call(Records.at([known.record], [destination], words.inet6))
        except ValueError:
            return self._parse(frame, peer)

    def _many(self, frame: bytes, peer: Peer, head: str, records: Iterable[str]) -> Call | None:
        parts = [record.partition('"') for record in records]
        destinations = [part[0] for part in parts]
        ends = [part[2] for part in parts]
        inside, _, tail = ends[-1].partition("}")
        ends[-1] = inside + "},"  # as those of the others
        known = self._known_by_end(head, tail, ends, destinations[0], peer)
        if known is None:
            return None
        any_of_them = known[ends[0]]  # for all else they say the same
        self._authorize(any_of_them.method, frame, peer)
        records_by_end = {end: found.record for end, found in known.items()}
        rests = list(map(records_by_end.__getitem__, ends))
        try:
            return any_of_them.call(Records.at(rests, destinations, ":" in destinations[0]))
        except ValueError:
            return None

    def _known_by_end(
        self, head: str, tail: str, ends: Sequence[str], destination: str, peer: Peer
    ) -> dict[str, _Known] | None:
        """The calls of one record that records with these ends would be; None where it is not so simple."""
        known: dict[str, _Known] = {}
        unknown: dict[str, _Words] = {}
        for end in set(ends):
            inside, _, behind = end.partition("}")
            if behind != "," or "{" in inside or inside.count('"') % 2:
                return None
            words = _Words(head, f"{inside}}}{tail}", ":" in destination)
            found = self._known.get(words)
            if found is None:
                unknown[end] = words
            else:
                known[end] = found
        if len(unknown) * _SHARE > len(ends):
            return None
        for end, words in unknown.items():
            learnt = self._learn(words, destination, peer)
            if learnt is None:
                return None
            known[end] = learnt
        return known

    def _learn(self, words: _Words, destination: str, peer: Peer) -> _Known | None:
        """Read a call of one record that nobody sent."""
        if words.long:
            return None
        frame = f'{words.head}{_RECORD}{destination}"{words.end}'.encode("ascii")
        try:
            call = self._parse(frame, peer)
        except RefusalError:
            return None
        return self._keep(words, call)

    def _keep(self, words: _Words, call: Call) -> _Known | None:
        """Remember a call that was read from these words, if its record may be anywhere."""
        parameters = call.parameters
        if words.long or _NAME in words.head or _NAME in words.end:
            return None
        if not isinstance(parameters, WriteParameters):
            return None
        routes = parameters.routes
        assert isinstance(routes, Records)
        try:
            [address] = routes.columns.addresses
        except ValueError:  # there is no record, or its destination contradicts it: who writes it is told so
            return None
        if not address:  # a default route has no family by itself
            return None
        if len(self._known) >= _CALLS:
            self._known.clear()
        known = _Known(call.method, call.oneway, parameters, routes.rests[0])
        self._known[words] = known
        return known
