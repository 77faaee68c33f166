"""Decides whether the SIP worker takes one more call, and with which cause it refuses.

A refused call gets `503` with `Retry-After`: carriers then try the next address, which a `486` (what
PJSUA itself answers when its slots run out) would not make them do.
"""

from dataclasses import dataclass

from gateway.model.hangup import HangupCause

REFUSAL_SLOTS = 16
"""Native call slots for offers that are being refused."""


@dataclass(slots=True)
class Admission:
    """The gate in front of all calls of one worker. Lives on the pj thread."""

    max_calls: int
    """Most calls at a time, ringing ones included."""
    draining: bool = False
    """The gateway asked for no new calls; running ones go on."""
    link_up: bool = True
    """False once the gateway is gone: nobody could decide about a new call."""

    def refusal(self, active_calls: int) -> HangupCause | None:
        """Return why a new call is refused while `active_calls` are there; None takes it."""
        if self.draining or not self.link_up:
            return HangupCause.DRAINING
        if active_calls >= self.max_calls:
            return HangupCause.CAPACITY
        return None

    @property
    def native_calls(self) -> int:
        """Call slots to ask the SIP stack for.

        Twice as many as calls: a call that we ended keeps its slot until the far end has answered
        the BYE, up to 32 s if it never does, and must not keep others out.
        """
        return 2 * self.max_calls + REFUSAL_SLOTS
