/**
 * Decides, to the sample, which of the microphone goes where: before the hand-over as frames of early
 * audio, from the hand-over on through to the live track. Nothing goes both ways, nothing goes neither.
 *
 * No browser in here: `capture_worklet.js` drives it on the audio thread, the tests without one.
 */

import { FRAME_SAMPLES } from "./early_audio.js";
import { Resampler, toPcm16 } from "./resampler.js";

/** Below this, for this long, nobody is speaking: the graph may be taken out unheard. */
const QUIET_PEAK = 0.006;
const QUIET_S = 0.4;
const FRAMES_PER_S = 50;

export class CaptureGate {
  #rateHz;
  #frameLength;
  #resampler;
  #pending = [];
  #seen = 0;
  #framesMade = 0;
  /** Input position from which the live track carries the sound; null until asked for. */
  #boundary = null;
  #isEnded = false;
  #quietSamples = 0;
  #isQuietTold = false;

  constructor(rateHz) {
    this.#rateHz = rateHz;
    this.#frameLength = rateHz / FRAMES_PER_S;
    this.#resampler = new Resampler(rateHz);
  }

  /** Hand over at the next whole frame. A second call changes nothing. */
  open() {
    this.#boundary ??= Math.ceil(this.#seen / this.#frameLength) * this.#frameLength;
  }

  /**
   * Take one block of the microphone and fill one block of the live track.
   *
   * @param {Float32Array} input
   * @param {Float32Array} output of the same length
   * @returns {{type: "frame", index: number, samples: Int16Array}[] | {type: "end"|"quiet"}[]} what to
   *   tell the page: frames in order, `end` once after the last, `quiet` once after that
   */
  process(input, output) {
    const start = this.#seen;
    this.#seen += input.length;
    const live = this.#boundary === null ? input.length : Math.max(0, this.#boundary - start);
    output.fill(0, 0, Math.min(live, input.length));
    if (live < input.length) output.set(input.subarray(live), live);
    if (this.#isEnded) return this.#watchQuiet(input);
    return this.#frames(input);
  }

  #frames(input) {
    const told = [];
    // Not by spreading: a block may be longer than an argument list.
    for (const sample of this.#resampler.push(input)) this.#pending.push(sample);
    while (this.#pending.length >= FRAME_SAMPLES && !this.#isEnded) {
      this.#endIfReached(told);
      if (this.#isEnded) break;
      const samples = toPcm16(this.#pending.splice(0, FRAME_SAMPLES));
      told.push({ type: "frame", index: this.#framesMade, samples });
      this.#framesMade += 1;
    }
    this.#endIfReached(told);
    return told;
  }

  #endIfReached(told) {
    if (this.#isEnded || this.#boundary === null) return;
    if (this.#framesMade * this.#frameLength < this.#boundary) return;
    this.#isEnded = true;
    this.#pending = [];
    told.push({ type: "end", index: this.#framesMade });
  }

  #watchQuiet(input) {
    if (this.#isQuietTold) return [];
    const isLoud = input.some((sample) => Math.abs(sample) > QUIET_PEAK);
    this.#quietSamples = isLoud ? 0 : this.#quietSamples + input.length;
    if (this.#quietSamples < QUIET_S * this.#rateHz) return [];
    this.#isQuietTold = true;
    return [{ type: "quiet" }];
  }
}
