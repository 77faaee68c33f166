import assert from "node:assert/strict";
import { test } from "node:test";

import { RestartPolicy, Sign } from "../../../../webrtc/static/restart_policy.js";

test("nothing is due on a path that holds", () => {
  const policy = new RestartPolicy(20000);
  assert.equal(policy.isDue(1e9), false);
  assert.equal(policy.isHopeless(1e9), false);
});

test("a path that is only disconnected gets a second to heal", () => {
  const policy = new RestartPolicy(20000);
  policy.noteSign(Sign.DISCONNECTED, 100);
  assert.deepEqual([policy.isDue(1099), policy.isDue(1100)], [false, true]);
  policy.noteConnected();
  assert.equal(policy.isDue(2000), false);
});

test("a failed path, or another network, is restarted at once", () => {
  for (const sign of [Sign.FAILED, Sign.NETWORK_CHANGED]) {
    const policy = new RestartPolicy(20000);
    policy.noteSign(Sign.DISCONNECTED, 0);
    policy.noteSign(sign, 50);
    assert.equal(policy.isDue(50), true);
  }
});

test("attempts that do not get through are repeated with longer and longer pauses", () => {
  const policy = new RestartPolicy(60000);
  policy.noteSign(Sign.FAILED, 0);
  const pauses = [];
  for (let now = 0; pauses.length < 6; ) {
    policy.noteAttempt(now);
    policy.noteRefused(now);
    let due = now;
    while (!policy.isDue(due)) due += 100;
    pauses.push(due - now);
    now = due;
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 4000, 4000]);
});

test("an answered restart that does not connect is tried again", () => {
  const policy = new RestartPolicy(20000);
  policy.noteSign(Sign.FAILED, 0);
  policy.noteAttempt(0);
  policy.noteAnswered();
  assert.deepEqual([policy.isDue(5999), policy.isDue(6000)], [false, true]);
});

test("a restart for another network ends with its answer if the old path never failed", () => {
  const policy = new RestartPolicy(20000);
  policy.noteSign(Sign.NETWORK_CHANGED, 0);
  policy.noteAttempt(0);
  policy.noteAnswered();
  assert.equal(policy.isDue(60000), false);
});

test("after the grace period there is no hope, counted from the first sign", () => {
  const policy = new RestartPolicy(20000);
  policy.noteSign(Sign.DISCONNECTED, 1000);
  policy.noteSign(Sign.FAILED, 9000);
  assert.deepEqual([policy.isHopeless(20999), policy.isHopeless(21000)], [false, true]);
  policy.noteConnected();
  assert.equal(policy.isHopeless(1e9), false);
});
