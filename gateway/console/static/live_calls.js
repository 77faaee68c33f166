/** The calls that go on now, as the stream shows them. */

import { get } from "./api.js";
import { Levels } from "./levels.js";

/** Tells `change` whenever the calls were looked at again. */
export class LiveCalls extends EventTarget {
  calls = [];
  #levels = new Map();

  constructor(stream) {
    super();
    stream.addEventListener("live", ({ detail }) => this.#take(detail.calls));
    stream.addEventListener("connection", ({ detail }) => {
      // The stream is silent while nobody calls, also after the last call went unseen.
      if (detail === "open") void this.refresh();
    });
  }

  async refresh() {
    try {
      const { calls } = await get("/api/v1/live");
      this.#take(calls);
    } catch {
      // Shown by the connection's own sign; the next look tells.
    }
  }

  find(callId) {
    return this.calls.find((call) => call.call_id === callId) ?? null;
  }

  /** Return the levels of a live call, as far as they were seen by this page. */
  levels(callId) {
    return this.#levels.get(callId) ?? null;
  }

  #take(calls) {
    this.calls = calls;
    const kept = new Map();
    for (const call of calls) {
      const levels = this.#levels.get(call.call_id) ?? new Levels();
      if (call.levels) levels.add(call.levels) || levels.length === 0 || this.#again(levels, call);
      kept.set(call.call_id, levels);
    }
    this.#levels = kept;
    this.dispatchEvent(new CustomEvent("change"));
  }

  #again(levels, call) {
    if (levels.bucketMs === call.levels.bucket_ms) return;
    levels.reset(call.levels.bucket_ms, new Uint8Array(0), new Uint8Array(0));
    levels.add(call.levels);
  }
}
