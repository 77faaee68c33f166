/** The gateway's events: comes back by itself, and says when something may have been missed. */

import { address } from "./api.js";

const KINDS = ["live", "line", "call_offered", "call_ended", "message", "inbox"];
const PATIENCE_MS = 3_000;
/** The gateway is never quiet for so long: a connection that nobody closed (a laptop slept) is dead. */
const SILENT_MS = 40_000;

/**
 * Events are re-told with their facts as `detail`. Besides: `connection` (`open` or `lost`), and `gap` when
 * what happened meanwhile is not known and everything shown must be asked for again.
 */
export class Stream extends EventTarget {
  #source = null;
  #timer = 0;
  #watchdog = 0;
  #hadOne = false;
  #lastId = "";
  state = "lost";

  /** Whether it is meant to be open, be it lost now. */
  get isOpen() { return this.#source !== null; }

  open() {
    this.close();
    // A new source knows nothing of the one before: where that was is told in the address.
    const place = this.#lastId === "" ? "" : `?last_event_id=${encodeURIComponent(this.#lastId)}`;
    const source = new EventSource(address(`/api/v1/events${place}`));
    this.#source = source;
    this.#heard();
    source.addEventListener("beat", () => this.#heard());
    source.addEventListener("hello", (event) => {
      this.#heard(event);
      this.#say("open");
      const { is_complete: isComplete } = JSON.parse(event.data);
      if (this.#hadOne && !isComplete) this.dispatchEvent(new CustomEvent("gap"));
      this.#hadOne = true;
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.#heard(event);
        this.dispatchEvent(new CustomEvent(kind, { detail: JSON.parse(event.data) }));
      });
    }
    source.addEventListener("error", () => {
      this.#say("lost");
      // A refusal ends the source for good: then a new one is needed, which begins anew.
      if (source.readyState === EventSource.CLOSED) {
        this.dispatchEvent(new CustomEvent("refused"));
        this.#timer = setTimeout(() => this.open(), PATIENCE_MS);
      }
    });
  }

  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
    this.#say("lost");
  }

  /** Something came, or is awaited from now on. */
  #heard(event = {}) {
    if (event.lastEventId) this.#lastId = event.lastEventId;
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.open(), SILENT_MS);
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("connection", { detail: state }));
  }
}
