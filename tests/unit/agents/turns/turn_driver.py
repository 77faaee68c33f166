"""Drives a turn-taker through scripted time: a caller who speaks, models that answer later."""

from dataclasses import dataclass, field

from agents.turns.actions import Recognise, Score, TurnAction
from agents.turns.turn_taker import TurnTaker
from gateway.config import TurnsSection
from gateway.model.frame import RATE_HZ

VAD_START_MS = 96
VAD_STOP_MS = 128
LEAD_IN = 3_200
"""Samples put before the first voiced one, but not over the last speech."""


@dataclass
class Driver:
    """Time starts at 100 s; position 0 was heard then. Spoken words are told apart by position."""

    settings: TurnsSection = field(default_factory=TurnsSection)
    barge_in: bool = True
    recognition_ms: float = 120
    score_ms: float = 45
    recogniser_fails: bool = False
    model_fails: bool = False
    probability: float = 0.9

    def __post_init__(self) -> None:
        self.taker = TurnTaker(self.settings, barge_in=self.barge_in)
        self.now_s = 100.0
        self.actions: list[tuple[float, TurnAction]] = []
        self.words: list[tuple[int, int, str]] = []
        self._later: list[tuple[float, Recognise | Score]] = []
        self._quiet: list[tuple[float, int, int]] = []
        self._started: list[tuple[float, int]] = []

    @property
    def position(self) -> int:
        return round((self.now_s - 100.0) * RATE_HZ)

    def of(self, kind: type) -> list[TurnAction]:
        return [action for _, action in self.actions if isinstance(action, kind)]

    def moments(self, kind: type) -> list[float]:
        return [at_s for at_s, action in self.actions if isinstance(action, kind)]

    def take(self, actions: list[TurnAction]) -> None:
        for action in actions:
            self.actions.append((self.now_s, action))
            if isinstance(action, Recognise):
                self._later.append((self.now_s + self.recognition_ms / 1000, action))
            elif isinstance(action, Score):
                self._later.append((self.now_s + self.score_ms / 1000, action))

    def speak(self, ms: float, text: str = "words") -> None:
        """Begin to speak now; time does not move."""
        stop = self.position + round(ms * RATE_HZ / 1000)
        start = max(self.position - LEAD_IN, self.words[-1][1] if self.words else 0)
        self.words.append((start, stop, text))
        self._started.append((self.now_s + VAD_START_MS / 1000, start))
        self._quiet.append((self.now_s + (ms + VAD_STOP_MS) / 1000, start, stop))

    def run(self, ms: float) -> None:
        """Let time pass, handling everything at its moment."""
        end_s = self.now_s + ms / 1000
        for _ in range(10_000):
            next_s = self._next_s()
            if next_s is None or next_s > end_s:
                self.now_s = end_s
                return
            self.now_s = max(self.now_s, next_s)
            self._step()
        raise AssertionError("the turn-taker asks to be woken without end")

    def _next_s(self) -> float | None:
        moments = [at_s for at_s, _ in self._later]
        moments += [entry[0] for entry in self._quiet] + [entry[0] for entry in self._started]
        if (deadline_s := self.taker.deadline_s()) is not None:
            moments.append(deadline_s)
        return min(moments, default=None)

    def _step(self) -> None:
        now_s = self.now_s
        for started in [entry for entry in self._started if entry[0] <= now_s]:
            self._started.remove(started)
            self.take(self.taker.caller_started(now_s, self.position, started[1]))
        for quiet in [entry for entry in self._quiet if entry[0] <= now_s]:
            self._quiet.remove(quiet)
            self.take(self.taker.caller_stopped(now_s, self.position, quiet[1], quiet[2]))
        for due in [entry for entry in self._later if entry[0] <= now_s]:
            self._later.remove(due)
            self._answer(due[1])
        self.take(self.taker.tick(now_s))

    def _answer(self, question: Recognise | Score) -> None:
        if isinstance(question, Score):
            probability = None if self.model_fails else self.probability
            self.take(self.taker.scored(self.now_s, question.ask, probability))
            return
        text: str | None = " ".join(
            text
            for start, stop, text in self.words
            if question.start <= (start + stop) / 2 < question.stop
        )
        self.take(
            self.taker.recognised(self.now_s, question.ask, None if self.recogniser_fails else text)
        )
