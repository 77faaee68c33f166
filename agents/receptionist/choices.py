"""Which questions of the receptionist have a few answers to choose from."""

from agents.receptionist import phrases
from agents.receptionist.states import State

YES_NO = ("Yes", "No")

_CHOICES = {
    phrases.OFFER: YES_NO,
    phrases.OFFER_AGAIN: YES_NO,
    phrases.QUESTIONS[State.OFFERED]: YES_NO,
    phrases.QUESTIONS[State.OWN_NUMBER]: YES_NO,
    phrases.QUESTIONS[State.CONFIRM]: YES_NO,
    phrases.QUESTIONS[State.CORRECT]: ("The name", "The number", "The message"),
}


def choices_of(phrase: str) -> tuple[str, ...]:
    """Return the answers to choose from after a phrase; empty if anything may be said."""
    return _CHOICES.get(phrase, ())
