/** What the figures of a connection mean for a conversation, and how to read them from statistics. */

export const Grade = Object.freeze({ GOOD: "good", FAIR: "fair", POOR: "poor", UNKNOWN: "unknown" });

/**
 * From where a conversation begins to suffer: ITU-T G.114 puts the limit of easy talk at 150 ms one
 * way (300 ms there and back), Opus conceals a few percent of loss.
 */
const FAIR = { lossPercent: 2, rttMs: 250, jitterMs: 30 };
const POOR = { lossPercent: 6, rttMs: 500, jitterMs: 80 };

const exceeds = (figures, limits) =>
  Object.entries(limits).some(([name, limit]) => (figures[name] ?? 0) > limit);

/** Return the grade of `{lossPercent, rttMs, jitterMs}`; figures not known are null. */
export function gradeOf(figures) {
  if (Object.keys(FAIR).every((name) => figures[name] == null)) return Grade.UNKNOWN;
  if (exceeds(figures, POOR)) return Grade.POOR;
  return exceeds(figures, FAIR) ? Grade.FAIR : Grade.GOOD;
}

const worst = (...values) => {
  const known = values.filter((value) => Number.isFinite(value));
  return known.length === 0 ? null : Math.max(...known);
};

/** Turns `RTCStatsReport`s, one after the other, into figures of the time between them. */
export class QualityWatch {
  #received = null;
  #gateway = { jitterMs: null, rttMs: null };

  /** What the gateway says about the way from us to it. */
  noteGateway({ jitterMs, rttMs }) {
    this.#gateway = { jitterMs, rttMs };
  }

  /** @param {Iterable<object>} reports the values of an `RTCStatsReport` */
  read(reports) {
    let inbound = null;
    let remote = null;
    let pair = null;
    for (const report of reports) {
      if (report.type === "inbound-rtp" && report.kind === "audio") inbound = report;
      if (report.type === "remote-inbound-rtp" && report.kind === "audio") remote = report;
      if (report.type === "candidate-pair" && report.nominated && report.state === "succeeded") {
        pair = report;
      }
    }
    const lossDown = this.#lossSince(inbound);
    const lossUp = remote?.fractionLost === undefined ? null : remote.fractionLost * 100;
    return {
      lossPercent: worst(lossDown, lossUp),
      rttMs: worst(pair?.currentRoundTripTime * 1000, this.#gateway.rttMs),
      jitterMs: worst(inbound?.jitter * 1000, this.#gateway.jitterMs),
    };
  }

  #lossSince(inbound) {
    if (inbound === null) return null;
    const now = { lost: inbound.packetsLost ?? 0, received: inbound.packetsReceived ?? 0 };
    const before = this.#received ?? { lost: 0, received: 0 };
    this.#received = now;
    const lost = Math.max(0, now.lost - before.lost);
    const expected = lost + Math.max(0, now.received - before.received);
    return expected === 0 ? null : (100 * lost) / expected;
  }
}
