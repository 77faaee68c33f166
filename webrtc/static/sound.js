/**
 * The call's one AudioContext: level meters for both sides, and the graph of instant connect.
 *
 * Made in the click (browsers let no sound graph run without one). Where it cannot run, calls work all
 * the same, without meters and without the words before the answer.
 */

import { levelOf } from "./levels.js";

const METER_SAMPLES = 1024;
/** A context that does not start by then (no sound card, a strict browser) is not waited for. */
const START_BOUND_MS = 1500;

export class Sound {
  #context;
  #isReady;

  constructor() {
    const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext;
    this.#context = Context ? new Context({ latencyHint: "interactive" }) : null;
    this.#isReady = this.#prepare();
  }

  /** Resolves to whether audio worklets can be used. */
  get isReady() {
    return this.#isReady;
  }

  /** Return a function that reads the level (0 … 1) of a track now. */
  meterOf(track) {
    if (this.#context === null || track === null) return () => 0;
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = METER_SAMPLES;
    source.connect(analyser);
    const block = new Float32Array(METER_SAMPLES);
    return () => {
      analyser.getFloatTimeDomainData(block);
      return levelOf(block);
    };
  }

  /**
   * Put the capture worklet behind a microphone track.
   *
   * @returns {{node: AudioWorkletNode, track: MediaStreamTrack}} the worklet and the live track
   */
  captureGraph(track) {
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const node = new AudioWorkletNode(this.#context, "offhook-capture", {
      numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [1],
      channelCount: 1, channelCountMode: "explicit",
    });
    const destination = new MediaStreamAudioDestinationNode(this.#context, {
      channelCount: 1, channelCountMode: "explicit",
    });
    source.connect(node).connect(destination);
    const stop = () => {
      node.port.postMessage("close");
      source.disconnect();
      node.disconnect();
    };
    return { node, track: destination.stream.getAudioTracks()[0], stop };
  }

  close() {
    if (this.#context !== null && this.#context.state !== "closed") void this.#context.close();
  }

  async #prepare() {
    if (!this.#context?.audioWorklet) return false;
    try {
      await Promise.race([
        Promise.all([
          this.#context.audioWorklet.addModule(new URL("./capture_worklet.js", import.meta.url)),
          this.#context.resume(),
        ]),
        new Promise((_, reject) => {
          setTimeout(() => reject(new Error("the sound graph does not start")), START_BOUND_MS);
        }),
      ]);
      return this.#context.state === "running";
    } catch (error) {
      // A strict policy of the page that carries the widget can forbid worklets from elsewhere.
      console.warn("offhook: no instant connect here:", error.message);
      return false;
    }
  }
}
