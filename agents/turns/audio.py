"""The audio of one turn: which stretches, recognised in which parts, and what the words are."""

from dataclasses import dataclass

from agents.turns.actions import Recognise, Score
from gateway.model.frame import RATE_HZ, SAMPLES_PER_MS

PART_LIMIT_S = 24.0
"""Most audio of one recognition; a longer turn is recognised in parts (the window has 30 s)."""

PART_GOOD_S = 18.0
"""From this length a pause is taken to begin the next part, so that no word is cut."""

PARTS_LIMIT = 5
"""Most parts of one turn (two minutes); then it is handed over."""

LEAD_IN_MS = 200
"""Voice activity puts so much before the first voiced sample (less after recent speech)."""

NOTICED_AFTER_MS = 96
"""Voice activity needs so much voice before it tells."""

HANG_OVER_MS = 128
"""Voice activity needs so much silence before it tells."""

TAIL_SAMPLES = RATE_HZ // 10
"""Silence kept after the last voiced sample: word endings are softer than voice activity sees."""

SCORE_SAMPLES = 8 * RATE_HZ
"""The end-of-turn model looks at the last 8 s."""


@dataclass(slots=True)
class _Part:
    start: int
    ask: int | None = None
    asked_s: float = 0.0
    known_s: float = 0.0
    text: str | None = None
    has_failed: bool = False

    @property
    def is_known(self) -> bool:
        return self.text is not None or self.has_failed


