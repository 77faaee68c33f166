/** The gateway's events: comes back by itself, and says when something may have been missed. */

import { address } from "./api.js";

const KINDS = ["live", "line", "call_offered", "call_ended", "message", "inbox"];
const PATIENCE_MS = 3_000;

/**
 * Events are re-told with their facts as `detail`. Besides: `connection` (`open` or `lost`), and `gap` when
 * what happened meanwhile is not known and everything shown must be asked for again.
 */
export class Stream extends EventTarget {
  #source = null;
  #timer = 0;
  #hadOne = false;
  state = "lost";

  open() {
    this.close();
    const source = new EventSource(address("/api/v1/events"));
    this.#source = source;
    source.addEventListener("hello", (event) => {
      this.#say("open");
      const { is_complete: isComplete } = JSON.parse(event.data);
      if (this.#hadOne && !isComplete) this.dispatchEvent(new CustomEvent("gap"));
      this.#hadOne = true;
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
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
    this.#source?.close();
    this.#source = null;
    this.#say("lost");
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("connection", { detail: state }));
  }
}
