"""Writes one call down: its timeline, its record and its metrics, in an order that tells the truth."""

import logging
from collections.abc import Callable, Mapping

from gateway.media.hearing import SpeechStarted, SpeechStopped
from gateway.metrics import Metrics
from gateway.model.events import MediaUp, Offered, Statistics
from gateway.model.frame import RATE_HZ
from gateway.model.hangup import HangupCause
from gateway.model.line import Role
from gateway.rooms.timeline import Entry, Fact, Kind, Recorder
from gateway.sessions.gate import Opening
from gateway.sessions.ledger import Finished

logger = logging.getLogger(__name__)

EARLY_LIMIT = 256
"""Entries kept until the room is known, and lines kept until the greeting's line is written."""

TURN_PAUSE_MOST_S = 10.0
"""Speech after more silence than this is another turn, whether or not anybody understood the first."""

HIDDEN = "(not written down)"
"""Stands for the words of a line that is kept out."""

_LOGGED = {
    Kind.ANSWERED: "call answered",
    Kind.GREETING_PLAYED: "greeting played",
    Kind.GATE_OPENED: "greeting gate opened",
    Kind.AGENT_FAILED: "agent failed",
    Kind.ENDED: "call ended",
}
"""What of a call is also logged, at INFO; words and numbers of people are not."""

_SHOWN = frozenset({"reason", "interrupted", "heard_ms", "cause", "detail"})


