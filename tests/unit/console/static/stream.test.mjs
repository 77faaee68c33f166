import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { restWhileHidden } from "../../../../gateway/console/static/resting.js";
import { Stream } from "../../../../gateway/console/static/stream.js";

/** Stands for the browser's; tests say what it hears. */
class FakeSource extends EventTarget {
  static all = [];
  static CLOSED = 2;
  readyState = 1;

  constructor(url) {
    super();
    this.url = new URL(url);
    FakeSource.all.push(this);
  }

  close() { this.readyState = FakeSource.CLOSED; }

  hear(kind, facts = {}, lastEventId = "") {
    this.dispatchEvent(Object.assign(new Event(kind), { data: JSON.stringify(facts), lastEventId }));
  }
}

const newest = () => FakeSource.all.at(-1);
const wentOnFrom = (source) => source.url.searchParams.get("last_event_id");

beforeEach(() => {
  FakeSource.all = [];
  globalThis.EventSource = FakeSource;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

function opened() {
  const stream = new Stream();
  const seen = [];
  for (const kind of ["gap", "refused"]) stream.addEventListener(kind, () => seen.push(kind));
  stream.addEventListener("connection", ({ detail }) => seen.push(detail));
  stream.addEventListener("line", ({ detail }) => seen.push(detail.text));
  stream.open();
  newest().hear("hello", { is_complete: false }, "run-1");
  return { stream, seen };
}

test("the first hello is no gap, a later one that lacks something is", () => {
  const { seen } = opened();
  newest().hear("hello", { is_complete: true }, "run-1");
  newest().hear("hello", { is_complete: false }, "other-1");
  assert.deepEqual(seen, ["open", "gap"]);
});

test("a connection that is dead without a word is opened again where it was", () => {
  const { seen } = opened();
  newest().hear("line", { text: "Hello" }, "run-2");
  mock.timers.tick(39_000);
  newest().hear("beat");
  mock.timers.tick(39_000);
  assert.equal(FakeSource.all.length, 1);

  mock.timers.tick(1_000);

  const [dead, next] = FakeSource.all;
  assert.equal(dead.readyState, FakeSource.CLOSED);
  assert.equal(wentOnFrom(next), "run-2");
  next.hear("hello", { is_complete: true }, "run-2");
  assert.deepEqual(seen, ["open", "Hello", "lost", "open"]);
});

test("a refusal is told, and tried again where it was", () => {
  const { seen } = opened();
  newest().readyState = FakeSource.CLOSED;
  newest().hear("error");
  mock.timers.tick(3_000);
  assert.equal(FakeSource.all.length, 2);
  assert.equal(wentOnFrom(newest()), "run-1");
  assert.deepEqual(seen, ["open", "lost", "refused"]);
});

test("nothing is opened any more once it is closed", () => {
  const { stream } = opened();
  stream.close();
  mock.timers.tick(600_000);
  assert.equal(FakeSource.all.length, 1);
});

/** Stands for the document. */
class Page extends EventTarget {
  hidden = false;

  turn(isHidden) {
    this.hidden = isHidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

test("a page that nobody looks at lets its stream rest, and goes on where it was", () => {
  const { stream, seen } = opened();
  const page = new Page();
  restWhileHidden(page, stream);
  page.turn(true);
  mock.timers.tick(30_000);
  page.turn(false);
  newest().hear("beat");
  mock.timers.tick(35_000);
  assert.equal(FakeSource.all.length, 1);

  page.turn(true);
  newest().hear("beat");
  mock.timers.tick(39_000);
  newest().hear("beat");
  mock.timers.tick(21_000);
  assert.equal(newest().readyState, FakeSource.CLOSED);
  mock.timers.tick(600_000);
  page.turn(false);

  assert.equal(FakeSource.all.length, 2);
  assert.equal(wentOnFrom(newest()), "run-1");
  assert.deepEqual(seen, ["open", "lost"]);
});

test("a stream that was closed while nobody looked stays closed", () => {
  const { stream } = opened();
  const page = new Page();
  restWhileHidden(page, stream);
  page.turn(true);
  stream.close();
  mock.timers.tick(600_000);
  page.turn(false);
  assert.equal(FakeSource.all.length, 1);
});
