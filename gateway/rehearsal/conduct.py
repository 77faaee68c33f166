"""When the rehearsing caller speaks: the script against what is heard, without I/O.

Told of the agent's speech and of the passing of time, the conductor answers with actions. It speaks when the
agent has finished (`patience_s` of silence after speech), gives up waiting after `answer_bound_s`, and hangs up
when the script is over and the agent has said what it had to say.
"""

from dataclasses import dataclass
from enum import StrEnum, auto

from gateway.rehearsal.script import Script, Step, StepKind


class Phase(StrEnum):
    """Where the rehearsal stands."""

    GREETING = auto()
    """Connected; nothing heard yet, or the greeting goes on."""
    SPEAKING = auto()
    """The caller's own line plays."""
    LISTENING = auto()
    """Waiting for the agent to begin, or to finish."""
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Speak:
    """Play the line of this step."""

    index: int


@dataclass(frozen=True, slots=True)
class Press:
    """Press the keys of this step."""

    index: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """The rehearsal is over."""


Action = Speak | Press | HangUp

INTERRUPT_AFTER_S = 0.5


class Conductor:
    """Decides what the caller does next. Pure: give it events and the time, take its action."""

    def __init__(
        self, script: Script, *, patience_s: float = 1.3, answer_bound_s: float = 12.0
    ) -> None:
        self._script = script
        self._patience_s = patience_s
        self._answer_bound_s = answer_bound_s
        self._next = 0
        self._phase = Phase.GREETING
        self._since_s = 0.0
        self._agent_speaking = False
        self._agent_began_s: float | None = None
        self._agent_ended_s: float | None = None
        self._heard_in_phase = False

    @property
    def phase(self) -> Phase:
        return self._phase

    def start(self, now_s: float) -> None:
        """The call is up."""
        self._enter(Phase.GREETING, now_s)

    def agent_started(self, now_s: float) -> None:
        self._agent_speaking = True
        self._agent_began_s = now_s
        self._heard_in_phase = True

    def agent_stopped(self, now_s: float) -> None:
        self._agent_speaking = False
        self._agent_ended_s = now_s

    def line_played(self, now_s: float) -> None:
        """The caller's line, or its keys, have been played to the end."""
        if self._phase is Phase.SPEAKING:
            self._enter(Phase.LISTENING, now_s)

    def poll(self, now_s: float) -> Action | None:
        """Return what to do now, if anything; call it a few times a second."""
        if self._phase in (Phase.SPEAKING, Phase.DONE):
            return None
        if not self._may_go_on(now_s):
            return None
        if self._next >= len(self._script.steps):
            self._enter(Phase.DONE, now_s)
            return HangUp()
        index = self._next
        self._next += 1
        step = self._script.steps[index]
        if step.kind is StepKind.WAIT:
            self._enter(Phase.LISTENING, now_s)
            self._heard_in_phase = True
            self._agent_ended_s = now_s + step.wait_s
            return None
        self._enter(Phase.SPEAKING, now_s)
        return Press(index) if step.kind is StepKind.KEYS else Speak(index)

    def _upcoming(self) -> Step | None:
        steps = self._script.steps
        return steps[self._next] if self._next < len(steps) else None

    def _may_go_on(self, now_s: float) -> bool:
        step = self._upcoming()
        if step is not None and step.kind is StepKind.INTERRUPT:
            speaking_s = now_s - (self._agent_began_s or now_s)
            if self._agent_speaking and speaking_s >= INTERRUPT_AFTER_S:
                return True
        elif self._heard_in_phase and not self._agent_speaking and self._agent_ended_s is not None:
            return now_s - self._agent_ended_s >= self._patience_s
        return not self._agent_speaking and now_s - self._since_s >= self._answer_bound_s

    def _enter(self, phase: Phase, now_s: float) -> None:
        self._phase = phase
        self._since_s = now_s
        self._heard_in_phase = self._agent_speaking