class TurnAudio:
    """Positions and words of one turn. Owned by the turn-taker; times and positions as there."""

    def __init__(self, first_ask: int = 1, zero_s: float = 0.0) -> None:
        self._zero_s = zero_s
        self._next_ask = first_ask
        self._done: list[tuple[int, int]] = []
        self._onsets: list[int] = []
        """First voiced sample of each stretch, without the lead-in."""
        self._open: int | None = None
        self._open_onset = 0
        self._parts: list[_Part] = []

    def next_turn(self) -> "TurnAudio":
        """Return the audio of the turn that follows; if speech is going on it starts that turn."""
        following = TurnAudio(self._next_ask, self._zero_s)
        if self._open is not None:
            following._open = self._open
            following._open_onset = self._open_onset
            following._parts = [_Part(self._open)]
        return following

    def synchronise(self, now_s: float, position: int) -> None:
        """Learn that the sample at `position` was heard at `now_s`."""
        self._zero_s = now_s - position / RATE_HZ

    def time_of(self, position: int) -> float:
        return self._zero_s + position / RATE_HZ

    def _position_at(self, now_s: float) -> int:
        return int((now_s - self._zero_s) * RATE_HZ)

    # Speech -------------------------------------------------------------------------------------

    def open(self, now_s: float, start: int) -> list[Recognise]:
        """Speech begins at `start`; may finish a part that has grown long."""
        if self._open is not None:
            return []
        self._open = start
        noticed = self._position_at(now_s) - NOTICED_AFTER_MS * SAMPLES_PER_MS
        self._open_onset = max(start, min(start + LEAD_IN_MS * SAMPLES_PER_MS, noticed))
        if not self._parts:
            self._parts.append(_Part(start))
            return []
        tail = self._parts[-1]
        if (start - tail.start) / RATE_HZ < PART_GOOD_S:
            self._parts[-1] = _Part(tail.start)
            return []
        actions = [] if tail.ask is not None else self._ask(now_s, tail, self._last_stop)
        self._parts.append(_Part(start))
        return actions

    def close(self, stop: int) -> None:
        """Speech ends at `stop`."""
        if self._open is not None:
            self._close_at(max(stop, self._open))
            self._open = None

    def _close_at(self, stop: int) -> None:
        assert self._open is not None
        self._done.append((self._open, stop))
        self._onsets.append(min(self._open_onset, stop))

    def reopen(self) -> None:
        """The last stretch goes on after all."""
        if self._done:
            self._open = self._done.pop()[0]
            self._open_onset = self._onsets.pop()

    def cut(self, now_s: float) -> list[Recognise]:
        """Finish the part in mid-speech and begin the next."""
        stop = max(self._position_at(now_s), self._parts[-1].start)
        if self._open is not None:
            self._close_at(max(stop, self._open))
            self._open = self._open_onset = stop
        actions = self._ask(now_s, self._parts[-1], stop)
        if len(self._parts) < PARTS_LIMIT:
            self._parts.append(_Part(stop))
        return actions

    @property
    def is_open(self) -> bool:
        return self._open is not None

    @property
    def is_full(self) -> bool:
        """Whether the turn has as many parts as it may have, the last one finished."""
        return len(self._parts) >= PARTS_LIMIT and self._parts[-1].ask is not None

    @property
    def part_deadline_s(self) -> float:
        """When the current part is as long as it may be."""
        return self.time_of(self._parts[-1].start) + PART_LIMIT_S

    @property
    def _last_stop(self) -> int:
        return self._done[-1][1] if self._done else 0

    @property
    def voiced_end_s(self) -> float:
        """Moment of the last voiced sample."""
        return self.time_of(self._last_stop)

    @property
    def segments(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._done)

    @property
    def voiced_ms(self) -> float:
        """How much voice there was, without lead-ins and pauses."""
        return sum(stop - onset for onset, stop in self._voiced) * 1000 / RATE_HZ

    @property
    def _voiced(self) -> list[tuple[int, int]]:
        stops = (stop for _, stop in self._done)
        return list(zip(self._onsets, stops, strict=True))

    @property
    def onset_s(self) -> float:
        """Moment of the first voiced sample of the speech that is going on."""
        return self.time_of(self._open_onset)

    def voiced_since_s(self, from_s: float) -> float:
        """Return the moment at which speech would have begun had there been no pauses since `from_s`.

        Only meaningful while speech is going on.
        """
        begun_s = from_s if self._open is None else max(from_s, self.onset_s)
        for onset, stop in self._voiced:
            begun_s -= max(0.0, self.time_of(stop) - max(from_s, self.time_of(onset)))
        return begun_s

    # Words --------------------------------------------------------------------------------------

    def recognise(self, now_s: float) -> list[Recognise]:
        """Ask for the words of the current part, up to the last voiced sample."""
        return self._ask(now_s, self._parts[-1], self._last_stop + TAIL_SAMPLES)

    def score(self, now_s: float) -> Score:
        """Ask whether the turn sounds finished, silence included."""
        stop = max(self._position_at(now_s), self._last_stop)
        first = self._done[0][0] if self._done else 0
        return Score(self._new_ask(), max(first, stop - SCORE_SAMPLES), stop)

    def _ask(self, now_s: float, part: _Part, stop: int) -> list[Recognise]:
        part.ask = self._new_ask()
        part.asked_s = now_s
        part.text = None
        part.has_failed = False
        start = max(part.start, stop - int((PART_LIMIT_S + 1) * RATE_HZ))
        return [Recognise(part.ask, start, stop)]

    def _new_ask(self) -> int:
        self._next_ask += 1
        return self._next_ask - 1

    def recognised(self, now_s: float, ask: int, text: str | None) -> None:
        """Take the words of a part (None: recognition failed); unknown asks are out of date."""
        for part in self._parts:
            if part.ask == ask and not part.is_known:
                part.known_s = now_s
                part.text = text.strip() if text is not None else None
                part.has_failed = text is None

    @property
    def is_known(self) -> bool:
        """Whether every part has been recognised, or has failed to be."""
        return bool(self._parts) and all(part.is_known for part in self._parts)

    @property
    def has_failed(self) -> bool:
        return any(part.has_failed for part in self._parts)

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self._parts if part.text)

    @property
    def recognition_ms(self) -> float:
        last = self._parts[-1]
        return max(0.0, last.known_s - last.asked_s) * 1000
