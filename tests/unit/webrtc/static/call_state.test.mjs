import assert from "node:assert/strict";
import { test } from "node:test";

import {
  InvalidTransition, State, TRANSITIONS, Trigger, isLive, isUp, next,
} from "../../../../webrtc/static/call_state.js";

test("every pair of state and trigger is a row or is refused", () => {
  for (const state of Object.values(State)) {
    for (const trigger of Object.values(Trigger)) {
      const following = TRANSITIONS[state][trigger];
      if (following === undefined) {
        assert.throws(() => next(state, trigger), InvalidTransition);
      } else {
        assert.equal(next(state, trigger), following);
        assert.ok(Object.values(State).includes(following));
      }
    }
  }
});

test("a call goes from the click to its end, over a lost path", () => {
  const life = [
    Trigger.DIAL, Trigger.MICROPHONE_KNOWN, Trigger.OFFERED, Trigger.TRANSPORT_UP,
    Trigger.TRANSPORT_LOST, Trigger.TRANSPORT_UP, Trigger.OVER,
  ];
  const states = life.reduce((seen, trigger) => [...seen, next(seen.at(-1), trigger)], [State.IDLE]);
  assert.deepEqual(states, [
    "idle", "asking", "connecting", "ringing", "in_call", "reconnecting", "in_call", "ended",
  ]);
});

test("every live state can be hung up and can fail", () => {
  for (const state of Object.values(State).filter(isLive)) {
    assert.equal(next(state, Trigger.OVER), State.ENDED);
    assert.equal(next(state, Trigger.FAULT), State.FAILED);
  }
});

test("what is over stays over, whatever crosses it", () => {
  for (const state of [State.ENDED, State.FAILED]) {
    for (const following of Object.values(TRANSITIONS[state])) assert.equal(following, state);
    assert.equal(isLive(state), false);
  }
});

test("only a conversation that has begun is up", () => {
  assert.deepEqual(Object.values(State).filter(isUp), [State.IN_CALL, State.RECONNECTING]);
});
