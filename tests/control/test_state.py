"""Every pair of state and step: it leads where it should, or is a named error that changes nothing."""

from __future__ import annotations

from typing import get_args

import pytest

from nld.control.state import RUNNING, ConnectionStep, State, StepError

LEGAL: dict[tuple[State, ConnectionStep], State] = {
    (State.IDLE, "defer"): State.DUE,
    (State.DUE, "turn"): State.IDLE,
    (State.IDLE, "ask"): State.ASKING,
    (State.IDLE, "write"): State.WRITING,
    (State.WRITING, "ask"): State.ASKING,  # a long call that was read turns out to ask
    (State.IDLE, "stream"): State.STREAMING,
    (State.IDLE, "watch"): State.WATCHING,
    **{(state, "done"): State.IDLE for state in (State.ASKING, State.WRITING, State.STREAMING)},
    **{(state, "fail"): State.IDLE for state in (State.ASKING, State.STREAMING, State.WATCHING)},
    (State.WATCHING, "done"): State.CLOSED,  # it has no last reply: its end is the connection's
    (State.ENDING, "done"): State.CLOSED,
    (State.ENDING, "fail"): State.CLOSED,
    **{(state, "close"): State.ENDING for state in RUNNING},
    **{(state, "close"): State.CLOSED for state in (State.IDLE, State.DUE, State.CLOSED)},
}


@pytest.mark.parametrize("step", get_args(ConnectionStep))
@pytest.mark.parametrize("state", State)
def test_each_pair(state: State, step: ConnectionStep) -> None:
    if (state, step) in LEGAL:
        assert state.after(step) is LEGAL[state, step]
        return
    with pytest.raises(StepError, match=f"is {state.value} cannot {step}") as caught:
        state.after(step)
    assert (caught.value.state, caught.value.step) == (state, step)


def test_every_state_can_be_left_and_ended() -> None:
    reached = {State.IDLE}
    while more := {after for (state, _), after in LEGAL.items() if state in reached} - reached:
        reached |= more
    assert reached == set(State)
    assert all(
        State.CLOSED in {state.after("close"), state.after("close").after("close")}
        or state.after("close").after("done") is State.CLOSED
        for state in State
    )
