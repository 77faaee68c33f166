import assert from "node:assert/strict";
import { test } from "node:test";

import * as messages from "../../../../webrtc/static/channel_messages.js";

test("what the page says is the JSON of the protocol", () => {
  assert.equal(messages.dtmf("#"), '{"type":"dtmf","digit":"#"}');
  assert.equal(messages.hangup(), '{"type":"hangup"}');
  assert.equal(messages.earlyEnd(239.6), '{"type":"early_end","ms":240}');
  assert.equal(messages.text("hello", "typed-1"), '{"type":"text","text":"hello","id":"typed-1"}');
});

test("typed text is bounded", () => {
  const { text } = JSON.parse(messages.text("x".repeat(9000), "typed-1"));
  assert.equal(text.length, messages.MAX_TEXT_CHARACTERS);
});

test("early audio is a tag, the offset, and samples, little-endian", () => {
  const bytes = [...new Uint8Array(messages.earlyAudio(0x01020304, Int16Array.of(1, -2)))];
  assert.deepEqual(bytes, [1, 4, 3, 2, 1, 1, 0, 0xfe, 0xff]);
});

test("a line is read with what was left out", () => {
  assert.deepEqual(messages.parse('{"type":"line","id":7,"who":"agent","text":"Hi"}'), {
    type: "line", id: "7", who: "agent", text: "Hi", isFinal: true, isInterrupted: false,
  });
  const interim = messages.parse('{"type":"line","id":7,"who":"caller","text":"","final":false}');
  assert.equal(interim.isFinal, false);
});

test("quality, state, gate and end are read", () => {
  assert.deepEqual(messages.parse('{"type":"quality","jitter_ms":3,"rtt_ms":null}'), {
    type: "quality", jitterMs: 3, lost: null, rttMs: null,
  });
  assert.deepEqual(messages.parse('{"type":"state","state":"greeting"}'), {
    type: "state", state: "greeting",
  });
  assert.deepEqual(messages.parse('{"type":"gate","reason":"played"}'), {
    type: "gate", reason: "played",
  });
  assert.deepEqual(messages.parse('{"type":"ended"}'), { type: "ended", cause: "" });
});

for (const data of [
  "", "{", "null", "7", '"line"', "[]", '{"type":"news"}', '{"type":"constructor"}', '{"type":"state"}',
  '{"type":"line","id":1,"who":"nobody","text":"x"}', '{"type":"line","id":1,"who":"agent"}',
  '{"type":"line","id":{},"who":"agent","text":"x"}', new ArrayBuffer(4),
  `{"type":"state","state":"${"x".repeat(17000)}"}`,
]) {
  test(`not understood and passed over: ${String(data).slice(0, 40)}`, () => {
    assert.equal(messages.parse(data), null);
  });
}
