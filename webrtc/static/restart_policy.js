/**
 * Decides when to look for a new path and when to give up. No timers of its own: it is given the time.
 *
 * "disconnected" often heals by itself within a second, so it gets that second; "failed", a network
 * that came back and a closed channel do not heal, so they get none.
 */

export const Sign = Object.freeze({
  DISCONNECTED: "disconnected",
  FAILED: "failed",
  /** The browser says that it is online again, or that the kind of network changed. */
  NETWORK_CHANGED: "network_changed",
});

const PATIENCE_MS = { [Sign.DISCONNECTED]: 1000, [Sign.FAILED]: 0, [Sign.NETWORK_CHANGED]: 0 };
/** Pauses after attempts that came to nothing; the last one repeats. */
const PAUSES_MS = [500, 1000, 2000, 4000];
/** How long an answered restart may take to connect before the next is tried. */
const CONNECT_BOUND_MS = 6000;

export class RestartPolicy {
  #graceMs;
  #lostAtMs = null;
  #dueAtMs = null;
  #attempts = 0;

  constructor(graceMs) {
    this.#graceMs = graceMs;
  }

  /** Something says that the path is gone, or might be. */
  noteSign(sign, nowMs) {
    if (sign !== Sign.NETWORK_CHANGED) this.#lostAtMs ??= nowMs;
    const dueAtMs = nowMs + PATIENCE_MS[sign];
    this.#dueAtMs = this.#dueAtMs === null ? dueAtMs : Math.min(this.#dueAtMs, dueAtMs);
  }

  /** The transport is up. */
  noteConnected() {
    this.#lostAtMs = null;
    this.#dueAtMs = null;
    this.#attempts = 0;
  }

  /** A restart was begun. */
  noteAttempt(nowMs) {
    this.#attempts += 1;
    this.#dueAtMs = nowMs + CONNECT_BOUND_MS;
  }

  /** A restart did not get through to the gateway. */
  noteRefused(nowMs) {
    const pause = PAUSES_MS[Math.min(this.#attempts, PAUSES_MS.length) - 1] ?? PAUSES_MS[0];
    this.#dueAtMs = nowMs + pause;
  }

  /** A restart that was answered while the old path never failed: nothing more to do. */
  noteAnswered() {
    if (this.#lostAtMs === null) this.#dueAtMs = null;
  }

  isDue(nowMs) {
    return this.#dueAtMs !== null && nowMs >= this.#dueAtMs;
  }

  /** Whether the gateway has given the call up by now. */
  isHopeless(nowMs) {
    return this.#lostAtMs !== null && nowMs - this.#lostAtMs >= this.#graceMs;
  }
}
