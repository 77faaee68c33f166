import assert from "node:assert/strict";
import { test } from "node:test";

import {
  clock, decoded, fineClock, grade, initial, median, millis, span, speed, words,
} from "../../../../gateway/console/static/format.js";
import { CallEntries } from "../../../../gateway/console/static/call_entries.js";
import { RoomReader } from "../../../../gateway/console/static/room_reader.js";
import { Levels, decode, isSpeaking, loudness } from "../../../../gateway/console/static/levels.js";
import { mask, setMasking, shownNumber } from "../../../../gateway/console/static/privacy.js";
import { speaker, stateTone, stateWords } from "../../../../gateway/console/static/call_words.js";
import { read } from "../../../../gateway/console/static/timeline.js";
import { eventWords } from "../../../../gateway/console/static/transcript.js";

const text = (...levels) => btoa(String.fromCharCode(...levels));
const piece = (first, caller, agent, bucket = 50) => ({
  bucket_ms: bucket, first, caller: text(...caller), agent: text(...agent),
});

test("times are as people read them", () => {
  assert.equal(clock(75_400), "1:15");
  assert.equal(clock(3_661_000), "1:01:01");
  assert.equal(clock(-5), "0:00");
  assert.equal(fineClock(3_456), "0:03.4");
  assert.equal(millis(419.6), "420 ms");
  assert.equal(millis(1_349), "1.3 s");
  assert.equal(millis(null), "–");
  assert.equal(span(59), "59 s");
  assert.equal(span(3_600 * 25), "1 d 1 h");
});

test("words and grades", () => {
  assert.equal(words("caller_hung_up"), "Caller hung up");
  assert.equal(words(null), "");
  assert.equal(initial("+49 30"), "4");
  assert.equal(initial("•••"), "?");
  assert.deepEqual([1_200, 2_500, 2_501].map(speed), ["good", "fair", "poor"]);
  assert.deepEqual([4, 3.4, 3.3].map(grade), ["good", "fair", "poor"]);
  assert.equal(median([]), null);
  assert.equal(median([900, 10, 40]), 40);
});

test("a part of an address that nobody wrote so is left as it is", () => {
  assert.equal(decoded("c_1%2F2"), "c_1/2");
  assert.equal(decoded("%E0%A4%A"), "%E0%A4%A");
});

test("what the stream tells while a call is asked for is neither lost nor shown twice", () => {
  const line = (text, offset) => ({ kind: "user_said", text, offset_ms: offset });
  const entries = new CallEntries();
  entries.add(line("written before the answer", 1_000.0004));
  entries.add(line("written after it", 2_000));

  entries.reset([line("older", 10), line("written before the answer", 1_000)]);

  assert.deepEqual(entries.all.map(({ text }) => text), ["older", "written before the answer", "written after it"]);
  entries.add(line("later", 3_000));
  assert.equal(entries.all.length, 4);
});

test("a room is read to its end though more is wanted while a reading goes on", async () => {
  const written = [1, 2, 3];
  const answers = [];
  const ask = (after) => new Promise((resolve) => {
    const timeline = written.filter((seq) => seq > after).slice(0, 2).map((seq) => ({ seq }));
    answers.push(() => resolve({ timeline, next_after: timeline.length === 2 ? timeline[1].seq : null }));
  });
  const taken = [];
  const reader = new RoomReader(ask, (entries, isFirst) => taken.push([isFirst, ...entries.map(({ seq }) => seq)]));
  const reading = reader.more();
  answers.shift()();
  await new Promise(setImmediate);
  // The answer to the second page is under way when something is added.
  written.push(4);
  const again = reader.more();
  while (answers.length > 0) {
    answers.shift()();
    await new Promise(setImmediate);
  }
  await Promise.all([reading, again]);

  assert.deepEqual(taken, [[true, 1, 2], [false, 3], [false, 4]]);
});

test("a room that could not be read is read from where it was", async () => {
  let isBroken = true;
  const reader = new RoomReader(async () => {
    if (isBroken) throw new Error("no answer");
    return { timeline: [{ seq: 7 }], next_after: null };
  }, () => {});
  await assert.rejects(reader.more());
  isBroken = false;

  await reader.more();

  assert.equal(reader.seen, 7);
});

