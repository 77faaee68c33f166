/** The audio thread's side of instant connect: microphone in, live track out, frames to the page. */

import { CaptureGate } from "./capture_gate.js";

class CaptureProcessor extends AudioWorkletProcessor {
  #gate = new CaptureGate(sampleRate);
  #isOver = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data === "open") this.#gate.open();
      if (data === "close") this.#isOver = true;
    };
  }

  process([input], [output]) {
    // Without a connected source there is no channel: nothing was captured, so nothing is counted.
    if (input.length > 0 && output.length > 0) {
      for (const told of this.#gate.process(input[0], output[0])) {
        this.port.postMessage(told, told.samples ? [told.samples.buffer] : []);
      }
    }
    return !this.#isOver;
  }
}

registerProcessor("offhook-capture", CaptureProcessor);
