"""Turns how SIP says a call ended into a `HangupCause`.

Inputs are the last status and reason that PJSIP recorded for the INVITE session, the phase the call
was in, and what we had asked for ourselves; the first that explains the end wins.
"""

from enum import StrEnum

from gateway.model.hangup import SIP_STATUS, HangupCause


class Phase(StrEnum):
    """How far a call had come when it ended."""

    OFFERED = "offered"
    """No final response of ours had been sent."""
    PLACED = "placed"
    """A call of ours of which the far end has shown no sign."""
    ALERTED = "alerted"
    """A call of ours that rings there, or plays something, and is not answered."""
    UNACKNOWLEDGED = "unacknowledged"
    """Our 200 was sent, its ACK had not come."""
    CONFIRMED = "confirmed"
    """The ACK had come."""


SESSION_TIMER_REASON = "session timer"
"""PJSIP ends an expired session (RFC 4028 section 10) with 408 and a reason that contains this."""

NOT_ACCEPTABLE = frozenset({406, 415, 488, 606})
"""Final responses of the SIP stack to an offer without a codec or media type of ours."""


_PLACED = {
    401: HangupCause.TRUNK_FAILED,
    402: HangupCause.TRUNK_FAILED,
    403: HangupCause.TRUNK_FAILED,
    404: HangupCause.INVALID_NUMBER,
    407: HangupCause.TRUNK_FAILED,
    408: HangupCause.NO_ANSWER,
    410: HangupCause.INVALID_NUMBER,
    416: HangupCause.INVALID_NUMBER,
    480: HangupCause.NO_ANSWER,
    484: HangupCause.INVALID_NUMBER,
    485: HangupCause.INVALID_NUMBER,
    486: HangupCause.BUSY,
    487: HangupCause.NO_ANSWER,
    600: HangupCause.BUSY,
    604: HangupCause.INVALID_NUMBER,
    **dict.fromkeys(NOT_ACCEPTABLE, HangupCause.UNACCEPTABLE_MEDIA),
}
"""Final responses to a call of ours (RFC 3261 section 21); 5xx are the trunk's failures, others refusals."""


def _cause_of_placed(status: int, phase: Phase) -> HangupCause:
    if status == 408 and phase is Phase.PLACED:
        # Also what the SIP stack itself reports when nothing at all came back.
        return HangupCause.TRUNK_FAILED
    if 500 <= status < 600:
        return HangupCause.TRUNK_FAILED
    return _PLACED.get(status, HangupCause.REJECTED)


def cause_of(
    status: int, reason: str, phase: Phase, wanted: HangupCause | None = None
) -> HangupCause:
    """Return why a call ended that PJSIP reports as disconnected with `status` and `reason`.

    `wanted` is the cause for which we ended the call ourselves, if we did; the answer is then that,
    unless the far end was quicker (its CANCEL shows as 487 before our final response).
    """
    if phase is Phase.OFFERED and status == 487:
        return HangupCause.CALLER_CANCELLED  # RFC 3261 section 9.2
    if wanted is not None:
        return wanted
    if phase in (Phase.PLACED, Phase.ALERTED):
        return _cause_of_placed(status, phase)
    if phase is Phase.OFFERED:
        if status in NOT_ACCEPTABLE:
            return HangupCause.UNACCEPTABLE_MEDIA
        if status == 408:
            return HangupCause.NO_ANSWER
        return HangupCause.INTERNAL_ERROR
    if phase is Phase.UNACKNOWLEDGED:
        if status in NOT_ACCEPTABLE:
            return HangupCause.UNACCEPTABLE_MEDIA
        if status == 408:
            return HangupCause.NO_ACK  # RFC 3261 section 13.3.1.4
        # A caller may send BYE without ever sending the ACK, and after a CANCEL that crossed our 200.
        return HangupCause.CALLER_HUNG_UP
    if status == 200 or status == 0:
        return HangupCause.CALLER_HUNG_UP
    if status == 408 and SESSION_TIMER_REASON in reason.lower():
        return HangupCause.SESSION_EXPIRED
    if status in NOT_ACCEPTABLE:
        return HangupCause.UNACCEPTABLE_MEDIA
    if status >= 300:
        # An in-dialog request of ours timed out or met 481: the far end lost the call.
        return HangupCause.SESSION_EXPIRED
    return HangupCause.CALLER_HUNG_UP


def refusal_status(cause: HangupCause) -> int:
    """Return the final response that refuses an offer for `cause` (480 where none fits better)."""
    return SIP_STATUS.get(cause, 480)
