/**
 * Keeps what was said between the click and the call, and cuts it into messages for the data channel.
 *
 * Frames are 20 ms of PCM16 mono 16 kHz. Bounded: when full the oldest frame goes, for the last words
 * before the agent listens are the ones it needs.
 */

import { earlyAudio } from "./channel_messages.js";

export const FRAME_MS = 20;
export const FRAME_SAMPLES = 320;
/** The gateway takes 15 s in all; the rest is for what is said while the last of it is handed over. */
export const MAX_HELD_MS = 14000;
const MAX_MESSAGE_MS = 200;

export class EarlyAudio {
  #frames = [];
  #droppedMs = 0;

  /** Milliseconds that had to go because the call took too long to come up. */
  get droppedMs() {
    return this.#droppedMs;
  }

  get heldMs() {
    return this.#frames.length * FRAME_MS;
  }

  /**
   * @param {number} offsetMs of the frame's first sample, since the click
   * @param {Int16Array} samples 20 ms
   */
  add(offsetMs, samples) {
    if (this.heldMs >= MAX_HELD_MS) {
      this.#frames.shift();
      this.#droppedMs += FRAME_MS;
    }
    this.#frames.push({ offsetMs, samples });
  }

  /** Take everything held, as messages of at most 200 ms, oldest first. */
  takeMessages() {
    const perMessage = MAX_MESSAGE_MS / FRAME_MS;
    const messages = [];
    for (let start = 0; start < this.#frames.length; start += perMessage) {
      const group = this.#frames.slice(start, start + perMessage);
      const samples = new Int16Array(group.length * FRAME_SAMPLES);
      group.forEach((frame, index) => samples.set(frame.samples, index * FRAME_SAMPLES));
      messages.push(earlyAudio(group[0].offsetMs, samples));
    }
    this.#frames = [];
    return messages;
  }
}
