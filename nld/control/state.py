"""The states of a connection: what runs, and what may follow.

One state at a time, and a table of the steps between them; a step that is not in the table is a bug of
nld's and changes nothing.  Beside it stands the peer's end, which only ever goes on: open, shut (it will send
nothing more, but reads), gone (nobody reads what is sent).

Does not belong here: what is done in a state (``connection.py``).
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Literal, TypeAlias

ConnectionStep: TypeAlias = Literal[
    "defer", "turn", "ask", "write", "stream", "watch", "done", "fail", "close"
]
"""What happens to a connection: its next message waits for a turn, and gets it; a call of one of four
kinds begins, and is done, or has failed where it has many replies; the connection is to end."""


class State(Enum):
    """What a connection does."""

    IDLE = "idle"
    """Nothing: the next whole message begins something."""
    DUE = "due"
    """A whole message waits for its turn."""
    ASKING = "asking"
    """A call that only reads runs; it ends with its peer."""
    WRITING = "writing"
    """A call that may have changed something runs, or a long one is read; it is never cancelled."""
    STREAMING = "streaming"
    """A call with many replies runs."""
    WATCHING = "watching"
    """One without end runs; the connection ends with it, and it with the peer's input."""
    ENDING = "ending"
    """What runs is the last."""
    CLOSED = "closed"
    """Nothing more is read or begun; what was written is flushed."""

    def after(self, step: ConnectionStep) -> State:
        """The state that a step leads to. Raises StepError when there is no such step."""
        state = _TABLE[self._value_].get(step)
        if state is None:
            raise StepError(self, step)
        return state


_TABLE: dict[str, dict[ConnectionStep, State]] = {
    "idle": {
        "defer": State.DUE,
        "ask": State.ASKING,
        "write": State.WRITING,
        "stream": State.STREAMING,
        "watch": State.WATCHING,
        "close": State.CLOSED,
    },
    "due": {"turn": State.IDLE, "close": State.CLOSED},
    "asking": {"done": State.IDLE, "fail": State.IDLE, "close": State.ENDING},
    "writing": {"ask": State.ASKING, "done": State.IDLE, "close": State.ENDING},
    "streaming": {"done": State.IDLE, "fail": State.IDLE, "close": State.ENDING},
    "watching": {"done": State.CLOSED, "fail": State.IDLE, "close": State.ENDING},
    "ending": {"done": State.CLOSED, "fail": State.CLOSED, "close": State.ENDING},
    "closed": {"close": State.CLOSED},
}

RUNNING = frozenset({State.ASKING, State.WRITING, State.STREAMING, State.WATCHING, State.ENDING})
"""In these a call runs."""


class StepError(Exception):
    """A step that a connection cannot make in its state: a bug of nld's."""

    def __init__(self, state: State, step: ConnectionStep) -> None:
        super().__init__(f"a connection that is {state.value} cannot {step}")
        self.state = state
        self.step = step


class End(IntEnum):
    """The peer's end of a connection; it only ever goes on."""

    OPEN = 0
    SHUT = 1
    """It will send nothing more (shutdown(2)), and may still read."""
    GONE = 2
    """It has hung up: nobody reads what is sent."""
