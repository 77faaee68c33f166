"""What a session's inbox carries besides the leg's events: results of its tasks, timers and requests."""

from dataclasses import dataclass

from gateway.media.hearing import SpeechEvent
from gateway.model.events import LegEvent
from gateway.model.hangup import HangupCause
from gateway.model.speech import Speech
from gateway.rooms.timeline import RoomView
from gateway.sessions.greeting_audio import FixedAudio
from gateway.sessions.timers import Timer


@dataclass(frozen=True, slots=True)
class RoomFound:
    room: RoomView


@dataclass(frozen=True, slots=True)
class GreetingReady:
    """Room and greeting are there, the phone may be answered."""

    audio: FixedAudio


@dataclass(frozen=True, slots=True)
class EchoJudged:
    start: int
    is_echo: bool


@dataclass(frozen=True, slots=True)
class AgentDone:
    """The agent's task is over."""

    failure: str | None
    """None: it has nothing more to do; else what went wrong, for people."""


@dataclass(frozen=True, slots=True)
class LastWords:
    """The goodbye or apology is rendered (None: could not be)."""

    speech: Speech | None


@dataclass(frozen=True, slots=True)
class Crossed:
    """Something written waits to be taken into the call."""


@dataclass(frozen=True, slots=True)
class CloseAsked:
    """Say goodbye, then end the call."""

    cause: HangupCause


@dataclass(frozen=True, slots=True)
class AgentCloses:
    """End the call when what the agent has said was heard."""

    cause: HangupCause


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    cause: HangupCause


@dataclass(frozen=True, slots=True)
class Fired:
    timer: Timer


Message = (
    LegEvent
    | SpeechEvent
    | RoomFound
    | GreetingReady
    | EchoJudged
    | AgentDone
    | LastWords
    | Crossed
    | CloseAsked
    | AgentCloses
    | HangUpAsked
    | Fired
)
