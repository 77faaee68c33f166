"""The states of a SIP leg, and the only ways between them.

    offer ─► RINGING ─answer─► ANSWERED ─ACK─► CONNECTED ─far end hears─► UP
                │                  │               │                      │
                └──────────────────┴───hang up─────┴──────────────────────┴─► ENDING ─► ENDED

    place ─► DIALLING ─200 and our ACK─► CONNECTED

The far end can end the call in every state.
"""

from enum import StrEnum

from gateway.errors import InvalidTransition


class LegState(StrEnum):
    """Where a call is in its life."""

    RINGING = "ringing"
    """Offered; no final response sent."""
    DIALLING = "dialling"
    """Placed by us; not answered."""
    ANSWERED = "answered"
    """200 sent, its ACK has not come."""
    CONNECTED = "connected"
    """ACK came; not known yet that the far end can hear us."""
    UP = "up"
    """The far end can hear us."""
    ENDING = "ending"
    """We have ended it; the SIP stack has not confirmed."""
    ENDED = "ended"


class Trigger(StrEnum):
    """What moves a call on."""

    ANSWER = "answer"
    ACKNOWLEDGE = "acknowledge"
    HEAR = "hear"
    HANG_UP = "hang up"
    DISCONNECT = "disconnect"


_TABLE: dict[tuple[LegState, Trigger], LegState] = {
    (LegState.RINGING, Trigger.ANSWER): LegState.ANSWERED,
    (LegState.ANSWERED, Trigger.ACKNOWLEDGE): LegState.CONNECTED,
    (LegState.CONNECTED, Trigger.HEAR): LegState.UP,
    (LegState.DIALLING, Trigger.ACKNOWLEDGE): LegState.CONNECTED,
    (LegState.RINGING, Trigger.HANG_UP): LegState.ENDING,
    (LegState.DIALLING, Trigger.HANG_UP): LegState.ENDING,
    (LegState.ANSWERED, Trigger.HANG_UP): LegState.ENDING,
    (LegState.CONNECTED, Trigger.HANG_UP): LegState.ENDING,
    (LegState.UP, Trigger.HANG_UP): LegState.ENDING,
    (LegState.ENDING, Trigger.ACKNOWLEDGE): LegState.ENDING,
    (LegState.RINGING, Trigger.DISCONNECT): LegState.ENDED,
    (LegState.DIALLING, Trigger.DISCONNECT): LegState.ENDED,
    (LegState.ANSWERED, Trigger.DISCONNECT): LegState.ENDED,
    (LegState.CONNECTED, Trigger.DISCONNECT): LegState.ENDED,
    (LegState.UP, Trigger.DISCONNECT): LegState.ENDED,
    (LegState.ENDING, Trigger.DISCONNECT): LegState.ENDED,
}


def next_state(state: LegState, trigger: Trigger) -> LegState:
    """Return where `trigger` leads. Raises `InvalidTransition`."""
    try:
        return _TABLE[state, trigger]
    except KeyError:
        raise InvalidTransition(state, trigger) from None
