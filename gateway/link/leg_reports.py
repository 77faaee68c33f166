"""Makes the events by which every worker reports what was played and how good the line was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.media.playout import MarkReached
from gateway.model.events import Marked, Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Media counters of a call so far, from its RTP stream."""

    packets_in: int
    packets_out: int
    packets_lost_in: int
    packets_lost_out: int
    jitter_in_ms: float
    jitter_out_ms: float
    round_trip_ms: float
    frames_dropped: int = 0
    """Frames dropped on their way in or out; those of the playout queue are not among them."""


def marked(call_id: str, reached: Sequence[MarkReached], at_s: float) -> Iterator[Marked]:
    """Yield the events of marks that left a playout queue."""
    for mark in reached:
        yield Marked(
            call_id=call_id,
            at_s=at_s,
            name=mark.name,
            played_ms=mark.played_ms,
            cleared=mark.cleared,
        )


def statistics(call_id: str, quality: Quality, dropped_in_playout: int, at_s: float) -> Statistics:
    """Return the event that tells of a call's quality."""
    return Statistics(
        call_id=call_id,
        at_s=at_s,
        packets_in=quality.packets_in,
        packets_out=quality.packets_out,
        packets_lost_in=quality.packets_lost_in,
        packets_lost_out=quality.packets_lost_out,
        jitter_in_ms=quality.jitter_in_ms,
        jitter_out_ms=quality.jitter_out_ms,
        round_trip_ms=quality.round_trip_ms,
        frames_dropped=quality.frames_dropped + dropped_in_playout,
    )