test("a masked number shows no more than its last two digits", () => {
  assert.equal(mask("+4930123456"), "+••• ••56");
  assert.equal(mask("sip:ann.miller@example.org"), "a•••@example.org");
  assert.equal(mask("100"), "•••");
  assert.equal(mask("web:person"), "web:•••");
  assert.equal(shownNumber("+4930123456"), "+••• ••56");
  setMasking(false);
  assert.equal(shownNumber("+4930123456"), "+4930123456");
  setMasking(true);
});

test("levels are put together from pieces that overlap", () => {
  const levels = new Levels();
  assert.ok(levels.add(piece(0, [1, 2, 3], [4, 5, 6])));
  assert.ok(levels.add(piece(2, [9, 0x80 | 7], [8, 7])));
  assert.equal(levels.length, 4);
  assert.deepEqual([...levels.caller.slice(0, 4)], [1, 2, 9, 0x87]);
  assert.ok(isSpeaking(levels.caller[3]));
  assert.equal(loudness(levels.caller[3]), 7);
});

test("a missing piece and another fineness are told", () => {
  const levels = new Levels();
  levels.add(piece(0, [1], [1]));
  assert.equal(levels.add(piece(9, [1], [1])), false);
  assert.equal(levels.add(piece(10, [1], [1], 100)), false);
  levels.reset(100, decode(text(5, 6)), decode(text(7, 8)));
  assert.deepEqual([levels.bucketMs, levels.length], [100, 2]);
});

test("a long call has room", () => {
  const levels = new Levels();
  levels.add(piece(0, [1], [1]));
  levels.add(piece(5_999, [42], [43]));
  assert.equal(levels.length, 6_000);
  assert.equal(levels.caller[5_999], 42);
});

test("every state has words and a tone", () => {
  const states = ["offered", "preparing", "answering", "greeting", "conversing", "closing", "hanging_up", "ended"];
  for (const state of states) {
    assert.notEqual(stateWords(state), state);
    assert.ok(["good", "warn", "second", "soft"].includes(stateTone(state)));
  }
  assert.equal(stateWords("something new"), "something new");
});

test("who speaks", () => {
  const who = (caller, agent) => speaker({ is_caller_speaking: caller, is_agent_speaking: agent }).who;
  assert.deepEqual([who(true, true), who(true, false), who(false, true), who(false, false)], ["both", "caller", "agent", "nobody"]);
});

test("what of a timeline is drawn", () => {
  const story = read([
    { kind: "answered", offset_ms: 5 },
    { kind: "greeting_started", offset_ms: 10 },
    { kind: "greeting_played", offset_ms: 900 },
    { kind: "gate_opened", offset_ms: 1_000, facts: { reason: "greeting_played" } },
    { kind: "dtmf", offset_ms: 1_500, facts: { digit: "5" } },
    { kind: "barge_in", offset_ms: 2_000 },
    { kind: "agent_said", offset_ms: 4_000, facts: { started_ms: 3_000, response_ms: 450 } },
    { kind: "agent_said", offset_ms: 5_000, facts: { started_ms: 4_500 } },
    { kind: "nobody_knows", offset_ms: 6_000 },
  ]);
  assert.deepEqual(story.greeting, { from: 10, until: 900 });
  assert.deepEqual(story.gate, { at: 1_000, reason: "greeting_played" });
  assert.deepEqual(story.keys, [{ at: 1_500, digit: "5" }]);
  assert.deepEqual(story.interruptions, [2_000]);
  assert.deepEqual(story.answers, [{ startedMs: 3_000, responseMs: 450 }]);
});

test("every entry can be told, known or not", () => {
  assert.equal(eventWords({ kind: "gate_opened", facts: { reason: "deadline" } }), "Greeting gate opened: waited too long");
  assert.equal(eventWords({ kind: "ended", facts: { cause: "caller_hung_up" } }), "Call ended: Caller hung up");
  assert.equal(eventWords({ kind: "something_new" }), "Something new");
  assert.equal(eventWords({ kind: "agent_event", facts: { name: "tool_call" } }), "Tool call");
});
