"""Why a call ended: one value per cause, grouped by who ended it.

A cause is an outcome, never an exception. `SIP_STATUS` gives the final response that we send when a
call is refused with that cause (RFC 3261 section 21).
"""

from enum import StrEnum


class HangupGroup(StrEnum):
    """Who, or what, ended a call."""

    NORMAL = "normal"
    CALLER = "caller"
    US = "us"
    NETWORK = "network"


class HangupCause(StrEnum):
    """Why a call ended."""

    CALLER_HUNG_UP = "caller_hung_up"
    """The far end sent BYE after the answer."""
    CALLER_CANCELLED = "caller_cancelled"
    """The far end gave up before the answer (SIP CANCEL)."""
    AGENT_HUNG_UP = "agent_hung_up"
    """The agent ended the conversation and its last words were played."""
    OPERATOR_HUNG_UP = "operator_hung_up"
    """Ended through the API or the command line."""
    MAX_DURATION = "max_duration"
    """The configured longest call was reached."""
    NO_INPUT = "no_input"
    """The caller stayed silent through all reprompts."""
    NO_ROUTE = "no_route"
    """No agent is configured for the dialled number."""
    NOT_ALLOWED = "not_allowed"
    """The room's rules let no call of this person through."""
    CAPACITY = "capacity"
    """Refused: the admission limit was reached."""
    DRAINING = "draining"
    """Refused or ended: the gateway is shutting down."""
    UNACCEPTABLE_MEDIA = "unacceptable_media"
    """No common codec or media type."""
    NO_MEDIA = "no_media"
    """Answered, but media stopped or never came up."""
    NO_ACK = "no_ack"
    """Our 200 was never acknowledged (RFC 3261 section 13.3.1.4)."""
    SESSION_EXPIRED = "session_expired"
    """The session timer ran out (RFC 4028)."""
    WORKER_LOST = "worker_lost"
    """The process that held the call died or stopped answering."""
    AGENT_FAILED = "agent_failed"
    """The agent or all of its providers failed."""
    OVERLOADED = "overloaded"
    """Refused: the machine is too busy to serve the call well. Or the call's own inbox overflowed."""
    INTERNAL_ERROR = "internal_error"
    """A fault of ours; the log has the details."""
    REJECTED = "rejected"
    """The far end refused an outbound call."""
    BUSY = "busy"
    """The far end of an outbound call was busy."""
    NO_ANSWER = "no_answer"
    """The far end of an outbound call did not answer in time."""
    INVALID_NUMBER = "invalid_number"
    """The trunk says that there is no such number."""
    TRUNK_FAILED = "trunk_failed"
    """The trunk of an outbound call failed, refused us or did not answer at all."""

    @property
    def group(self) -> HangupGroup:
        """Who ended the call."""
        return _GROUPS[self]


_GROUPS: dict[HangupCause, HangupGroup] = {
    HangupCause.CALLER_HUNG_UP: HangupGroup.CALLER,
    HangupCause.CALLER_CANCELLED: HangupGroup.CALLER,
    HangupCause.AGENT_HUNG_UP: HangupGroup.NORMAL,
    HangupCause.OPERATOR_HUNG_UP: HangupGroup.NORMAL,
    HangupCause.MAX_DURATION: HangupGroup.NORMAL,
    HangupCause.NO_INPUT: HangupGroup.NORMAL,
    HangupCause.NO_ROUTE: HangupGroup.US,
    HangupCause.NOT_ALLOWED: HangupGroup.US,
    HangupCause.CAPACITY: HangupGroup.US,
    HangupCause.DRAINING: HangupGroup.US,
    HangupCause.UNACCEPTABLE_MEDIA: HangupGroup.NETWORK,
    HangupCause.NO_MEDIA: HangupGroup.NETWORK,
    HangupCause.NO_ACK: HangupGroup.NETWORK,
    HangupCause.SESSION_EXPIRED: HangupGroup.NETWORK,
    HangupCause.WORKER_LOST: HangupGroup.US,
    HangupCause.AGENT_FAILED: HangupGroup.US,
    HangupCause.OVERLOADED: HangupGroup.US,
    HangupCause.INTERNAL_ERROR: HangupGroup.US,
    HangupCause.REJECTED: HangupGroup.CALLER,
    HangupCause.BUSY: HangupGroup.CALLER,
    HangupCause.NO_ANSWER: HangupGroup.CALLER,
    HangupCause.INVALID_NUMBER: HangupGroup.NETWORK,
    HangupCause.TRUNK_FAILED: HangupGroup.NETWORK,
}

SIP_STATUS: dict[HangupCause, int] = {
    HangupCause.NO_ROUTE: 404,
    HangupCause.NOT_ALLOWED: 603,
    HangupCause.CAPACITY: 503,
    HangupCause.DRAINING: 503,
    HangupCause.UNACCEPTABLE_MEDIA: 488,
    HangupCause.INTERNAL_ERROR: 500,
    HangupCause.AGENT_FAILED: 503,
    HangupCause.OVERLOADED: 503,
    HangupCause.BUSY: 486,
    HangupCause.REJECTED: 603,
}
"""Final response for a refused offer; causes not listed are answered 480."""
