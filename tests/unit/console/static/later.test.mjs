import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Later } from "../../../../gateway/console/static/later.js";

let done = 0;
const count = () => { done += 1; };

beforeEach(() => {
  done = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("what comes in a heap is one occasion", () => {
  const later = new Later(count, 300);
  for (let n = 0; n < 5; n += 1) {
    later.ask();
    mock.timers.tick(100);
  }
  assert.equal(done, 0);
  mock.timers.tick(200);
  assert.equal(done, 1);
  mock.timers.tick(10_000);
  assert.equal(done, 1);
});

test("what never settles is looked at all the same, and once more at its end", () => {
  const later = new Later(count, 300, 2_000);
  for (let n = 0; n < 50; n += 1) {
    later.ask();
    mock.timers.tick(100);
  }
  assert.equal(done, 2);
  mock.timers.tick(300);
  assert.equal(done, 3);
  mock.timers.tick(10_000);
  assert.equal(done, 3);
});

test("what was called off is not done", () => {
  const later = new Later(count, 300);
  later.ask();
  later.cancel();
  mock.timers.tick(10_000);
  assert.equal(done, 0);
  later.ask();
  mock.timers.tick(300);
  assert.equal(done, 1);
});
