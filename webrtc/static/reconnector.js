/** Carries a call over to a new network path: watches the signs, restarts ICE, gives up in the end. */

import { RestartPolicy, Sign } from "./restart_policy.js";
import { Kind } from "./signalling.js";

const TICK_MS = 200;

export class Reconnector {
  #peer;
  #signalling;
  #policy;
  #onOver;
  #isBusy = false;
  #timer;
  #listening = new AbortController();

  /** @param {(kind: string) => void} onOver called once: "gone" (ended there) or "connection_lost" */
  constructor({ peer, signalling, graceMs, onOver }) {
    this.#peer = peer;
    this.#signalling = signalling;
    this.#policy = new RestartPolicy(graceMs);
    this.#onOver = onOver;
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    const { signal } = this.#listening;
    const changed = () => this.note(Sign.NETWORK_CHANGED);
    globalThis.addEventListener("online", changed, { signal });
    // Only Chromium tells of a change between networks; "online" serves the others.
    navigator.connection?.addEventListener?.("typechange", changed, { signal });
  }

  note(sign) {
    this.#policy.noteSign(sign, performance.now());
  }

  noteConnected() {
    this.#policy.noteConnected();
  }

  close() {
    clearInterval(this.#timer);
    this.#listening.abort();
  }

  async #tick() {
    const now = performance.now();
    if (this.#policy.isHopeless(now)) {
      this.close();
      this.#onOver("connection_lost");
      return;
    }
    if (this.#isBusy || !this.#policy.isDue(now)) return;
    this.#isBusy = true;
    try {
      await this.#restart(now);
    } finally {
      this.#isBusy = false;
    }
  }

  async #restart(now) {
    this.#policy.noteAttempt(now);
    try {
      const fragment = await this.#peer.offerRestart();
      await this.#peer.acceptRestart(await this.#signalling.restart(fragment));
      this.#policy.noteAnswered();
    } catch (error) {
      if (this.#listening.signal.aborted) return;
      if (error.kind === Kind.GONE) {
        this.close();
        this.#onOver(Kind.GONE);
        return;
      }
      console.info("offhook: the way back is not open yet:", error.message);
      this.#policy.noteRefused(performance.now());
    }
  }
}
