"""What is written down of a call and a room, and the seam to whoever keeps it.

A timeline is append-only and ordered as written. Entries of a call carry milliseconds since its offer, from
the clock of the process in which the thing happened, so a late write does not change what is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.model.events import Offered
from gateway.model.hangup import HangupCause
from gateway.model.line import Role, Said

Fact = float | int | str | bool


class Kind(StrEnum):
    """What a timeline entry tells."""

    OFFERED = "offered"
    RINGING = "ringing"
    ANSWERED = "answered"
    MEDIA_UP = "media_up"
    GREETING_STARTED = "greeting_started"
    """The greeting's first sample left."""
    GREETING_PLAYED = "greeting_played"
    """The greeting's end left, or it was cut (`interrupted`)."""
    GATE_OPENED = "gate_opened"
    SPEECH_HELD = "speech_held"
    """Speech while the gate was closed, and what the policy made of it."""
    USER_SAID = "user_said"
    AGENT_SAID = "agent_said"
    BARGE_IN = "barge_in"
    DTMF = "dtmf"
    AGENT_EVENT = "agent_event"
    """Something an agent recorded: a tool call, a filler, a reprompt; `name` says which."""
    MESSAGE_TAKEN = "message_taken"
    AGENT_FAILED = "agent_failed"
    MEDIA_QUALITY = "media_quality"
    RECORDING = "recording"
    """The recording began, paused, went on or stopped (`state`), and why (`reason`)."""
    REFUSED = "refused"
    ENDED = "ended"
    TEXT_GREETING = "text_greeting"
    """The greeting of a room that began by text; `mode` says whether it was sent. Comes before the first message."""
    MESSAGE_RECEIVED = "message_received"
    """The person wrote; `at` (seconds since 1970), `channel`, `provider`, `provider_id`."""
    MESSAGE_WRITTEN = "message_written"
    """We wrote, by way of the outbox; `at`, `channel`, `message_id`."""
    FILE_RECEIVED = "file_received"
    """A file of a message is kept; `at`, `media_id`, `content_type`, `size_bytes`, `sha256`."""
    FILE_FAILED = "file_failed"
    """A file of a message could not be had; `at`, `media_id`, `content_type`, `status`, `error`."""
    FALLBACK = "fallback"
    """What the fallback policy decided and why; `at`, `cause`, `trigger`, `reason` or `channel`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a timeline."""

    room_id: str
    call_id: str
    kind: Kind
    offset_ms: float
    """Milliseconds since the call was offered; 0 for lines of no call, whose `facts` have `at`."""
    role: Role | None = None
    """Set for spoken lines only (`user_said`, `agent_said`)."""
    text: str = ""
    """What was said; for an interrupted line the words that were heard."""
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room, as a session gets it when a call arrives."""

    room_id: str
    history: tuple[Said, ...]
    """The last spoken lines, oldest first, bounded."""


class Recorder(Protocol):
    """Keeps calls and timelines. The writing methods never block and never raise: what cannot be written now is
    kept in a bounded buffer and tried again; what overflows it is counted and logged."""

    async def room_for(self, *, number: str, person: str) -> RoomView:
        """Return the room of this person at our number, made if new.

        Never fails: when the store cannot be read the room is a fresh one.
        """

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        """Open the call's record; also for calls that are refused at once."""

    def append(self, entry: Entry) -> None:
        """Add one line to the room's timeline."""

    def call_ended(
        self, call_id: str, *, cause: HangupCause, detail: str, offset_ms: float
    ) -> None:
        """Close the call's record."""
