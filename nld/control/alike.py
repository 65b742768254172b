"""Calls alike: those that differ from a call before in the text of one destination, and in nothing else.

A program that writes its routes one by one says the same each time but for where to.  Such a frame is
found by what stands before and behind that text; then only the text is looked at, not the JSON.

Why that is sound: without a backslash in it, every quote of a frame begins or ends a string.  So an exchange
of one string for another that holds neither quote nor backslash leaves everything else as it was parsed.
With ``"dst"`` in it once, that string is the destination of the only record.  (A destination is written in
digits, letters, dots, colons and a slash; a text of anything else is none, and goes the ordinary way, to be
refused in the ordinary words.)

Does not belong here: what peers may call (``call.py``), what a destination is (``nld.records``).
"""

from __future__ import annotations

from nld.control.interface import Call

_MEMBER = b'"dst"'
_BEFORE = b'"dst":"'
_BYTES = 512
_CALLS = 1024
"""A call is remembered up to this size, and so many of them: some megabytes at most."""


class Alike:
    """Remembers calls that can be told again with another destination."""

    def __init__(self) -> None:
        self._calls: dict[tuple[bytes, bytes], Call] = {}

    def find(self, frame: bytes) -> tuple[Call, bytes] | None:
        """A call that this frame repeats but for its destination, and the text of that."""
        before, _, rest = frame.partition(_BEFORE)
        text, _, behind = rest.partition(b'"')
        call = self._calls.get((before, behind))
        return None if call is None else (call, text)

    def retell(self, call: Call, text: bytes) -> Call | None:
        """The call with another destination; None where it takes more than that to read it."""
        try:
            parameters = call.parameters.elsewhere(text.decode("ascii"))
        except ValueError:
            return None
        return None if parameters is None else Call(call.method, parameters, call.oneway)

    def keep(self, frame: bytes, call: Call) -> None:
        """Remember a call that was read from this frame, if it is one that can be told again."""
        if len(frame) > _BYTES or frame.count(_MEMBER) != 1 or b"\\" in frame:
            return
        before, found, rest = frame.partition(_BEFORE)
        text, _, behind = rest.partition(b'"')
        if found and self.retell(call, text) is not None:
            if len(self._calls) >= _CALLS:
                self._calls.clear()
            self._calls[before, behind] = call
