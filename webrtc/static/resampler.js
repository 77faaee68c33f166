/**
 * Brings microphone samples of any usual rate to 16 kHz, sample for sample in step with the input.
 *
 * A windowed-sinc filter in rational steps: output n stands exactly at input n · rate / 16000. It looks
 * ahead half its length instead of delaying, so that a cut at a whole frame of the input is a cut at the
 * same instant of the output. That is what lets early audio end where the live track begins.
 */

export const OUTPUT_HZ = 16000;
/** Zero crossings on either side: about 60 dB down above 8 kHz. */
const CROSSINGS = 16;
/** Pass band as a part of the lower of the two Nyquist rates. */
const PASS = 0.92;

function gcd(a, b) {
  return b === 0 ? a : gcd(b, a % b);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

export class Resampler {
  #step;
  #phases;
  #half;
  #kernels;
  #input = new Float32Array(0);
  /** Index in the whole stream of the first sample in `#input`. */
  #inputStart;
  #outputIndex = 0;

  /** @param {number} rateHz of the input; a multiple of 50, as all rates in use are */
  constructor(rateHz) {
    const common = gcd(rateHz, OUTPUT_HZ);
    this.#phases = OUTPUT_HZ / common;
    this.#step = rateHz / common;
    const cutoff = PASS * Math.min(1, OUTPUT_HZ / rateHz);
    this.#half = Math.ceil(CROSSINGS / cutoff);
    this.#kernels = Array.from({ length: this.#phases }, (_, phase) =>
      kernel(phase / this.#phases, this.#half, cutoff),
    );
    this.#inputStart = -this.#half;
    this.#input = new Float32Array(this.#half);
  }

  /** Take input; return the samples that can be made, between -1 and 1. */
  push(samples) {
    const joined = new Float32Array(this.#input.length + samples.length);
    joined.set(this.#input);
    joined.set(samples, this.#input.length);
    const available = this.#inputStart + joined.length;
    const made = [];
    for (;;) {
      const position = this.#outputIndex * this.#step;
      const whole = Math.floor(position / this.#phases);
      if (whole + this.#half >= available) break;
      const taps = this.#kernels[position % this.#phases];
      const first = whole - this.#half + 1 - this.#inputStart;
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap += 1) sum += taps[tap] * joined[first + tap];
      made.push(sum);
      this.#outputIndex += 1;
    }
    const needed = Math.floor((this.#outputIndex * this.#step) / this.#phases) - this.#half + 1;
    const spent = Math.max(0, Math.min(needed - this.#inputStart, joined.length));
    this.#input = joined.slice(spent);
    this.#inputStart += spent;
    return made;
  }
}

/** Taps for a point `fraction` after the middle one, at input positions 1 - half … half. */
function kernel(fraction, half, cutoff) {
  const taps = new Float32Array(2 * half);
  let sum = 0;
  for (let index = 0; index < taps.length; index += 1) {
    const distance = index - half + 1 - fraction;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / half);
    taps[index] = cutoff * sinc(cutoff * distance) * (Math.abs(distance) < half ? window : 0);
    sum += taps[index];
  }
  return taps.map((tap) => tap / sum);
}

/** Samples between -1 and 1 to PCM16, clipped. */
export function toPcm16(samples) {
  return Int16Array.from(samples, (sample) =>
    Math.round(Math.max(-1, Math.min(1, sample)) * 32767),
  );
}
