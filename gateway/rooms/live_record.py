"""The record of a call that goes on, as those who watch it keep it before it is in the store."""

import time

from gateway.model.events import Offered
from gateway.store.records import CallRecord


def record_of_offer(offered: Offered, *, room_id: str, agent: str) -> CallRecord:
    """Return the record of a call that was just offered."""
    return CallRecord(
        call_id=offered.call_id,
        room_id=room_id,
        endpoint=offered.endpoint.value,
        direction=offered.direction.value,
        caller=offered.caller,
        callee=offered.callee,
        caller_name=offered.caller_name,
        foreign_id=offered.foreign_id,
        source=offered.source,
        agent=agent,
        offered_at=time.time() - (time.monotonic() - offered.at_s),
        answered_ms=None,
        ended_ms=None,
        cause=None,
        detail="",
    )
