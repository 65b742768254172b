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

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, cast

from nld.control.interface import Call, Method, RefusalError, Stream
from nld.control.messages import Elsewhere, WriteParameters
from nld.records import RouteRecord
from nld.records.many import Records
from nld.records.peer import Peer

_RECORD = b'{"dst":"'
_NAME = b'"dst"'
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


_Words: TypeAlias = tuple[bytes, bytes, bool]
"""What stands before and behind the destination of a call's only record, and whether that is IPv6."""


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
        head, _, first = frame.partition(_RECORD)
        destination, _, end = first.partition(b'"')
        if len(frame) <= _BYTES:
            known = self._known.get((head, end, b":" in destination))
            if known is not None:
                self._authorize(known.method, frame, peer)
                return self._at(known, [known.record], destination) or self._parse(frame, peer)
        if not first or b"\\" in frame:
            return self._parse(frame, peer)
        if _RECORD in end:
            return self._many(frame, peer) or self._parse(frame, peer)
        call = self._parse(frame, peer)
        self._keep((head, end, b":" in destination), call)
        return call

    def _many(self, frame: bytes, peer: Peer) -> Call | None:
        head, *records = frame.split(_RECORD)
        parts = [record.partition(b'"') for record in records]
        destinations = [part[0] for part in parts]
        ends = [part[2] for part in parts]
        inside, _, tail = ends[-1].partition(b"}")
        ends[-1] = inside + b"},"  # as those of the others
        known = self._known_by_end(head, tail, ends, destinations[0], peer)
        if known is None:
            return None
        any_of_them = known[ends[0]]  # for all else they say the same
        self._authorize(any_of_them.method, frame, peer)
        records_by_end = {end: found.record for end, found in known.items()}
        return self._at(any_of_them, list(map(records_by_end.__getitem__, ends)), b'"'.join(destinations))

    @staticmethod
    def _at(known: _Known, rests: list[RouteRecord], destinations: bytes) -> Call | None:
        """The call of these records at other destinations, which are told with a quote between them."""
        try:
            texts = destinations.decode("ascii").split('"')
            routes = Records(rests, cast("list[str | list[str]]", texts))
            if b"" in routes.columns.addresses:  # a default route has no family by itself
                return None
        except ValueError:
            return None
        parameters = Elsewhere(routes, known.parameters.takeover, known.parameters.kernel)
        return Call(known.method, parameters, known.oneway)

    def _known_by_end(
        self, head: bytes, tail: bytes, ends: Sequence[bytes], destination: bytes, peer: Peer
    ) -> dict[bytes, _Known] | None:
        """The calls of one record that records with these ends would be; None where it is not so simple."""
        known: dict[bytes, _Known] = {}
        unknown: dict[bytes, _Words] = {}
        for end in set(ends):
            inside, _, behind = end.partition(b"}")
            if behind != b"," or b"{" in inside or inside.count(b'"') % 2:
                return None
            words = head, inside + b"}" + tail, b":" in destination
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

    def _learn(self, words: _Words, destination: bytes, peer: Peer) -> _Known | None:
        """Read a call of one record that nobody sent."""
        head, end, _ = words
        if len(head) + len(end) > _BYTES:
            return None
        frame = b'%b%b%b"%b' % (head, _RECORD, destination, end)
        try:
            call = self._parse(frame, peer)
        except RefusalError:
            return None
        return self._keep(words, call)

    def _keep(self, words: _Words, call: Call) -> _Known | None:
        """Remember a call that was read from these words, if its record may be anywhere."""
        parameters = call.parameters
        head, end, _ = words
        if len(head) + len(end) > _BYTES or _NAME in head or _NAME in end:
            return None
        if not isinstance(parameters, WriteParameters):
            return None
        routes = parameters.routes
        assert isinstance(routes, Records)
        try:
            [address] = routes.columns.addresses
        except ValueError:  # there is no record, or its destination contradicts it: who writes it is told so
            return None
        if not address:
            return None
        if len(self._known) >= _CALLS:
            self._known.clear()
        known = _Known(call.method, call.oneway, parameters, routes.rests[0])
        self._known[words] = known
        return known
