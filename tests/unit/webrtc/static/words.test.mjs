import assert from "node:assert/strict";
import { test } from "node:test";

import { State } from "../../../../webrtc/static/call_state.js";
import { MicrophoneProblem, problemOf } from "../../../../webrtc/static/microphone_problem.js";
import { Kind } from "../../../../webrtc/static/signalling.js";
import { STATUS, duration, isFault, ofEnding, ofFailure, ofMicrophone } from "../../../../webrtc/static/words.js";

test("every state, failure and problem with the microphone has words", () => {
  for (const state of Object.values(State)) assert.ok(STATUS[state]);
  for (const kind of [...Object.values(Kind), "transport", "connection_lost"]) {
    const { title, text } = ofFailure({ kind });
    assert.ok(title && text, kind);
  }
  for (const problem of Object.values(MicrophoneProblem)) {
    assert.match(ofMicrophone(problem).text, /listen and type/);
  }
});

test("a failure that nobody foresaw still has words", () => {
  assert.ok(ofFailure({ kind: "moon" }).title);
});

test("a busy gateway says when to try again", () => {
  assert.match(ofFailure({ kind: Kind.CAPACITY, retryAfterS: 30 }).text, /in 30 seconds/);
  assert.match(ofFailure({ kind: Kind.TOO_MANY, retryAfterS: 120 }).text, /in 2 minutes/);
  assert.match(ofFailure({ kind: Kind.CAPACITY, retryAfterS: null }).text, /in a moment/);
});

test("a gateway that takes no calls is told apart from one whose lines are taken", () => {
  assert.match(ofFailure({ kind: Kind.CAPACITY, code: "webrtc.full" }).title, /busy/);
  assert.match(ofFailure({ kind: Kind.CAPACITY, code: "webrtc.not_ready" }).title, /No calls/);
});

test("each fault of a token has its own words", () => {
  const codes = ["expired", "replayed", "missing", "wrong_agent", "forged", "unavailable"];
  const titles = codes.map((code) => ofFailure({ kind: Kind.TOKEN, code: `token.${code}` }).title);
  assert.equal(new Set(titles).size, codes.length);
});

test("an ordinary ending is no fault and needs no explanation", () => {
  assert.equal(isFault("agent_hung_up"), false);
  assert.equal(ofEnding("agent_hung_up").text, "");
  assert.equal(isFault("worker_lost"), true);
  assert.ok(ofEnding("worker_lost").text);
});

test("what getUserMedia throws is told apart by what can be done about it", () => {
  const of = (name, message) => problemOf({ name, message });
  assert.equal(of("NotAllowedError", "Permission denied"), MicrophoneProblem.REFUSED);
  assert.equal(of("NotAllowedError", "Permission dismissed"), MicrophoneProblem.DISMISSED);
  assert.equal(of("NotFoundError"), MicrophoneProblem.ABSENT);
  assert.equal(of("NotReadableError"), MicrophoneProblem.BUSY);
});

test("durations read like a clock", () => {
  assert.deepEqual([0, 9_999, 125_000, 3_725_000].map(duration), ["0:00", "0:09", "2:05", "1:02:05"]);
});
