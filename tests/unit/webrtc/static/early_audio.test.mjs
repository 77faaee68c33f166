import assert from "node:assert/strict";
import { test } from "node:test";

import { EarlyAudio, FRAME_MS, FRAME_SAMPLES, MAX_HELD_MS } from "../../../../webrtc/static/early_audio.js";

const frame = (value) => new Int16Array(FRAME_SAMPLES).fill(value);
const offsetOf = (message) => new DataView(message).getUint32(1, true);
const samplesOf = (message) => new Int16Array(message.slice(5));

test("frames become messages of at most 200 ms that carry the offset of their first sample", () => {
  const early = new EarlyAudio();
  for (let index = 0; index < 23; index += 1) early.add(100 + index * FRAME_MS, frame(index));
  const messages = early.takeMessages();
  assert.deepEqual(messages.map(offsetOf), [100, 300, 500]);
  assert.deepEqual(messages.map((each) => samplesOf(each).length / FRAME_SAMPLES), [10, 10, 3]);
  assert.equal(samplesOf(messages[2])[0], 20);
  assert.equal(samplesOf(messages[2]).at(-1), 22);
});

test("what was taken is taken", () => {
  const early = new EarlyAudio();
  early.add(0, frame(1));
  early.takeMessages();
  assert.deepEqual(early.takeMessages(), []);
  assert.equal(early.heldMs, 0);
});

test("when full the oldest goes and is counted", () => {
  const early = new EarlyAudio();
  for (let offset = 0; offset < MAX_HELD_MS + 3 * FRAME_MS; offset += FRAME_MS) early.add(offset, frame(0));
  assert.equal(early.heldMs, MAX_HELD_MS);
  assert.equal(early.droppedMs, 3 * FRAME_MS);
  assert.equal(offsetOf(early.takeMessages()[0]), 3 * FRAME_MS);
});
