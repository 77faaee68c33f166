"""What is read back from the store."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.rooms.timeline import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call as the store knows it."""

    call_id: str
    room_id: str
    endpoint: str
    direction: str
    caller: str
    callee: str
    caller_name: str
    foreign_id: str
    source: str
    agent: str
    offered_at: float
    """Seconds since 1970."""
    answered_ms: float | None
    """Milliseconds since the offer; None if it never was."""
    ended_ms: float | None
    cause: str | None
    """None while the call goes on."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """One entry of a room's timeline."""

    room_id: str
    seq: int
    """Counts from 1 within the room, without gaps."""
    call_id: str
    kind: str
    offset_ms: float
    """Since the call's offer."""
    at: float | None
    """Seconds since 1970; None for a line of a call whose record is missing."""
    role: str | None
    text: str
    facts: Mapping[str, Fact]
