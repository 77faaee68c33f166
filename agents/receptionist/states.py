"""The states of the receptionist's dialogue, and what may follow what; nothing else decides that."""

from enum import StrEnum


class State(StrEnum):
    """What the receptionist waits for."""

    LISTENING = "listening"
    """A question, or a wish."""
    OFFERED = "offered"
    """Yes or no: may I take a message?"""
    NAME = "name"
    OWN_NUMBER = "own_number"
    """Yes or no: call back on the number you are calling from?"""
    NUMBER = "number"
    TEXT = "text"
    """The message itself."""
    CONFIRM = "confirm"
    """Yes or no: is the message, as read back, right?"""
    CORRECT = "correct"
    """Which part is wrong?"""
    MORE = "more"
    """Anything else?"""
    ENDED = "ended"


_SLOTS = {State.NAME, State.OWN_NUMBER, State.NUMBER, State.TEXT, State.CONFIRM}
_ALWAYS = {State.LISTENING, State.ENDED}
"""From every state the dialogue may end, or start afresh."""

MOVES: dict[State, frozenset[State]] = {
    State.LISTENING: frozenset({State.OFFERED, State.NAME, State.MORE, *_ALWAYS}),
    State.OFFERED: frozenset({State.OFFERED, State.NAME, State.MORE, *_ALWAYS}),
    State.NAME: frozenset({*_SLOTS, State.MORE, *_ALWAYS}),
    State.OWN_NUMBER: frozenset({*_SLOTS, State.MORE, *_ALWAYS}),
    State.NUMBER: frozenset({*_SLOTS, State.MORE, *_ALWAYS}),
    State.TEXT: frozenset({*_SLOTS, State.MORE, *_ALWAYS}),
    State.CONFIRM: frozenset({*_SLOTS, State.CORRECT, State.MORE, *_ALWAYS}),
    State.CORRECT: frozenset({*_SLOTS, State.MORE, *_ALWAYS}),
    State.MORE: frozenset({State.MORE, State.OFFERED, State.NAME, *_ALWAYS}),
    State.ENDED: frozenset({State.OFFERED, State.NAME, State.MORE, *_ALWAYS}),
}
"""After ENDED the caller may still have one more question before the line is closed."""

YES_NO = frozenset({State.OFFERED, State.OWN_NUMBER, State.CONFIRM, State.MORE})
"""States in which a bare yes or no is the answer."""
