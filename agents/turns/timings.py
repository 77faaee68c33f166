"""Where the time between the caller's last word and the answer's first sample went."""

from dataclasses import dataclass

Facts = dict[str, float | str | int]


def _ms(later_s: float, earlier_s: float) -> float:
    return round(max(0.0, later_s - earlier_s) * 1000, 1)


@dataclass(slots=True)
class TurnTimings:
    """Moments of one turn, monotonic seconds; None until they have happened."""

    voiced_end_s: float
    """The caller's last voiced sample; for keys the last key."""
    decided_s: float
    recognition_ms: float = 0.0
    thinking_s: float = 0.0
    """When the brain was asked."""
    sentence_s: float | None = None
    """When the first sentence of the answer was there."""
    queued_s: float | None = None
    """When its speech was queued on the line."""
    playing_s: float | None = None
    """When its first sample left."""
    filler_s: float | None = None
    """When the first filler's first sample left."""

    @classmethod
    def at(cls, now_s: float) -> "TurnTimings":
        """Return those of a turn that needs no endpointing: keys, or written words."""
        return cls(voiced_end_s=now_s, decided_s=now_s, thinking_s=now_s)

    def heard_facts(self) -> Facts:
        """Facts that are known when the caller's words are put into the timeline."""
        return {
            "endpointing_ms": _ms(self.decided_s, self.voiced_end_s),
            "recognition_ms": round(self.recognition_ms, 1),
        }

    def facts(self) -> Facts:
        """All that is known; the parts from `endpointing_ms` on add up to `response_ms`, but for
        recognition, which runs during the endpointing (only `words_late_ms` of it shows)."""
        facts = self.heard_facts()
        facts["words_late_ms"] = _ms(self.thinking_s, self.decided_s)
        if self.sentence_s is not None:
            facts["model_ms"] = _ms(self.sentence_s, self.thinking_s)
            if self.queued_s is not None:
                facts["synthesis_ms"] = _ms(self.queued_s, self.sentence_s)
        if self.playing_s is not None:
            if self.queued_s is not None:
                facts["first_packet_ms"] = _ms(self.playing_s, self.queued_s)
            facts["response_ms"] = _ms(self.playing_s, self.voiced_end_s)
        if self.filler_s is not None:
            facts["filler_ms"] = _ms(self.filler_s, self.voiced_end_s)
        return facts
