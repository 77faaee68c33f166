"""What may follow what in a session; nothing else decides it."""

from enum import StrEnum

from gateway.errors import InvalidTransition


class SessionState(StrEnum):
    """Where a session is in its life."""

    OFFERED = "offered"
    """The leg was handed to us, nothing is decided."""
    PREPARING = "preparing"
    """The phone rings: the room is looked up and the greeting is made ready."""
    ANSWERING = "answering"
    """The greeting is queued and the answer is on its way."""
    GREETING = "greeting"
    """Answered; the gate is closed, the agent hears nothing."""
    CONVERSING = "conversing"
    """The gate is open, the agent has the line."""
    CLOSING = "closing"
    """The last words are being played."""
    HANGING_UP = "hanging_up"
    """The refusal or the hang-up was sent; the leg has not ended yet."""
    ENDED = "ended"
    """The leg is over, everything is released."""


class Trigger(StrEnum):
    """What moves a session from one state to another."""

    ROUTED = "routed"
    """An agent takes the call."""
    PREPARED = "prepared"
    """Room and greeting are ready (or known not to come)."""
    ANSWERED = "answered"
    """The answer was acknowledged."""
    GATE_OPENED = "gate_opened"
    """The greeting gate opened for the agent."""
    CLOSE = "close"
    """The call is to end after last words."""
    REFUSE = "refuse"
    """The offer is to be refused, before it was answered."""
    HANG_UP = "hang_up"
    """The call is to end now."""
    LEG_ENDED = "leg_ended"
    """The endpoint said that the leg is over, or is gone itself."""


_S, _T = SessionState, Trigger

TRANSITIONS: dict[tuple[SessionState, Trigger], SessionState] = {
    (_S.OFFERED, _T.ROUTED): _S.PREPARING,
    (_S.OFFERED, _T.REFUSE): _S.HANGING_UP,
    (_S.OFFERED, _T.LEG_ENDED): _S.ENDED,
    (_S.PREPARING, _T.PREPARED): _S.ANSWERING,
    (_S.PREPARING, _T.REFUSE): _S.HANGING_UP,
    (_S.PREPARING, _T.LEG_ENDED): _S.ENDED,
    (_S.ANSWERING, _T.ANSWERED): _S.GREETING,
    # The caller's first packet can start and finish a short greeting before the ACK reaches us.
    (_S.ANSWERING, _T.GATE_OPENED): _S.CONVERSING,
    (_S.ANSWERING, _T.CLOSE): _S.CLOSING,
    (_S.ANSWERING, _T.HANG_UP): _S.HANGING_UP,
    (_S.ANSWERING, _T.LEG_ENDED): _S.ENDED,
    (_S.GREETING, _T.GATE_OPENED): _S.CONVERSING,
    (_S.GREETING, _T.CLOSE): _S.CLOSING,
    (_S.GREETING, _T.HANG_UP): _S.HANGING_UP,
    (_S.GREETING, _T.LEG_ENDED): _S.ENDED,
    # The ACK may be late, or cross what we decided in the meantime: the four rows to HANGING_UP.
    (_S.CONVERSING, _T.ANSWERED): _S.CONVERSING,
    (_S.CONVERSING, _T.CLOSE): _S.CLOSING,
    (_S.CONVERSING, _T.HANG_UP): _S.HANGING_UP,
    (_S.CONVERSING, _T.LEG_ENDED): _S.ENDED,
    (_S.CLOSING, _T.ANSWERED): _S.CLOSING,
    # A second reason to close (drain after the agent's goodbye) does not start the goodbye again.
    (_S.CLOSING, _T.CLOSE): _S.CLOSING,
    (_S.CLOSING, _T.HANG_UP): _S.HANGING_UP,
    (_S.CLOSING, _T.LEG_ENDED): _S.ENDED,
    (_S.HANGING_UP, _T.ANSWERED): _S.HANGING_UP,
    # The greeting may be ready after the caller was refused.
    (_S.HANGING_UP, _T.PREPARED): _S.HANGING_UP,
    (_S.HANGING_UP, _T.CLOSE): _S.HANGING_UP,
    (_S.HANGING_UP, _T.REFUSE): _S.HANGING_UP,
    (_S.HANGING_UP, _T.HANG_UP): _S.HANGING_UP,
    (_S.HANGING_UP, _T.LEG_ENDED): _S.ENDED,
}
"""Every pair that is not here is a fault of ours."""

BEFORE_ANSWER = frozenset({_S.OFFERED, _S.PREPARING})
"""States in which the call is refused, not hung up."""

OVER = frozenset({_S.HANGING_UP, _S.ENDED})
"""States in which nothing more is decided about the call."""


def advance(state: SessionState, trigger: Trigger) -> SessionState:
    """Return the state that follows; raises `InvalidTransition` for a pair without a row."""
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise InvalidTransition(state, trigger) from None


def diagram() -> str:
    """Return the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {SessionState.OFFERED}"]
    for (state, trigger), following in TRANSITIONS.items():
        if state is not following:
            lines.append(f"    {state} --> {following}: {trigger}")
    lines.append(f"    {SessionState.ENDED} --> [*]")
    return "\n".join(lines) + "\n"
