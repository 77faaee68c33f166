"""Status, phase and wish to cause: the whole table."""

import pytest

from gateway.model.hangup import HangupCause
from telephony.sip_status import Phase, cause_of, refusal_status


@pytest.mark.parametrize(
    ("status", "reason", "phase", "wanted", "cause"),
    [
        (487, "Request Terminated", Phase.OFFERED, None, HangupCause.CALLER_CANCELLED),
        (487, "Request Terminated", Phase.OFFERED, HangupCause.BUSY, HangupCause.CALLER_CANCELLED),
        (404, "Not Found", Phase.OFFERED, HangupCause.NO_ROUTE, HangupCause.NO_ROUTE),
        (488, "Not Acceptable Here", Phase.OFFERED, None, HangupCause.UNACCEPTABLE_MEDIA),
        (500, "", Phase.OFFERED, None, HangupCause.INTERNAL_ERROR),
        (408, "Request Timeout", Phase.UNACKNOWLEDGED, None, HangupCause.NO_ACK),
        (200, "OK", Phase.UNACKNOWLEDGED, None, HangupCause.CALLER_HUNG_UP),
        (488, "", Phase.UNACKNOWLEDGED, None, HangupCause.UNACCEPTABLE_MEDIA),
        (200, "OK", Phase.CONFIRMED, None, HangupCause.CALLER_HUNG_UP),
        (200, "OK", Phase.CONFIRMED, HangupCause.AGENT_HUNG_UP, HangupCause.AGENT_HUNG_UP),
        (408, "No session refresh received.", Phase.CONFIRMED, None, HangupCause.SESSION_EXPIRED),
        (481, "Call does not exist", Phase.CONFIRMED, None, HangupCause.SESSION_EXPIRED),
        (486, "Busy Here", Phase.PLACED, None, HangupCause.BUSY),
        (603, "Decline", Phase.PLACED, None, HangupCause.REJECTED),
        (480, "", Phase.PLACED, None, HangupCause.NO_ANSWER),
    ],
)
def test_causes(
    status: int, reason: str, phase: Phase, wanted: HangupCause | None, cause: HangupCause
) -> None:
    assert cause_of(status, reason, phase, wanted) is cause


def test_every_cause_has_a_final_response() -> None:
    for cause in HangupCause:
        assert 400 <= refusal_status(cause) < 700
    assert refusal_status(HangupCause.CAPACITY) == 503
    assert refusal_status(HangupCause.NO_INPUT) == 480
