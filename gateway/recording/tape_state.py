"""What may follow what in the recording of one call."""

from enum import StrEnum


class TapeState(StrEnum):
    """Where a recording is in its life."""

    WAITING = "waiting"
    """The announcement is not heard yet, or the caller has not asked for it."""
    RUNNING = "running"
    PAUSED = "paused"
    """Silence is written, so that what follows stands where it was said."""
    OVER = "over"


class TapeTrigger(StrEnum):
    """What moves a recording."""

    BEGIN = "begin"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"


_S, _T = TapeState, TapeTrigger

TRANSITIONS: dict[tuple[TapeState, TapeTrigger], TapeState] = {
    (_S.WAITING, _T.BEGIN): _S.RUNNING,
    (_S.WAITING, _T.END): _S.OVER,
    (_S.RUNNING, _T.PAUSE): _S.PAUSED,
    (_S.RUNNING, _T.END): _S.OVER,
    (_S.PAUSED, _T.RESUME): _S.RUNNING,
    (_S.PAUSED, _T.END): _S.OVER,
}


def advance(state: TapeState, trigger: TapeTrigger) -> TapeState | None:
    """Return the state that follows; None where the trigger means nothing."""
    return TRANSITIONS.get((state, trigger))
