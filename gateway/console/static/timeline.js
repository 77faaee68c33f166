/** The drawing of a call over time: gate, greeting, both voices, interruptions, keys, and how soon was answered. */

import { gateWords } from "./call_words.js";
import { h, icon, s } from "./dom.js";
import { clock, fineClock, millis, speed } from "./format.js";
import { ICONS } from "./icons.js";
import { drawLanes } from "./waveform.js";

const AXIS = 22;
const MARKS = 24;
const LANES = 152;
const TOP = AXIS + MARKS;
const HEIGHT = TOP + LANES + 6;
const LEAST_MS = 10_000;
const TICKS_MS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000];
const TICK_LEAST_PX = 64;
const ZOOM_MOST = 32;
const WIDEST_PX = 15_000;

export class Timeline {
  #entries = [];
  #levels = null;
  #lengthMs = 0;
  #isLive = true;
  #zoom = 1;
  #due = 0;
  #canvas = h("canvas.time-wave", { "aria-hidden": "true" });
  #drawing = s("svg.time-marks", { role: "img", height: HEIGHT });
  #sheet;
  #scroller;
  #observer;
  #scheme = matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    this.#sheet = h("div.time-sheet", {}, [this.#canvas, this.#drawing]);
    this.#scroller = h("div.time-scroll", { tabindex: "0", role: "group", "aria-label": "The call over time" }, [this.#sheet]);
    const zoom = (factor, name, drawing) => h("button.round-button", {
      type: "button", "aria-label": name, title: name, on: { click: () => this.#zoomTo(this.#zoom * factor) },
    }, [icon(ICONS[drawing])]);
    this.root = h("div.time", {}, [
      h("div.time-names", { "aria-hidden": "true" }, [
        h("span.time-name.is-caller", { text: "Caller" }), h("span.time-name.is-agent", { text: "Agent" }),
      ]),
      this.#scroller,
    ]);
    this.tools = h("div.time-tools", {}, [zoom(0.5, "Show more time", "minus"), zoom(2, "Show it closer", "plus")]);
    this.#observer = new ResizeObserver(() => this.#later());
    this.#observer.observe(this.#scroller);
    this.#scheme.addEventListener("change", this.#redraw);
  }

  #redraw = () => this.#later();

