/** The calls that go on now, as cards, and the last ones that are over. */

import { get } from "./api.js";
import { gateWords, speaker, stateTone, stateWords } from "./call_words.js";
import { h, icon, put, say } from "./dom.js";
import { clock, initial, median, millis, moment, speed, words } from "./format.js";
import { ICONS } from "./icons.js";
import { latencyBars } from "./latency.js";
import { Later } from "./later.js";
import { number } from "./privacy.js";
import { empty, pageHead, pill, problem, tile } from "./parts.js";
import { drawLanes } from "./waveform.js";

const WINDOW_MS = 8_000;
const RECENT = 50;
/** The end of a call is written a moment after it is told. */
const SETTLE_MS = 400;

export class CallsView {
  #cards = new Map();
  #live;
  #stop = new AbortController();
  #later = new Later(() => void this.#load(), SETTLE_MS);

  constructor({ stream, live }) {
    this.#live = live;
    this.#tiles = {
      live: tile("Live now"), response: tile("Median response"), speaking: tile("Speaking"), today: tile("Today"),
    };
    this.#grid = h("div.cards", { role: "list", "aria-label": "Live calls" });
    this.#recent = h("div.panel-body");
    this.root = h("div.view", {}, [
      pageHead("Calls", "Everything that is on the line now, and what came before."),
      h("div.tiles", {}, Object.values(this.#tiles).map(({ root }) => root)),
      h("section", { "aria-labelledby": "live-title" }, [
        h("h2.section-title", { id: "live-title", text: "Live" }), this.#grid,
      ]),
      h("section.panel", { "aria-labelledby": "recent-title" }, [
        h("div.panel-head", {}, [h("h2.panel-title", { id: "recent-title", text: "Recent calls" })]), this.#recent,
      ]),
    ]);
    const signal = this.#stop.signal;
    live.addEventListener("change", () => this.#show(), { signal });
    for (const kind of ["call_ended", "gap"]) stream.addEventListener(kind, () => this.#later.ask(), { signal });
    this.#show();
    void this.#load();
  }

  #tiles;
  #grid;
  #recent;

  close() {
    this.#later.cancel();
    this.#stop.abort();
  }

  #show() {
    const { calls } = this.#live;
    const present = new Set(calls.map((call) => call.call_id));
    for (const [id, card] of this.#cards) {
      if (!present.has(id)) {
        card.root.remove();
        this.#cards.delete(id);
      }
    }
    // Newest first: each is put before the ones that are older.
    for (const call of [...calls].reverse()) {
      if (!this.#cards.has(call.call_id)) {
        const card = new LiveCard(call);
        this.#cards.set(call.call_id, card);
        this.#grid.prepend(card.root);
      }
      this.#cards.get(call.call_id).show(call, this.#live.levels(call.call_id));
    }
    if (calls.length === 0) {
      put(this.#grid, "empty", () => [empty("calls", "No call is on the line", "The next one appears here by itself.")]);
    } else if (this.#grid.dataset.key === "empty") {
      this.#grid.dataset.key = "cards";
      this.#grid.querySelector(".empty")?.remove();
    }
    const responses = calls.flatMap((call) => call.responses_ms ?? []);
    const middle = median(responses);
    this.#tiles.live.show(String(calls.length), calls.length === 1 ? "call" : "calls");
    this.#tiles.response.show(millis(middle), "live calls", middle === null ? "" : speed(middle));
    const loud = calls.filter((call) => call.is_caller_speaking || call.is_agent_speaking).length;
    this.#tiles.speaking.show(String(loud), "of them now");
  }

  async #load() {
    try {
      const { calls } = await get(`/api/v1/calls?active=false&limit=${RECENT}`);
      const today = calls.filter((call) => new Date(call.offered_at).toDateString() === new Date().toDateString());
      this.#tiles.today.show(`${today.length}${today.length === RECENT ? "+" : ""}`, "calls ended");
      put(this.#recent, calls.map((call) => call.call_id).join() || "none", () => [
        calls.length === 0 ? empty("calls", "No call yet", "Calls that are over are listed here.") : table(calls),
      ]);
    } catch (error) {
      put(this.#recent, "problem", () => [problem(error)]);
    }
  }
}

/** One live call. */
class LiveCard {
  constructor(call) {
    this.#state = pill();
    this.#timer = h("span.timer");
    this.#gate = h("span.gate");
    this.#speaker = h("span.speaker");
    this.#canvas = h("canvas.card-wave", { "aria-hidden": "true" });
    this.#latency = latencyBars();
    this.#mos = h("span.mos");
    const name = call.caller_name || "";
    this.root = h("article.call-card", { role: "listitem" }, [
      h("div.card-head", {}, [
        h("span.face", { "aria-hidden": "true", text: initial(name || call.agent) }),
        h("div.card-who", {}, [
          h("p.card-name", {}, [name ? h("span", { text: `${name} ` }) : null, number(call.caller)]),
          h("p.card-route", {}, [
            icon(call.direction === "outbound" ? ICONS.outward : ICONS.inward),
            h("span", { text: `${call.agent} · ${call.endpoint === "webrtc" ? "browser" : call.endpoint}` }),
          ]),
        ]),
        h("div.card-state", {}, [this.#state.root, this.#timer]),
      ]),
      h("div.card-sound", {}, [
        h("div.lane-names", { "aria-hidden": "true" }, [h("span", { text: "Caller" }), h("span", { text: "Agent" })]),
        this.#canvas,
      ]),
      h("div.card-line", {}, [this.#speaker, this.#gate]),
      h("div.card-foot", {}, [
        h("div.card-figure", {}, [h("span.figure-name", { text: "Response" }), this.#latency.root]),
        h("div.card-figure.is-narrow", {}, [h("span.figure-name", { text: "Quality" }), this.#mos]),
      ]),
      h("a.card-link", { href: `#/calls/${encodeURIComponent(call.call_id)}` }, [
        h("span.hidden-words", { text: `Open the call with ${call.agent}` }),
      ]),
    ]);
  }

  #state;
  #timer;
  #gate;
  #speaker;
  #canvas;
  #latency;
  #mos;

  show(call, levels) {
    this.#state.show(stateWords(call.state), stateTone(call.state));
    say(this.#timer, clock(call.age_ms));
    const { who, words: said } = speaker(call);
    this.root.dataset.speaker = who;
    say(this.#speaker, said);
    put(this.#gate, `${call.is_gate_open}`, () => [
      icon(call.is_gate_open ? ICONS.gateOpen : ICONS.gate),
      h("span", { text: call.is_gate_open ? "Gate open" : "Gate closed" }),
    ]);
    this.#gate.title = call.is_gate_open ? `Opened: ${gateWords(call.gate_reason)}` : "The agent hears nothing before its greeting was played";
    this.#gate.dataset.open = String(call.is_gate_open);
    this.#latency.show(call.responses_ms ?? []);
    const mos = call.quality?.in.mos;
    say(this.#mos, mos === undefined ? "–" : `MOS ${mos.toFixed(1)}`);
    if (levels && levels.length > 0) {
      const end = levels.length * levels.bucketMs;
      drawLanes(this.#canvas, levels, { fromMs: Math.max(0, end - WINDOW_MS), toMs: Math.max(WINDOW_MS, end) });
    }
  }
}

function table(calls) {
  return h("div.table-frame", {}, [
    h("table.table", {}, [
      h("thead", {}, [h("tr", {}, ["When", "Caller", "Agent", "Length", "How it ended"].map((text) => h("th", { scope: "col", text })))]),
      h("tbody", {}, calls.map((call) => h("tr", {}, [
        h("td", {}, [h("a.row-link", { href: `#/calls/${encodeURIComponent(call.call_id)}`, text: moment(call.offered_at) })]),
        h("td", {}, [call.caller_name ? h("span", { text: `${call.caller_name} ` }) : null, number(call.caller)]),
        h("td", { text: call.agent || "–" }),
        h("td.is-figure", { text: call.answered_ms === null ? "–" : clock(call.ended_ms - call.answered_ms) }),
        h("td", {}, [pill(words(call.cause), tone(call.cause)).root]),
      ]))),
    ]),
  ]);
}

function tone(cause) {
  if (["caller_hung_up", "agent_hung_up", "operator_hung_up"].includes(cause)) return "soft";
  return /fail|error|lost|timeout|capacity|overload/.test(cause ?? "") ? "danger" : "warn";
}
