/** How loud both sides of a call were, by time, put together from pieces that overlap or are missing. */

const SPEAKING = 0x80;

/** Return the levels of a text as bytes. */
export function decode(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

export const loudness = (level) => level & ~SPEAKING;
export const isSpeaking = (level) => (level & SPEAKING) !== 0;

/** Levels from the call's beginning. Grows by doubling; the gateway bounds what there can be. */
export class Levels {
  bucketMs = 50;
  length = 0;
  caller = new Uint8Array(1024);
  agent = new Uint8Array(1024);

  /** Begin anew with all that is known. */
  reset(bucketMs, caller, agent) {
    this.bucketMs = bucketMs;
    this.length = 0;
    this.#write(0, caller, agent);
  }

  /** Add a piece; returns false if it is of another fineness, when all must be asked for again. */
  add({ bucket_ms: bucketMs, first, caller, agent }) {
    if (this.length > 0 && bucketMs !== this.bucketMs) return false;
    this.bucketMs = bucketMs;
    const isWhole = first <= this.length;
    this.#write(first, decode(caller), decode(agent));
    return isWhole;
  }

  #write(first, caller, agent) {
    const end = first + caller.length;
    while (end > this.caller.length) {
      this.caller = widened(this.caller);
      this.agent = widened(this.agent);
    }
    this.caller.set(caller, first);
    this.agent.set(agent, first);
    this.length = Math.max(this.length, end);
  }
}

function widened(bytes) {
  const wider = new Uint8Array(bytes.length * 2);
  wider.set(bytes);
  return wider;
}