  close() {
    cancelAnimationFrame(this.#due);
    this.#observer.disconnect();
    this.#scheme.removeEventListener("change", this.#redraw);
  }

  show({ entries, levels, lengthMs, isLive }) {
    this.#entries = entries;
    this.#levels = levels;
    this.#lengthMs = lengthMs;
    this.#isLive = isLive;
    this.#later();
  }

  #zoomTo(zoom) {
    const middle = (this.#scroller.scrollLeft + this.#scroller.clientWidth / 2) / this.#scroller.scrollWidth;
    this.#zoom = Math.min(ZOOM_MOST, Math.max(1, zoom));
    this.#draw();
    this.#scroller.scrollLeft = middle * this.#scroller.scrollWidth - this.#scroller.clientWidth / 2;
  }

  #later() {
    cancelAnimationFrame(this.#due);
    this.#due = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const room = this.#scroller.clientWidth;
    if (room === 0) return;
    const width = Math.min(WIDEST_PX, Math.max(room, Math.floor(room * this.#zoom)));
    const spanMs = Math.max(LEAST_MS, this.#lengthMs * (this.#isLive ? 1.02 : 1));
    const atEnd = this.#scroller.scrollLeft + room >= this.#scroller.scrollWidth - 24;
    this.#sheet.style.width = `${width}px`;
    this.#drawing.setAttribute("width", width);
    const x = (ms) => (Math.max(0, ms) / spanMs) * width;
    this.#drawing.replaceChildren(...this.#parts(x, width, spanMs));
    this.#drawing.setAttribute("aria-label", this.#summary());
    if (this.#levels) drawLanes(this.#canvas, this.#levels, { fromMs: 0, toMs: spanMs });
    if (this.#isLive && atEnd) this.#scroller.scrollLeft = this.#scroller.scrollWidth;
  }

  #parts(x, width, spanMs) {
    const story = read(this.#entries);
    return [
      ...axis(x, width, spanMs),
      ...gate(story, x, this.#lengthMs),
      s("line.time-middle", { x1: 0, x2: width, y1: TOP + LANES / 2, y2: TOP + LANES / 2 }),
      ...story.answers.map((answer) => gap(answer, x)),
      ...story.interruptions.map((at) => flag(x(at), "Interrupted", "barge", at)),
      ...story.keys.map(({ at, digit }) => flag(x(at), `Key ${digit}`, "key", at)),
      this.#isLive ? s("line.time-now", { x1: x(this.#lengthMs), x2: x(this.#lengthMs), y1: AXIS, y2: HEIGHT }) : null,
    ].filter((part) => part !== null);
  }

  #summary() {
    const story = read(this.#entries);
    const parts = [`Call of ${clock(this.#lengthMs)}.`];
    if (story.greeting) parts.push(`Greeting from ${fineClock(story.greeting.from)} to ${fineClock(story.greeting.until ?? this.#lengthMs)}.`);
    parts.push(story.gate ? `Gate opened at ${fineClock(story.gate.at)}: ${gateWords(story.gate.reason)}.` : "The gate is closed.");
    const times = story.answers.map(({ responseMs }) => millis(responseMs));
    if (times.length > 0) parts.push(`Answered in ${times.join(", ")}.`);
    if (story.interruptions.length > 0) parts.push(`Interrupted ${story.interruptions.length} times.`);
    return parts.join(" ");
  }
}

/** Return what of a timeline is drawn. */
export function read(entries) {
  const story = { answeredAt: null, greeting: null, gate: null, answers: [], interruptions: [], keys: [] };
  for (const { kind, offset_ms: at, facts = {} } of entries) {
    if (kind === "answered") story.answeredAt = at;
    if (kind === "greeting_started") story.greeting = { from: at, until: null };
    if (kind === "greeting_played" && story.greeting) story.greeting.until = at;
    if (kind === "gate_opened") story.gate = { at, reason: facts.reason };
    if (kind === "barge_in") story.interruptions.push(at);
    if (kind === "dtmf") story.keys.push({ at, digit: facts.digit ?? "" });
    if (kind === "agent_said" && facts.response_ms !== undefined) {
      story.answers.push({ startedMs: facts.started_ms, responseMs: facts.response_ms });
    }
  }
  return story;
}

function axis(x, width, spanMs) {
  const every = TICKS_MS.find((ms) => (ms / spanMs) * width >= TICK_LEAST_PX) ?? TICKS_MS.at(-1);
  const parts = [];
  for (let at = 0; at <= spanMs; at += every) {
    parts.push(s("line.time-tick", { x1: x(at), x2: x(at), y1: AXIS - 5, y2: HEIGHT }));
    if (x(at) < width - 34) parts.push(s("text.time-hour", { x: x(at) + 4, y: 13, text: clock(at) }));
  }
  return parts;
}

function gate(story, x, lengthMs) {
  const until = story.gate?.at ?? lengthMs;
  const parts = [
    s("rect.time-gate", { x: 0, y: TOP, width: x(until), height: LANES }, [
      s("title", { text: `Gate closed until ${fineClock(until)}` }),
    ]),
  ];
  if (story.greeting) {
    const from = x(story.greeting.from);
    const wide = Math.max(4, x(story.greeting.until ?? lengthMs) - from);
    parts.push(s("rect.time-greeting", { x: from, y: AXIS + 4, width: wide, height: 16, rx: 5 }, [
      s("title", { text: "Greeting" }),
    ]));
    if (wide > 66) parts.push(s("text.time-label.on-greeting", { x: from + 8, y: AXIS + 16, text: "Greeting" }));
  }
  if (story.gate) {
    const at = x(story.gate.at);
    parts.push(s("line.time-opening", { x1: at, x2: at, y1: AXIS + 2, y2: HEIGHT - 6 }));
    parts.push(s("text.time-label.is-opening", { x: at + 5, y: AXIS + 16, text: "Gate open" }, [
      s("title", { text: gateWords(story.gate.reason) }),
    ]));
  }
  return parts;
}

/** The stretch between the end of the caller's words and the first of the agent's. */
function gap({ startedMs, responseMs }, x) {
  const [from, until] = [x(startedMs - responseMs), x(startedMs)];
  const y = TOP + LANES / 2;
  return s("g.time-gap", { "data-grade": speed(responseMs) }, [
    s("title", { text: `Answered in ${millis(responseMs)}` }),
    s("rect", { x: from, y: y - 8, width: Math.max(3, until - from), height: 16, rx: 4 }),
    until - from > 46 ? s("text.time-label", { x: (from + until) / 2, y: y + 4, "text-anchor": "middle", text: millis(responseMs) }) : null,
  ]);
}

function flag(x, words, kind, at) {
  return s(`g.time-flag.is-${kind}`, {}, [
    s("title", { text: `${words} at ${fineClock(at)}` }),
    s("line", { x1: x, x2: x, y1: TOP + 4, y2: HEIGHT - 6 }),
    s("circle", { cx: x, cy: TOP + 4, r: 4.5 }),
  ]);
}
