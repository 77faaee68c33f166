/**
 * Instant connect: holds what the microphone hears from the click on, sends it when the data channel
 * opens, and hands over to the live track at one sample.
 */

import { earlyEnd } from "./channel_messages.js";
import { EarlyAudio, FRAME_MS } from "./early_audio.js";

const Phase = Object.freeze({ HOLDING: "holding", FLOWING: "flowing", LIVE: "live", OVER: "over" });

export class EarlyCapture {
  #graph;
  #clickMs;
  #startMs = null;
  #held = new EarlyAudio();
  #phase = Phase.HOLDING;
  #send = null;
  #onQuiet;

  /**
   * @param {object} graph of `Sound.captureGraph`
   * @param {number} clickMs of `performance.now()` at the click
   * @param {() => void} onQuiet called once, after the hand-over, when nobody is speaking
   */
  constructor(graph, clickMs, onQuiet) {
    this.#graph = graph;
    this.#clickMs = clickMs;
    this.#onQuiet = onQuiet;
    graph.node.port.onmessage = ({ data }) => this.#take(data);
  }

  /** The track that is silent until the hand-over and carries the microphone from it on. */
  get track() {
    return this.#graph.track;
  }

  get heldMs() {
    return this.#held.heldMs;
  }

  /** The way is open and the live track is connected: send what is held, and hand over. */
  handOver(send) {
    if (this.#phase !== Phase.HOLDING) return;
    this.#send = send;
    this.#phase = Phase.FLOWING;
    this.#flush();
    this.#graph.node.port.postMessage("open");
  }

  close() {
    this.#phase = Phase.OVER;
    this.#graph.stop();
  }

  #take(told) {
    if (this.#phase === Phase.OVER) return;
    if (told.type === "frame") {
      // The first frame's last sample is now; all others follow from their number.
      this.#startMs ??= Math.max(0, performance.now() - this.#clickMs - FRAME_MS);
      this.#held.add(this.#startMs + told.index * FRAME_MS, told.samples);
      if (this.#phase === Phase.FLOWING) this.#flush();
    } else if (told.type === "end") {
      this.#phase = Phase.LIVE;
      this.#send(earlyEnd((this.#startMs ?? 0) + told.index * FRAME_MS));
    } else if (told.type === "quiet") {
      this.#onQuiet();
    }
  }

  #flush() {
    for (const message of this.#held.takeMessages()) this.#send(message);
  }
}
