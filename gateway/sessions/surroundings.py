"""What all sessions of a gateway share, and the bounds of everything a session waits for."""

from dataclasses import dataclass, field

from gateway.config import GreetingSection, TurnsSection
from gateway.media.hearing import Hearing
from gateway.metrics import Metrics
from gateway.recording.tape import NoTapes, Tapes
from gateway.rooms.timeline import Recorder
from gateway.sessions.echo_check import EchoQuestion
from gateway.sessions.greeting_audio import FixedPhrases

ROOM_BOUND_S = 1.0
"""How long the phone rings for the room's history; then the call goes on without it."""

ANSWER_BOUND_S = 40.0
"""How long an answer may stay unacknowledged; SIP itself gives up after 32 s (64*T1)."""

CLOSING_BOUND_S = 5.0
"""How much longer than their audio last words may take to be played."""

LAST_WORDS_BOUND_S = 1.5
"""How long the first voice may take for a goodbye or apology that is not cached."""

HANGING_UP_BOUND_S = 10.0
"""How long an endpoint may take to report the end that we asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """One per gateway, made by the composition root."""

    greeting: GreetingSection
    turns: TurnsSection
    max_call_s: float
    retry_after_s: int
    """What a caller is told who is refused for capacity."""
    recorder: Recorder
    metrics: Metrics
    hearing: Hearing
    phrases: FixedPhrases
    is_echo: EchoQuestion
    tapes: Tapes = field(default_factory=NoTapes)