class Chronicle:
    """One call's pen. Owned by its session.

    Entries wait until the room is known. Spoken lines wait until the greeting's line is written, so that
    the greeting always stands before the first user turn, whichever came to its end first.
    """

    def __init__(self, recorder: Recorder, metrics: Metrics, offered: Offered) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._offered = offered
        self._room_id: str | None = None
        self._early: list[tuple[Kind, float, Role | None, str, Mapping[str, Fact]]] = []
        self._held_lines: list[tuple[Kind, float, Role | None, str, Mapping[str, Fact]]] = []
        self._awaits_greeting = False
        self._greeting_source = ""
        self.hides_words: Callable[[float], bool] = lambda _since_s: False
        """Asked for each line, with when it began: whether its words are kept out, as those of a card number."""
        self._has_ended = False
        self._answered_at_s: float | None = None
        self._media_up_at_s: float | None = None
        self._speaks_since_s: float | None = None
        """When the caller began what is not written down yet."""
        self._silent_since_s: float | None = None
        self._spoken_until_s: float | None = None
        """When the caller's last speech ended."""
        self._turn_ended_at_s: float | None = None
        """The same, once it proved to be a turn that is to be answered."""
        self._response_ms: float | None = None
        self._cleared_for_s: float | None = None
        self._quality: Statistics | None = None
        metrics.calls_active.inc()

    @property
    def has_room(self) -> bool:
        return self._room_id is not None

    def enter_room(self, room_id: str, agent: str) -> None:
        """Open the call's record and write what has waited for it."""
        self._room_id = room_id
        self._recorder.call_offered(self._offered, room_id=room_id, agent=agent)
        offered = self._offered
        self._append(
            Kind.OFFERED,
            offered.at_s,
            None,
            "",
            {
                "endpoint": offered.endpoint.value,
                "direction": offered.direction.value,
                "caller": offered.caller,
                "callee": offered.callee,
                "agent": agent,
                "foreign_id": offered.foreign_id,
            },
        )
        early, self._early = self._early, []
        for kind, at_s, role, text, facts in early:
            self._append(kind, at_s, role, text, facts)

    def note(
        self,
        kind: Kind,
        at_s: float,
        facts: Mapping[str, Fact] | None = None,
        *,
        role: Role | None = None,
        text: str = "",
        since_s: float | None = None,
    ) -> None:
        """Write one entry; nothing is written after the end. `since_s` is when its words began, if not at once."""
        if self._has_ended:
            return
        if kind is Kind.USER_SAID:
            self._turn_ended_at_s = self._spoken_until_s
            if since_s is None:
                since_s, self._speaks_since_s = self._speaks_since_s, None
        if role is not None and self.hides_words(at_s if since_s is None else since_s):
            text, facts = HIDDEN, {**(facts or {}), "hidden": True}
        if role is not None and self._awaits_greeting:
            self._held_lines.append((kind, at_s, role, text, facts or {}))
            if len(self._held_lines) >= EARLY_LIMIT:
                self._greeting_told()
            return
        self._append(kind, at_s, role, text, facts or {})

    def typed(self, at_s: float, text: str, typed_at_s: float, *, was_held: bool) -> None:
        """Write what the caller wrote, as if it had been said when it was handed over.

        How quickly it is answered is not measured.
        """
        self._spoken_until_s = None
        facts: dict[str, Fact] = {"typed": True, "typed_ms": self.offset_ms(typed_at_s)}
        if was_held:
            facts["held"] = True
        self.note(Kind.USER_SAID, at_s, facts, role=Role.USER, text=text, since_s=typed_at_s)

    def _append(
        self, kind: Kind, at_s: float, role: Role | None, text: str, facts: Mapping[str, Fact]
    ) -> None:
        if message := _LOGGED.get(kind):
            shown = {name: value for name, value in facts.items() if name in _SHOWN}
            seconds = {"offset_ms": self.offset_ms(at_s)}
            call_id = self._offered.call_id
            logger.info(message, extra={"call_id": call_id, **shown, **seconds})
        if self._room_id is None:
            if len(self._early) < EARLY_LIMIT:
                self._early.append((kind, at_s, role, text, facts))
            return
        self._recorder.append(
            Entry(
                room_id=self._room_id,
                call_id=self._offered.call_id,
                kind=kind,
                offset_ms=self.offset_ms(at_s),
                role=role,
                text=text,
                facts=facts,
            )
        )

    def offset_ms(self, at_s: float) -> float:
        """Milliseconds since the offer."""
        return round((at_s - self._offered.at_s) * 1000, 1)

    # The call's life --------------------------------------------------------------------------------

    def answered(self, at_s: float) -> None:
        if self._answered_at_s is None:
            self._answered_at_s = at_s
            self.note(Kind.ANSWERED, at_s)

    def media_up(self, event: MediaUp) -> None:
        if self._media_up_at_s is None:
            self._media_up_at_s = event.at_s
            facts = {"codec": event.codec, "reason": event.reason.value}
            self.note(Kind.MEDIA_UP, event.at_s, facts)

    def quality(self, event: Statistics) -> None:
        """Remember the newest statistics; they are written once, at the end."""
        self._quality = event

    def gate_opened(self, opening: Opening, facts: Mapping[str, Fact]) -> None:
        """Write the opening; what was said behind the gate gets an entry of its own."""
        if self._spoken_until_s is not None:
            self._spoken_until_s = opening.at_s  # nobody could answer before
        since = self._answered_at_s if self._answered_at_s is not None else opening.at_s
        self._metrics.greeting_gate.labels(opening.reason.value).observe(
            max(0.0, opening.at_s - since)
        )
        self.note(Kind.GATE_OPENED, opening.at_s, {"reason": opening.reason.value})
        if facts.get("stretches") or facts.get("keys_dropped"):
            self.note(Kind.SPEECH_HELD, opening.at_s, facts)

    # Greeting and speech ----------------------------------------------------------------------------

    def expect_greeting(self, source: str) -> None:
        """A greeting is queued: no spoken line is written before its own."""
        self._awaits_greeting = True
        self._greeting_source = source

    def greeting_started(self, at_s: float) -> None:
        known = [t for t in (self._answered_at_s, self._media_up_at_s) if t is not None]
        ready_at_s = max(known, default=at_s)
        self._metrics.answer_to_greeting.observe(max(0.0, at_s - ready_at_s))
        self.note(Kind.GREETING_STARTED, at_s, {"audio": self._greeting_source})

    def greeting_finished(self, end: Finished) -> None:
        """Write the greeting as it was heard, then what was said after it; nothing if nobody heard it."""
        if end.started_at_s is not None:
            self.note(Kind.GREETING_PLAYED, end.at_s, _playback_facts(end))
            self._awaits_greeting = False
            facts = {**_playback_facts(end), "greeting": True}
            self.note(Kind.AGENT_SAID, end.at_s, facts, role=Role.AGENT, text=end.heard)
        self._greeting_told()

    def _greeting_told(self) -> None:
        self._awaits_greeting = False
        held, self._held_lines = self._held_lines, []
        for kind, at_s, role, text, facts in held:
            self.note(kind, at_s, facts, role=role, text=text)

    def caller_spoke(self, event: SpeechStarted | SpeechStopped, position: int) -> None:
        """The caller's speech began, or ended; `position` is where the ear is now.

        Its end is that of the last voiced sample: the response time runs from there.
        """
        began_s = event.at_s - max(0, position - event.start) / RATE_HZ
        paused_s = 0.0 if self._silent_since_s is None else began_s - self._silent_since_s
        if self._speaks_since_s is None or paused_s > TURN_PAUSE_MOST_S:
            self._speaks_since_s = began_s
        self._silent_since_s = None
        if isinstance(event, SpeechStopped):
            self._spoken_until_s = event.at_s - max(0, position - event.stop) / RATE_HZ
            self._silent_since_s = self._spoken_until_s

    def playback_started(self, at_s: float) -> None:
        if self._turn_ended_at_s is not None:
            response_s = max(0.0, at_s - self._turn_ended_at_s)
            self._metrics.turn_response.observe(response_s)
            self._response_ms = round(response_s * 1000, 1)
            self._turn_ended_at_s = None

    def playback_finished(self, end: Finished) -> None:
        """Write a line as it was heard; a line of which nothing was heard is not part of history."""
        if end.started_at_s is None or not end.heard:
            return
        facts: dict[str, Fact] = {
            **_playback_facts(end),
            "started_ms": self.offset_ms(end.started_at_s),
        }
        if self._response_ms is not None:
            facts["response_ms"] = self._response_ms
            self._response_ms = None
        self.note(
            Kind.AGENT_SAID,
            end.at_s,
            facts,
            role=Role.AGENT,
            text=end.heard,
            since_s=end.started_at_s,
        )

    def interrupting(self, at_s: float, reason: str) -> None:
        """The decision to fall silent was taken."""
        self._cleared_for_s = at_s
        self.note(Kind.BARGE_IN, at_s, {"reason": reason})

    def fell_silent(self, at_s: float) -> None:
        if self._cleared_for_s is not None:
            self._metrics.barge_in.observe(max(0.0, at_s - self._cleared_for_s))
            self._cleared_for_s = None

    # The end ----------------------------------------------------------------------------------------

    def ended(self, at_s: float, cause: HangupCause, detail: str) -> None:
        """Close the record; the first call counts, later ones do nothing."""
        if self._has_ended:
            return
        call_id = self._offered.call_id
        facts: dict[str, Fact] = {"cause": cause.value, "group": cause.group.value}
        if detail:
            facts["detail"] = detail
        self._metrics.calls_active.dec()
        self._metrics.calls_total.labels(self._offered.endpoint.value, cause.value).inc()
        try:
            self._greeting_told()
            if self._quality is not None:
                self.note(Kind.MEDIA_QUALITY, self._quality.at_s, _quality_facts(self._quality))
            self.note(Kind.ENDED, at_s, facts)
        finally:
            self._has_ended = True
            self._recorder.call_ended(
                call_id, cause=cause, detail=detail, offset_ms=self.offset_ms(at_s)
            )


def _playback_facts(end: Finished) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "playback_id": end.playback_id,
        "heard_ms": round(end.heard_ms, 1),
        "duration_ms": round(end.speech.duration_ms, 1),
        "interrupted": end.interrupted,
    }
    if end.speech.source:
        facts["source"] = end.speech.source
    if end.speech.by:
        facts["by"] = end.speech.by
    if end.is_estimate:
        facts["position_estimated"] = True
    return facts


def _quality_facts(event: Statistics) -> dict[str, Fact]:
    return {
        "packets_in": event.packets_in,
        "packets_out": event.packets_out,
        "packets_lost_in": event.packets_lost_in,
        "packets_lost_out": event.packets_lost_out,
        "jitter_in_ms": event.jitter_in_ms,
        "jitter_out_ms": event.jitter_out_ms,
        "round_trip_ms": event.round_trip_ms,
        "frames_dropped": event.frames_dropped,
    }
