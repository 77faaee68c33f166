"""Estimates how good a call sounds from what its media reports say: the E-model, simplified.

R = 93.2 - Id - Ie,eff and the mean opinion score from it: ITU-T G.107 (06/2015), sections 7.1 and 7.7 with
its default values, equation (7-29) for loss and Annex B for the score. The delay impairment is the piecewise line
that Cole and Rosenbluth fitted to G.107 ("Voice over IP performance monitoring", ACM SIGCOMM CCR 31(2),
2001). Equipment factors are those of G.711 with packet loss concealment (ITU-T G.113 Appendix I: Ie = 0,
Bpl = 25.1), for all codecs: a wideband call sounds better than this narrowband scale can say.
"""

from dataclasses import dataclass

from gateway.model.events import Statistics

R_BEST = 93.2
IE_LOSS_MOST = 95.0
BPL = 25.1
"""Robustness against random loss, per cent."""
FIXED_DELAY_MS = 40.0
"""One way: a packet of 20 ms and as much look-ahead and mixing."""
DELAY_KNEE_MS = 177.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One direction of a call."""

    mos: float
    """1 (bad) to 4.4 (as good as a telephone gets)."""
    jitter_ms: float
    loss_percent: float
    packets: int


def mos(*, delay_ms: float, loss_percent: float) -> float:
    """Return the mean opinion score for a one-way delay and random packet loss."""
    over_ms = max(0.0, delay_ms - DELAY_KNEE_MS)
    delay_impairment = 0.024 * delay_ms + 0.11 * over_ms
    loss = min(100.0, max(0.0, loss_percent))
    loss_impairment = IE_LOSS_MOST * loss / (loss + BPL)
    r = R_BEST - delay_impairment - loss_impairment
    if r <= 0:
        return 1.0
    # The polynomial dips below 1 for the smallest R, where Annex B has no speech left to judge.
    return round(max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6), 2)


def heard_by_us(report: Statistics) -> Quality:
    """Return the quality of the caller's voice as we get it."""
    sent = report.packets_in + report.packets_lost_in
    return _quality(report, report.packets_lost_in, sent, report.jitter_in_ms)


def heard_by_them(report: Statistics) -> Quality:
    """Return the quality of our voice as the far end reports it."""
    return _quality(report, report.packets_lost_out, report.packets_out, report.jitter_out_ms)


def _quality(report: Statistics, lost: int, sent: int, jitter_ms: float) -> Quality:
    loss = 100 * max(0, lost) / sent if sent > 0 else 0.0
    # A jitter buffer waits about twice the jitter before it plays.
    delay_ms = report.round_trip_ms / 2 + 2 * jitter_ms + FIXED_DELAY_MS
    return Quality(
        mos=mos(delay_ms=delay_ms, loss_percent=loss),
        jitter_ms=round(jitter_ms, 1),
        loss_percent=round(min(100.0, loss), 2),
        packets=sent,
    )
