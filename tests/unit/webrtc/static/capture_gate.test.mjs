import assert from "node:assert/strict";
import { test } from "node:test";

import { CaptureGate } from "../../../../webrtc/static/capture_gate.js";
import { FRAME_SAMPLES } from "../../../../webrtc/static/early_audio.js";

const BLOCK = 128;

/** Run a signal through a gate that is told to open after `openAt` samples. */
function run(rateHz, signal, openAt) {
  const gate = new CaptureGate(rateHz);
  const frames = [];
  const ends = [];
  let quietAt = null;
  const live = new Float32Array(signal.length);
  for (let start = 0; start + BLOCK <= signal.length; start += BLOCK) {
    if (start >= openAt) gate.open();
    const output = new Float32Array(BLOCK).fill(9);
    for (const told of gate.process(signal.subarray(start, start + BLOCK), output)) {
      if (told.type === "frame") frames.push(told);
      else if (told.type === "end") ends.push(told.index);
      else quietAt = start;
    }
    live.set(output, start);
  }
  return { frames, ends, live, quietAt };
}

function tone(rateHz, seconds, hz = 440) {
  return Float32Array.from({ length: rateHz * seconds }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hz * n) / rateHz));
}

for (const rateHz of [16000, 44100, 48000, 96000]) {
  test(`at ${rateHz} Hz nothing is lost and nothing goes both ways`, () => {
    const signal = tone(rateHz, 1);
    const { frames, ends, live } = run(rateHz, signal, Math.round(rateHz * 0.31));
    assert.equal(ends.length, 1);
    const boundary = (ends[0] * rateHz) / 50;
    assert.deepEqual(frames.map(({ index }) => index), [...Array(ends[0]).keys()]);
    // The live track: silence up to the boundary, from there on the microphone itself.
    assert.ok(live.subarray(0, boundary).every((sample) => sample === 0));
    const whole = Math.floor(signal.length / BLOCK) * BLOCK;
    assert.deepEqual(live.subarray(boundary, whole), signal.subarray(boundary, whole));
    // The frames: the same tone at 16 kHz, in step with the input to its last sample.
    const early = frames.flatMap(({ samples }) => [...samples]);
    assert.equal(early.length, ends[0] * FRAME_SAMPLES);
    for (let n = 400; n < early.length; n += 1) {
      const expected = 0.5 * 32767 * Math.sin((2 * Math.PI * 440 * n) / 16000);
      assert.ok(Math.abs(early[n] - expected) < 120, `sample ${n}: ${early[n]} is not ${expected}`);
    }
  });
}

test("the hand-over is at the next whole frame, 20 ms after it was asked for at most", () => {
  const { ends } = run(48000, tone(48000, 1), 9600 + BLOCK);
  assert.ok(ends[0] * 960 >= 9600 && ends[0] * 960 <= 9600 + 960 + BLOCK);
});

test("opened before anything was heard, it hands over nothing", () => {
  const { frames, ends, live } = run(48000, tone(48000, 0.5), 0);
  assert.deepEqual([frames, ends], [[], [0]]);
  assert.ok(live.some((sample) => sample !== 0));
});

test("never opened, it keeps the live track silent and goes on framing", () => {
  const { frames, ends, live } = run(48000, tone(48000, 1), Infinity);
  assert.equal(ends.length, 0);
  assert.ok(frames.length >= 48 && live.every((sample) => sample === 0));
});

test("quiet is told once, and only when nobody has spoken for a while", () => {
  const signal = new Float32Array(48000 * 2);
  signal.set(tone(48000, 1));
  const { quietAt } = run(48000, signal, 4800);
  assert.ok(quietAt > 48000 + 0.39 * 48000 && quietAt < 48000 + 0.42 * 48000);
});

test("what would fold back below 8 kHz is filtered out", () => {
  const { frames } = run(48000, tone(48000, 1, 9500), Infinity);
  const early = frames.slice(2).flatMap(({ samples }) => [...samples]);
  const rms = Math.sqrt(early.reduce((sum, sample) => sum + sample * sample, 0) / early.length);
  assert.ok(rms < 0.5 * 32767 * 0.003, `alias of ${rms}`);
});
