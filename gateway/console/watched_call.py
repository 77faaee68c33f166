"""What is known of one call beyond its record: how loud both sides are, how good it sounds, how soon it is answered."""

from collections import deque

from gateway.console import quality
from gateway.console.envelope import Envelope, level_of
from gateway.console.playing import Playing
from gateway.model.events import Statistics
from gateway.rooms.timeline import Entry, Kind

RESPONSES_KEPT = 40
HEARD_BUCKETS = 8
SILENT = 5
"""Levels up to this are no speech; an agent that plays back what it hears plays silence, too."""
REPORTS_MOST = 240
"""Reports kept of a call, twenty minutes of them; of a longer call every second one, and so on."""


class WatchedCall:
    """Belongs to `CallWatch`. Times are monotonic seconds."""

    def __init__(self, call_id: str, offered_at_s: float) -> None:
        self.call_id = call_id
        self.envelope = Envelope()
        self.playing = Playing()
        self.ear: int | None = None
        """Which row of a tick is the caller's voice."""
        self.codec = ""
        self.report: Statistics | None = None
        """The newest."""
        self.heard_by_us: quality.Quality | None = None
        self.heard_by_them: quality.Quality | None = None
        """By the newest report; worked out once for each, as they are shown many times."""
        self.reports: list[Statistics] = []
        self.responses_ms: deque[int] = deque(maxlen=RESPONSES_KEPT)
        self.gate_reason = ""
        """Why the greeting gate opened; empty while it is closed."""
        self.is_speaking = False
        self.is_over = False
        self._offered_at_s = offered_at_s
        self._every = 1
        self._reports_seen = 0

    @property
    def is_agent_heard(self) -> bool:
        """Whether the agent's side was more than silent just now."""
        latest = self.envelope.agent[-HEARD_BUCKETS:]
        return self.playing.is_playing and max(latest, default=0) > SILENT

    def offset_ms(self, at_s: float) -> float:
        """Milliseconds since the call was offered."""
        return max(0.0, (at_s - self._offered_at_s) * 1000)

    def listen(self, now_s: float, caller_peak: int, *, is_speaking: bool) -> None:
        """Note how loud both sides were since the last time; nothing is added once the call is over."""
        if self.is_over:
            return
        self.is_speaking = is_speaking
        agent = level_of(self.playing.take(now_s))
        self.envelope.put(
            self.offset_ms(now_s), level_of(caller_peak), agent, is_speaking=is_speaking
        )

    def reported(self, report: Statistics) -> None:
        """Keep a report of the media's quality."""
        self.report = report
        self.heard_by_us = quality.heard_by_us(report)
        self.heard_by_them = quality.heard_by_them(report)
        if self._reports_seen % self._every == 0:
            self.reports.append(report)
            if len(self.reports) > REPORTS_MOST:
                self.reports = self.reports[::2]
                self._every *= 2
        self._reports_seen += 1

    def written(self, entry: Entry) -> None:
        """Take from an entry of the timeline what is shown of a live call."""
        response_ms = entry.facts.get("response_ms")
        if entry.kind is Kind.AGENT_SAID and isinstance(response_ms, int | float):
            self.responses_ms.append(round(response_ms))
        elif entry.kind is Kind.GATE_OPENED:
            self.gate_reason = str(entry.facts.get("reason", ""))

    def ended(self, at_s: float) -> None:
        """The leg is over."""
        self.listen(at_s, 0, is_speaking=False)
        self.is_over = True
        self.is_speaking = False
        self.playing.clear()
