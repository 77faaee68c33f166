import assert from "node:assert/strict";
import { test } from "node:test";

import { KEYS, digitOf } from "../../../../webrtc/static/keys.js";
import { fallTowards, levelOf } from "../../../../webrtc/static/levels.js";
import { Grade, QualityWatch, gradeOf } from "../../../../webrtc/static/quality.js";
import { settingsOf, titleOf } from "../../../../webrtc/static/settings.js";
import { Delivery, Transcript } from "../../../../webrtc/static/transcript.js";

const line = (id, text, more = {}) => ({
  id, who: "caller", text, isFinal: true, isInterrupted: false, ...more,
});
const texts = (transcript) => transcript.lines.map(({ text }) => text);

test("interim text grows in its place", () => {
  const transcript = new Transcript();
  transcript.update(line("1", "I would", { isFinal: false }));
  transcript.update(line("2", "Yes?", { who: "agent" }));
  const same = transcript.update(line("1", "I would like to"));
  assert.deepEqual(texts(transcript), ["I would like to", "Yes?"]);
  assert.equal(same.isFinal, true);
});

test("what was typed shows at once, and is confirmed under its own name", () => {
  const transcript = new Transcript();
  const typed = transcript.addTyped("hello  there");
  assert.equal(typed.delivery, Delivery.SENDING);
  assert.equal(transcript.update(line(typed.id, "hello there")), typed);
  assert.equal(typed.delivery, Delivery.DELIVERED);
  transcript.update(line("8", "hello there"));
  assert.deepEqual(texts(transcript), ["hello there", "hello there"]);
});

test("a line of which nothing was heard is taken out", () => {
  const transcript = new Transcript();
  transcript.update(line("1", "As I said", { who: "agent", isFinal: false }));
  assert.equal(transcript.update(line("1", "", { who: "agent", isInterrupted: true })), null);
  assert.deepEqual(texts(transcript), []);
});

test("at the end nothing stays interim, and what did not arrive says so", () => {
  const transcript = new Transcript();
  transcript.update(line("1", "half a", { isFinal: false }));
  transcript.addTyped("are you there?");
  transcript.settle();
  assert.deepEqual(transcript.lines.map(({ isFinal }) => isFinal), [true, true]);
  assert.deepEqual(transcript.lines.map(({ delivery }) => delivery), [Delivery.SPOKEN, Delivery.LOST]);
});

test("the transcript is bounded, the oldest line goes", () => {
  const transcript = new Transcript();
  for (let id = 0; id < 505; id += 1) transcript.update(line(String(id), String(id)));
  assert.equal(transcript.lines.length, 500);
  assert.equal(transcript.lines[0].text, "5");
});

test("the worst figure decides the grade", () => {
  const figures = { lossPercent: 0, rttMs: 40, jitterMs: 5 };
  assert.equal(gradeOf(figures), Grade.GOOD);
  assert.equal(gradeOf({ ...figures, rttMs: 300 }), Grade.FAIR);
  assert.equal(gradeOf({ ...figures, rttMs: 300, lossPercent: 9 }), Grade.POOR);
  assert.equal(gradeOf({ lossPercent: null, rttMs: null, jitterMs: null }), Grade.UNKNOWN);
});

test("loss is that of the time since the last look, of the worse direction", () => {
  const watch = new QualityWatch();
  const inbound = (packetsLost, packetsReceived) => ({
    type: "inbound-rtp", kind: "audio", packetsLost, packetsReceived, jitter: 0.004,
  });
  watch.read([inbound(10, 90)]);
  assert.equal(watch.read([inbound(10, 190)]).lossPercent, 0);
  assert.equal(watch.read([inbound(15, 285)]).lossPercent, 5);
  const up = { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.25 };
  assert.equal(watch.read([inbound(15, 385), up]).lossPercent, 25);
});

test("the gateway's figures count where they are worse", () => {
  const watch = new QualityWatch();
  watch.noteGateway({ jitterMs: 50, rttMs: null });
  const pair = { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.08 };
  assert.deepEqual(watch.read([pair]), { lossPercent: null, rttMs: 80, jitterMs: 50 });
});

test("a meter is empty in silence, full at loud speech, and falls slowly", () => {
  assert.equal(levelOf(new Float32Array(64)), 0);
  assert.equal(levelOf(new Float32Array(64).fill(0.5)), 1);
  const middle = levelOf(new Float32Array(64).fill(0.02));
  assert.ok(middle > 0.3 && middle < 0.7);
  assert.equal(fallTowards(0.2, 0.9, 0.02), 0.9);
  assert.ok(fallTowards(0.9, 0, 0.1) > 0.5);
  assert.equal(fallTowards(0.1, 0, 1), 0);
});

test("twelve keys, by keyboard too, but no chords", () => {
  assert.equal(KEYS.map(({ digit }) => digit).join(""), "123456789*0#");
  assert.equal(digitOf({ key: "5" }), "5");
  assert.equal(digitOf({ key: "a" }), null);
  assert.equal(digitOf({ key: "5", ctrlKey: true }), null);
});

test("settings have defaults, and names become titles", () => {
  assert.deepEqual(settingsOf(null), {
    agents: [], iceServers: [], isRelayOnly: false, hasEarlyAudio: true, isTokenNeeded: false,
    graceMs: 20000,
  });
  const given = settingsOf({ agents: ["front_desk", { name: "x", title: "Ada" }, 7, {}], grace_s: 0 });
  assert.deepEqual(given.agents, [{ name: "front_desk", title: "Front desk" }, { name: "x", title: "Ada" }]);
  assert.equal(given.graceMs, 0);
  assert.equal(titleOf("night-shift"), "Night shift");
});
